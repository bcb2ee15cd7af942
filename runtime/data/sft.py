"""Token ids and targets of rows whose answers are learned: conversations, and templates over rows.

Every row becomes an :class:`Encoding`, sound or with its fault, so that `nivel preview` can show
all of them; `encodings.settle` then holds them to the rules of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from ..errors import DataError
from .chat import conversation_pieces, encode_pieces
from .encodings import IGNORED, EncodedRows, Encoding, settle
from .formats import Conversation
from .prompt import leading_bos
from .rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedTokenizerBase

__all__ = [
    "TRAIN_ON",
    "encode_answers",
    "encode_conversations",
    "encodings_of_answers",
    "encodings_of_conversations",
]

TRAIN_ON = ("assistant", "last", "completion", "all")


class _Asks(Protocol):
    """What turns a row into the messages of a chat, or into text to continue."""

    def render(
        self, fields: Mapping[str, str]
    ) -> tuple[Sequence[Mapping[str, str]], str | None]: ...


def encode_conversations(
    rows: Sequence[Conversation],
    tokenizer: PreTrainedTokenizerBase,
    *,
    train_on: str = "assistant",
    train_end: bool = True,
    max_length: int,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedRows:
    """Encode conversations with the tokenizer's chat template, masked by who wrote what.

    Args:
        train_on: `assistant`, `last`, `completion` or `all`; see `conversation_pieces`.
        train_end: whether the token that ends a turn is learned too.
        max_length: most tokens of a row.
        too_long: `refuse` a longer row, `drop` it, or `cut` its end off.
        too_long_at_most: largest share of the rows that may be dropped or cut.

    Raises:
        DataError: a row cannot be rendered or masked exactly, has no trained token, or is longer.
    """
    found = list(encodings_of_conversations(rows, tokenizer, train_on, train_end))
    return settle(found, max_length, too_long, too_long_at_most)


def encode_answers(
    rows: Sequence[Row],
    question: _Asks,
    tokenizer: PreTrainedTokenizerBase,
    *,
    train_on: str = "assistant",
    train_end: bool = True,
    max_length: int,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedRows:
    """Encode rows whose label is the answer to `question`; the rest is as `encode_conversations`.

    Raises:
        DataError: as there; or a row has no label.
    """
    found = list(encodings_of_answers(rows, question, tokenizer, train_on, train_end))
    return settle(found, max_length, too_long, too_long_at_most)


def encodings_of_conversations(
    rows: Sequence[Conversation],
    tokenizer: PreTrainedTokenizerBase,
    train_on: str,
    train_end: bool,
) -> Iterator[Encoding]:
    """Yield every conversation encoded, or with its fault."""
    ends = _end_tokens(tokenizer)
    for row in rows:
        yield _tried(row.id, lambda row=row: _chat(row, tokenizer, train_on, train_end, ends))  # type: ignore[misc]


def encodings_of_answers(
    rows: Sequence[Row],
    question: _Asks,
    tokenizer: PreTrainedTokenizerBase,
    train_on: str,
    train_end: bool,
) -> Iterator[Encoding]:
    """Yield every row asked and answered, or with its fault."""
    ends = _end_tokens(tokenizer)

    def encode(row: Row) -> Encoding:
        if row.label is None:
            raise DataError("has no label to learn", "name its column in data.columns as label")
        messages, text = question.render(row.fields)
        if text is not None:
            return _plain(row.id, text, row.label, tokenizer, train_on, train_end)
        whole = [*(dict(one) for one in messages), {"role": "assistant", "content": row.label}]
        return _chat(Conversation(row.id, tuple(whole)), tokenizer, train_on, train_end, ends)

    for row in rows:
        yield _tried(row.id, lambda row=row: encode(row))  # type: ignore[misc]


def _tried(identity: str, encode: Callable[[], Encoding]) -> Encoding:
    try:
        return encode()
    except DataError as error:
        return Encoding(identity, fault=DataError(f"{identity}: {error.message}", error.cure))


def _chat(
    row: Conversation,
    tokenizer: PreTrainedTokenizerBase,
    train_on: str,
    train_end: bool,
    ends: frozenset[int],
) -> Encoding:
    pieces = conversation_pieces(tokenizer, row, train_on)
    parts = encode_pieces(tokenizer, [text for text, _ in pieces])
    ids = [token for part in parts for token in part]
    labels = [IGNORED] * len(ids)
    stops: set[int] = set()
    start = 0
    for place, (part, (_, learned)) in enumerate(zip(parts, pieces, strict=True)):
        end = start + len(part)
        if learned:
            labels[start:end] = part
            last = place == len(parts) - 1
            stop = _stop(parts, place, ends) if last or train_on != "all" else None
            if train_on != "all":
                _end_turn(ids, labels, start, end, stop, train_end)
            elif stop is not None and not train_end:
                labels[start + stop] = IGNORED
            stops |= set() if stop is None else {ids[start + stop]}
        start = end
    return Encoding(row.id, tuple(ids), tuple(labels), frozenset(stops))


def _end_turn(
    ids: Sequence[int],
    labels: list[int],
    start: int,
    end: int,
    stop: int | None,
    train_end: bool,
) -> None:
    """Learn nothing behind the end of the turn, and the end itself only if wanted.

    What stands behind it, most often a line break, is never written in use: generation ends.

    Raises:
        DataError: the turn has no end that could be learned.
    """
    if stop is None:
        if train_end:
            raise DataError(
                "the chat template ends the assistant's turn with no token of its own, so the "
                "model would not learn to stop",
                "set objective.train_end to false, or name another model.chat_template",
            )
        return
    at = start + stop
    labels[at : max(end, at + 1)] = [IGNORED] * (max(end, at + 1) - at)
    if train_end:
        labels[at] = ids[at]


def _stop(parts: Sequence[Sequence[int]], place: int, ends: frozenset[int]) -> int | None:
    """Return where, counted from the piece's start, the token stands that ends the turn.

    It is the last special token of the piece; or, where a template marks the words alone, the
    first token after it.
    """
    part = parts[place]
    inside = [at for at, token in enumerate(part) if token in ends]
    if inside:
        return inside[-1]
    after = parts[place + 1] if place + 1 < len(parts) else ()
    return len(part) if after and after[0] in ends else None


def _plain(
    identity: str,
    text: str,
    answer: str,
    tokenizer: PreTrainedTokenizerBase,
    train_on: str,
    train_end: bool,
) -> Encoding:
    """Continue a text with a space, the answer and the end, as solved examples are shown."""
    end = tokenizer.eos_token_id
    if end is None:
        raise DataError("the tokenizer has no end-of-sequence token to learn")
    for word in tokenizer.all_special_tokens:
        if word in text or word in answer:
            raise DataError(f"the text holds the special token {word}", "take it out of the row")
    before, after = encode_pieces(tokenizer, [text, " " + answer])
    asked = [*leading_bos(tokenizer), *before]
    read = asked if train_on == "all" else [IGNORED] * len(asked)
    labels = (*read, *after, end if train_end else IGNORED)
    return Encoding(identity, (*asked, *after, end), labels, frozenset([end]))


def _end_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the tokens that no text holds, of which one ends a turn."""
    added = tokenizer.added_tokens_decoder
    return frozenset(tokenizer.all_special_ids) | {
        token for token, about in added.items() if about.special
    }
