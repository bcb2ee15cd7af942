"""Whatever is written, in whatever layout: the formatted text says the same, comments and all."""

from __future__ import annotations

import itertools
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nivel.compiler.document import parse_document
from nivel.compiler.fmt import format_source
from nivel.compiler.source import Source

WORDS = (
    "no", "Yes", "y", "on", "1e-4", "22:30", "2024-01-01", "017", "0o17", "1_000", "~", "null",
    "", "a: b", "a #b", "# x", "- a", "-a", "--- x", "{{ text }}", "it's", 'say "x"', "c:\\d",
    "=", "<<", "plain words", "[x]", "x,y", "a:", ":a", "?", "é", "日本", "\u200b", "two\nlines",
    "\n", " x", "x ", "tab\there", "run:name", "%x", "@x", "`x`", "!x", "&x", "*x", "|", ">",
    ".5", "+1", "0x1f", "...",
)  # fmt: skip

texts = st.one_of(st.sampled_from(WORDS), st.text("abc :#-'\"\\,{}[]\n\té", max_size=12))
plain = st.sampled_from(("1", "1e-4", "true", "null", "~", "-0.5", "0x1F", "1.0", "word", "a b"))
names = st.sampled_from(("nivel", "level", "data", "train", "no", "a b", "x", "1", "z:", "seed"))


class Writer:
    """Writes data in a layout of chance; every comment it leaves is another one."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.comments: list[str] = []
        self.number = itertools.count()

    def chance(self, often: int = 3) -> bool:
        return bool(self.draw(st.integers(0, often)) == 0)

    def comment(self) -> str:
        text = f"#{self.draw(st.sampled_from(('', ' ', '  ')))}c{next(self.number)} # x"
        self.comments.append(text)
        return text

    def beside(self) -> str:
        space = self.draw(st.sampled_from((" ", "   ")))
        return space + self.comment() if self.chance() else self.draw(st.sampled_from(("", " ")))

    def between(self, indent: int) -> list[str]:
        lines = [""] * self.draw(st.integers(0, 2))
        while self.chance():
            odd = self.draw(st.integers(0, indent + 3)) if self.chance(2) else indent
            lines += [" " * odd + self.comment(), *([""] if self.chance() else [])]
        return lines

    def scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return value[0]
        style = self.draw(st.sampled_from(("'", '"')))
        if style == '"' or not value.isprintable():
            return yaml.dump(value, default_style='"', width=10_000, allow_unicode=True).strip()
        return "'" + value.replace("'", "''") + "'"

    def flow(self, value: Any, pad: str) -> str:
        if not isinstance(value, dict | list):
            return self.scalar(value)
        break_ = lambda: f"{self.beside()}\n{pad}" if self.chance() else self.draw(SPACES)  # noqa: E731
        parts = []
        for part in value.items() if isinstance(value, dict) else value:
            text = (f"{self.scalar(part[0])}: {self.flow(part[1], pad)}"
                    if isinstance(value, dict) else self.flow(part, pad))  # fmt: skip
            parts.append(break_() + text + break_())
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        return opening + ",".join(parts) + break_() + closing

    def block(self, value: Any, indent: int) -> list[str]:
        lines: list[str] = []
        for part in value.items() if isinstance(value, dict) else value:
            lines += self.between(indent)
            start = " " * indent
            if isinstance(value, dict):
                start, part = f"{start}{self.scalar(part[0])}:", part[1]
            else:
                start += "-"
            lines += self.entry(start, part, indent)
        return lines + self.between(indent)

    def entry(self, start: str, value: Any, indent: int) -> list[str]:
        inner = indent + self.draw(st.integers(1, 4))
        if isinstance(value, dict | list) and value and not self.chance():
            return [start + self.beside(), *self.block(value, inner)]
        if isinstance(value, str) and "\n" in value and value.strip() and self.chance(1):
            return self.literal(start, value, inner - indent, " " * inner)
        if self.chance():
            return [
                start + self.beside(),
                " " * inner + self.flow(value, " " * inner) + self.beside(),
            ]
        return [f"{start} {self.flow(value, ' ' * inner)}{self.beside()}"]

    def literal(self, start: str, value: str, digit: int, pad: str) -> list[str]:
        chomp = "-" if not value.endswith("\n") else "+"
        body = value.split("\n") if chomp == "-" else value.split("\n")[:-1]
        note = f" {self.comment()}" if self.chance() else ""
        return [f"{start} |{digit}{chomp}{note}", *(pad + line for line in body)]


SPACES = st.sampled_from(("", " ", "  "))

leaves = texts | plain.map(lambda word: (word,))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def layouts(draw: Any) -> tuple[str, list[str]]:
    writer = Writer(draw)
    data = draw(st.dictionaries(names | texts, values, min_size=1, max_size=5))
    lines = writer.between(0) + writer.block(data, 0)
    ends = draw(st.sampled_from(("\n", "\r\n")))
    return ends.join(lines) + draw(st.sampled_from(("", ends))), writer.comments


def read(text: str) -> Any:
    document, found = parse_document(Source("x.yaml", text))
    assert document is not None and found == [], text
    return document.data


def same_in_yaml_1_1(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(
            same_in_yaml_1_1(ours[k], theirs[k]) for k in ours
        )
    if isinstance(ours, list):
        return all(map(same_in_yaml_1_1, ours, theirs))
    return not isinstance(ours, str) or ours == theirs


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(layouts())
def test_any_layout_is_formatted_without_changing_what_it_says(
    written: tuple[str, list[str]],
) -> None:
    text, comments = written
    before = read(text)
    done = format_source(Source("x.yaml", text))  # proves the same of itself, by other means
    assert done.text is not None
    assert repr(sorted(read(done.text).items())) == repr(sorted(before.items()))
    for comment in comments:
        assert done.text.count(f"{comment}\n") == 1
    assert done.text.count(" # x\n") >= len(comments)
    assert format_source(Source("x.yaml", done.text)).text == done.text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(layouts())
def test_every_text_is_a_text_to_readers_of_yaml_1_1_too(written: tuple[str, list[str]]) -> None:
    done = format_source(Source("x.yaml", written[0])).text
    assert done is not None
    assert same_in_yaml_1_1(read(done), yaml.safe_load(done))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(layouts())
def test_no_line_has_blanks_at_its_end_and_no_two_lines_in_a_row_are_empty(
    written: tuple[str, list[str]],
) -> None:
    done = format_source(Source("x.yaml", written[0])).text
    assert done is not None
    if "|" not in done:
        assert all(line == line.rstrip() for line in done.split("\n"))
        assert "\n\n\n" not in done and done.endswith("\n") and not done.startswith("\n")
