"""Specs that extend files of installed Python packages, of which nothing is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nivel.compiler.check import Checked, check

from .conftest import SHARED, SPEC


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path that would be noticed if it were imported."""
    folder = tmp_path / "site" / "shared_specs"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('the package was run')\n")
    (folder / "shared.yaml").write_text("extends: deep/more.yaml\nseed: 5\n")
    (folder / "deep/more.yaml").write_text(SHARED)
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def extending(project: Path, name: str) -> Checked:
    (project / "spec.yaml").write_text(SPEC.format(extends=name))
    return check("spec.yaml")


def test_a_package_is_read_and_never_run(project: Path, package: Path) -> None:
    checked = extending(project, "pkg:shared_specs/shared.yaml")
    assert checked.diagnostics == () and checked.spec is not None
    assert checked.spec.seed == 5
    assert "shared_specs" not in sys.modules
    assert checked.document is not None
    assert checked.document.origins[("task", "type")] == "pkg:shared_specs/deep/more.yaml"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pkg:shared_specs/absent.yaml", "NV511"),
        ("pkg:shared_specs/deep", "NV511"),
        ("pkg:shared_specs/../other/x.yaml", "NV511"),
        ("pkg:shared_specs.deep/more.yaml", "NV511"),
        ("pkg:shared_specs//etc/passwd", "NV511"),
        ("pkg:shared_specs", "NV511"),
        ("pkg:shared_specs/link.yaml", "NV511"),
        ("pkg:shared_specs/out.yaml", "NV503"),
        ("pkg:sys/x.yaml", "NV510"),
        ("pkg:__main__/x.yaml", "NV510"),
        ("pkg:not_installed_here/x.yaml", "NV510"),
    ],
)
def test_names_that_lead_nowhere_or_out_are_refused(
    project: Path, package: Path, name: str, code: str
) -> None:
    (package.parent / "secret.yaml").write_text("seed: 1\n")
    (package / "link.yaml").symlink_to(package.parent / "secret.yaml")
    (package / "out.yaml").write_text("extends: ../secret.yaml\n")
    (found,) = extending(project, name).diagnostics
    assert found.code == code and found.location is not None


def test_a_missing_package_says_what_to_install(project: Path) -> None:
    (found,) = extending(project, "pkg:not_installed_here/x.yaml").diagnostics
    assert found.help == "pip install not-installed-here"
