"""Shape: keys, types and limits, as the schemas say them."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV201": (
        "unknown key",
        "No key of this name belongs at this place.",
        "An ignored key is an experiment other than the one that was meant.",
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, max_gradnorm: 1.0}\n",
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, max_grad_norm: 1.0}\n",
    ),
    "NV202": (
        "key of another level",
        "The key exists, but at another usage level than this spec's.",
        "It would have no effect here.",
        "tokenizer: {type: byte-bpe, vocab_size: 512}\n",
        "level: pretrain\ntokenizer: {type: byte-bpe, vocab_size: 512}\n",
    ),
    "NV203": (
        "missing key",
        "A key that has no default is not given.",
        "A value that matters to the result is not guessed.",
        "train: {epochs: 3, batch: 16}\n",
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4}\n",
    ),
    "NV204": (
        "wrong kind of value",
        "A text stands where a number belongs, a map where a list belongs, or the like.",
        'Values are not converted: `"1e-4"` is a text, and `yes` is a text.',
        "model: {path: [org/name]}\n",
        "model: {path: org/name}\n",
    ),
    "NV205": (
        "value that is not one of the choices",
        "The value has to be one of a few words.",
        "Nothing else is known to the compiler.",
        "hardware: {precision: fp8}\n",
        "hardware: {precision: bf16}\n",
    ),
    "NV206": (
        "number out of range",
        "The number lies outside what makes sense for this key.",
        "It is nearly always a slip, and a costly one.",
        "method: {type: lora, dropout: 1.5}\n",
        "method: {type: lora, dropout: 0.05}\n",
    ),
    "NV207": (
        "text of the wrong form",
        "The text is empty, or not a name of the form that is needed.",
        "Names become folders and identifiers.",
        "name: My Experiment\n",
        "name: my-experiment\n",
    ),
    "NV208": (
        "list or map too short, or item repeated",
        "A list has too few items or names one twice, or a map is empty.",
        "A label named twice would share its probability with itself.",
        'task: {type: classify, labels: [a, b, a], input: "{{ text }}"}\n',
        'task: {type: classify, labels: [a, b, c], input: "{{ text }}"}\n',
    ),
    "NV210": (
        "not exactly one of two keys",
        "A source needs `builtin` or `path`, and only one of them.",
        "With both, it would not be said which one counts.",
        "data:\n  train: {split: train}\n  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV211": (
        "key that does nothing at this level",
        "`hardware.micro_batch` is given, but nothing is trained.",
        "A key that nothing reads would look as if it had been obeyed.",
        "level: prompt\nhardware: {profile: cpu, micro_batch: 4}\n",
        "level: prompt\nhardware: {profile: cpu}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
