"""Keys in clear are refused and not repeated. They are put together here from pieces, so that no
scanner takes this file for a leak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nivel.compiler.check import check
from nivel.compiler.diagnostics import Diagnostic
from nivel.compiler.examples import complete
from nivel.compiler.render import render_json, render_text
from nivel.compiler.secret import hide


def found(text: str, folder: Path) -> list[Diagnostic]:
    (folder / "spec.yaml").write_text(complete(text), encoding="utf-8")
    return list(check(folder / "spec.yaml", project=folder).diagnostics)


def codes(text: str, folder: Path) -> list[str]:
    return [item.code for item in found(text, folder)]


LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG"
KEYS = {
    "OpenAI": "sk-" + "proj-" + LETTERS,
    "Anthropic": "sk-" + "ant-api03-" + LETTERS,
    "Hugging Face": "hf" + "_" + LETTERS,
    "GitHub": "ghp" + "_" + LETTERS,
    "GitHub, fine-grained": "github" + "_pat_" + LETTERS,
    "GitLab": "glpat" + "-" + LETTERS,
    "Slack": "xoxb" + "-1234567890-" + LETTERS,
    "AWS": "AKIA" + "ABCDEFGHIJKLMNOP",
    "Google": "AIza" + LETTERS,
    "Groq": "gsk" + "_" + LETTERS,
    "NVIDIA": "nvapi" + "-" + LETTERS,
    "Replicate": "r8" + "_" + LETTERS,
    "xAI": "xai" + "-" + LETTERS,
    "PyPI": "pypi" + "-" + LETTERS * 2,
    "Azure storage": "AccountKey" + "=" + LETTERS * 2 + "==",
    "web token": "eyJ" + LETTERS + ".eyJ" + LETTERS + "." + LETTERS,
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "address": "https://me:" + "hunter2@example.org/x",
    "database": "postgres://me:" + "hunter2@db/x",
}


@pytest.mark.parametrize("vendor", KEYS)
def test_a_key_in_clear_is_refused_and_not_repeated(vendor: str, tmp_path: Path) -> None:
    said = json.dumps(f"with {KEYS[vendor]} inside")
    (one,) = found(f"description: {said}\n", tmp_path)
    assert one.code == "NV350"
    assert LETTERS not in one.message + (one.help or "")
    assert "hunter2" not in one.message + (one.help or "")


@pytest.mark.parametrize(
    "text",
    ["a sk-learn-based-baseline-model", "https://example.org:8080/x", "see https://me@example.org",
     "https://${USER}:${TOKEN}@example.org", "the hf_hub_download function",
     "ask-me-anything-about-it-1234",
     "task-1234567890abcdefgh", "sha256 93efa2f097d58c2a74874c7e644dbc9b0cee75a2"],
)  # fmt: skip
def test_ordinary_words_are_no_keys(text: str, tmp_path: Path) -> None:
    assert codes(f"description: {json.dumps(text)}\n", tmp_path) == []


@pytest.mark.parametrize("vendor", KEYS)
def test_no_renderer_prints_a_key(vendor: str, tmp_path: Path) -> None:
    key = KEYS[vendor]
    lines = f"description: {json.dumps(key)}\n{json.dumps(key)}: {json.dumps(key)}\n"
    (tmp_path / "spec.yaml").write_text(complete(f"{lines}model: {{path: {json.dumps(key)}}}\n"))
    checked = check(tmp_path / "spec.yaml", project=tmp_path)
    assert len(checked.diagnostics) >= 3
    drawn = render_text(checked.diagnostics, checked.sources)
    drawn += render_json(checked.diagnostics)
    assert "*" in drawn or vendor == "private key"
    assert LETTERS not in drawn
    assert "hunter2" not in drawn


def test_a_hidden_key_keeps_the_width_of_its_line() -> None:
    for key in KEYS.values():
        line = f"model: {{path: {key}, revision: main}}"
        assert len(hide(line)) == len(line)
    assert hide("https://me:secret@x") == "https://me:******@x"
    assert hide("https://me:${TOKEN}@x") == "https://me:${TOKEN}@x"
