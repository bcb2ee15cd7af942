"""The rows of a plan as its program would encode them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nivel.compiler.plan import FinetunePlan, Plan, PretrainPlan, PromptPlan
    from nivel.compiler.spec import SourceSpec
    from nivel.runtime.curation import Corpus
    from nivel.runtime.data.encodings import Encoding

Encoded = tuple[list["Encoding"], Any]
"""The rows, and the tokenizer that encoded them."""

SEQUENCES = 64
"""Looked at of a text to pretrain on."""


def encodings_of(made: Plan) -> Encoded:
    """Return every row that the plan's program asks about or trains on, encoded.

    Raises:
        DataError, ModelError: as the program would.
    """
    from nivel.compiler.plan import FinetunePlan, PretrainPlan

    if isinstance(made, FinetunePlan):
        return _tuned(made)
    return _pretrained(made) if isinstance(made, PretrainPlan) else _asked(made)


def _tuned(made: FinetunePlan) -> Encoded:
    from nivel.compiler.embedding import ContrastiveSpec
    from nivel.compiler.preferences import PreferenceSpec
    from nivel.runtime.data import Prompt, load_conversations
    from nivel.runtime.data.encode import encodings_of_labels
    from nivel.runtime.data.sft import encodings_of_answers, encodings_of_conversations
    from nivel.runtime.models import load_tokenizer
    from nivel.runtime.prompting import Question

    task, model, said = made.common.task, made.model, made.objective
    assert task is not None
    tokenizer = load_tokenizer(model.path, model.revision, chat_template=model.chat_template)
    if said is None:
        return _headed(made, tokenizer), tokenizer
    if isinstance(said, ContrastiveSpec):
        return _embedded(made, tokenizer), tokenizer
    if isinstance(said, PreferenceSpec):
        return _judged(made, tokenizer), tokenizer
    how = (tokenizer, said.train_on, said.train_end)
    if task.type == "chat":
        source, columns = _source(made.common.data.train), made.common.data.columns
        kind = made.common.data.format or "auto"
        talks = load_conversations(**source, format=kind, columns=columns, seed=made.common.seed)
        return list(encodings_of_conversations(talks, *how)), tokenizer
    rows = _rows(made, made.common.data.train, task.labels)
    messages = [{"role": one.role, "content": one.content} for one in task.messages]
    asked = (None if messages else task.input), task.format
    if task.type == "classify":
        prompt = Prompt(asked[0], task.labels, task.format, messages=messages)
        return list(encodings_of_labels(rows, prompt, *how)), tokenizer
    question = Question(*asked, messages=messages)
    return list(encodings_of_answers(rows, question, *how)), tokenizer


def _headed(made: FinetunePlan, tokenizer: Any) -> list[Encoding]:
    """Return what a head reads of each row, with what it is to say of it as a note."""
    from nivel.runtime.data import Prompt, encode_targets
    from nivel.runtime.data.encodings import IGNORED, Encoding

    task = made.common.task
    assert task is not None
    labels = () if task.type == "tag" else task.labels  # a list of them is no label of a row
    rows = _rows(made, made.common.data.train, labels)
    messages = [{"role": one.role, "content": one.content} for one in task.messages]
    prompt = None
    if task.type != "tag":
        asked = None if messages else task.input
        prompt = Prompt(asked, task.labels, task.format, messages=messages)
    found = encode_targets(rows, tokenizer, task=task.type, prompt=prompt, labels=task.labels)
    kind = {"tag": "labels", "regress": "number"}.get(task.type, "label")
    encodings = []
    for row, ids, places in zip(rows, found.input_ids, found.places, strict=True):
        marked = tuple(one if at in places else IGNORED for at, one in enumerate(ids))
        encodings.append(Encoding(row.id, tuple(ids), marked, note=f"{kind} {row.label}"))
    return encodings


def _embedded(made: FinetunePlan, tokenizer: Any) -> list[Encoding]:
    """Return the texts of each row one after the other, each under a name of its own."""
    from nivel.runtime.data import AnchorEncoder
    from nivel.runtime.data.anchors import PARTS

    task = made.common.task
    assert task is not None and task.embed is not None
    rows = _rows(made, made.common.data.train, ())
    encoder = AnchorEncoder(
        tokenizer=tokenizer,
        max_length=2**30,  # what is too long is counted here, and not refused
        query_prefix=task.embed.query_prefix,
        document_prefix=task.embed.document_prefix,
    )
    return [
        _read(f"{row.id} {part}", list(ids))
        for row, said in zip(rows, encoder.encode(rows).texts, strict=True)
        for part, ids in zip(PARTS, said, strict=False)
    ]


def _judged(made: FinetunePlan, tokenizer: Any) -> list[Encoding]:
    """Return the answers of every pair, the chosen one first, each under a name of its own."""
    from dataclasses import replace

    from nivel.runtime.data import load_pairs, load_verdicts
    from nivel.runtime.data.pairs import encodings_of_pairs
    from nivel.runtime.data.sft import encodings_of_conversations

    source, kind = _source(made.common.data.train), made.common.data.format or "auto"
    if made.objective is not None and made.objective.type == "kto":
        verdicts = load_verdicts(**source, format=kind, seed=made.common.seed)
        found = encodings_of_conversations(
            [one.answered for one in verdicts], tokenizer, "assistant", True
        )
        return [replace(one, id=said.id) for one, said in zip(found, verdicts, strict=True)]
    pairs = load_pairs(**source, format=kind, seed=made.common.seed)
    rewards = made.objective is not None and made.objective.type == "reward"
    return [
        _read(f"{one.id} {side}", list(one.ids))
        if rewards and one.fault is None  # it is given to the whole text, and no token is learned
        else replace(one, id=f"{one.id} {side}")
        for pair in encodings_of_pairs(pairs, tokenizer)
        for one, side in zip(pair, ("chosen", "rejected"), strict=True)
    ]


def _asked(made: PromptPlan) -> Encoded:
    """Encode what the first local model reads of the test rows, in the first way of asking."""
    from nivel.compiler.spec import ModelRef
    from nivel.runtime.data import choose_examples
    from nivel.runtime.data.prompt import encode_chat, encode_text
    from nivel.runtime.models import load_tokenizer
    from nivel.runtime.prompting import Question

    task = made.common.task
    local = [model for _, model in made.models if isinstance(model, ModelRef)]
    if not local or task is None or made.common.data.test is None:
        raise click.UsageError("only rows that a local model reads can be shown in its tokens")
    tokenizer = load_tokenizer(local[0].path, local[0].revision)
    test, variant = _rows(made, made.common.data.test, task.labels), made.variants[0]
    examples: Any = ()
    if variant.few_shot.count:
        shots = variant.few_shot
        more = {"labels": task.labels} if shots.choose == "balanced" else {}
        examples = choose_examples(
            _rows(made, made.common.data.train, task.labels), tests=test, count=shots.count,
            choose=shots.choose or "random", seed=made.common.seed,
            **({"ids": list(shots.ids)} if shots.ids else {}), **more,
        )  # fmt: skip
    messages = [{"role": one.role, "content": one.content} for one in variant.messages]
    question = Question(
        None if messages else variant.input, task.format, variant.system, messages, examples
    )
    found = []
    for row in test:
        said, text = question.render(row.fields)
        ids = encode_chat(tokenizer, said) if text is None else encode_text(tokenizer, text)
        found.append(_read(row.id, ids))
    return found, tokenizer


def _pretrained(made: PretrainPlan) -> Encoded:
    """Encode the first sequences, with a tokenizer trained as the run trains it."""
    from nivel.runtime.curation import pack_corpus
    from nivel.runtime.models import train_byte_bpe

    texts = corpus_of_plan(made).train
    tokenizer = train_byte_bpe(texts, made.tokenizer.vocab_size)
    store = pack_corpus(texts, tokenizer, made.sequence_length)
    count = min(len(store), SEQUENCES)
    return [_read(f"sequence {k}", store[k].tolist()) for k in range(count)], tokenizer


def corpus_of_plan(made: PretrainPlan) -> Corpus:
    """Return the text of a plan, cleaned as its program cleans it."""
    from nivel.compiler.emit.texts import curate_argument, sources_argument
    from nivel.runtime.curation import load_corpus

    data, task = made.common.data, made.common.task
    labels = task.labels if task else ()
    parts = (data.train, data.test) if task else ()
    rows = [row for part in parts if part is not None for row in _rows(made, part, labels)]
    return load_corpus(
        sources_argument(data), curate=curate_argument(data), rows=rows, seed=made.common.seed
    )


def _read(identity: str, ids: list[int]) -> Encoding:
    from nivel.runtime.data.encodings import IGNORED, Encoding

    return Encoding(identity, tuple(ids), (IGNORED,) * len(ids))


def _rows(made: Plan, source: SourceSpec | None, labels: tuple[str, ...]) -> list[Any]:
    from nivel.runtime.data import load_rows

    columns = made.common.data.columns
    said = _source(source)
    if source is not None and source.balance:
        said["balance"] = True
    return load_rows(**said, columns=columns, labels=labels, seed=made.common.seed)


def _source(source: SourceSpec | None) -> dict[str, Any]:
    assert source is not None, "the rules have seen to it"
    said = {name: getattr(source, name) for name in ("builtin", "path", "split", "limit")}
    return {name: value for name, value in said.items() if value is not None}
