"""Every command of a chat, by what it does; and bars as they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from nivel.runtime.chat import TestRows as Rows
from nivel.runtime.chat import Words
from nivel.runtime.chat.bars import bars, harmless, percent, render_bars, visible
from nivel.runtime.chat.commands import COMMANDS, Misused, Quit, command_in, message_in, obey
from nivel.runtime.errors import DataError

from .kit import answered, local_chat


@pytest.fixture
def chat(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.jsonl").write_text('{"t": "old", "label": "x"}\n')
    made = local_chat(tests=Rows(path="t.jsonl", columns={"text": "t", "label": "label"}))
    answered(made, "one")
    return made


def test_lines_are_commands_or_messages():
    assert command_in("/help") == "help" and command_in("//help") is None
    assert command_in("help") is None and command_in(" /help") is None
    assert message_in("//etc/hosts") == "/etc/hosts" and message_in("a / b") == "a / b"


def test_help_names_every_command(chat):
    said = obey(chat, "help")
    assert all(f"/{name}" in said and one.does in said for name, one in COMMANDS.items())


CASES = {
    "help": ("help", "/temperature"),
    "temperature": ("temperature 0.7", "temperature 0.7, at most 8 tokens, seed 0"),
    "max_tokens": ("max_tokens  9 ", "temperature 0, at most 9 tokens"),
    "top_p": ("top_p 0.5", "top_p 0.5"),
    "seed": ("seed 11", "seed 11"),
    "system": ("system Be kind.", "system message set"),
    "probs": ("probs one two", "after “one two”"),
    "tokens": ("tokens", "tokens of the 512"),
    "save": ("save right", "added to t.jsonl, which has 2 rows now"),
    "undo": ("undo", "taken back: one"),
    "reset": ("reset", "begun anew; the settings stay"),
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_does_what_it_says(chat, name):
    if name == "quit":
        with pytest.raises(Quit):
            obey(chat, name)
        return
    line, said = CASES[name]
    assert said in obey(chat, line)
    now = chat.conversation
    seen = {
        "temperature": now.generation.temperature == 0.7,
        "max_tokens": now.generation.max_tokens == 9,
        "top_p": now.generation.top_p == 0.5,
        "seed": now.generation.seed == 11,
        "system": now.system == "Be kind.",
        "undo": now.turns == (),
        "reset": now.turns == (),
        "save": "right" in Path("t.jsonl").read_text(),
    }
    assert seen.get(name, True)


def test_without_a_value_the_model_s_own_is_in_force_and_there_is_no_system_message(chat):
    obey(chat, "temperature 1.5")
    assert obey(chat, "temperature").startswith("temperature 0,")
    assert "at most 256 tokens" in obey(chat, "max_tokens")
    obey(chat, "system Be kind.")
    assert obey(chat, "system") == "no system message now" and chat.conversation.system is None


def test_probs_without_a_text_looks_at_the_answer_s_beginning(chat):
    assert obey(chat, "probs").startswith("the answer to “one”")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("temprature 1", "did you mean /temperature?"),
        ("xyzzy", "see /help"),
        ("", "there is no command /"),
        ("undo it", "/undo takes nothing"),
        ("quit now", "/quit takes nothing"),
    ],
)
def test_what_is_no_command_is_told_of_with_a_cure(chat, line, said):
    before = chat.conversation
    with pytest.raises(Misused, match="."):
        obey(chat, line)
    try:
        obey(chat, line)
    except Misused as error:
        assert said in str(error)
    assert chat.conversation is before


@pytest.mark.parametrize("line", ["temperature hot", "max_tokens 0", "seed -1", "top_p 3"])
def test_a_value_that_is_none_changes_nothing(chat, line):
    before = chat.conversation
    with pytest.raises(DataError, match="give a"):
        obey(chat, line)
    assert chat.conversation is before


def test_undo_goes_back_turn_by_turn_and_ends(chat):
    answered(chat, "two")
    assert obey(chat, "undo") == "taken back: two" and obey(chat, "undo") == "taken back: one"
    with pytest.raises(DataError, match="nothing was asked yet"):
        obey(chat, "undo")


def test_a_terminal_is_shown_nothing_that_it_would_obey():
    assert harmless("a\x1b[2Jb\x07\u202ec\r\n\td") == "a\ufffd[2Jb\ufffd\ufffdc\ufffd\n\td"
    assert harmless("é 漢 😀") == "é 漢 😀"
    assert visible(" a\n\t\x1b") == "␣a↵⇥\\x1b"


def test_bars_fit_the_width_and_their_lengths_are_the_shares():
    words = Words(((" a", 0.5), ("漢字", 0.25), ("x" * 40, 0.0004)), 100)
    drawn = render_bars(bars("after", "some\ntext " * 30, words), 60)
    heading, *lines = drawn.splitlines()
    assert heading.startswith("after “…") and heading.endswith(
        "3 likeliest of 100 tokens hold 75.0%"
    )
    assert [line.count("█") for line in lines][:2] == [30, 15]
    assert "97 others" in lines[-1] and percent(0.2496) == "25.0%" and "<0.1%" in lines[2]
    assert all(len(line) <= 60 for line in lines)


def test_a_distribution_that_is_whole_has_no_others():
    shown = bars("after", "x", Words((("a", 0.75), ("b", 0.25)), 2))
    assert [label for label, _ in shown.rows] == ["a", "b"]
    assert bars("after", "x", Words((("a", 0.75),), None)).rows[-1] == ("others", 0.25)
