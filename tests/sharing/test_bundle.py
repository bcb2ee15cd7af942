"""A bundle is verified before it is unpacked, and runs where it was unpacked."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nivel.compiler.sharing import archive
from nivel.compiler.sharing.refused import Refused
from nivel.compiler.sharing.unpack import extract, verify

from .conftest import SHARED, SPEC, Nivel, repository
from .test_lock import FILES, sweep_over


@pytest.fixture
def bundle(project: Path, nivel: Nivel) -> Path:
    nivel("bundle", "spec.yaml", "-o", "mine.tgz")
    return project / "mine.tgz"


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]


def rewritten(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    """Write an archive as nivel would, of any files, and then of other members."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
        for info in others:
            tar.addfile(info)
    end = len(raw.getvalue().rstrip(b"\0"))
    end = -(-end // 512) * 512 + 1024
    return zipped(path, raw.getvalue()[:end])


def zipped(path: Path, raw: bytes) -> Path:
    packed = gzip.compress(raw, 9, mtime=0)
    path.write_bytes(archive._GZIP_HEAD + packed[10:])
    return path


def refusal(path: Path) -> str:
    """Return why a bundle is refused; nothing may be unpacked on the way."""
    target = path.parent / "unpacked"
    for attempt in (lambda: verify(str(path)), lambda: extract(str(path), str(target))):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.code == "NV530"
    assert not target.exists() and not list(path.parent.glob(".unpacking-*"))
    return caught.value.message


@pytest.mark.parametrize("kind", ["tgz", "tar.gz", "zip"])
def test_a_bundle_is_the_same_bytes_each_time_and_holds_what_the_spec_needs(
    project: Path, nivel: Nivel, kind: str
) -> None:
    for name in ("a", "b"):
        nivel("bundle", "spec.yaml", "-o", f"{name}.{kind}")
        os.utime("rows.csv", (1, 1))
        os.chmod("shared.yaml", 0o600)
    first, second = ((project / f"{name}.{kind}").read_bytes() for name in ("a", "b"))
    assert first == second
    manifest, _ = verify(f"a.{kind}")
    assert set(manifest.files) == {
        "spec.yaml", "shared.yaml", "rows.csv", "spec.yaml.lock", "compiled/experiment.py"
    }  # fmt: skip
    if kind != "zip":
        assert str(project).encode() not in b"".join(members(project / f"a.{kind}").values())


def test_an_unpacked_bundle_passes_its_lock_and_compiles_to_the_same_bytes(
    project: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository(
        project / "parts", {"a.yaml": "extends: deep/b.yaml\nseed: 6\n", "deep/b.yaml": SHARED}
    )
    (project / "specs").mkdir()
    (project / "specs/one.yaml").write_text(SPEC.format(extends=f"git+file:parts@{commit}#a.yaml"))
    nivel("bundle", "specs/one.yaml", "-o", "one.zip")
    nivel("compile", "specs/one.yaml", "-o", "here")
    elsewhere = project.parent / "elsewhere"
    nivel("bundle", "--extract", "one.zip", str(elsewhere))
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("PATH", "")  # no git, and no repository either
    nivel("validate", "specs/one.yaml", "--locked")
    nivel("compile", "specs/one.yaml", "-o", "there", "--locked")
    made = (elsewhere / "there/experiment.py").read_bytes()
    assert made == (project / "here/experiment.py").read_bytes()
    assert made == (elsewhere / "compiled/experiment.py").read_bytes()
    (elsewhere / "rows.csv").write_text("text,label\nother,xml\n")
    nivel("validate", "specs/one.yaml", "--locked", code=1)


def test_a_package_comes_along_and_is_not_needed_there(
    project: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "site/more_specs"
    package.mkdir(parents=True)
    (package / "shared.yaml").write_text(SHARED)
    (project / "spec.yaml").write_text(SPEC.format(extends="pkg:more_specs/shared.yaml"))
    with monkeypatch.context() as there:
        there.syspath_prepend(str(package.parent))
        nivel("bundle", "spec.yaml", "-o", "x.tgz")
    nivel("validate", "spec.yaml", code=1)
    nivel("bundle", "--extract", "x.tgz", "../there")
    monkeypatch.chdir(project.parent / "there")
    nivel("validate", "spec.yaml", "--locked")


def test_large_data_is_refused_or_left_out_with_its_hash(
    project: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        "NV531" in nivel("bundle", "spec.yaml", "-o", "x.tgz", "--max-data", "10B", code=1).output
    )
    assert not list(project.glob("*.tgz")) and not list(project.glob(".bundling-*"))
    nivel("bundle", "spec.yaml", "-o", "x.tgz", "--max-data", "1kB")
    shown = nivel("bundle", "spec.yaml", "-o", "x.tgz", "--without-data").output
    assert "left out: rows.csv" in shown
    nivel("bundle", "--extract", "x.tgz", "../there")
    rows = (project / "rows.csv").read_bytes()
    monkeypatch.chdir(project.parent / "there")
    nivel("validate", "spec.yaml", "--locked", code=1)
    Path("rows.csv").write_bytes(rows)
    nivel("validate", "spec.yaml", "--locked")


def test_a_flipped_byte_is_noticed_or_changes_no_file(bundle: Path) -> None:
    """A bit of deflate's tables may be free to differ; what is unpacked is then the same."""
    raw = bundle.read_bytes()
    sound, _ = verify(str(bundle))
    refused = flips = 0
    for at in range(0, len(raw), max(1, len(raw) // 200)):
        bundle.write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        flips += 1
        try:
            assert verify(str(bundle))[0] == sound
        except Refused:
            refused += 1
    assert refused > 0.95 * flips
    for cut in (0, 1, 9, len(raw) // 2, len(raw) - 1):
        bundle.write_bytes(raw[:cut])
        with pytest.raises(Refused):
            verify(str(bundle))
    bundle.write_bytes(raw + b"\0")
    assert "follows its end" in refusal(bundle)


def test_a_flipped_byte_of_a_zip_is_noticed_or_changes_no_file(
    project: Path, nivel: Nivel, tmp_path: Path
) -> None:
    nivel("bundle", "spec.yaml", "-o", "x.zip")
    raw = (project / "x.zip").read_bytes()
    sound, _ = verify("x.zip")
    refused = 0
    for at in range(0, len(raw), max(1, len(raw) // 300)):
        (project / "y.zip").write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        try:
            assert verify("y.zip")[0] == sound
        except Refused:
            refused += 1
    assert refused > 150


def test_a_changed_or_added_or_missing_file_is_named(bundle: Path) -> None:
    files = members(bundle)
    assert "`rows.csv` has sha256" in refusal(rewritten(bundle, {**files, "rows.csv": b"other"}))
    assert "`more.csv` is not in" in refusal(rewritten(bundle, {**files, "more.csv": b"x"}))
    without = {name: content for name, content in files.items() if name != "rows.csv"}
    assert "`rows.csv` is missing" in refusal(rewritten(bundle, without))
    del files["MANIFEST.json"]
    assert "holds no MANIFEST.json" in refusal(rewritten(bundle, files))


def test_the_helper_of_these_tests_writes_what_nivel_writes(bundle: Path) -> None:
    before = verify(str(bundle))
    assert verify(str(rewritten(bundle, members(bundle)))) == before


@pytest.mark.parametrize(
    "name",
    ["../out.yaml", "/etc/out.yaml", "a/../../out.yaml", "a//b.yaml", "./a.yaml", "a\\b.yaml",
     "C:x.yaml", ".git/config", "a/.ssh/key", "torch.py", "torch/__init__.py", "x.pth", "nul.csv",
     "spec.yaml/below.csv", "SPEC.YAML", "a\tb", "spec.yaml"],
)  # fmt: skip
def test_names_that_lead_out_or_could_be_run_are_refused(bundle: Path, name: str) -> None:
    files = members(bundle)
    manifest = json.loads(files["MANIFEST.json"])
    manifest["files"][name] = {"sha256": "0" * 64, "size": 0}
    files["MANIFEST.json"] = json.dumps(manifest).encode()
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    assert refusal(rewritten(bundle, files, info))


KINDS = [
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_members_that_are_no_plain_files_are_refused(bundle: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("link")
    info.type, info.linkname, info.mode = kind, "/etc/passwd", 0o644
    assert "`link" in refusal(rewritten(bundle, members(bundle), info))


def test_a_link_in_a_zip_is_refused(project: Path, nivel: Nivel) -> None:
    nivel("bundle", "spec.yaml", "-o", "x.zip")
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile("x.zip", "a") as file:
        file.writestr(info, "/etc/passwd")
    assert "symbolic link" in refusal(project / "x.zip")


def test_bombs_are_refused_before_they_burst(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = members(bundle)
    many = {**files, **{f"f{index}.csv": b"" for index in range(50)}}
    monkeypatch.setattr(archive, "MAX_ENTRIES", 40)
    assert "more than 40 files" in refusal(rewritten(bundle, many))
    monkeypatch.setattr(archive, "MAX_TOTAL", 1_000_000)
    large = {**files, "large.csv": b"\0" * 2_000_000}
    assert "larger than" in refusal(rewritten(bundle, large))


OTHER = b'{"bundle": 2, "nivel": "x", "spec": "rows.csv", "files": {}, "left_out": {}, "needs": []}'


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'{"bundle": 1}', b"[" * 100_000, b"\xff", OTHER], ids=range(7)
)
def test_a_manifest_that_is_none_is_refused(bundle: Path, text: bytes) -> None:
    refusal(rewritten(bundle, {**members(bundle), "MANIFEST.json": text}))


def test_nothing_is_unpacked_into_a_folder_that_exists(bundle: Path, nivel: Nivel) -> None:
    (bundle.parent / "there").mkdir()
    assert "exists already" in nivel("bundle", "--extract", "mine.tgz", "there", code=1).output
    assert list((bundle.parent / "there").iterdir()) == []


def test_paths_that_cannot_stand_in_a_bundle_are_refused(project: Path, nivel: Nivel) -> None:
    (project / ".hidden").mkdir()
    (project / ".hidden/spec.yaml").write_text(SPEC.format(extends="../shared.yaml"))
    assert "NV532" in nivel("bundle", ".hidden/spec.yaml", "-o", "x.tgz", code=1).output
    folder = project / ("n" * 120)
    folder.mkdir()
    (folder / f"{'m' * 120}.yaml").write_text(SPEC.format(extends="../shared.yaml"))
    long = f"{folder.name}/{'m' * 120}.yaml"
    assert "too long" in nivel("bundle", long, "-o", "x.tgz", code=1).output
    assert not list(project.glob("*.tgz")) and not list(project.glob(".bundling-*"))


@pytest.mark.parametrize(
    "arguments", [["spec.yaml"], ["--verify", "a", "b"], ["--extract", "a"], ["a", "b", "-o", "c"],
                  ["a", "-o", "b", "--verify"], ["a", "-o", "b.tgz", "--max-data", "much"]],
)  # fmt: skip
def test_wrong_usage_is_told(project: Path, nivel: Nivel, arguments: list[str]) -> None:
    nivel("bundle", *arguments, code=2)


PRETRAIN = """\
nivel: 2
name: tiny
level: pretrain
model:
  architecture: llama
  hidden_size: 32
  num_hidden_layers: 1
  num_attention_heads: 2
  intermediate_size: 64
data:
  text: {path: text.txt}
tokenizer: {type: byte-bpe, vocab_size: 300}
train: {tokens: 1024, batch: 4, sequence_length: 32, learning_rate: 1e-2}
hardware: {accelerator: cpu, devices: 1, threads: 1}
"""


@pytest.mark.slow
def test_an_unpacked_bundle_runs_and_gives_the_same_losses(
    project: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "\n\n".join(f"the {word} of number {n}" for n in range(150) for word in ("pear", "tin"))
    (project / "text.txt").write_text(words)
    (project / "tiny.yaml").write_text(PRETRAIN)
    nivel("bundle", "tiny.yaml", "-o", "tiny.tgz")
    nivel("bundle", "--extract", "tiny.tgz", "../there")
    found = [losses(folder) for folder in (project, project.parent / "there")]
    assert found[0] == found[1] and len(found[0]) == 8
    (record,) = (project.parent / "there/runs/tiny").glob("*/lock.json")
    assert record.read_text() == (project.parent / "there/tiny.yaml.lock").read_text()


def losses(folder: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "nivel", "run", "tiny.yaml", *locked(folder)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (lines,) = folder.glob("runs/tiny/*/metrics.jsonl")
    return [json.loads(line)["loss"] for line in lines.read_text().splitlines()]


def locked(folder: Path) -> list[str]:
    return ["--locked"] if (folder / "tiny.yaml.lock").exists() else []


def test_files_that_only_trials_name_come_along(project: Path, nivel: Nivel) -> None:
    sweep_over(project, FILES)
    nivel("bundle", "spec.yaml", "-o", "mine.tgz")
    manifest, _ = verify("mine.tgz")
    assert {"others.csv", "rows.csv", "short.txt", "long.txt"} <= set(manifest.files)
    nivel("bundle", "--extract", "mine.tgz", "there")
    os.chdir("there")
    said = nivel("plan", "spec.yaml", "--locked").output
    assert said.count("areas-path-") == 4
