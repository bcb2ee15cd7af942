"""From a row to the tokens a model reads, the same way at all three levels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jinja2

from ..errors import DataError
from .chat import render_chat
from .examples import Examples
from .rows import Row
from .sandbox import LONGEST, Sandbox

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Prompt", "Template", "encode_chat", "encode_text", "leading_bos"]


class Template:
    """A Jinja template from a spec, which may be a stranger's: sandboxed, strict and capped.

    Args:
        text: the template. An unknown name is an error, not an empty string.

    Raises:
        DataError: when the template does not parse.
    """

    def __init__(self, text: str) -> None:
        try:
            self._template = Sandbox().from_string(text)
        except jinja2.TemplateError as error:
            raise DataError(f"template {text!r} does not parse: {error}") from error

    def render(self, fields: Mapping[str, str]) -> str:
        """Return the text for one row.

        Raises:
            DataError: when a name is unknown, an operation is unsafe or fails, or the output
                is longer than 100,000 characters.
        """
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._template.generate(**fields):
                length += len(piece)
                if length > LONGEST:
                    raise DataError(f"a prompt is longer than {LONGEST:,} characters")
                pieces.append(piece)
        except DataError:
            raise
        except Exception as error:
            # Filters raise whatever Python raises: a wrong template is the user's to mend.
            have = ", ".join(fields)
            raise DataError(f"template fails: {error}", f"the row has: {have}") from error
        return "".join(pieces)


class Prompt:
    """How a task is put to a model.

    Args:
        template: Jinja text over a row's fields.
        labels: the answers to choose from.
        format: `plain` continues the text with a space and the label; `chat` wraps the text in
            the tokenizer's chat template and the label is the assistant's answer.
        system: system message, for `chat` only.
        examples: labelled rows shown, in this order, before the question (few-shot); or a choice
            that differs from question to question.
    """

    def __init__(
        self,
        template: str,
        labels: Sequence[str],
        format: str = "plain",
        system: str | None = None,
        examples: Sequence[Row] | Examples = (),
    ) -> None:
        if format not in ("plain", "chat"):
            raise DataError(f"no prompt format {format!r}", "use plain or chat")
        if system is not None and format != "chat":
            raise DataError("a system message needs the chat format", "set task.format to chat")
        self.labels = tuple(labels)
        self.format = format
        self._template = Template(template)
        self._system = system
        self._examples = examples if isinstance(examples, Examples) else Examples(examples)
        self._rendered: dict[str, str] = {}
        for row in () if isinstance(examples, Examples) else examples:
            self._render(row)  # a template that fails is told of now

    def encode(self, tokenizer: "PreTrainedTokenizerBase", fields: Mapping[str, str]) -> list[int]:
        """Return the token ids of the prompt, up to where the label begins.

        Raises:
            DataError: when the template fails, or `chat` meets a tokenizer without a chat
                template.
        """
        question = self._template.render(fields)
        if self.format == "chat":
            return encode_chat(tokenizer, self._messages(fields, question))
        shown = "".join(f"{text} {label}\n\n" for text, label in self._shown(fields))
        return encode_text(tokenizer, shown + question)

    def encode_null(self, tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
        """Return the token ids of a text in place of the question, without examples."""
        if self.format == "plain":
            return encode_text(tokenizer, text)
        system = [] if self._system is None else [_message("system", self._system)]
        return encode_chat(tokenizer, [*system, _message("user", text)])

    def label_ids(self, tokenizer: "PreTrainedTokenizerBase") -> dict[str, list[int]]:
        """Return, for every label, the token ids that follow a prompt's ids."""
        before = "\n" if self.format == "chat" else ":"
        space = "" if self.format == "chat" else " "
        return {label: _continuation(tokenizer, before, space + label) for label in self.labels}

    def shown(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return the ids of the rows shown before the question about `fields`."""
        return tuple(row.id for row in self._examples.before(fields))

    def _shown(self, fields: Mapping[str, str]) -> list[tuple[str, str]]:
        return [(self._render(row), row.label or "") for row in self._examples.before(fields)]

    def _render(self, row: Row) -> str:
        if row.id not in self._rendered:
            self._rendered[row.id] = self._template.render(row.fields)
        return self._rendered[row.id]

    def _messages(self, fields: Mapping[str, str], question: str) -> list[dict[str, str]]:
        messages = [] if self._system is None else [_message("system", self._system)]
        for text, label in self._shown(fields):
            messages += [_message("user", text), _message("assistant", label)]
        return [*messages, _message("user", question)]


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


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


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
