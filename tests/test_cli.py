"""The command line: exit codes, messages instead of tracebacks, and what it does not import."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from nivel.cli import COMMANDS, group
from nivel.cli._process import run_program
from nivel.cli.init import project_files
from nivel.compiler.resolved import write_yaml


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A fresh project made by `nivel init`, as the current folder."""
    monkeypatch.chdir(tmp_path)
    assert nivel("init", ".").returncode == 0
    return tmp_path


def nivel(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nivel", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def specs(project: Path) -> list[str]:
    return sorted(str(p.relative_to(project)) for p in (project / "specs").rglob("*.yaml"))


def test_help_names_every_command_and_each_has_an_example():
    runner = CliRunner()
    shown = runner.invoke(group, ["--help"]).output
    for name in COMMANDS:
        assert f"  {name} " in shown
        page = runner.invoke(group, [name, "--help"], prog_name="nivel").output
        assert f"  nivel {name}" in page.split("Example")[1]


def test_an_unknown_command_is_wrong_usage_and_names_the_nearest():
    done = nivel("valdate")
    assert done.returncode == 2 and "Did you mean 'validate'?" in done.stderr


def test_every_shipped_spec_validates_also_beside_the_file_it_extends(project):
    for spec in specs(project):
        if not spec.endswith("shared.yaml"):
            assert nivel("validate", spec).returncode == 0
    done = nivel("validate", *specs(project))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": ok (") == len(specs(project))


def test_three_faults_give_three_located_diagnostics_and_exit_code_1(project):
    path = project / "specs/quickstart/finetune.yaml"
    text = path.read_text()
    for good, bad in [("rank: 16", "rnak: 16"), ("batch: 16", "batch: 0"), ("1e-3", "fast")]:
        assert good in text
        text = text.replace(good, bad)
    path.write_text(text)
    done = nivel("validate", "specs/quickstart/finetune.yaml", "--format", "json")
    assert done.returncode == 1
    shown = nivel("validate", "specs/quickstart/finetune.yaml").stderr
    assert shown.count("error[NV") == 3
    assert json.loads(done.stdout)
    assert "Traceback" not in shown + done.stderr


def test_validate_and_plan_import_no_torch_and_no_runtime(project):
    code = (
        "import sys; from nivel.cli import group\n"
        "for args in (['validate', sys.argv[1]], ['plan', sys.argv[1]]):\n"
        "    try: group(args)\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = [m for m in sys.modules if m.split('.')[0] in ('torch', 'numpy', 'rich')]\n"
        "assert not heavy and 'nivel.runtime' not in sys.modules, heavy"
    )
    command = [sys.executable, "-c", code, "specs/quickstart/pretrain.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_init_overwrites_nothing_and_writes_nothing_when_a_file_is_in_the_way(tmp_path):
    (tmp_path / "specs/quickstart").mkdir(parents=True)
    mine = tmp_path / "specs/quickstart/prompt.yaml"
    mine.write_text("mine")
    done = nivel("init", str(tmp_path))
    assert done.returncode == 2 and "specs/quickstart/prompt.yaml" in done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [mine]
    assert mine.read_text() == "mine"


def test_the_schemas_that_init_writes_accept_the_specs_that_it_writes():
    from jsonschema import Draft7Validator

    files = project_files()
    schemas = {path: json.loads(text) for path, text in files.items() if path.endswith(".json")}
    for path, text in files.items():
        if path.endswith(".yaml"):
            line, _, _ = text.partition("\n")
            schema = schemas[line.partition("$schema=../../")[2]]
            Draft7Validator.check_schema(schema)
            # PyYAML reads 1e-3 as a string, an editor reads a number.
            data = yaml.safe_load(re.sub(r"\b(\d+)(e-\d)", r"\1.0\2", text))
            errors = [error.message for error in Draft7Validator(schema).iter_errors(data)]
            assert errors == [], path


def test_run_refuses_a_faulty_spec_before_anything_starts(project):
    path = project / "specs/quickstart/finetune.yaml"
    path.write_text(path.read_text().replace("epochs: 1", "epochs: none"))
    done = nivel("run", "specs/quickstart/prompt.yaml", "specs/quickstart/finetune.yaml")
    assert done.returncode == 1 and not (project / "runs").exists()


def test_a_run_that_fails_ends_with_3_its_reason_and_its_place(project):
    (project / "specs/untrained.yaml").write_text(
        "nivel: 2\nname: untrained\nextends: quickstart/shared.yaml\nlevel: prompt\n"
        "model: {path: 'run:nothing'}\nhardware: cpu\n"
    )
    done = nivel("run", "specs/untrained.yaml")
    assert done.returncode == 3
    assert "no completed run of 'nothing'" in done.stderr
    assert "runs/untrained/" in done.stderr and "Traceback" not in done.stderr
    [folder] = (project / "runs/untrained").iterdir()
    assert {"spec.yaml", "plan.json", "experiment.py"} <= {p.name for p in folder.iterdir()}


def test_comparing_a_run_that_does_not_exist_is_one_message_and_exit_code_3(project):
    done = nivel("compare", "nothing")
    assert done.returncode == 3
    assert "no run 'nothing'" in done.stderr and "Traceback" not in done.stderr


def test_runs_of_a_new_project_says_how_to_start_one(project):
    done = nivel("runs")
    assert done.returncode == 0 and "nivel run" in done.stdout


@pytest.mark.parametrize("text", ["1e-4", "0o17", "no", "1_000", "12:30", "~", "a\nb", "x: y"])
def test_the_resolved_spec_reads_back_as_the_same_strings(text):
    from nivel.compiler.document import parse_document
    from nivel.compiler.source import Source

    dumped = write_yaml({"value": text, "number": 1e-05})
    document, found = parse_document(Source("x.yaml", dumped))
    assert document is not None and not found
    assert (
        document.data
        == {"value": text, "number": 1e-05}
        == {
            "value": yaml.safe_load(dumped)["value"],
            "number": 1e-05,
        }
    )


def test_an_interrupt_reaches_every_process_of_a_run_and_none_outlives_it(tmp_path):
    """As with several devices: one process starts another, which would wait for ever."""
    program = tmp_path / "experiment.py"
    program.write_text(
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('child').write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    code = "import os, sys; from nivel.cli._process import run_program\n"
    code += "sys.exit(-run_program([sys.executable, 'experiment.py'], os.environ))"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    written = tmp_path / "child"
    wait_until(lambda: written.exists() and written.read_text())
    parent.send_signal(signal.SIGINT)
    parent.communicate(timeout=20)
    assert parent.returncode != 0
    wait_until(lambda: not alive(int(written.read_text())))


def test_the_exit_code_of_a_program_comes_back():
    assert run_program([sys.executable, "-c", "raise SystemExit(7)"], os.environ) == 7


def alive(process: int) -> bool:
    """Whether `process` runs; one that has ended but was not waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)
