"""A chat under way: what is asked, what is kept, and what is refused meanwhile."""

from __future__ import annotations

import pytest

from nivel.runtime.chat import Chat, Conversation, End, Stop, Turn, changed
from nivel.runtime.chat import TestRows as Rows
from nivel.runtime.chat.conversation import describe, how_it_ended
from nivel.runtime.errors import DataError
from nivel.runtime.prompting import Generation

from .kit import answered, at, local_chat


def test_the_same_conversation_has_the_same_answers_and_a_seed_another():
    def talk(seed: int) -> list[str]:
        chat = local_chat(said={"temperature": 1.0, "seed": seed, "max_tokens": 12})
        return [answered(chat, "one"), answered(chat, "two")]

    assert talk(3) == talk(3) != talk(4)


def test_a_conversation_is_a_value_that_is_not_changed():
    first = Conversation()
    second = first.after(Turn("a", "b", "stop"))
    assert first.turns == () and second.before_last() == first
    assert [m["content"] for m in second.under("be kind").ask("c").messages] == [
        "be kind",
        "a",
        "b",
        "c",
    ]
    assert second.ask("c").id == second.ask("c").id != second.ask("d").id
    assert second.begun_anew().turns == ()


def test_a_plain_text_grows_and_goes_on():
    plain = Conversation(plain=True).after(Turn("Once", " upon", "length"))
    assert plain.ask("a time").text == "Once upon\na time"
    assert plain.ask("").text == plain.point().text == plain.whole().text == "Once upon"
    assert plain.last_question() == "Once"
    with pytest.raises(DataError, match="no system message"):
        plain.under("be kind")


@pytest.mark.parametrize("question", ["", "  \n", "\ud800", "x" * 1_000_001])
def test_what_cannot_be_asked_is_refused(question):
    chat = local_chat()
    with pytest.raises(DataError):
        list(chat.answer(question))
    assert chat.conversation.turns == ()
    answered(chat, "one")  # and the chat goes on


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("temperature", {"0": 0.0, "0.7": 0.7, " 2 ": 2.0}, ["-1", "2.1", "nan", "inf", "hot"]),
        ("max_tokens", {"1": 1, "300": 300}, ["0", "1.5", "-3", "many", "9999999999999"]),
        ("top_p", {"1": 1.0, "0.9": 0.9}, ["0", "1.01", "nan"]),
        ("seed", {"0": 0, "4294967295": 4294967295}, ["-1", "1.5", "4294967296"]),
    ],
)
def test_settings_have_the_limits_that_specs_have(name, good, bad):
    for said, value in good.items():
        assert getattr(changed(Generation(), name, said), name) == value
    for said in bad:
        with pytest.raises(DataError, match=f"{name} cannot be"):
            changed(Generation(), name, said)
    assert getattr(changed(Generation(**{name: 1}), name, ""), name) is None


def test_the_settings_in_force_are_a_local_model_s_own_where_nothing_was_said():
    chat = local_chat(said={"max_tokens": None, "temperature": None})
    assert describe(chat.in_force) == "temperature 0, at most 256 tokens"
    chat.set("temperature", "0.5")
    chat.set("max_tokens", "1")
    chat.set("top_p", "0.9")
    assert describe(chat.in_force) == "temperature 0.5, at most 1 token, top_p 0.9"
    chat.set("temperature", "")
    assert describe(chat.in_force).startswith("temperature 0,")
    remote = Chat(at("http://127.0.0.1:9/v1"))
    assert describe(remote.in_force) == "the endpoint's own temperature, the endpoint's own length"


def test_a_setting_that_the_model_does_not_have_is_refused_at_the_start():
    with pytest.raises(DataError, match="reasoning_effort"):
        local_chat(said={"reasoning_effort": "low"})


def test_why_answers_end():
    said = Generation(max_tokens=1200)
    assert how_it_ended("stop", said) is None
    assert how_it_ended("length", said) == "cut at 1,200 tokens"
    assert how_it_ended("length", Generation()) == "cut at the endpoint's own length"
    assert how_it_ended("a word of theirs", said) == "a word of theirs"


