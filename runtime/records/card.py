"""The card of a trained model: a README.md beside the weights that says how they came about.

It is made of the records of the run alone, so that it can be made again. Nothing of the machine
is in it but versions of libraries. What came from the spec or from data is escaped.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..paths import file_sha256
from .curated import curation_section
from .files import read_json, write_text
from .markdown import fenced, plain_text, table
from .numbers import byte_count, duration, part

CARD = "README.md"
FOLDERS = ("model", "adapter")
"""Where a run saves weights; a soft prompt is in `model` too."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z", re.ASCII)
_WEIGHTS = ("*.safetensors", "*.gguf")


def write_cards(folder: Path, result: Mapping[str, Any]) -> None:
    """Write the card into each folder of weights that the run in `folder` has saved."""
    for name in FOLDERS:
        if (folder / name).is_dir():
            write_text(folder / name / CARD, render_card(folder, result, folder / name))


def render_card(
    run: Path, result: Mapping[str, Any], weights: Path, notes: Sequence[str] = ()
) -> str:
    """Return the card of the weights in a folder as Markdown.

    Args:
        run: the run's folder, with plan, lock and environment as far as they are there.
        result: what is or will be its `result.json`.
        weights: the folder whose files are named with their hashes.
        notes: what was done to the weights since, a sentence each.
    """
    plan, lock = read_json(run / "plan.json") or {}, read_json(run / "lock.json") or {}
    adapter = (weights / "adapter_config.json").is_file()
    parts = [
        _head(plan, result, adapter),
        [*map(plain_text, notes)],
        _section("Model", _model(plan, result, lock)),
        _section("Data", _data(plan, result, lock)),
        _section("Text", curation_section(run)),
        _section("Training", _training(plan, result)),
        _section("Results", _results(plan, result)),
        _section("Use", _use(weights, plan, adapter)),
        _section("Files", _files(weights)),
        _section("Versions", _versions(run)),
        _section("Spec and lock", _provenance(run, lock)),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


_KINDS = {
    "classify": ("text-classification", "AutoModelForSequenceClassification"),
    "regress": ("text-classification", "AutoModelForSequenceClassification"),
    "tag": ("token-classification", "AutoModelForTokenClassification"),
    "reward": ("text-classification", "AutoModelForSequenceClassification"),
    "embed": ("sentence-similarity", "AutoModel"),
}
"""Task of a model that does not write -> the hub's word for it, and the class that loads it."""


def _kind(plan: Mapping[str, Any]) -> tuple[str, str]:
    task = part(plan, "common", "task", "type")
    task = task if part(plan, "head") or task == "embed" else None
    task = "reward" if part(plan, "objective", "type") == "reward" else task
    return _KINDS.get(str(task), ("text-generation", "AutoModelForCausalLM"))


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *lines] if lines else []


def _head(plan: Mapping[str, Any], result: Mapping[str, Any], adapter: bool) -> list[str]:
    """Return what the hub reads (YAML, whose strings are written as JSON), and the title."""
    base = part(plan, "model", "path") or result.get("model")
    method = part(plan, "method", "type")
    tags = ["nivel", str(result.get("level")), *([str(method)] if method else [])]
    lines = ["---", f"library_name: {'peft' if adapter else 'transformers'}"]
    lines.append(f"pipeline_tag: {_kind(plan)[0]}")
    if isinstance(base, str) and _HUB_ID.match(base):
        lines.append(f"base_model: {json.dumps(base)}")
    lines += [f"tags: {json.dumps(tags)}", "---", "", f"# {plain_text(result.get('name'))}"]
    description = part(plan, "common", "description")
    said = [plain_text(description), ""] if description else []
    headed = part(plan, "head") or part(plan, "objective", "type") == "reward"
    kind = "model with a head" if headed else "language model"
    kind = "model of vectors for texts" if _kind(plan)[1] == "AutoModel" else kind
    what = "trained from nothing" if result.get("level") == "pretrain" else "tuned"
    return [
        *lines,
        "",
        *said,
        f"A {kind} {what} by nivel, from the spec below.",
    ]


