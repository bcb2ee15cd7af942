"""Every `yaml` and `console` example in the pages a user reads is executed.

A `console` block is a session: lines after `$ ` are commands, the lines below them what they
print, where a line `...` stands for any lines and `...` inside a line for any text. The blocks of
one page share a folder and run in order. A comment on the line above a block may say more:

    <!-- file: specs/x.yaml -->   write the block there, for the commands after it
    <!-- exit: 1 -->              the last command of the block ends with this code
    <!-- slow -->                 needs the real model: run by `make test-all` only

A `yaml` block with a `level` is a whole spec and must validate; others must be YAML. Blocks that
install things are fenced as `sh` and are not run here: `make setup` is how the tests came to run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(?:<!-- (?P<note>[^\n]*) -->\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.M | re.S
)


@dataclass
class Example:
    """One fenced block and what the comment above it says."""

    kind: str
    body: str
    note: str
    line: int

    def noted(self, key: str) -> str | None:
        found = re.search(rf"\b{key}: *(\S+)", self.note)
        return found[1] if found else None


def examples(page: Path) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    return [
        Example(m["kind"], m["body"], m["note"] or "", text.count("\n", 0, m.start("body")))
        for m in FENCE.finditer(text)
    ]


def steps(body: str) -> list[tuple[str, str]]:
    """Split a console block into (command, expected output); `\\` continues a command."""
    body = body.replace("\\\n", " ")
    parts = re.split(r"^\$ (.*)\n", body, flags=re.M)
    assert parts[0].strip() == "", f"output before the first command: {parts[0]!r}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def matches(printed: str, expected: str) -> bool:
    lines = [re.escape(line.rstrip()) for line in expected.strip().splitlines()]
    any_lines = r"(?:.*(?:\n|$))*?"
    pattern = "".join(
        any_lines if line == r"\.\.\." else line.replace(r"\.\.\.", ".*") + r"[ ]*(?:\n|$)"
        for line in lines
    )
    return re.fullmatch(pattern, printed.strip() + "\n" if lines else printed) is not None


class Session:
    """A folder in which the examples of one page run, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        if command.startswith("cd "):
            self.folder = (self.folder / command[3:].strip()).resolve(strict=True)
            return subprocess.CompletedProcess(command, 0, "", "")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def run_page(page: Path, folder: Path, *, slow: bool) -> None:
    session = Session(folder)
    for example in examples(page):
        where = f"{page.name}:{example.line}"
        if "slow" in example.note and not slow:
            continue
        if (path := example.noted("file")) is not None:
            session.write(path, example.body)
        elif example.kind == "yaml":
            check_yaml(session, example, where)
        elif example.kind == "console":
            run_console(session, example, where)


def check_yaml(session: Session, example: Example, where: str) -> None:
    import yaml

    assert yaml.safe_load(example.body) is not None, f"{where}: empty"
    if re.search(r"^level:", example.body, re.M):
        session.write("specs/quickstart/example.yaml", example.body)
        done = session.run("nivel validate specs/quickstart/example.yaml")
        assert done.returncode == 0, f"{where}:\n{done.stdout}"


def run_console(session: Session, example: Example, where: str) -> None:
    found = steps(example.body)
    for number, (command, expected) in enumerate(found, 1):
        done = session.run(command)
        code = int(example.noted("exit") or 0) if number == len(found) else 0
        assert done.returncode == code, f"{where}: {command}\n{done.stdout}"
        if expected.strip():
            assert matches(done.stdout, expected), f"{where}: {command}\n{done.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_do_what_it_says(page, tmp_path):
    run_page(page, tmp_path, slow=False)


@pytest.mark.slow
def test_the_examples_of_the_readme_that_need_the_real_model_do_too(tmp_path):
    run_page(ROOT / "README.md", tmp_path, slow=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_has_examples_to_run():
    kinds = [example.kind for example in examples(ROOT / "README.md")]
    assert kinds.count("console") >= 3 and kinds.count("yaml") >= 1


def test_output_that_differs_does_not_match():
    assert matches("a 1\nb\nc\n", "a ...\n...\nc\n")
    assert not matches("a 1\nb\nd\n", "a ...\n...\nc\n")
    assert not matches("a\nb\n", "a\n")
