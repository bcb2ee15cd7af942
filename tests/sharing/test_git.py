"""Specs that extend files of a pinned git commit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nivel.compiler.check import Checked, check
from nivel.compiler.sharing.git import CACHE
from nivel.compiler.sharing.gitname import parse_git_name
from nivel.compiler.sharing.refused import Refused

from .conftest import SHARED, SPEC, git, repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def extending(project: Path, name: str) -> Checked:
    (project / "spec.yaml").write_text(SPEC.format(extends=name))
    return check("spec.yaml")


def codes(checked: Checked) -> list[str]:
    return [found.code for found in checked.diagnostics if found.severity == "error"]


def test_a_file_of_a_commit_is_extended_with_those_that_it_extends(project: Path) -> None:
    commit = repository(
        project / "repos/parts", {"sub/a.yaml": "extends: ../b.yaml\nseed: 7\n", "b.yaml": SHARED}
    )
    checked = extending(project, f"git+file:repos/parts@{commit}#sub/a.yaml")
    assert checked.diagnostics == () and checked.spec is not None
    assert checked.spec.seed == 7
    assert checked.spec.data.test is not None and checked.spec.data.test.path == "rows.csv"
    assert checked.document is not None
    assert checked.document.origins[("seed",)] == f"git+file:repos/parts@{commit}#sub/a.yaml"


def test_what_was_fetched_once_needs_neither_git_nor_the_repository(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository(project / "parts", {"shared.yaml": SHARED})
    name = f"git+file:parts@{commit}#shared.yaml"
    assert extending(project, name).spec is not None
    shutil.rmtree(project / "parts")
    monkeypatch.setenv("PATH", "")
    assert extending(project, name).spec is not None


def test_a_later_commit_of_the_repository_changes_nothing(project: Path) -> None:
    commit = repository(project / "parts", {"shared.yaml": SHARED + "seed: 1\n"})
    (project / "parts/shared.yaml").write_text(SHARED + "seed: 2\n")
    git(project / "parts", "commit", "--quiet", "--all", "--message=Change")
    checked = extending(project, f"git+file:parts@{commit}#shared.yaml")
    assert checked.spec is not None and checked.spec.seed == 1


def test_a_cached_object_that_was_changed_is_not_believed(project: Path) -> None:
    commit = repository(project / "parts", {"shared.yaml": SHARED + "seed: 1\n"})
    name = f"git+file:parts@{commit}#shared.yaml"
    assert extending(project, name).spec is not None
    for path in (project / CACHE).rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"seed: 1", b"seed: 9"))
    checked = extending(project, name)
    assert checked.spec is not None and checked.spec.seed == 1  # fetched again


@pytest.mark.parametrize(
    ("files", "path", "code"),
    [
        ({"a.yaml": "extends: ../../spec.yaml\n"}, "a.yaml", "NV503"),
        ({"a.yaml": "extends: /etc/passwd\n"}, "a.yaml", "NV503"),
        ({"a.yaml": "extends: absent.yaml\n"}, "a.yaml", "NV509"),
        ({"a.yaml": "seed: [\n"}, "a.yaml", "NV101"),
        ({"a.yaml": "extends: a.yaml\n"}, "a.yaml", "NV502"),
        ({"d/a.yaml": "seed: 1\n"}, "d", "NV509"),
        ({"a.yaml": "# " + "x" * 1_100_000}, "a.yaml", "NV110"),
    ],
)
def test_what_is_wrong_inside_the_repository_is_a_finding(
    project: Path, files: dict[str, str], path: str, code: str
) -> None:
    commit = repository(project / "parts", files)
    assert code in codes(extending(project, f"git+file:parts@{commit}#{path}"))


def test_a_link_in_the_repository_is_not_followed(project: Path) -> None:
    repository(project / "parts", {"a.yaml": "seed: 1\n"})
    (project / "parts/link.yaml").symlink_to("/etc/passwd")
    git(project / "parts", "add", "--all")
    git(project / "parts", "commit", "--quiet", "--message=Link")
    commit = git(project / "parts", "rev-parse", "HEAD")
    assert codes(extending(project, f"git+file:parts@{commit}#link.yaml")) == ["NV509"]


def test_a_commit_that_the_repository_lacks_is_told_as_git_says_it(project: Path) -> None:
    repository(project / "parts", {"a.yaml": "seed: 1\n"})
    (found,) = extending(project, f"git+file:parts@{COMMIT}#a.yaml").diagnostics
    assert found.code == "NV508" and "not our ref" in found.message


def test_without_git_the_finding_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository(project / "parts", {"a.yaml": "seed: 1\n"})
    monkeypatch.setenv("PATH", "")
    (found,) = extending(project, f"git+file:parts@{commit}#a.yaml").diagnostics
    assert found.code == "NV508" and "cannot be started" in found.message


def test_settings_and_hooks_of_a_repository_run_nothing(project: Path) -> None:
    commit = repository(project / "parts", {"shared.yaml": SHARED})
    trap = project / "parts/trap"
    trap.write_text(f"#!/bin/sh\ntouch {project}/sprung\ncat\n")
    trap.chmod(0o755)
    for setting in ("core.fsmonitor", "uploadpack.packObjectsHook", "core.sshCommand",
                    "core.pager", "core.alternateRefsCommand"):  # fmt: skip
        git(project / "parts", "config", setting, str(trap))
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc"):
        shutil.copy(trap, project / "parts/.git/hooks" / hook)
    assert extending(project, f"git+file:parts@{commit}#shared.yaml").spec is not None
    assert not (project / "sprung").exists()


def test_a_repository_outside_the_project_or_borrowing_from_one_is_refused(project: Path) -> None:
    outside = project.parent / "secret"
    commit = repository(outside, {"a.yaml": "seed: 1\n"})
    (project / "link").symlink_to(outside)
    repository(project / "borrower", {"b.yaml": "seed: 1\n"})
    (project / "borrower/.git/objects/info/alternates").write_text(f"{outside}/.git/objects\n")
    (project / "gitfile").mkdir()
    (project / "gitfile/.git").write_text(f"gitdir: {outside}/.git\n")
    for place in ("../secret", str(outside), "link", "borrower", "gitfile"):
        assert codes(extending(project, f"git+file:{place}@{commit}#a.yaml")) == ["NV512"], place


def test_a_file_from_elsewhere_cannot_name_a_local_repository(project: Path) -> None:
    inner = repository(project / "inner", {"a.yaml": "seed: 1\n"})
    outer = repository(project / "outer", {"a.yaml": f"extends: git+file:inner@{inner}#a.yaml\n"})
    assert codes(extending(project, f"git+file:outer@{outer}#a.yaml")) == ["NV512"]


def test_a_cache_that_leads_out_of_the_project_is_not_written(project: Path) -> None:
    commit = repository(project / "parts", {"a.yaml": "seed: 1\n"})
    (project.parent / "elsewhere").mkdir()
    (project / ".nivel").symlink_to(project.parent / "elsewhere")
    assert codes(extending(project, f"git+file:parts@{commit}#a.yaml")) == ["NV508"]
    assert list((project.parent / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("git+https://example.org/r.git@v1.0#a.yaml", "NV505"),
        ("git+https://example.org/r.git@0123456#a.yaml", "NV505"),
        (f"git+https://example.org/r.git@{COMMIT.upper()}#a.yaml", "NV505"),
        ("git+https://example.org/r.git#a.yaml", "NV505"),
        (f"git+https://s3cret@example.org/r.git@{COMMIT}#a.yaml", "NV507"),
        (f"git+ssh://git:s3cret@example.org/r.git@{COMMIT}#a.yaml", "NV507"),
        (f"git+http://user:s3cret@example.org/r.git@{COMMIT}#a.yaml", "NV507"),
        (f"git+ext::sh -c x@{COMMIT}#a.yaml", "NV506"),
        (f"git+https://example.org/r.git@{COMMIT}", "NV506"),
        (f"git+https://example.org/r.git@{COMMIT}#../a.yaml", "NV506"),
        (f"git+https://example.org/r.git@{COMMIT}#a\n.yaml", "NV506"),
        (f"git+https://-x/r.git@{COMMIT}#a.yaml", "NV506"),
        (f"git+https://example.org/-x@{COMMIT}#a.yaml", "NV506"),
        (f"git+ssh://-oProxyCommand=x@example.org/r@{COMMIT}#a.yaml", "NV506"),
        (f"git+https://example.org/$(x)@{COMMIT}#a.yaml", "NV506"),
        (f"git+https:example.org/r.git@{COMMIT}#a.yaml", "NV506"),
    ],
)
def test_names_that_are_not_pinned_or_not_plain_are_refused(name: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_git_name(name, "/project")
    assert caught.value.code == code
    assert "s3cret" not in caught.value.message + (caught.value.cure or "")


@pytest.mark.parametrize(
    "address", ["https://example.org:8443/~me/r.git", "ssh://git@example.org/r"]
)
def test_names_of_a_plain_form_are_taken_apart_and_put_together(address: str) -> None:
    name = f"git+{address}@{COMMIT}#specs/a b.yaml"
    parsed = parse_git_name(name, "/project")
    assert (parsed.url, parsed.commit, parsed.path) == (address, COMMIT, "specs/a b.yaml")
    assert parsed.shown == name


def test_a_commit_larger_than_the_cap_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository(project / "parts", {"a.yaml": "seed: 1\n"})
    (project / "parts/noise.bin").write_bytes(os.urandom(300_000))
    git(project / "parts", "add", "--all")
    git(project / "parts", "commit", "--quiet", "--message=Noise")
    large = git(project / "parts", "rev-parse", "HEAD")
    monkeypatch.setattr("nivel.compiler.sharing.git.MAX_PACK", 100_000)
    (found,) = extending(project, f"git+file:parts@{large}#a.yaml").diagnostics
    assert found.code == "NV508" and "larger than 100,000 bytes" in found.message
    assert codes(extending(project, f"git+file:parts@{commit}#a.yaml")) != ["NV508"]


def test_a_git_that_never_answers_is_ended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository(project / "parts", {"a.yaml": "seed: 1\n"})
    (project / "bin").mkdir()
    (project / "bin/git").write_text(f"#!/bin/sh\necho $$ > {project}/pid\nexec sleep 60\n")
    (project / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{project}/bin", prepend=os.pathsep)
    monkeypatch.setattr("nivel.compiler.sharing.git.SECONDS", 0.5)
    (found,) = extending(project, f"git+file:parts@{commit}#a.yaml").diagnostics
    assert found.code == "NV508" and "no answer" in found.message
    with pytest.raises(ProcessLookupError):
        os.kill(int((project / "pid").read_text()), 0)
