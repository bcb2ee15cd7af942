"""YAML 1.2 values, exact positions, and hostile text refused with a place and no traceback."""

import time
from typing import Any

import pytest

from nivel.compiler.diagnostics import Span
from nivel.compiler.document import Document, parse_document
from nivel.compiler.events import YAMLError, parse_events
from nivel.compiler.source import Source


def parsed(text: str) -> Document:
    document, found = parse_document(Source("x.yaml", text))
    assert found == []
    assert document is not None
    return document


def faults(text: str) -> list[tuple[str, int, int]]:
    _, found = parse_document(Source("x.yaml", text))
    places = [item.location for item in found]
    assert None not in places
    return [
        (item.code, place.span.line, place.span.column)
        for item, place in zip(found, places, strict=True)
        if place is not None
    ]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-4", 1e-4), ("2E5", 2e5), (".5", 0.5), ("5.", 5.0), ("017", 17), ("0o17", 15),
        ("0xfF", 255), ("-3", -3), ("+3", 3), ("no", "no"), ("on", "on"), ("y", "y"),
        ("22:30", "22:30"), ("1_000", "1_000"), ("0b11", "0b11"), ("2024-01-01", "2024-01-01"),
        ("=", "="), ("~", None), ("Null", None), ("True", True), ("FALSE", False), ("tRue", "tRue"),
        ("'1'", "1"), ('"true"', "true"), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(word: str, value: object) -> None:
    found = parsed(f"a: {word}\n").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_and_values_have_their_own_places() -> None:
    document = parsed("日本: x\nmap:\n  inner: [1, 'two']\n")
    assert document.spans[("日本",)].span == Span(1, 5, 1, 6)
    assert document.key_spans[("map", "inner")].span == Span(3, 3, 3, 8)
    assert document.spans[("map", "inner", 1)].span == Span(3, 14, 3, 19)
    assert document.spans[("map", "inner")].span == Span(3, 10, 3, 20)


def test_places_survive_windows_line_ends() -> None:
    document = parsed("a: 1\r\nb:  2\r\n")
    assert document.spans[("b",)].span == Span(2, 5, 2, 6)


def test_a_value_that_spans_lines_is_shown_at_its_key() -> None:
    document = parsed("a:\n  b: 1\n  c: 2\n")
    place = document.point(("a",))
    assert place is not None
    assert place.span == Span(1, 1, 1, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", [("NV104", 3, 1)]),
        ("a: {b: 1, b: [1, {c: 2}]}\nd: .nan\n", [("NV104", 1, 11), ("NV111", 2, 4)]),
        ("a: &x 1\nb: *x\n", [("NV105", 1, 4), ("NV105", 2, 4)]),
        ("<<: {a: 1}\nb: -.inf\n", [("NV105", 1, 1), ("NV111", 2, 4)]),
        ("a: !!python/object:os.system x\n", [("NV106", 1, 4)]),
        ("a: {{ text }}\nb: !x 1\n", [("NV103", 1, 4), ("NV106", 2, 4)]),
        ("a: {{ text }} more\n", [("NV103", 1, 4)]),
        ("a: T: {{ text }}\n", [("NV103", 1, 4)]),
        ("a: {% if x %}\n", [("NV103", 1, 4)]),
        ("a:\n\tb: 1\n", [("NV102", 2, 1)]),
        ("a: 1\n---\nb: 2\n", [("NV112", 2, 1)]),
        ("? [1]\n: 2\n", [("NV113", 1, 3)]),
        ('a: "x\\0y"\n', [("NV108", 1, 4)]),
        ("a: 1e999\n", [("NV111", 1, 4)]),
        ("a: " + "9" * 5000 + "\n", [("NV111", 1, 4)]),
        ("a: [1, 2\n", [("NV101", 1, 4)]),
    ],
)
def test_each_fault_is_found_once_at_its_place(
    text: str, expected: list[tuple[str, int, int]]
) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_a_hundred_thousand_levels_are_refused_quickly(opening: str) -> None:
    start = time.perf_counter()
    assert [code for code, _, _ in faults("a: " * (opening != "- ") + opening * 100_000)] == [
        "NV110"
    ]
    assert time.perf_counter() - start < 2


def test_more_values_than_the_cap_are_refused() -> None:
    assert [code for code, _, _ in faults("a: [" + "1," * 100_001 + "]")] == ["NV110"]


def test_an_alias_bomb_is_refused_without_growing() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [" + f"*a{n - 1}, " * 9 + "]" for n in range(1, 9)]
    assert {code for code, _, _ in faults("\n".join(lines))} == {"NV105"}


@pytest.mark.parametrize("text", ["a: [1, {b: 'x'}]\nc: |\n  t\n", "a: [", "- *x\n", "é: ü\n"])
def test_the_pure_parser_gives_the_same_events(text: str) -> None:
    assert _events(text, pure=True) == _events(text, pure=False)


def _events(text: str, *, pure: bool) -> list[tuple[str, object, int, int]]:
    events: list[tuple[str, object, int, int]] = []
    try:
        for event in parse_events(text, pure=pure):
            mark: Any = event.start_mark
            value = getattr(event, "value", None)
            events.append((type(event).__name__, value, mark.line, mark.column))
    except YAMLError:
        events.append(("error", None, 0, 0))
    return events
