"""Each hostile text is refused at its place or harmless, in a second and 200 MB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .corpus import Text, texts

Judge = Any
TEXTS = texts()
PARSED = [text for text in TEXTS if not text.either]
"""The others are about patterns, which do not know how the text was parsed."""


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_a_hostile_text_is_refused_or_harmless(text: Text, judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(text.content)
    _holds(text, judge(tmp_path))


@pytest.mark.parametrize("text", PARSED, ids=lambda text: text.name)
def test_the_parser_in_python_comes_to_the_same_verdict(
    text: Text, judge_without_libyaml: Judge, tmp_path: Path
) -> None:
    (tmp_path / "x.yaml").write_bytes(text.content)
    _holds(text, judge_without_libyaml(tmp_path))


def _holds(text: Text, result: dict[str, Any]) -> None:
    codes = {code for code, *_ in result["findings"]}
    if text.codes:
        assert codes & text.codes, (sorted(text.codes), result["findings"][:3])
        assert not result["accepted"]
    elif not text.either:
        assert result["accepted"], result["findings"][:3]