def _model(plan: Mapping[str, Any], result: Mapping[str, Any], lock: Any) -> list[str]:
    rows = []
    if path := part(plan, "model", "path") or result.get("model"):
        facts = part(lock, "model", path) or {}
        revision = part(plan, "model", "revision") or facts.get("revision")
        rows.append(("base model", plain_text(path)))
        rows.append(("revision", plain_text(revision) if revision else _identity(facts)))
    if template := part(plan, "model", "chat_template"):
        rows.append(("chat template", plain_text(template)))
    if embed := part(plan, "common", "task", "embed"):
        rows.append(("vector", _choice(f"{embed['pooling']} of the last hidden states", {
            name: embed[name] for name in ("query_prefix", "document_prefix") if embed[name]
        })))  # fmt: skip
    total, trained = (part(result, "parameters", key) for key in ("total", "trained"))
    if total is not None:
        rows.append(("parameters", f"{total:,}, of which {trained:,} were trained"))
    return table(("", ""), rows)


def _identity(facts: Mapping[str, Any]) -> str:
    """Say what local weights are: the hash of the file, or of each file that holds weights."""
    files = {"": facts, **(facts.get("files") or {})}
    said = [
        f"{plain_text(name)} sha256 {plain_text(one['sha256'])}".strip()
        for name, one in files.items()
        if "sha256" in one and (not name or name.endswith((".safetensors", ".gguf")))
    ]
    return "<br>".join(said) or "not recorded"


def _data(plan: Mapping[str, Any], result: Mapping[str, Any], lock: Any) -> list[str]:
    counts = {
        "train": part(result, "train_rows", "rows"),
        "validation": part(result, "validation", "rows"),
        "test": part(result, "task", "rows"),
    }
    rows = []
    data = part(plan, "common", "data") or {}
    named = [(name, data.get(name)) for name in ("train", "validation", "test")]
    for name, source in [*named, *(("text", one) for one in data.get("text") or ())]:
        if source:
            where = source.get("path") or f"builtin:{source.get('builtin')}"
            if hub := source.get("hub"):
                where = f"hub:{hub['dataset']}"
            facts = part(lock, "data", where.removeprefix("./").rstrip("/")) or {}
            rows.append((name, plain_text(where), _count(counts.get(name)), _content(facts)))
    return table(("", "source", "rows", "file"), rows)


def _content(facts: Mapping[str, Any]) -> str:
    """Say what rows were: the hash of their file, or the Python whose library they are made of."""
    if "revision" in facts:
        return f"commit {plain_text(facts['revision'])}"
    if "python" in facts:
        return f"standard library of Python {plain_text(facts['python'])}"
    return f"sha256 {plain_text(facts['sha256'])}" if "sha256" in facts else "not recorded"


