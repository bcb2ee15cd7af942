"""Asking: models, endpoints, generation and measures of level prompt that do not fit together."""

from __future__ import annotations

_ENDPOINT = "level: prompt\nmodel:\n  endpoint:\n"
_VLLM = f"{_ENDPOINT}    type: vllm\n    base_url: http://127.0.0.1:8000/v1\n    name: qwen\n"
_OTHER = f"{_ENDPOINT}    base_url: http://127.0.0.1:9000/v1\n    name: qwen\n"
_GENERATE = 'task: {type: generate, input: "{{ text }}"}\n'
_GENERATED = 'task: {type: classify, labels: [a, b], input: "{{ text }}", scoring: generated}\n'
_CLASSIFY = 'task: {type: classify, labels: [email, xml], input: "{{ text }}"}\n'
_PROMPT = "level: prompt\n"

_PINNED = "{path: org/judge, revision: 93efa2f097d58c2a74874c7e644dbc9b0cee75a2}"
_JUDGE = f"judge: {{model: {_PINNED}, input: '{{{{ answer }}}}', choices: "
_JUDGED = f"{_PROMPT}{_GENERATE}evaluate:\n  metrics: [judged]\n  {_JUDGE}"
_BOTH = "prompt: {variants: {a: {}, b: {few_shot: 0}}}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV370": (
        "judge without its metric, or the metric without a judge",
        "`judged` is in `evaluate.metrics` and `evaluate.judge` is not there, or the reverse.",
        "A judge is asked for that metric alone; without it, it would be paid for nothing.",
        f"{_PROMPT}{_GENERATE}evaluate: {{metrics: [exact, judged]}}\n",
        f"{_JUDGED}{{good: 1, bad: 0}}}}\n",
    ),
    "NV371": (
        "judge that can change",
        "The judge is a model of the hub without a commit as `revision`.",
        "Another version of it would give other scores to the same answers.",
        f"{_PROMPT}{_GENERATE}evaluate:\n  metrics: [judged]\n  judge:\n"
        "    model: {path: org/judge}\n    input: '{{ answer }}'\n    choices: {a: 1, b: 0}\n",
        f"{_PROMPT}{_GENERATE}evaluate:\n  metrics: [judged]\n  judge:\n"
        f"    model: {_PINNED}\n"
        "    input: '{{ answer }}'\n    choices: {a: 1, b: 0}\n",
    ),
    "NV372": (
        "judge asked for what it does not do",
        "`scoring` or `generation` of a judge, or its `system`, does not go with its model or "
        "`format`.",
        "Nothing would read it, or the service would drop it in silence.",
        f"{_JUDGED}{{good: 1, bad: 0}}, generation: {{temperature: 0}}}}\n",
        f"{_JUDGED}{{good: 1, bad: 0}}, scoring: generated, generation: {{temperature: 0}}}}\n",
    ),
    "NV373": (
        "judge that does not see the answer",
        "`evaluate.judge.input` does not read `answer`, or a column has that name.",
        "All answers would get the same verdict, or a column would be judged in their place.",
        f"{_JUDGED.replace('{{ answer }}', '{{ text }}')}{{good: 1, bad: 0}}}}\n",
        f"{_JUDGED}{{good: 1, bad: 0}}}}\n",
    ),
    "NV374": (
        "choices that cannot be told apart",
        "Two choices of a judge are the same words, or one has none.",
        "A verdict is matched to a choice without regard to case and punctuation.",
        f"{_JUDGED}{{good: 1, Good!: 0}}}}\n",
        f"{_JUDGED}{{good: 1, bad: 0}}}}\n",
    ),
    "NV379": (
        "baseline that is not there",
        "`evaluate.baseline` names no column of the matrix, or nothing can be compared.",
        "A difference needs two sides with scores for each answer.",
        f"{_PROMPT}{_GENERATE}{_BOTH}evaluate: {{baseline: {{variant: c}}}}\n",
        f"{_PROMPT}{_GENERATE}{_BOTH}evaluate: {{baseline: {{variant: b}}}}\n",
    ),
    "NV369": (
        "comparison by what has no score for each answer",
        "`evaluate.compare` is no metric of the spec with a score for each answer, or there is "
        "nothing to compare.",
        "Differences are taken row by row; macro F1 belongs to a whole column.",
        f"{_PROMPT}{_GENERATED}{_BOTH}evaluate: {{compare: macro_f1}}\n",
        f"{_PROMPT}{_GENERATED}{_BOTH}evaluate: {{compare: accuracy}}\n",
    ),
    "NV377": (
        "gate on a difference that is not taken",
        "A gate with `of: difference` names another metric than the one compared, or nothing is "
        "compared.",
        "A gate on nothing would pass, or fail, for no reason.",
        f"{_PROMPT}{_GENERATE}evaluate:\n"
        "  gates: [{metric: exact, of: difference, at_least: 0}]\n",
        f"{_PROMPT}{_GENERATE}evaluate:\n  baseline: run:before\n"
        "  gates: [{metric: exact, of: difference, at_least: 0}]\n",
    ),
    "NV378": (
        "model that is called judge",
        "A model that is asked has the name `judge`, and there is a judge.",
        "The accounts name each by its model, and would add the two up.",
        f"{_PROMPT}{_GENERATE}models: {{judge: {{path: org/model}}}}\nevaluate:\n"
        f"  metrics: [judged]\n  {_JUDGE}{{good: 1, bad: 0}}}}\n",
        f"{_PROMPT}{_GENERATE}models: {{mine: {{path: org/model}}}}\nevaluate:\n"
        f"  metrics: [judged]\n  {_JUDGE}{{good: 1, bad: 0}}}}\n",
    ),
    "NV375": (
        "record of a probe that cannot be read",
        "`capabilities` names no file in the project that `nivel probe --record` wrote.",
        "What the endpoint does would be a guess.",
        f"{_VLLM}    capabilities: probes/missing.json\n{_GENERATE}",
        f"{_VLLM}{_GENERATE}",
    ),
    "NV376": (
        "record of another endpoint",
        "The record of a probe is of another address or another model than the spec asks.",
        "What one server was seen to do says nothing of another.",
        f"{_OTHER}    capabilities: probes/qwen.json\n{_GENERATE}",
        f"{_VLLM}    capabilities: probes/qwen.json\n{_GENERATE}",
    ),
    "NV380": (
        "key bound to another host",
        "`key.host` is not the host of `base_url`.",
        "A key is sent to its own host alone, so that no spec can lead it elsewhere.",
        f"{_ENDPOINT}    base_url: https://api.example.com/v1\n    name: m\n"
        f"    key: {{env: EXAMPLE_KEY, host: api.openai.com}}\n{_GENERATE}",
        f"{_ENDPOINT}    base_url: https://api.example.com/v1\n    name: m\n"
        f"    key: {{env: EXAMPLE_KEY, host: api.example.com}}\n{_GENERATE}",
    ),
    "NV381": (
        "key over an open line",
        "An endpoint with a key is asked over http, on another machine.",
        "Everyone on the way could read the key.",
        f"{_ENDPOINT}    base_url: http://api.example.com/v1\n    name: m\n"
        f"    key: {{env: EXAMPLE_KEY, host: api.example.com}}\n{_GENERATE}",
        f"{_ENDPOINT}    base_url: https://api.example.com/v1\n    name: m\n"
        f"    key: {{env: EXAMPLE_KEY, host: api.example.com}}\n{_GENERATE}",
    ),
    "NV382": (
        "probabilities of an endpoint",
        "The task reads the probability of given text, and the model is an endpoint.",
        "Endpoints write answers; few give probabilities, and none of a text that they are given.",
        f"{_VLLM}{_CLASSIFY}",
        f"{_VLLM}{_GENERATED}",
    ),
    "NV383": (
        "generation for a task that writes nothing",
        "`generation` or `budget` stands beside a task that reads probabilities.",
        "Nothing would read it, and a reader would believe that something did.",
        f"{_PROMPT}{_CLASSIFY}generation: {{temperature: 0.5}}\n",
        f"{_PROMPT}{_GENERATED}generation: {{temperature: 0.5}}\n",
    ),
    "NV384": (
        "parameter that the model does not take",
        "A key of `generation` is ignored or rejected by the endpoint, or unknown to local models.",
        "What a service drops in silence makes another experiment than the one that was meant.",
        f"{_ENDPOINT}    type: transformers-serve\n    base_url: http://127.0.0.1:8000/v1\n"
        f"    name: m\n{_GENERATE}generation: {{temperature: 0.7}}\n",
        f"{_VLLM}{_GENERATE}generation: {{temperature: 0.7}}\n",
    ),
    "NV385": (
        "JSON from an endpoint that ignores schemas",
        "`task.type: extract` asks an endpoint that takes no notice of JSON Schemas.",
        "Its answers would be JSON now and then, by luck.",
        f"{_ENDPOINT}    type: transformers-serve\n    base_url: http://127.0.0.1:8000/v1\n"
        '    name: m\ntask: {type: extract, input: "{{ text }}", schema: {type: object}}\n',
        f'{_VLLM}task: {{type: extract, input: "{{{{ text }}}}", schema: {{type: object}}}}\n',
    ),
    "NV386": (
        "parameter of drawing where nothing is drawn",
        "`top_p`, `top_k` or `min_p` is given at temperature 0.",
        "At temperature 0 the likeliest token is taken, so the parameter changes nothing.",
        f"{_PROMPT}{_GENERATE}generation: {{temperature: 0, top_p: 0.9}}\n",
        f"{_PROMPT}{_GENERATE}generation: {{temperature: 0.7, top_p: 0.9}}\n",
    ),
    "NV387": (
        "the same answer several times",
        "`prompt.repeats` is over 1 at temperature 0.",
        "A greedy answer is the same each time: the repeats cost and tell nothing.",
        f"{_PROMPT}{_GENERATE}prompt: {{repeats: 3}}\ngeneration: {{temperature: 0}}\n",
        f"{_PROMPT}{_GENERATE}prompt: {{repeats: 3}}\ngeneration: {{temperature: 0.7}}\n",
    ),
    "NV388": (
        "budget in money without a price",
        "`budget.usd` is set, and an endpoint has no `price`.",
        "A cost that is not known cannot be kept below a limit.",
        f"{_VLLM}{_GENERATE}budget: {{usd: 1}}\n",
        f"{_VLLM}{_GENERATE}budget: {{calls: 100}}\n",
    ),
    "NV389": (
        "measure that the task does not give",
        "A metric belongs to another kind of task.",
        "There would be nothing to compute it from.",
        f"{_PROMPT}{_GENERATE}evaluate: {{metrics: [perplexity]}}\n",
        f"{_PROMPT}{_GENERATE}evaluate: {{metrics: [exact]}}\n",
    ),
    "NV390": (
        "gate on what is not measured",
        "`gates` names something that is neither a metric of the spec nor a cost.",
        "A gate on nothing would pass, or fail, for no reason.",
        f"{_PROMPT}{_CLASSIFY}evaluate: {{gates: [{{metric: exact, at_least: 0.5}}]}}\n",
        f"{_PROMPT}{_CLASSIFY}evaluate: {{gates: [{{metric: accuracy, at_least: 0.5}}]}}\n",
    ),
    "NV391": (
        "null input without pmi, or pmi without it",
        "`scoring: pmi` and `null_input` belong together.",
        "PMI is the difference of two questions; no other scoring asks a second one.",
        f"{_PROMPT}"
        'task: {type: classify, labels: [email, xml], input: "{{ text }}", scoring: pmi}\n',
        f'{_PROMPT}task: {{type: classify, labels: [email, xml], input: "{{{{ text }}}}", '
        'scoring: pmi, null_input: "N/A"}\n',
    ),
    "NV392": (
        "ids and the way examples are chosen disagree",
        "`choose: fixed` comes with as many `ids` as `count` says, and nothing else has ids.",
        "Which examples are shown must not be a guess.",
        f"{_PROMPT}data:\n  train: {{builtin: python-docs, split: train}}\n"
        "  test: {builtin: python-docs, split: test}\n"
        "prompt: {few_shot: {count: 2, choose: fixed}}\n",
        f"{_PROMPT}data:\n  train: {{builtin: python-docs, split: train}}\n"
        "  test: {builtin: python-docs, split: test}\n"
        "prompt: {few_shot: {count: 1, choose: fixed, ids: [asyncio/base_events.py]}}\n",
    ),
    "NV393": (
        "rows of a conversation, or a task without rows",
        "`task.type: chat` has `data.test`, or another task lacks it.",
        "A conversation reads no rows; every other task is asked about some.",
        f"{_PROMPT}{_CLASSIFY}data: {{}}\n",
        f"{_PROMPT}{_CLASSIFY}data: {{test: {{builtin: python-docs, split: test}}}}\n",
    ),
    "NV394": (
        "matrix for a task that reads probabilities",
        "`models`, `prompt.variants` or `prompt.repeats` multiplies a task that writes nothing.",
        "Probabilities are read of one model in one way per spec; `nivel compare` joins specs.",
        f"{_PROMPT}{_CLASSIFY}prompt: {{repeats: 3}}\n",
        f"{_PROMPT}{_GENERATED}prompt: {{repeats: 3}}\ngeneration: {{temperature: 0.5}}\n",
    ),
    "NV395": (
        "next word of a model that writes",
        "`evaluate.next_word` stands beside a task that writes answers.",
        "Such a task asks for text alone; an endpoint could give nothing else.",
        f"{_PROMPT}{_GENERATE}evaluate: {{next_word: {{text: So}}}}\n",
        f"{_PROMPT}{_CLASSIFY}evaluate: {{next_word: {{text: So}}}}\n",
    ),
    "NV396": (
        "pattern that is no regular expression",
        "A metric `regex` has no pattern that compiles, `embedding` has no model, or a metric has "
        "another's option.",
        "The fault would show only after the answers were paid for.",
        f'{_PROMPT}{_GENERATE}evaluate: {{metrics: [{{type: regex, pattern: "("}}]}}\n',
        f'{_PROMPT}{_GENERATE}evaluate: {{metrics: [{{type: regex, pattern: "(a+)"}}]}}\n',
    ),
    "NV399": (
        "measure named twice",
        "Two measures of `evaluate.metrics` have the same `type`.",
        "A result holds one figure for each name, so the second would take the first's place.",
        'level: prompt\ntask: {type: generate, input: "{{ text }}"}\n'
        "evaluate: {metrics: [{type: numeric, tolerance: 0.1}, {type: numeric, tolerance: 1}]}\n",
        'level: prompt\ntask: {type: generate, input: "{{ text }}"}\n'
        "evaluate: {metrics: [{type: numeric, tolerance: 0.1}]}\n",
    ),
}
