"""From a row to the tokens a model reads, the same way at all three levels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .asked import Asked, message
from .chat import render_chat
from .examples import Examples
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Prompt", "encode_chat", "encode_text", "leading_bos"]


class Prompt:
    """How a task is put to a model.

    Args:
        template: Jinja text over a row's fields; None where `messages` are given.
        labels: the answers to choose from.
        format: `plain` continues the text with a space and the label; `chat` wraps the text in
            the tokenizer's chat template and the label is the assistant's answer.
        system: system message, for `chat` only.
        examples: labelled rows shown, in this order, before the question (few-shot); or a choice
            that differs from question to question.
        messages: `{role, content}` with a template as content, in place of `template`; for
            `chat` only. The label is the assistant's answer to them.

    Raises:
        DataError: these do not go together, or a template does not parse.
    """

    def __init__(
        self,
        template: str | None,
        labels: Sequence[str],
        format: str = "plain",
        system: str | None = None,
        examples: Sequence[Row] | Examples = (),
        messages: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.labels = tuple(labels)
        self.format = format
        self._asked = Asked(template, format, system, messages, examples)

    def encode(self, tokenizer: "PreTrainedTokenizerBase", fields: Mapping[str, str]) -> list[int]:
        """Return the token ids of the prompt, up to where the label begins.

        Raises:
            DataError: when the template fails, or `chat` meets a tokenizer without a chat
                template.
        """
        if self.format == "chat":
            return encode_chat(tokenizer, self._asked.messages(fields))
        return encode_text(tokenizer, self._asked.text(fields))

    def text(self, fields: Mapping[str, str]) -> str:
        """Return the text of a `plain` prompt."""
        return self._asked.text(fields)

    def encode_null(self, tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
        """Return the token ids of a text in place of the question, without examples."""
        if self.format == "plain":
            return encode_text(tokenizer, text)
        system = self._asked.system
        opening = [] if system is None else [message("system", system)]
        return encode_chat(tokenizer, [*opening, message("user", text)])

    def label_ids(self, tokenizer: "PreTrainedTokenizerBase") -> dict[str, list[int]]:
        """Return, for every label, the token ids that follow a prompt's ids."""
        before = "\n" if self.format == "chat" else ":"
        space = "" if self.format == "chat" else " "
        return {label: _continuation(tokenizer, before, space + label) for label in self.labels}

    def shown(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return the ids of the rows shown before the question about `fields`."""
        return self._asked.shown(fields)


def encode_text(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Return the token ids of a text to continue, with a leading token if texts begin with one."""
    return leading_bos(tokenizer) + _ids(tokenizer, text)


def encode_chat(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]]
) -> list[int]:
    """Return the token ids of a chat, up to where the assistant's next answer begins.

    Raises:
        DataError: when the tokenizer has no chat template, or it refuses these messages.
    """
    # the chat template writes its own special tokens
    return _ids(tokenizer, render_chat(tokenizer, messages, answer_next=True))


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def leading_bos(tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Return `[bos]` if this tokenizer begins texts with it by itself, as Gemma's does."""
    bos = tokenizer.bos_token_id
    ids = list(tokenizer("", verbose=False)["input_ids"]) if bos is not None else []
    return [bos] if ids[:1] == [bos] else []


def _continuation(tokenizer: "PreTrainedTokenizerBase", before: str, text: str) -> list[int]:
    """Return the ids of `text` as it stands after `before`.

    Tokenizers that mark words by a leading space, as Llama 2's, put one before any text that
    stands alone, so the ids of the label by itself would not be those it has in a prompt.
    """
    head, whole = _ids(tokenizer, before), _ids(tokenizer, before + text)
    return whole[len(head) :] if whole[: len(head)] == head else _ids(tokenizer, text)
