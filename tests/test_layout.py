"""The lists in pyproject.toml agree with the disk: setuptools says nothing when they do not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="Python 3.10 has no tomllib")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = {"nivel": "nivel"} | {
    f"nivel.{name}": name for name in ("compiler", "runtime", "schemas", "specs")
}


def packages_on_disk() -> set[str]:
    found = set()
    for package, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inner]))
    return found


def test_every_package_folder_is_listed_and_every_listed_package_exists():
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(packages_on_disk())


def test_every_folder_with_python_code_is_a_package():
    bare = {
        str(path.parent.relative_to(ROOT))
        for folder in FOLDERS.values()
        for path in (ROOT / folder).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()


def test_every_package_says_what_it_is():
    silent = [
        str(init.relative_to(ROOT))
        for folder in FOLDERS.values()
        for init in (ROOT / folder).rglob("__init__.py")
        if not init.read_text(encoding="utf-8").lstrip().startswith('"""')
    ]
    assert silent == []


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / ".links" / "nivel").iterdir()),
    ids=lambda path: path.name,
)
def test_the_links_for_type_checkers_lead_to_the_packages(path):
    assert path.is_symlink() and path.resolve().is_relative_to(ROOT) and path.exists()


def test_the_tested_versions_satisfy_what_the_project_asks_for():
    from packaging.requirements import Requirement

    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pins[name.lower().replace("_", "-")] = version
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)]
    for line in wanted:
        requirement = Requirement(line)
        pin = pins.get(requirement.name.lower())
        assert pin is not None, f"{requirement.name} has no pin in constraints.txt"
        assert pin in requirement.specifier, f"{requirement} does not allow the tested {pin}"
