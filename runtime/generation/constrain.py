"""Hold an answer to a JSON Schema while it is written, with llguidance.

At every step only tokens are allowed after which the text can still become JSON that satisfies
the schema. JSON is written in one form, as Python's json.dumps writes it: free whitespace would
let a weak model fill an answer with it. A schema that cannot be held to exactly is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.json_schema import check_schema
from ..errors import DataError, ModelError
from ..extras import load_extra
from .closing import FREE_TOKENS, Closing, token_ranks

__all__ = ["FORM", "Constraint", "Grammar", "allowed_tokens"]

FORM: dict[str, Any] = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
    "coerce_one_of": False,
    # One way to write each character: a key cannot come again in disguise as \u0061.
    "json_allowed_escapes": 'nrtbf\\"',
}


class Grammar:
    """A JSON Schema made ready for one tokenizer.

    Args:
        ends: ids of the tokens that end an answer.
        vocabulary: logits that the model gives, which may be more than the tokenizer has tokens.

    Raises:
        ModelError: llguidance is missing or does not know the tokenizer.
        DataError: the schema is none, or asks for what cannot be held to while writing.
    """

    def __init__(self, tokenizer: Any, ends: Sequence[int], vocabulary: int) -> None:
        llguidance = _llguidance()
        self.vocabulary = vocabulary
        try:
            self._tokens: Any = llguidance.hf.from_tokenizer(
                tokenizer, n_vocab=max(vocabulary, len(tokenizer)), eos_token=list(ends)
            )
        except ValueError as error:
            raise ModelError(
                f"constrained JSON does not work with this tokenizer: {error}",
                "use a model with a tokenizer.json",
            ) from error
        self.end = ends[0]
        self._matchers: dict[str, tuple[Any, int | None]] = {}

    def begin(self, schema: Mapping[str, Any]) -> Constraint:
        """Return the state of an answer that is not begun. Each schema is prepared once."""
        key = json.dumps(schema)
        if key not in self._matchers:
            matcher = self._prepared(schema)
            self._matchers[key] = (matcher, Closing(matcher, self.ranks, self.end).shortest())
        matcher, least = self._matchers[key]
        return Constraint(matcher.deep_copy(), self, least)

    @cached_property
    def ranks(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Of every token, as `closing.token_ranks` gives them."""
        raw = [self._tokens.decode_bytes([token]) for token in range(self.vocabulary)]
        return token_ranks([each.decode("utf-8", errors="replace") for each in raw])

    def _prepared(self, schema: Mapping[str, Any]) -> Any:
        matcher = _llguidance().LLMatcher
        check_schema(schema)
        _refuse_what_may_slip(schema)
        grammar = matcher.grammar_from_json_schema(json.dumps(schema), overrides=FORM)
        failed, messages = matcher.validate_grammar_with_warnings(grammar, self._tokens)
        if failed or messages:
            raise DataError(
                f"the schema cannot be held to while writing: {'; '.join(messages)}",
                "say it with type, properties, required, items, enum, pattern, minimum, maximum",
            )
        return matcher(self._tokens, grammar, log_level=0)

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens as the grammar reads them; a cut character becomes U+FFFD."""
        raw: bytes = self._tokens.decode_bytes(list(tokens))
        return raw.decode("utf-8", errors="replace")


class Constraint:
    """How far one answer has come.

    Attributes:
        least: tokens that an answer takes at least, about; None if no end was found.
        closed: whether a token was replaced so that the answer ended in time.
    """

    def __init__(self, matcher: Any, grammar: Grammar, least: int | None) -> None:
        self._matcher, self._grammar, self.least = matcher, grammar, least
        self._closing = Closing(matcher, grammar.ranks, grammar.end)
        self.closed = False

    def steer(self, token: int, left: int) -> int:
        """Return the token, or the one that has to be taken for the answer to end in time.

        Args:
            token: allowed.
            left: tokens that may still be written, this one included.
        """
        if self.least is None or left > 2 * self.least + FREE_TOKENS:
            return token
        found = self._closing.steer(token, left)
        self.closed |= found != token
        return found

    def fill(self, bits: np.ndarray[Any, np.dtype[np.int32]], row: int) -> None:
        """Write the allowed tokens into one row of `bits`, one bit per token."""
        from llguidance.numpy import fill_next_token_bitmask

        fill_next_token_bitmask(self._matcher, bits, row)

    def take(self, token: int) -> bool:
        """Take the token that was chosen; say whether the JSON is complete and can only end."""
        self._matcher.consume_token(token)
        self._closing.took(token)
        return bool(self._matcher.is_stopped()) and self.fault() is None

    def fault(self) -> str | None:
        """Return why the answer cannot go on, or None: a limit of llguidance was met."""
        return str(self._matcher.get_error()) if self._matcher.is_error() else None

    def text(self, tokens: Sequence[int]) -> str:
        return self._grammar.text(tokens)


def allowed_tokens(constraints: Sequence[Constraint], vocabulary: int) -> Tensor:
    """Return which tokens each answer may take next: bool, (rows, vocabulary), on the CPU."""
    width = (vocabulary + 31) // 32
    bits = np.zeros((len(constraints), width), dtype=np.int32)
    for row, constraint in enumerate(constraints):
        constraint.fill(bits, row)
    flags = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, :vocabulary]
    # An answer that cannot go on takes any token, which its constraint then names as the fault.
    flags[~flags.any(axis=1), 0] = 1
    return torch.from_numpy(flags.view(np.bool_))


def _refuse_what_may_slip(schema: Any) -> None:
    """Refuse what llguidance takes but does not hold to in every case."""
    if isinstance(schema, list):
        for item in schema:
            _refuse_what_may_slip(item)
    if not isinstance(schema, Mapping):
        return
    if "x-guidance" in schema:
        raise DataError("the schema has options for llguidance: x-guidance", "leave it out")
    least = schema.get("minProperties", 0)
    required = schema.get("required", [])
    if isinstance(least, int) and isinstance(required, list) and least > len(set(required)):
        # An optional key may be written twice, and then counts once.
        raise DataError(
            f"the schema's minProperties {least} cannot be held to with "
            f"{len(set(required))} required keys",
            "list the keys under required",
        )
    for key, value in schema.items():
        if key not in ("const", "enum", "default", "examples"):
            _refuse_what_may_slip(value)


def _llguidance() -> Any:
    for part in ("llguidance.hf", "llguidance.numpy"):  # which the package alone does not load
        load_extra(part, "json", who="constrained JSON from a local model")
    return load_extra("llguidance", "json", who="constrained JSON from a local model")