def _training(plan: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    method, objective = part(plan, "method") or {}, part(plan, "objective") or {}
    batch, optimizer = part(plan, "batch") or {}, part(plan, "optimizer") or {}
    rows = [
        ("method", _choice(method.get("type"), method.get("options"))),
        ("objective", _choice(objective.get("type"), objective)),
        ("optimizer", _choice(optimizer.get("type"), optimizer)),
        ("batch", plain_text(batch["batch"]) + " sequences a step" if batch else ""),
        ("epochs", plain_text(plan.get("epochs", ""))),
        ("precision", plain_text(part(plan, "common", "hardware", "precision") or "")),
        ("seed", plain_text(part(plan, "common", "seed") or "")),
        ("tokens seen", _count(part(result, "tokens", "seen"))),
        ("seconds", _seconds(result)),
        ("peak memory", byte_count(part(result, "peak_memory", "rss"))),
    ]
    return table(("", ""), [row for row in rows if row[1]])


def _choice(kind: Any, options: Mapping[str, Any] | None) -> str:
    """Write a choice of the spec: its type, and its options in order."""
    if kind is None:
        return ""
    said = {k: v for k, v in sorted((options or {}).items()) if k != "type" and v is not None}
    return ", ".join([plain_text(kind), *(f"{plain_text(k)} {_value(v)}" for k, v in said.items())])


def _value(value: Any) -> str:
    return plain_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _seconds(result: Mapping[str, Any]) -> str:
    train, total = (part(result, "seconds", key) for key in ("train", "total"))
    return "" if total is None else f"{duration(train)} in training, {duration(total)} in all"


def _results(plan: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    confidence = part(plan, "common", "evaluate", "confidence")
    header = f"{confidence:.0%} interval" if confidence else "interval"
    rows = [
        (plain_text(name), _number(one.get("value")), _interval(one), _count(one.get("n")))
        for name, one in (part(result, "metrics") or {}).items()
        if isinstance(one, Mapping)
    ]
    watched, bits = part(result, "validation") or {}, part(result, "pretraining", "bits_per_byte")
    for name in ("loss", "best_loss"):
        if name in watched:
            said = f"validation {name.replace('_', ' ')}, nats per {_unit(watched)}"
            rows.append((said, _number(watched[name]), "–", _count(watched.get("rows"))))
    if bits is not None:
        rows.append(("bits per byte of held-out text", _number(bits), "–", "–"))
    for name, found in (part(result, "pretraining", "sources") or {}).items():
        rows.append((f"of {plain_text(name)}", _number(found), "–", "–"))
    return table(("", "value", header, "rows"), rows)


def _unit(watched: Mapping[str, Any]) -> str:
    """Return what the loss is a mean over, which its count is named by."""
    return next((name[:-1] for name in ("tokens", "pairs", "answers") if name in watched), "row")


def _use(weights: Path, plan: Mapping[str, Any], adapter: bool) -> list[str]:
    if any(weights.glob("*.gguf")):
        return []
    base = plain_text(part(plan, "model", "path") or "the base model")
    name = _kind(plan)[1]
    labels = len(part(plan, "common", "task", "labels") or "1")
    more = f", num_labels={labels}" if adapter and "Classification" in name else ""
    load = f'model = {name}.from_pretrained("{{}}"{more})'
    code = [
        f"from transformers import {name}, AutoTokenizer",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
    ]
    if not adapter:
        shown = fenced("\n".join([*code, load.format("FOLDER")]), "python")
        reads = ["", "sentence-transformers reads the folder with its pooling and prefixes."]
        return [*shown, *(reads if name == "AutoModel" else [])]
    code[1:1] = ["from peft import PeftModel"]
    code += [load.format("BASE"), 'model = PeftModel.from_pretrained(model, "FOLDER")']
    return [*fenced("\n".join(code), "python"), "", f"BASE is {base}."]


def _files(weights: Path) -> list[str]:
    files = sorted(file for pattern in _WEIGHTS for file in weights.glob(pattern))
    rows = [
        (plain_text(file.name), byte_count(file.stat().st_size), f"sha256 {file_sha256(file)}")
        for file in files
    ]
    return table(("file", "size", "hash"), rows)


def _versions(run: Path) -> list[str]:
    found = read_json(run / "environment.json") or {}
    rows = [(plain_text(k), plain_text(v)) for k, v in (part(found, "libraries") or {}).items()]
    return table(("library", "version"), [("python", plain_text(found.get("python"))), *rows])


def _provenance(run: Path, lock: Any) -> list[str]:
    """The files that the spec was read from, and the spec itself, whole."""
    rows = [
        (plain_text(name), f"sha256 {plain_text(facts.get('sha256'))}")
        for name, facts in (part(lock, "files") or {}).items()
    ]
    if (run / "lock.json").is_file():
        rows.append(("lock of the run", f"sha256 {file_sha256(run / 'lock.json')}"))
    lines = table(("file", "hash"), rows)
    spec = run / "spec.yaml"
    if spec.is_file():
        lines += ["", *fenced(spec.read_text("utf-8"), "yaml")]
    return lines or ["Not recorded: the program was run by itself."]


def _interval(metric: Mapping[str, Any]) -> str:
    low, high = metric.get("low"), metric.get("high")
    return "–" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: Any) -> str:
    return "–" if not isinstance(value, (int, float)) else f"{value:.4g}"


def _count(value: Any) -> str:
    return "–" if not isinstance(value, int) else f"{value:,}"
