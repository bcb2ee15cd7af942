"""The text of a pretraining, typed: its sources and the steps that clean it.

``schemas/text.json`` alone decides which options a step has; what they do stands in
``runtime/curation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..schemas import read_schema
from .options import read_options

if TYPE_CHECKING:
    from .schema import Schema

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HubSpec:
    """A data set of the hub at a commit; ``config`` None where it has one part."""

    dataset: str
    config: str | None
    revision: str
    split: str


@dataclass(frozen=True, slots=True)
class TextSource:
    """Where documents come from: exactly one of ``builtin``, ``path`` and ``hub`` is set.

    ``weight`` is None where sequences of all sources are seen equally often.
    """

    name: str
    builtin: str | None
    path: str | None
    column: str | None
    limit: int | None
    weight: float | None = None
    hub: HubSpec | None = None

    @property
    def plain(self) -> bool:
        """Tell whether it is read as a list of texts: builtin, or one text file."""
        return self.builtin is not None or bool(self.path and self.path.endswith(".txt"))


@dataclass(frozen=True, slots=True)
class CurateStep:
    """A step of curation and its options, defaults included, lists as tuples."""

    type: str
    options: Data


@dataclass(frozen=True, slots=True)
class TokenizerSpec:
    """The tokenizer, trained on ``data.text`` or of a model; ``vocab_size`` counts all tokens.

    ``path`` and ``revision`` are those of a model; the other options those of one that is trained.
    """

    type: str
    vocab_size: int
    special_tokens: tuple[str, ...] = ()
    digits: str = "free"
    normalize: str = "none"
    path: str | None = None
    revision: str | None = None

    @property
    def plain(self) -> bool:
        """Tell whether it is what ``train_byte_bpe`` makes."""
        usual = (self.digits, self.normalize) == ("free", "none")
        return self.type == "byte-bpe" and usual and not self.special_tokens


def build_tokenizer(data: Data) -> TokenizerSpec:
    """Return the typed tokenizer of filled, schema-valid ``data``."""
    said = {**data, "vocab_size": int(data["vocab_size"])}
    if "special_tokens" in said:
        said["special_tokens"] = tuple(said["special_tokens"])
    return TokenizerSpec(**said)


def tokenizer_line(tokenizer: TokenizerSpec) -> tuple[str, str]:
    """Return the plan's line on the tokenizer."""
    size = f"{tokenizer.vocab_size:,} tokens"
    if tokenizer.path is not None:
        at = f" at {tokenizer.revision}" if tokenizer.revision else ""
        return "tokenizer", f"of {tokenizer.path}{at}, {size}"
    digits = "" if tokenizer.digits == "free" else f", digits {tokenizer.digits}"
    normal = "" if tokenizer.normalize == "none" else f", {tokenizer.normalize} first"
    return "tokenizer", f"{tokenizer.type}, {size}{digits}{normal}"


def build_sources(data: Data | list[Data] | None) -> tuple[TextSource, ...]:
    """Return the sources of `data.text`; none where the level has none."""
    if data is None:
        return ()
    return tuple(map(_source, data if isinstance(data, list) else [data]))


def _source(data: Data) -> TextSource:
    limit, weight, hub = data.get("limit"), data.get("weight"), data.get("hub")
    return TextSource(
        name_of_source(data),
        data.get("builtin"),
        data.get("path"),
        data.get("column"),
        None if limit is None else int(limit),
        None if weight is None else float(weight),
        hub and HubSpec(hub["dataset"], hub.get("config"), hub["revision"], hub["split"]),
    )


def name_of_source(data: Data) -> str:
    """Return what a source is called in results."""
    hub = data.get("hub") or {}
    return str(data.get("name") or data.get("path") or data.get("builtin") or hub.get("dataset"))


def build_steps(data: list[Data]) -> tuple[CurateStep, ...]:
    """Return the steps of `data.curate`, numbers in the kind that the schema says."""
    return tuple(map(_step, data))


def _step(data: Data) -> CurateStep:
    return CurateStep(data["type"], read_options(step_schema(data["type"])["properties"], data))


@cache
def step_schema(kind: str) -> Schema:
    """Return the definition of a step; not to be changed."""
    found: Schema = read_schema("text.json")["$defs"][f"step_{kind}"]
    return found


def _on_hub(hub: HubSpec | None) -> str:
    if hub is None:
        return ""
    part = f", {hub.config}" if hub.config else ""
    return f"{hub.dataset}{part}, {hub.split}, at {hub.revision}"


def corpus_of(sources: tuple[TextSource, ...], steps: tuple[CurateStep, ...]) -> bool:
    """Tell whether the text is prepared on disk, not read as one list of texts."""
    return bool(steps) or len(sources) != 1 or not sources[0].plain or sources[0].weight is not None


def text_lines(
    sources: tuple[TextSource, ...], steps: tuple[CurateStep, ...]
) -> list[tuple[str, str]]:
    """Return the plan's lines on sources and steps."""
    total = sum(source.weight or 0.0 for source in sources)
    lines = []
    for source in sources:
        share = f", {source.weight / total:.1%} of the tokens" if source.weight else ""
        column = f", column {source.column}" if source.column else ""
        limit = f", at most {source.limit:,} documents" if source.limit else ""
        given = source.builtin or source.path or _on_hub(source.hub)
        named = "" if source.name == given else f"{source.name}: "
        lines.append(("text", f"{named}{given}{column}{limit}{share}"))
    if steps:
        lines.append(("curate", ", ".join(step.type for step in steps)))
    return lines
