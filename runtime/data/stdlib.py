"""Read the docstrings of the Python standard library from its source, without importing it.

Source is parsed with `ast`, so nothing is executed and modules that need a display, another
system or a missing library are read like any other.
"""

import ast
import hashlib
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Docstring", "read_docstrings", "source_files", "stdlib_root", "tree_key"]

# Installed packages, tests and programs beside the library are not its documentation.
_SKIPPED = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3"}
    | {"turtledemo", "ensurepip", "__pycache__"}
)
_DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Docstring:
    """One docstring: `file` relative to the library with `/`, dotted `module` and `name` in it."""

    file: str
    module: str
    name: str
    text: str

    @property
    def area(self) -> str:
        """The top-level package or module, such as `email` for `email.mime.text`."""
        return self.module.partition(".")[0]


def stdlib_root() -> Path:
    """Return the folder of the running interpreter's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def source_files(root: Path) -> list[Path]:
    """Return the library's source files in an order that is the same on every machine."""
    found: list[Path] = []
    for folder, folders, files in os.walk(root):
        # Only importable folders: this leaves out lib-dynload and config-3.x-platform.
        folders[:] = sorted(f for f in folders if f.isidentifier() and f not in _SKIPPED)
        found += [Path(folder, f) for f in sorted(files) if _is_module(f)]
    return found


def _is_module(file: str) -> bool:
    stem, suffix = os.path.splitext(file)
    # _sysconfigdata_* is generated on the machine that built Python.
    return suffix == ".py" and stem.isidentifier() and not stem.startswith("_sysconfigdata")


def tree_key(root: Path) -> str:
    """Return a key that changes with the Python version or with any file's time or size."""
    digest = hashlib.sha256(f"{sys.version}\n{root}\n".encode())
    for file in source_files(root):
        stat = file.stat()
        line = f"{file.relative_to(root).as_posix()} {stat.st_mtime_ns} {stat.st_size}\n"
        digest.update(line.encode())
    return digest.hexdigest()


def read_docstrings(root: Path) -> list[Docstring]:
    """Return every docstring under `root`; files that do not parse are passed over."""
    found: list[Docstring] = []
    for file in source_files(root):
        relative = file.relative_to(root).as_posix()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue
        found += _module_docstrings(tree, relative)
    return found


def _module_docstrings(tree: ast.Module, relative: str) -> Iterator[Docstring]:
    module = relative.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for name, node in _named_nodes(tree, ""):
        text = ast.get_docstring(node)
        if text:
            yield Docstring(relative, module, name, text)


_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _named_nodes(node: ast.AST, name: str) -> Iterator[tuple[str, _Documented]]:
    """Yield nodes that can hold a docstring, walking statements only (expressions hold none)."""
    if isinstance(node, (ast.Module, *_DOCUMENTED)):
        yield name, node
    for field in ("body", "orelse", "finalbody", "handlers"):
        children = getattr(node, field, ())
        for child in children if isinstance(children, list) else ():
            inner = f"{name}.{child.name}" if isinstance(child, _DOCUMENTED) and name else name
            if isinstance(child, _DOCUMENTED) and not name:
                inner = child.name
            yield from _named_nodes(child, inner)
