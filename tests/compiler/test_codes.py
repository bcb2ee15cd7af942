"""Every code explains itself with a bad and a good example, and both are run."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.compiler.check import check
from nivel.compiler.codes import CODES, explain
from nivel.compiler.examples import BASE, command_of, complete
from nivel.compiler.rules import RULES, load_rules

HERE = Path(__file__).resolve().parent
COMPILER = HERE.parents[1] / "compiler"

TALK = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
SHARED = [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]


def _lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


FILES = {
    "broken.jsonl": '{"text": "a", "label": "email"}\n{"text": "b"\n',
    "gap.csv": "text,label\nhello,email\nbye\n",
    "empty.csv": "text,label\n",
    "shared.csv": "text,label\nhello,email\nso long,xml\n",
    "spoken/config.json": "{}",
    "spoken/tokenizer.json": '{"model": {"vocab": {"a": 0, "b": 1}}}',
    "books.txt": "A book.\n\nAnother.\n",
    "asked.yaml": complete("level: prompt\nname: asked\n"),
    "trained.yaml": complete("name: trained\n"),
    "talks.jsonl": _lines({"messages": TALK}) * 16,
    "mixed.jsonl": _lines({"messages": TALK}, {"conversations": SHARED}),
    "asked.jsonl": _lines({"question": "1 + 1?", "answer": "2"}) * 16,
    "asked-test.jsonl": _lines({"question": "2 + 2?", "answer": "4"}),
    "both.jsonl": _lines({"messages": TALK, "prompt": "Hello", "completion": "Hi"}) * 16,
    "judged.jsonl": _lines({"conversations": SHARED, "chosen": "Hi", "rejected": "No"}),
    "words.jsonl": _lines({"text": ["Ann", "sat"], "label": ["B-PER", "O"]}) * 16,
    "words-test.jsonl": _lines({"text": ["Bo", "ran"], "label": ["B-PER", "O"]}),
    "chatml.jinja": "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}",
    "probes/qwen.json": '{"probe": 1, "date": "2026-11-24", "base_url": "http://127.0.0.1:8000/v1",'
    ' "model": "qwen", "findings": {}}',
    "tiny/config.json": '{"model_type": "llama", "hidden_size": 16, "num_attention_heads": 2,'
    ' "max_position_embeddings": 4096}',
}
"""What examples name, beside the rows and the seed."""


def codes_of(text: str, folder: Path, lock_of: str | None = None) -> list[str]:
    pairs = "".join(f"hello {n},email\nbye {n},xml\n" for n in range(10))
    (folder / "rows.csv").write_text(f"text,label\nhello,email\nbye,xml\n{pairs}")
    (folder / "more.csv").write_text("text,label\nso long,email\n")
    (folder / "seed.yaml").write_text("seed: 3\n")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    shutil.copytree(HERE.parent / "cases" / "err" / "vendor", folder / "vendor", dirs_exist_ok=True)
    spec = folder / "spec.yaml"
    spec.write_bytes(text.encode("utf-8", "surrogateescape"))
    if command_of(text):
        return codes_of_command(command_of(text), text, lock_of or text, folder)
    path = folder / "absent.yaml" if text.startswith("# whole: a name") else spec
    return [found.code for found in check(path, project=folder).diagnostics]


def codes_of_command(arguments: list[str], text: str, lock_of: str, folder: Path) -> list[str]:
    """Run a command on `text`; beside spec.yaml lies the lock of `lock_of`."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("broken.yaml.lock").write_text("{}")
        if "--locked" in arguments:
            Path("spec.yaml").write_text(lock_of)
            CliRunner().invoke(group, ["lock", "spec.yaml"])
        Path(arguments[1]).write_text(text)
        return re.findall(r"\[(NV\d{3})\]", CliRunner().invoke(group, arguments).output)
    finally:
        os.chdir(before)


@pytest.mark.parametrize("level", BASE)
def test_the_base_of_the_examples_is_a_spec(level: str, tmp_path: Path) -> None:
    assert codes_of(BASE[level], tmp_path) == []


@pytest.mark.parametrize("code", CODES)
def test_bad_example_gives_its_code(code: str, tmp_path: Path) -> None:
    lock_of = complete(CODES[code].good)
    assert code in codes_of(complete(CODES[code].bad), tmp_path, lock_of)


@pytest.mark.parametrize("code", CODES)
def test_good_example_gives_nothing(code: str, tmp_path: Path) -> None:
    assert codes_of(complete(CODES[code].good), tmp_path) == []


def test_codes_in_the_source_are_those_of_the_registry() -> None:
    files = [path for path in COMPILER.rglob("*.py") if path.parent.name != "codes"]
    used = {code for path in files for code in re.findall(r'"(NV\d{3})"', path.read_text())}
    assert used == set(CODES)


def test_rules_carry_codes_of_the_registry() -> None:
    load_rules()
    codes = [getattr(check, "code", "") for check in RULES]
    assert len(codes) == len(set(codes))
    assert set(codes) <= set(CODES)


def test_explain_shows_both_examples() -> None:
    page = explain("nv301")
    assert "batch: 15" in page
    assert "batch: 16" in page


def test_explain_raises_for_an_unknown_code() -> None:
    with pytest.raises(KeyError):
        explain("NV999")