def test_to_stop_a_local_answer_ends_it_after_that_token_and_keeps_it():
    chat, stop = local_chat(said={"max_tokens": 200, "temperature": 1.0}), Stop()
    pieces = []
    for found in chat.answer("one", stop):
        if isinstance(found, End):
            end = found
            break
        pieces.append(found)
        if len(pieces) == 3:
            stop.now()
    assert end.finish == "stopped" and end.output_tokens < 20
    assert chat.conversation.turns[0].answer == end.text == "".join(pieces)


def test_nothing_else_is_done_while_an_answer_is_written():
    chat = local_chat(tests=Rows(path="t.csv", columns={"text": "t"}))
    answered(chat, "one")
    stream = chat.answer("two")
    next(stream)
    for action in (chat.undo, chat.reset, chat.words, chat.save, chat.tokens):
        with pytest.raises(DataError, match="at work"):
            action()
    with pytest.raises(DataError, match="at work"):
        next(chat.answer("three"))
    stream.close()
    assert [turn.question for turn in chat.conversation.turns] == ["one", "two"]
    assert chat.undo() == "two"


def test_a_conversation_that_does_not_fit_is_refused_with_what_fits():
    chat = local_chat(positions=64)
    with pytest.raises(DataError, match="64 positions") as caught:
        list(chat.answer("one two three " * 20))
    assert "undo" in str(caught.value)
    chat.set("max_tokens", "60")
    with pytest.raises(DataError, match="allow at most"):
        list(chat.answer("one"))


def test_the_next_words_are_a_distribution_over_all_tokens():
    chat = local_chat()
    with pytest.raises(DataError, match="nothing was asked yet"):
        chat.words()
    with pytest.raises(DataError, match="empty"):
        chat.words("")
    shown = chat.words("one two")
    assert len(shown.rows) == 11 and sum(share for _, share in shown.rows) == pytest.approx(1)
    assert shown.rows[-1][0].endswith("others") and "“one two”" in shown.heading
    answered(chat, "a question")
    at_answer = chat.words()
    assert at_answer.heading.startswith("the answer to “a question”")
    # greedily, the answer begins with its likeliest token
    chat.set("max_tokens", "1")
    chat.undo()
    first = answered(chat, "a question")
    assert at_answer.rows[0][0].replace("␣", " ") == first or "\ufffd" in first or not first


def test_another_conversation_shares_the_model_and_nothing_else():
    chat = local_chat(system="be kind")
    chat.set("max_tokens", "3")
    answered(chat, "one")
    other = chat.another()
    assert other.streamer is chat.streamer and other.conversation.turns == ()
    assert other.conversation.system == "be kind" and other.in_force.max_tokens == 3
    other.set("max_tokens", "5")
    answered(other, "two")
    assert chat.in_force.max_tokens == 3 and len(chat.conversation.turns) == 1


def test_two_conversations_may_be_answered_at_once():
    alone = [answered(local_chat(said={"max_tokens": 20}), question) for question in ("one", "two")]
    chat = local_chat(said={"max_tokens": 20})
    streams = [chat.answer("one"), chat.another().answer("two")]
    texts = ["", ""]
    for _ in range(30):
        for place, stream in enumerate(streams):
            found = next(stream, None)
            texts[place] += found if isinstance(found, str) else ""
    assert texts == alone


def test_questions_are_saved_once_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.jsonl").write_text('{"t": "old", "label": "x"}\n')
    chat = local_chat(tests=Rows(path="t.jsonl", columns={"text": "t", "label": "label"}))
    with pytest.raises(DataError, match="nothing was asked yet"):
        chat.save()
    answered(chat, "one")
    assert chat.save("mine") == "added to t.jsonl, which has 2 rows now"
    with pytest.raises(DataError, match="saved already"):
        chat.save("mine")
    answered(chat, "two")
    assert chat.save("yours") == "added to t.jsonl, which has 3 rows now"


def test_tokens_are_counted_with_what_is_left():
    chat = local_chat()
    assert chat.tokens() == "0 tokens of the 512 that the model reads; 512 are left"
    answered(chat, "one")
    have = int(chat.tokens().split()[0])
    assert 4 < have < 100 and chat.tokens().endswith(f"{512 - have:,} are left")
