"""Chat templates: how they are applied, and which tokens of a conversation the assistant wrote.

What is trained is exactly what a model would have to write in use: what follows the prompt that
the template makes for the turn, up to and with the token that ends it. Two ways lead there, both
without guessing:

* a template may mark what the assistant writes, by `{% generation %}`;
* otherwise the conversation is rendered up to each turn, and each rendering has to be a prefix of
  the whole. A template that writes earlier answers differently, as those that strip thinking do,
  is refused for these turns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jinja2

from ..errors import DataError
from .formats import Conversation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Piece", "conversation_pieces", "encode_pieces", "render_chat"]

TODAY = datetime(2024, 7, 26)
"""The day that templates are told it is: the one Llama 3's own falls back to."""

_MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")
_DATE = re.compile(r"strftime_now\(\s*(?:\"([^\"]*)\"|'([^']*)')\s*\)")
_CURE = "use an instruct model, name a template as model.chat_template, or set task.format to plain"

Piece = tuple[str, bool]
"""A stretch of text, and whether the assistant writes it."""


def render_chat(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Mapping[str, Any]],
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    answer_next: bool = False,
) -> str:
    """Return a conversation as its model's text; a date in it is the same on every day.

    Args:
        answer_next: end with what asks the assistant to speak.

    Raises:
        DataError: when the tokenizer has no chat template, or it refuses these messages.
    """
    whole, _ = _render(tokenizer, messages, tools, answer_next, marks=False)
    return whole


def _render(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None,
    answer_next: bool,
    *,
    marks: bool,
) -> tuple[str, list[tuple[int, int]]]:
    """Return the text, and with ``marks`` the stretches that the template marks as generated."""
    from transformers.utils.chat_template_utils import render_jinja_template

    given = None if tools is None else [dict(tool) for tool in tools]
    render: Any = render_jinja_template
    try:
        template = tokenizer.get_chat_template(tools=given)
        texts, found = render(
            conversations=[[dict(message) for message in messages]],
            tools=given,
            chat_template=_dated(template),
            return_assistant_tokens_mask=marks,
            add_generation_prompt=answer_next,
            **tokenizer.special_tokens_map,
        )
    except (ValueError, TypeError, jinja2.TemplateError) as error:
        first = str(error).strip().partition("\n")[0]
        message = f"the tokenizer's chat template does not serve: {first}"
        raise DataError(message, _CURE) from error
    return str(texts[0]), list(found[0]) if marks else []


def _dated(template: str) -> str:
    """Put a fixed day in place of the clock, so that training does not depend on when it is run."""
    if "strftime_now" not in template:
        return template
    formats = {first or second for first, second in _DATE.findall(template)}
    days = json.dumps({text: TODAY.strftime(text) for text in sorted(formats)})
    # On a line of its own, which `trim_blocks` removes whole.
    fixed = f"{{% macro strftime_now(format) %}}{{{{ {days}[format] }}}}{{% endmacro %}}\n"
    return fixed + template


def conversation_pieces(
    tokenizer: PreTrainedTokenizerBase, conversation: Conversation, train_on: str
) -> list[Piece]:
    """Return a conversation's text in pieces, those to be trained marked.

    Args:
        train_on: `assistant` every turn of it, `last` the last one, `completion` those after the
            last user's, `all` everything but what tools returned.

    Raises:
        DataError: the template cannot show exactly which text is whose.
    """
    _refuse_special(tokenizer, conversation)
    _require_tools(tokenizer, conversation)
    if train_on == "all":
        return _without_tools(tokenizer, conversation)
    turns = wanted_turns(conversation, train_on)
    if _MARKS.search(tokenizer.get_chat_template() if tokenizer.chat_template else ""):
        whole, spans = _marked(tokenizer, conversation, turns)
    else:
        whole, spans = _incremental(tokenizer, conversation, turns)
    for turn, (start, end) in zip(turns, spans, strict=True):
        _require_content(conversation.messages[turn], whole[start:end])
    return list(_cut(whole, spans))


def wanted_turns(conversation: Conversation, train_on: str) -> list[int]:
    """Return the places of the messages to be trained."""
    messages = conversation.messages
    turns = [place for place, one in enumerate(messages) if one["role"] == "assistant"]
    users = [place for place, one in enumerate(messages) if one["role"] == "user"]
    if train_on == "last":
        turns = turns[-1:]
    elif train_on == "completion":
        turns = [place for place in turns if place > users[-1]]
    return [place for place in turns if place not in conversation.context]


