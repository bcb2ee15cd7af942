"""What the compiler writes is held to what a reviewer would ask of code written by hand."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPECS = sorted(
    path for path in (ROOT / "specs").rglob("*.yaml") if "\nlevel:" in path.read_text("utf-8")
)
# As in a user's project, where nivel is one library among others.
RUFF = ["--isolated", "--no-cache"]
RULES = ["--extend-select", "I,B,UP,SIM,RET"]
# The runtime is checked by `make lint`; here only the programs are judged.
MYPY = f"""\
[mypy]
strict = true
mypy_path = {ROOT / ".links"}
explicit_package_bases = true
[mypy-nivel.*]
follow_imports = silent
[mypy-peft.*,gguf.*,matplotlib.*]
ignore_missing_imports = true
"""
# Reading the types of these costs minutes with a cold cache, so most runs take them as unknown.
HEAVY = """\
[mypy-lightning.*,transformers.*,peft.*,torchmetrics.*,datasets.*]
follow_imports = skip
[mypy-{programs}]
disallow_subclassing_any = false
disallow_any_generics = false
disallow_untyped_calls = false
disallow_untyped_decorators = false
warn_return_any = false
"""
PUBLIC_LIBRARIES = {"torch", "lightning", "transformers", "peft", "tokenizers", "numpy"}


@pytest.fixture(scope="module")
def emitted(tmp_path_factory) -> dict[str, Path]:
    """The program of every shipped spec, by the name of the file, and one that is tracked."""
    from nivel.compiler.api import compile as compile_spec
    from nivel.compiler.emit import write
    from nivel.compiler.overrides import Overrides

    tracked = Overrides(("track={mlflow: {experiment: a}, wandb: {project: b, name: c}}",), None)

    programs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        every = [(spec.stem, spec, None) for spec in SPECS]
        for name, spec, overrides in [*every, ("tracked", SPECS[0], tracked)]:
            program, checked = compile_spec(str(spec.relative_to(ROOT)), overrides)
            assert program is not None, checked.diagnostics
            folder = tmp_path_factory.mktemp(name)
            write(program, folder)
            programs[name] = folder / "experiment.py"
    return programs


def check(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_program_passes_ruff(emitted):
    check(sys.executable, "-m", "ruff", "check", *RUFF, *RULES, *map(str, emitted.values()))


def test_every_program_is_formatted(emitted):
    check(sys.executable, "-m", "ruff", "format", "--check", *RUFF, *map(str, emitted.values()))


def test_every_program_agrees_with_the_types_of_the_runtime(emitted, tmp_path):
    config, programs = tmp_path / "mypy.ini", renamed(emitted, tmp_path)
    names = ",".join(Path(program).stem for program in programs)
    config.write_text(MYPY + HEAVY.replace("{programs}", names))
    check(sys.executable, "-m", "mypy", "--config-file", str(config), *programs)


@pytest.mark.slow
def test_every_program_agrees_with_the_types_of_the_public_libraries_too(emitted, tmp_path):
    config = tmp_path / "mypy.ini"
    config.write_text(MYPY)
    check(sys.executable, "-m", "mypy", "--config-file", str(config), *renamed(emitted, tmp_path))


def renamed(emitted: dict[str, Path], folder: Path) -> list[str]:
    """Copy the programs to names of their own: mypy takes each module name once."""
    paths = []
    for name, program in emitted.items():
        copy = folder / f"{name.replace('-', '_')}.py"
        copy.write_bytes(program.read_bytes())
        paths.append(str(copy))
    return paths


@pytest.mark.parametrize("spec", [path.stem for path in SPECS])
def test_a_program_imports_public_libraries_and_public_names_of_the_runtime(emitted, spec):
    tree = ast.parse(emitted[spec].read_text(encoding="utf-8"))
    private = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            private += [alias.name for alias in node.names if not _public(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            source = node.module or "."
            names = {alias.name for alias in node.names}
            if source.startswith("nivel.runtime"):
                exported = set(importlib.import_module(source).__all__)
                private += [f"{source}.{name}" for name in sorted(names - exported)]
            elif node.level or not _public(source):
                private.append(source)
    assert private == []


def _public(module: str) -> bool:
    first = module.split(".")[0]
    return first in PUBLIC_LIBRARIES or first in sys.stdlib_module_names
