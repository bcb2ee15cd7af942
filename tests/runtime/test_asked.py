"""What a row is asked with, in every form that a spec can give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from nivel.runtime.data import Prompt, Row, encode_training_rows
from nivel.runtime.errors import DataError
from nivel.runtime.models import train_byte_bpe
from nivel.runtime.prompting.question import Question

LABELS = ["bug", "billing"]
CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
MESSAGES = [
    {"role": "system", "content": "Sort {{ kind }}."},
    {"role": "user", "content": "Ready?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "{{ text }}?"},
]
FIELDS = {"kind": "mail", "text": "two"}
EXAMPLE = Row("a", {"kind": "mail", "text": "one"}, "bug")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = train_byte_bpe(["Ticket: the invoice is wrong. Queue: billing bug"], 270)
    made.chat_template = CHAT
    return made


def said(messages: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in messages]


def test_each_message_is_a_template_and_keeps_its_role() -> None:
    messages, text = Question(None, messages=MESSAGES).render(FIELDS)
    assert text is None
    assert said(messages) == [
        ("system", "Sort mail."), ("user", "Ready?"), ("assistant", "Yes."), ("user", "two?")
    ]  # fmt: skip


def test_an_example_repeats_all_but_what_opens_the_conversation() -> None:
    messages, _ = Question(None, messages=MESSAGES, examples=[EXAMPLE]).render(FIELDS)
    turn = [("user", "Ready?"), ("assistant", "Yes.")]
    assert said(messages) == [
        ("system", "Sort mail."), *turn, ("user", "one?"), ("assistant", "bug"),
        *turn, ("user", "two?"),
    ]  # fmt: skip


def test_labels_are_scored_after_the_same_messages_as_answers_are_written_to(
    tokenizer: Any,
) -> None:
    for examples in ([], [EXAMPLE]):
        prompt = Prompt(None, LABELS, "chat", messages=MESSAGES, examples=examples)
        messages, _ = Question(None, messages=MESSAGES, examples=examples).render(FIELDS)
        whole = "".join(f"<{role}>{text}</{role}>" for role, text in said(messages))
        ids = prompt.encode(tokenizer, FIELDS)
        assert tokenizer.decode(ids) == whole + "<assistant>"
        assert prompt.shown(FIELDS) == tuple(row.id for row in examples)


def test_a_row_is_trained_on_as_the_answer_to_its_messages(tokenizer: Any) -> None:
    prompt = Prompt(None, LABELS, "chat", messages=MESSAGES)
    encoded = encode_training_rows([EXAMPLE], prompt, tokenizer, 512)
    asked = prompt.encode(tokenizer, EXAMPLE.fields)
    answer = prompt.label_ids(tokenizer)["bug"]
    assert encoded.input_ids == [[*asked, *answer, tokenizer.eos_token_id]]
    assert [target for target in encoded.labels[0] if target != -100][: len(answer)] == answer


def one(role: str) -> dict[str, str]:
    return {"role": role, "content": "{{ text }}"}


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"template": "x", "messages": [one("user")]}, "either a template or messages"),
        ({"template": None}, "either a template or messages"),
        ({"messages": [one("user")], "format": "plain"}, "messages need the chat format"),
        ({"template": "x", "system": "s", "format": "plain"}, "needs the chat format"),
        ({"template": "x", "format": "html"}, "no prompt format 'html'"),
        ({"messages": [one("human")]}, "no role 'human'"),
        ({"messages": [one("user"), one("system")]}, "a system message stands after others"),
        ({"messages": [one("user"), one("developer"), one("user")]}, "stands after others"),
        ({"messages": [one("system")]}, "do not end with a question"),
        ({"messages": [one("user"), one("assistant")]}, "do not end with a question"),
        ({"messages": [one("system"), one("user")], "system": "s"}, "two system messages"),
        ({"messages": [one("user")], "examples": [Row("a", {"x": "1"}, "bug")]}, "template fails"),
        ({"template": "x", "examples": [Row("a", {"x": "1"}, None)]}, "has no answer"),
    ],
)
def test_what_is_no_question_is_refused_before_anything_is_asked(
    fault: dict[str, Any], what: str
) -> None:
    with pytest.raises(DataError, match=what):
        Question(**{"template": None, **fault})
    with pytest.raises(DataError, match=what):
        Prompt(**{"template": None, "labels": LABELS, "format": "chat", **fault})
