"""Who may import whom: read from the source with `ast`, so that no import is missed or run."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = {"nivel": "nivel", "nivel.compiler": "compiler", "nivel.runtime": "runtime"}

COMPILER_MAY = {"yaml", "jsonschema", "referencing", "jinja2", "markupsafe"}
RUNTIME_MAY_NOT = {"jsonschema", "referencing", "click"}
# Answers that should be JSON are checked by the library that checks specs, and in one place.
ANSWERS_ARE_CHECKED_IN = "nivel.runtime.data.json_schema"


def module_name(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    prefix = "nivel" if folder == "nivel" else f"nivel.{folder}"
    return ".".join([prefix, *rest]).removesuffix(".__init__")


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


MODULES = {module_name(path): path for folder in LAYERS.values() for path in sources(folder)}


def imports(name: str, path: Path, *, top_level: bool = False) -> list[tuple[str, int]]:
    """Every module that `path` imports, absolute, with its line.

    With `top_level`, only what importing the module itself imports: not what stands in a function
    or under TYPE_CHECKING.
    """
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _executed(tree) if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                member = f"{source}.{alias.name}"
                found.append((member if member in MODULES else source, node.lineno))
    return found


def _executed(node: ast.AST):
    """Walk what runs on import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _executed(child)


def offences(folder: str, allowed) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {target}"
        for path in sources(folder)
        for target, line in imports(module_name(path), path)
        if not allowed(target)
    ]


def test_the_compiler_imports_the_standard_library_and_three_packages_only():
    def allowed(target: str) -> bool:
        first = target.split(".")[0]
        own = target == "nivel" or target.startswith(("nivel.compiler", "nivel.schemas"))
        return own or first in COMPILER_MAY or first in sys.stdlib_module_names

    assert offences("compiler", allowed) == []


def test_the_runtime_never_imports_the_compiler_or_the_command_line():
    def allowed(target: str) -> bool:
        own = not target.startswith("nivel.") or target.startswith("nivel.runtime")
        return own and target.split(".")[0] not in RUNTIME_MAY_NOT

    checker = str(MODULES[ANSWERS_ARE_CHECKED_IN].relative_to(ROOT))
    found = offences("runtime", allowed)
    assert [line for line in found if not line.startswith(f"{checker}:")] == []
    at_import = imports(ANSWERS_ARE_CHECKED_IN, MODULES[ANSWERS_ARE_CHECKED_IN], top_level=True)
    assert all(allowed(target) for target, _ in at_import)


def test_the_command_line_imports_the_layers_only_inside_functions():
    found = [
        f"{name} imports {target} at line {line}"
        for name, path in MODULES.items()
        if path.is_relative_to(ROOT / "nivel")
        for target, line in imports(name, path, top_level=True)
        if target.split(".")[0] not in sys.stdlib_module_names | {"click", "nivel"}
        or target.startswith(("nivel.compiler", "nivel.runtime"))
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["compiler", "runtime"])
def test_inside_a_layer_imports_are_relative(folder):
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and not node.level)
        and (node.module or "").startswith(f"nivel.{folder}")
        or isinstance(node, ast.Import)
        and any(alias.name.startswith(f"nivel.{folder}") for alias in node.names)
    ]
    assert found == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        name: {
            target
            for target, _ in imports(name, path, top_level=True)
            # A package's __init__ gathers its own modules; a module naming its package's other
            # modules goes through it without a circle of meaning.
            if target in MODULES and target != name
        }
        for name, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("circle: " + " -> ".join(error.args[1]))


def test_nothing_imports_the_layers_under_their_folder_names():
    twins = {"compiler", "runtime", "schemas", "specs"}
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {target}"
        for folder in ("nivel", "compiler", "runtime", "tests", "bench")
        for path in sources(folder)
        for target, line in imports(module_name(path), path)
        if target.split(".")[0] in twins
    ]
    assert found == []
