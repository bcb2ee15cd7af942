"""What specs of one call share is read once, and changes nothing of what each is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from nivel.compiler.check import check
from nivel.compiler.examples import BASE, complete
from nivel.compiler.kept import Kept

CASES = sorted((Path(__file__).resolve().parents[1] / "cases/err").glob("NV*.yaml"))


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def test_the_cases_are_told_the_same_together_as_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CASES[0].parent
    monkeypatch.chdir(folder)
    for order in (CASES, CASES[::-1]):
        kept = Kept()
        for case in order:
            together = check(case.name, project=folder, kept=kept)
            apart = check(case.name, project=folder)
            assert together.diagnostics == apart.diagnostics, case.name
            assert together.sources.keys() == apart.sources.keys(), case.name
            assert [one.home for one in together.included] == [one.home for one in apart.included]


def test_a_shared_file_is_read_once_for_a_call_and_anew_for_the_next(tmp_path: Path) -> None:
    write(tmp_path, base="seed: 1\n", a=complete("extends: base.yaml\n"))
    write(tmp_path, b=complete("extends: base.yaml\n"))
    kept = Kept()
    seeds = []
    for name, number, shared in (("a", 1, kept), ("b", 2, kept), ("b", 3, Kept())):
        write(tmp_path, base=f"seed: {number}\n")
        spec = check(tmp_path / f"{name}.yaml", project=tmp_path, kept=shared).spec
        assert spec is not None
        seeds.append(spec.seed)
    assert seeds == [1, 1, 3]


def test_a_fault_in_a_shared_file_is_told_to_every_spec(tmp_path: Path) -> None:
    write(tmp_path, base="sed: 1\nseed: {a: 1, a: 2}\n", a=complete("extends: base.yaml\n"))
    write(tmp_path, b=complete("extends: base.yaml\n"))
    kept = Kept()
    a, b = (check(tmp_path / f"{n}.yaml", project=tmp_path, kept=kept) for n in "ab")
    assert a.diagnostics == b.diagnostics != ()


def test_a_circle_is_found_though_its_other_half_was_read_before(tmp_path: Path) -> None:
    write(tmp_path, base="extends: last.yaml\n", last="seed: 1\n")
    write(tmp_path, a=complete("extends: base.yaml\n"))
    kept = Kept()
    assert check(tmp_path / "a.yaml", project=tmp_path, kept=kept).diagnostics == ()
    # Named itself, a part that others extend: what extends it again is a circle all the same.
    (tmp_path / "last.yaml").write_text(complete("extends: base.yaml\n"))
    (found, *_) = check(tmp_path / "last.yaml", project=tmp_path, kept=kept).diagnostics
    assert found.code == "NV502"


def test_the_cap_on_files_counts_those_read_before(tmp_path: Path) -> None:
    chain = {f"f{n}": f"extends: f{n + 1}.yaml\n" for n in range(30)} | {"f30": "seed: 1\n"}
    write(tmp_path, **chain, a=complete("extends: f0.yaml\n"))
    write(tmp_path, b=complete("extends: [f0.yaml, f1.yaml]\n"))
    kept = Kept()
    assert check(tmp_path / "a.yaml", project=tmp_path, kept=kept).diagnostics == ()
    together = check(tmp_path / "b.yaml", project=tmp_path, kept=kept).diagnostics
    assert [found.code for found in together] == ["NV504"]
    assert together == check(tmp_path / "b.yaml", project=tmp_path).diagnostics


def test_rows_are_read_once_for_a_call_and_anew_for_the_next(tmp_path: Path) -> None:
    spec = BASE["prompt"].replace("{builtin: python-docs, split: test}", "{path: rows.csv}")
    write(tmp_path, a=spec, b=spec)
    (tmp_path / "rows.csv").write_text("text,label\nx,email\ny,xml\n")
    kept = Kept()
    assert check(tmp_path / "a.yaml", project=tmp_path, kept=kept).diagnostics == ()
    (tmp_path / "rows.csv").write_text("text,label\nx,other\ny,xml\n")
    assert check(tmp_path / "b.yaml", project=tmp_path, kept=kept).diagnostics == ()
    codes = [found.code for found in check(tmp_path / "b.yaml", project=tmp_path).diagnostics]
    assert codes == ["NV342"]


def test_two_projects_of_one_call_do_not_share_their_files(tmp_path: Path) -> None:
    spec = BASE["prompt"].replace("{builtin: python-docs, split: test}", "{path: rows.csv}")
    kept, codes = Kept(), []
    for name, label in (("one", "email"), ("two", "other")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.csv").write_text(f"text,label\nx,{label}\ny,xml\n")
        write(tmp_path / name, a=spec)
        checked = check(tmp_path / name / "a.yaml", project=tmp_path / name, kept=kept)
        codes.append([found.code for found in checked.diagnostics])
    assert codes == [[], ["NV342"]]