def _incremental(
    tokenizer: PreTrainedTokenizerBase, conversation: Conversation, turns: Sequence[int]
) -> tuple[str, list[tuple[int, int]]]:
    messages, tools = conversation.messages, conversation.tools
    whole = render_chat(tokenizer, messages, tools=tools)
    spans = []
    for turn in turns:
        before = render_chat(tokenizer, messages[:turn], tools=tools, answer_next=True)
        last = turn == len(messages) - 1
        after = whole if last else render_chat(tokenizer, messages[: turn + 1], tools=tools)
        if not whole.startswith(before) or not whole.startswith(after) or len(after) < len(before):
            raise DataError(
                f"the chat template writes message {turn + 1} differently once others follow, so "
                "what the assistant would write there cannot be told",
                "set objective.train_on to last, or name a template with {% generation %} marks "
                "as model.chat_template",
            )
        spans.append((len(before), len(after)))
    return whole, spans


def _marked(
    tokenizer: PreTrainedTokenizerBase, conversation: Conversation, turns: Sequence[int]
) -> tuple[str, list[tuple[int, int]]]:
    messages = conversation.messages
    whole, spans = _render(tokenizer, messages, conversation.tools, False, marks=True)
    places = [place for place, one in enumerate(messages) if one["role"] == "assistant"]
    if len(spans) != len(places):
        raise DataError(
            f"the chat template marks {len(spans)} stretches as generated, but the assistant "
            f"speaks {len(places)} times",
            "mend the template, or name another as model.chat_template",
        )
    by_place = dict(zip(places, spans, strict=True))
    return whole, [by_place[turn] for turn in turns]


def _without_tools(tokenizer: PreTrainedTokenizerBase, conversation: Conversation) -> list[Piece]:
    """Everything is trained but what tools returned, and messages that are only read."""
    messages, tools = conversation.messages, conversation.tools
    read = {place for place, one in enumerate(messages) if one["role"] == "tool"}
    whole = render_chat(tokenizer, messages, tools=tools)
    spans = []
    for place in sorted(read | conversation.context):
        before = render_chat(tokenizer, messages[:place], tools=tools)
        after = render_chat(tokenizer, messages[: place + 1], tools=tools)
        if not whole.startswith(before) or not whole.startswith(after):
            raise DataError(
                f"the chat template does not show where message {place + 1} begins and ends",
                "set objective.train_on to assistant",
            )
        spans.append((len(before), len(after)))
    return [(text, not inside) for text, inside in _cut(whole, spans)]


def _cut(whole: str, spans: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    done = 0
    for start, end in spans:
        if start > done:
            yield whole[done:start], False
        yield whole[start:end], True
        done = end
    if done < len(whole):
        yield whole[done:], False


def _require_content(message: Mapping[str, Any], text: str) -> None:
    """Refuse a template that leaves out what the assistant says or calls."""
    said = [message["content"]]
    said += [call["function"]["name"] for call in message.get("tool_calls", ())]
    squeezed = "".join(text.split())
    for part in said:
        if "".join(part.split()) not in squeezed:
            what = "its tool calls" if part is not said[0] else "what it says"
            raise DataError(
                f"the chat template leaves out a part of the assistant's turn: {what}",
                "name a template that writes it as model.chat_template",
            )


def _require_tools(tokenizer: PreTrainedTokenizerBase, conversation: Conversation) -> None:
    """Refuse a template that leaves out the functions that a row says may be called."""
    messages, tools = conversation.messages, conversation.tools
    if tools and render_chat(tokenizer, messages, tools=tools) == render_chat(tokenizer, messages):
        raise DataError(
            "the chat template leaves out the row's `tools`",
            "name a template that writes them as model.chat_template",
        )


def _refuse_special(tokenizer: PreTrainedTokenizerBase, conversation: Conversation) -> None:
    """A text that holds the words of the template could end a turn, or begin another one."""
    for message in conversation.messages:
        for word in tokenizer.all_special_tokens:
            if word in message["content"]:
                raise DataError(
                    f"a {message['role']}'s message holds the special token {word}",
                    "take it out of the row, or write it otherwise",
                )


def encode_pieces(tokenizer: PreTrainedTokenizerBase, pieces: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each piece as it stands after those before it.

    Tokenizers that mark words by a leading space put one before any text that stands alone, and
    others join letters across a cut. Where the whole has a token across a cut, the pieces keep
    their own tokens, as in use, where the prompt is read before the answer is written.

    Raises:
        DataError: where these tokens would not give the text.
    """
    alone = [_ids(tokenizer, piece) for piece in pieces]
    whole = _ids(tokenizer, "".join(pieces))
    if [token for ids in alone for token in ids] == whole:
        return alone
    ends = [len(_ids(tokenizer, "".join(pieces[: k + 1]))) for k in range(len(pieces))]
    heads = [_ids(tokenizer, "".join(pieces[:k])) for k in range(1, len(pieces))]
    if all(whole[: len(head)] == head for head in heads):
        return [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    if _text(tokenizer, [token for ids in alone for token in ids]) != _text(tokenizer, whole):
        raise DataError("the tokenizer joins the prompt and the answer into one token")
    return alone


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _text(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
