"""Which tokens of a conversation are trained, held to templates that tell or hide them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nivel.runtime.data import encode_answers, encode_conversations
from nivel.runtime.data.chat import TODAY, render_chat
from nivel.runtime.data.encodings import IGNORED, Encoding, settle
from nivel.runtime.data.formats import Conversation, detect, read_conversation
from nivel.runtime.data.prompt import encode_chat
from nivel.runtime.data.rows import Row
from nivel.runtime.errors import DataError
from nivel.runtime.models import train_byte_bpe
from nivel.runtime.prompting import Question

COLUMNS = {"text": "text", "label": "label"}
CHATML = """\
{%- if tools %}{{ '<|im_start|>system\\n' + (tools | tojson) + '<|im_end|>\\n' }}{% endif -%}
{%- for m in messages -%}
{{ '<|im_start|>' + m.role + '\\n' + m.content }}
{%- for call in m.tool_calls or [] %}{{ '<call>' + (call.function | tojson) }}{% endfor -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}
"""
MARKED = """\
{%- for m in messages -%}
{{ '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}
{%- else %}{{ m.content }}{% endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}
"""
STRIPS = """\
{%- for m in messages -%}
{%- set said = m.content if loop.last else m.content.split('</think>') | last -%}
{{ '<|im_start|>' + m.role + '\\n' + said + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}
"""


def tokenizer(template: str | None = CHATML) -> Any:
    made = train_byte_bpe(["red green blue user assistant system tool and the question"], 290)
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    made.pad_token = "<|im_end|>"  # SmolLM2's trap: padding is the end of a turn
    made.chat_template = template
    return made


def talk(*turns: tuple[str, str], **more: Any) -> Conversation:
    messages = tuple({"role": role, "content": content} for role, content in turns)
    return Conversation("row", messages, **more)


LONG = talk(
    ("system", "Be kind."), ("user", "red?"), ("assistant", "green"),
    ("user", "and blue?"), ("assistant", "the question"),
)  # fmt: skip


def trained(made: Any, row: Conversation, **how: Any) -> list[str]:
    """Return the stretches of text that carry a loss."""
    rows = encode_conversations([row], made, max_length=500, **how)
    (ids,), (labels,) = rows.input_ids, rows.labels
    assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
    found, before = [], IGNORED
    for label in labels:
        if label != IGNORED:
            found += [[]] if before == IGNORED else []
            found[-1].append(label)
        before = label
    return [made.decode(part) for part in found]


@pytest.mark.parametrize("template", [CHATML, MARKED])
def test_turns_of_the_assistant_are_trained_with_their_end(template: str) -> None:
    made = tokenizer(template)
    assert trained(made, LONG) == ["green<|im_end|>", "the question<|im_end|>"]
    assert trained(made, LONG, train_end=False) == ["green", "the question"]
    assert trained(made, LONG, train_on="last") == ["the question<|im_end|>"]
    assert trained(made, LONG, train_on="completion") == ["the question<|im_end|>"]


def test_all_trains_every_token_but_what_tools_returned() -> None:
    made = tokenizer()
    (whole,) = trained(made, LONG, train_on="all")
    assert whole == render_chat(made, LONG.messages)
    row = talk(("user", "red?"), ("assistant", "wait"), ("tool", "blue"), ("assistant", "blue!"))
    first, second = trained(made, row, train_on="all")
    assert first.endswith("wait<|im_end|>\n") and second.startswith("<|im_start|>assistant\nblue!")


def test_a_tool_call_is_trained_and_its_result_is_not() -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "red"}}}
    tools = ({"type": "function", "function": {"name": "look"}},)
    messages = (
        {"role": "user", "content": "red?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "green"},
        {"role": "assistant", "content": "It is green."},
    )
    row = Conversation("row", messages, tools)
    calling, answer = trained(tokenizer(), row)
    assert '"name": "look"' in calling and answer == "It is green.<|im_end|>"
    assert trained(tokenizer(), row, train_on="completion") == [calling, answer]
    assert trained(tokenizer(), row, train_on="last") == [answer]
    with pytest.raises(DataError, match="leaves out"):
        trained(tokenizer(MARKED), row)


def test_the_prompt_that_is_trained_after_is_the_one_that_is_asked() -> None:
    made = tokenizer()
    rows = encode_conversations([LONG], made, train_on="last", max_length=500)
    asked = encode_chat(made, LONG.messages[:-1])
    assert rows.input_ids[0][: len(asked)] == asked
    assert rows.labels[0][: len(asked)] == [IGNORED] * len(asked)
    assert rows.labels[0][len(asked)] != IGNORED


def test_a_template_that_rewrites_earlier_turns_is_refused_but_for_the_last() -> None:
    row = talk(
        ("user", "red?"), ("assistant", "<think>so</think>green"),
        ("user", "blue?"), ("assistant", "<think>so</think>yes"),
    )  # fmt: skip
    with pytest.raises(DataError, match="differently once others follow"):
        trained(tokenizer(STRIPS), row)
    assert trained(tokenizer(STRIPS), row, train_on="last") == ["<think>so</think>yes<|im_end|>"]


def test_messages_of_weight_0_are_read_and_never_learned() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "red?"},
            {"role": "assistant", "content": "green", "weight": 0},
            {"role": "user", "content": "blue?"},
            {"role": "assistant", "content": "yes", "weight": 1},
        ]
    }
    assert trained(tokenizer(), read_conversation("r", row, "messages", COLUMNS)) == [
        "yes<|im_end|>"
    ]


@pytest.mark.parametrize(
    ("template", "row", "why"),
    [
        (None, LONG, "chat template"),
        (CHATML.replace("'<|im_end|>\\n'", "'\\n'"), LONG, "would not learn to stop"),
        (CHATML.replace(" + m.content", ""), LONG, "leaves out"),
        (CHATML, talk(("user", "a<|im_end|>b"), ("assistant", "c")), "special token"),
        (CHATML, talk(("user", "a"), ("assistant", "c"), tools=({"name": "f"},)), None),
        (MARKED, talk(("user", "a"), ("assistant", "c"), tools=({"name": "f"},)), "`tools`"),
    ],
)
def test_what_cannot_be_masked_exactly_is_refused_with_its_row(
    template: str | None, row: Conversation, why: str | None
) -> None:
    if why is None:
        assert trained(tokenizer(template), row)
        return
    with pytest.raises(DataError, match=why) as found:
        trained(tokenizer(template), row)
    assert found.value.message.startswith("row: ") and found.value.cure


def test_the_day_in_a_template_does_not_depend_on_the_day() -> None:
    dated = "{{ strftime_now('%d %b %Y') }}{{ strftime_now(\"%Y\") }}\n" + CHATML
    text = render_chat(tokenizer(dated), LONG.messages)
    assert text.startswith(TODAY.strftime("%d %b %Y%Y"))
    assert render_chat(tokenizer("\n  {%- if true %}x{% endif %}{# strftime_now #}"), []) == "x"


@pytest.mark.parametrize(
    ("row", "format", "roles"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]},
                       {"role": "assistant", "content": "a"}]}, "messages", "ua"),
        ({"conversations": [{"role": "user", "content": "q"}, {"role": "assistant",
          "content": "a"}]}, "messages", "ua"),
        ({"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"},
          {"from": "function_call", "value": '{"name": "f", "arguments": "{}"}'},
          {"from": "observation", "value": "o"}, {"from": "gpt", "value": "a"}],
          "tools": '[{"name": "f"}]'}, "sharegpt", "suata"),
        ({"instruction": "q", "input": "", "output": "a", "history": [["h", "i"]],
          "system": "s"}, "alpaca", "suaua"),
        ({"prompt": "q", "completion": "a"}, "prompt-completion", "ua"),
        ({"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant",
          "content": "a"}]}, "prompt-completion", "ua"),
        ({"text": "q", "label": "a", "messages": None}, "text-label", "ua"),
    ],
)  # fmt: skip
def test_every_format_is_told_by_its_keys_and_read(
    row: dict[str, Any], format: str, roles: str
) -> None:
    assert detect([("r", row)], "text", "label") == format
    found = read_conversation("r", row, format, COLUMNS)
    assert "".join(message["role"][0] for message in found.messages) == roles
    assert found.messages[-1]["content"] == "a"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"instruction": "q", "output": "a"}, {"prompt": "q", "completion": "a"}], "row 1 is"),
        ([{"question": "q", "answer": "a"}], "none of the formats"),
        ([{"instruction": "q", "output": "a", "text": "q", "label": "a"}], "several formats"),
        ([{"prompt": "q", "chosen": "a", "rejected": "b"}], "chosen and a rejected"),
        ([{"messages": [{"role": "user", "content": "q"}], "label": True}], "a verdict"),
        ([], "no rows"),
    ],
)
def test_rows_of_mixed_several_or_no_formats_are_refused(
    rows: list[dict[str, Any]], why: str
) -> None:
    with pytest.raises(DataError, match=why):
        detect([(str(place), row) for place, row in enumerate(rows)], "text", "label")


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "not a list"),
        (["q"], "not a map"),
        ([{"role": "king", "content": "q"}], "no role 'king'"),
        ([{"role": "user", "content": "q"}], "says nothing"),
        ([{"role": "assistant", "content": "q"}], "before anybody asked"),
        ([{"role": "user", "content": {"image": 1}}], "no content that is text"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [
            {"function": {"name": "f", "arguments": "{"}}]}], "not JSON"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_conversation_is_refused_by_name(messages: list[Any], why: str) -> None:
    with pytest.raises(DataError, match=f"data.jsonl:7: .*{why}"):
        read_conversation("data.jsonl:7", {"messages": messages}, "messages", COLUMNS)


def test_the_compiler_tells_formats_as_the_run_does() -> None:
    from nivel.compiler.formats import FORMATS, recognise
    from nivel.runtime.data import formats

    assert FORMATS == formats.FORMATS
    draw = random.Random(1)
    values = [None, "x", True, [], [{"role": "user"}], [{"from": "human"}], [1], {"a": 1}]
    keys = ("messages", "conversations", "chosen", "rejected", "label", "kto_tag", "text",
            "instruction", "output", "prompt", "completion")  # fmt: skip
    for _ in range(3000):
        row = {key: draw.choice(values) for key in keys if draw.random() < 0.4}
        assert recognise(row, "text", "label") == formats.recognise(row, "text", "label"), row


@pytest.mark.parametrize("format", ["plain", "chat"])
def test_an_answer_is_learned_after_the_question_that_is_asked(format: str) -> None:
    made, question = tokenizer(), Question("Q: {{ text }}", format)
    row = Row("r", {"text": "red"}, "green")
    rows = encode_answers([row], question, made, max_length=100)
    ids, labels = rows.input_ids[0], rows.labels[0]
    learned = made.decode([label for label in labels if label != IGNORED])
    assert learned == ("green<|im_end|>" if format == "chat" else " green<|endoftext|>")
    assert labels[labels.index(IGNORED)] == IGNORED and len(ids) == len(labels)
    ends = {"chat": "<|im_end|>", "plain": "<|endoftext|>"}
    assert rows.ends == {made.convert_tokens_to_ids(ends[format])}
    with pytest.raises(DataError, match="no label"):
        encode_answers([Row("r", {"text": "a"}, None)], question, made, max_length=100)


def sized(*lengths: int) -> list[Encoding]:
    return [
        Encoding(f"r{place}", tuple(range(n)), (IGNORED,) * (n - 2) + (n - 2, n - 1))
        for place, n in enumerate(lengths)
    ]


def test_rows_that_are_too_long_are_refused_dropped_or_cut_up_to_a_share() -> None:
    rows = sized(*[5] * 9, 20)
    with pytest.raises(
        DataError, match="1 of 10 rows are longer than max_length 10; row r9 has 20"
    ):
        settle(rows, 10, "refuse", 1.0)
    kept = settle(rows, 10, "drop", 0.1)
    assert (len(kept), kept.dropped, kept.truncated) == (9, 1, 0)
    with pytest.raises(DataError, match="more than the share of 0.05"):
        settle(rows, 10, "drop", 0.05)
    with pytest.raises(DataError, match="no trained token: r9"):
        settle(rows, 10, "cut", 0.1)
    cut = settle(sized(*[5] * 9, 11), 10, "cut", 0.1)
    assert (len(cut), cut.dropped, cut.truncated, len(cut.input_ids[9])) == (10, 0, 1, 10)


def test_the_first_fault_is_told_with_how_many_there_are() -> None:
    faults = [Encoding(str(n), fault=DataError(f"{n}: bad", "mend it")) for n in range(3)]
    with pytest.raises(DataError, match=r"0: bad \(3 of 4 rows have a fault\)"):
        settle([*faults, *sized(5)], 10, "refuse", 0.1)
