"""`nivel validate`: what may be named, what is printed where, and staying to watch."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from nivel.cli import group
from nivel.compiler.examples import BASE, complete
from nivel.compiler.render import FORMATS

GOOD = BASE["prompt"]
BAD = complete("sed: 1\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three specs, a shared part, and YAML that is none of nivel's business."""
    files = {
        "specs/a.yaml": GOOD,
        "specs/deep/b.yml": GOOD,
        "specs/c.yaml": GOOD.replace("data:", "extends: part.yaml\ndata:"),
        "specs/part.yaml": "seed: 3\n",
        "specs/.hidden/d.yaml": BAD,
        "specs/runs/e/spec.yaml": BAD,
        "specs/other.yml": "services: {}\nnested: {nivel: 1}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validate(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(group, ["validate", *arguments], input=stdin)


def test_a_folder_stands_for_its_specs_and_says_what_it_left_out(project: Path) -> None:
    done = validate("specs")
    assert done.exit_code == 0, done.output
    ok = ["specs/a.yaml", "specs/c.yaml", "specs/deep/b.yml"]
    assert done.stdout.splitlines() == [f"{name}: ok (prompt)" for name in ok]
    assert done.stderr.splitlines() == [
        "3 specs, 0 errors, 0 warnings",
        "2 YAML files without a key `nivel:` left out",
    ]


def test_a_broken_spec_in_a_folder_is_not_left_out(project: Path) -> None:
    (project / "specs/broken.yaml").write_text("nivel: 2\nname: [\n")
    (project / "specs/flow.yaml").write_text("# one line\n{name: 3, nivel: 2}\n")
    done = validate("specs", "--format", "json")
    assert done.exit_code == 1
    assert {found["location"]["file"] for found in json.loads(done.stdout)} == {
        "specs/broken.yaml",
        "specs/flow.yaml",
    }


def test_a_quoted_pattern_is_expanded_and_each_spec_is_checked_once(project: Path) -> None:
    done = validate("specs/**/*.y*ml", "./specs/a.yaml", "specs/deep", "specs/*.yaml")
    # Named by a pattern, a file counts whatever it holds; a shared part is none the less no spec.
    assert done.exit_code == 1
    assert "specs/other.yml" in done.stderr
    assert done.stdout.count("specs/a.yaml") == 1
    assert done.stdout.count("b.yml") == 1
    assert "4 specs, " in done.stderr


@pytest.mark.parametrize("argument", ["specs/*.json", "nope/**/*.yaml", "empty"])
def test_naming_no_spec_at_all_is_wrong_usage(argument: str, project: Path) -> None:
    (project / "empty/runs").mkdir(parents=True)
    (project / "empty/runs/x.yaml").write_text(GOOD)
    done = validate(argument)
    assert done.exit_code == 2
    assert argument in done.stderr


def test_a_file_whose_name_is_a_pattern_is_that_file(project: Path) -> None:
    (project / "specs/[a].yaml").write_text(GOOD)
    assert validate("specs/[a].yaml").stdout == "specs/[a].yaml: ok (prompt)\n"


def test_standard_input_is_a_spec_of_the_working_folder(project: Path) -> None:
    done = validate("-", stdin=GOOD + "extends: specs/part.yaml\n")
    assert (done.exit_code, done.stdout) == (0, "<stdin>: ok (prompt)\n")
    done = validate("-", stdin=GOOD + "extends: part.yaml\n")
    assert done.exit_code == 1
    assert "<stdin>:11:10: error[NV501]: `part.yaml` does not exist" in done.stderr


def test_standard_input_is_read_no_further_than_a_spec_may_be_long(project: Path) -> None:
    read, write = os.pipe()
    command = [sys.executable, "-m", "nivel", "validate", "-"]
    with subprocess.Popen(command, stdin=read, stderr=subprocess.PIPE) as process:
        os.close(read)
        with pytest.raises(BrokenPipeError), os.fdopen(write, "wb", buffering=0) as pipe:
            for _ in range(1000):  # a gigabyte, of which only the first is taken
                pipe.write(b"# " + b"x" * 999_997 + b"\n")
        _, shown = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"<stdin>:1:1: error[NV110]" in shown


def test_bytes_on_standard_input_that_are_no_text_are_a_finding(project: Path) -> None:
    done = validate("-", stdin=b"nivel: \xff\n")
    assert done.exit_code == 1
    assert "<stdin>:1:8: error[NV107]" in done.stderr


def test_quiet_prints_findings_and_nothing_else(project: Path) -> None:
    done = validate("specs", "-q")
    assert (done.exit_code, done.output) == (0, "")
    (project / "specs/bad.yaml").write_text(BAD)
    done = validate("specs", "--quiet")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("specs/bad.yaml:")
    assert "specs, " not in done.stderr


def test_the_summary_counts_a_shared_fault_once(project: Path) -> None:
    (project / "specs/part.yaml").write_text("seed: x\n")
    (project / "specs/z.yaml").write_text(GOOD + "extends: part.yaml\n")
    done = validate("specs/c.yaml", "specs/z.yaml", "specs/part.yaml")
    assert done.exit_code == 1
    assert done.stderr.count("error[") == 1
    assert done.stderr.splitlines()[-1] == "2 specs, 1 error, 0 warnings"


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_a_choice_and_keeps_the_exit_code(format: str, project: Path) -> None:
    (project / "specs/bad.yaml").write_text(BAD)
    done = validate("specs", "--format", format)
    assert done.exit_code == 1
    shown = done.stderr if format == "text" else done.stdout
    assert "sed" in shown
    if format in ("json", "sarif"):
        json.loads(done.stdout)
    if format == "junit":
        assert len(ElementTree.fromstring(done.stdout.encode())) == 4
    assert validate("specs/a.yaml", "--format", format).exit_code == 0


@pytest.mark.parametrize("arguments", [("-", "--watch"), ("specs", "--watch", "--format", "json")])
def test_what_cannot_be_watched_is_wrong_usage(arguments: tuple[str, ...], project: Path) -> None:
    assert validate(*arguments).exit_code == 2


class Watching:
    """A real `nivel validate --watch`, with what it prints in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "nivel", "validate", "--watch", *arguments]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        self.seen = 0

    def expect(self, pattern: str, seconds: float = 20) -> str:
        """Wait until what is new in the log matches, and return it."""
        end = time.monotonic() + seconds
        while not re.search(pattern, new := self.log.read_text()[self.seen :]):
            assert time.monotonic() < end, f"no {pattern!r} in {new!r}"
            assert self.process.poll() is None, new
            time.sleep(0.05)
        self.seen += len(new)
        return new


@pytest.fixture
def watching(project: Path):
    (project / "rows.csv").write_text("text,label\nhello,email\n")
    local = GOOD.replace("{builtin: python-docs, split: test}", "{path: rows.csv}")
    (project / "specs/c.yaml").write_text(local + "extends: part.yaml\n")
    watch = Watching(project, "specs")
    yield watch
    watch.process.kill()
    watch.process.wait()


def test_watch_checks_again_what_changed_and_ends_cleanly(project: Path, watching) -> None:
    first = watching.expect("3 specs, 0 errors")
    assert "specs/a.yaml: ok" in first
    (project / "specs/a.yaml").write_text(GOOD + "sed: 1\n")
    shown = watching.expect(r"specs/a.yaml:\d+:\d+: error\[NV201\]")
    assert re.search(r"^--- \d\d:\d\d:\d\d  1 of 3 checked again ---$", shown, re.MULTILINE)
    assert "b.yml" not in shown
    (project / "specs/a.yaml").write_text(GOOD)
    watching.expect("specs/a.yaml: ok")
    (project / "specs/part.yaml").write_text("seed: x\n")  # what a spec extends
    assert "a.yaml" not in watching.expect(r"specs/part.yaml:1:7: error\[NV204\]")
    (project / "specs/part.yaml").unlink()
    watching.expect(r"specs/c.yaml:\d+:\d+: error\[NV501\]")
    (project / "specs/part.yaml").write_text("seed: 4\n")  # what was missing comes back
    watching.expect("specs/c.yaml: ok")
    (project / "rows.csv").write_text("body,label\nhello,email\n")  # local data
    watching.expect(r"specs/c.yaml:\d+:\d+: error\[NV341\]")
    (project / "specs/new.yaml").write_text(GOOD)
    watching.expect("specs/new.yaml: ok")
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(timeout=20) == 0
    assert "Traceback" not in watching.log.read_text()


def test_watch_says_nothing_while_nothing_changes(project: Path, watching) -> None:
    watching.expect("3 specs")
    time.sleep(1.2)
    assert "---" not in watching.log.read_text()
