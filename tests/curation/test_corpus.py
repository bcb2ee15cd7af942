"""Sources of every kind, what is held out of them, and what is kept on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.runtime.curation import Corpus, load_corpus
from nivel.runtime.data import load_documents
from nivel.runtime.errors import DataError

from .test_planted import step

TEXTS = [f"Document {n} says: {'word ' * (n % 7)}and no more." for n in range(60)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    (tmp_path / "a.txt").write_text("\n\n".join(TEXTS), "utf-8")
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"body": t}) + "\n" for t in TEXTS))
    (tmp_path / "c.csv").write_text(
        "id,text\n" + "".join(f'{n},"{t}"\n' for n, t in enumerate(TEXTS))
    )
    return tmp_path


def texts(found: Corpus) -> set[str]:
    return {text.strip() for text in (*found.train, *found.held_out)}


def corpus(*sources: dict[str, Any], **how: Any) -> Corpus:
    named = [{"name": str(place), **source} for place, source in enumerate(sources)]
    return load_corpus(named, **how)


@pytest.mark.parametrize(
    "source", [{"path": "a.txt"}, {"path": "b.jsonl", "column": "body"}, {"path": "c.csv"}]
)
def test_every_kind_of_file_gives_its_documents(source: dict[str, Any]) -> None:
    found = corpus(source)
    assert texts(found) == set(TEXTS)
    assert 0 < len(found.held_out) < 20


def test_parquet_gives_its_column(project: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"id": range(60), "body": TEXTS}), project / "d.parquet")
    assert texts(corpus({"path": "d.parquet", "column": "body"})) == set(TEXTS)
    with pytest.raises(DataError, match="no column 'text'.*\n.*id, body"):
        corpus({"path": "d.parquet"})
    (project / "e.parquet").write_bytes(b"PAR1 and nothing that belongs to it")
    with pytest.raises(DataError, match="e.parquet: is not Parquet"):
        corpus({"path": "e.parquet"})


def test_a_folder_gives_every_file_in_it_in_the_order_of_names(project: Path) -> None:
    (project / "texts" / "inner").mkdir(parents=True)
    (project / "texts" / ".hidden").mkdir()
    for name in ("b.txt", "inner/a.txt", ".hidden/c.txt", "notes.md", ".d.txt"):
        (project / "texts" / name).write_text(f"From {name}.\n\n" + "\n\n".join(TEXTS))
    found = texts(corpus({"path": "texts/"}))
    assert found - set(TEXTS) == {"From b.txt.", "From inner/a.txt."}


def test_a_folder_with_a_link_out_of_the_project_is_refused(project: Path) -> None:
    outside = project.parent / f"{project.name}-outside.txt"
    outside.write_text("Secret.")
    (project / "texts").mkdir()
    (project / "texts" / "link.txt").symlink_to(outside)
    with pytest.raises(DataError, match="leaves the project"):
        corpus({"path": "texts"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": null}', "x.jsonl:2: no value in column 'text'"),
        ('{"text": 3}', "x.jsonl:2: column 'text' holds no text"),
        ("{", "x.jsonl:2: is not JSON"),
    ],
)
def test_a_line_that_gives_no_text_is_named(project: Path, line: str, message: str) -> None:
    (project / "x.jsonl").write_text(f'{{"text": "fine"}}\n{line}\n')
    with pytest.raises(DataError, match=message):
        corpus({"path": "x.jsonl"})


def test_half_a_surrogate_pair_does_not_stop_a_run(project: Path) -> None:
    lines = ['{"text": "half \\ud83d of it"}', *(json.dumps({"text": t}) for t in TEXTS)]
    (project / "x.jsonl").write_text("\n".join(lines))
    assert "half ? of it" in texts(corpus({"path": "x.jsonl"}))


def test_the_same_documents_are_held_out_as_of_a_plain_text_file() -> None:
    found = corpus({"path": "a.txt"})
    plain = load_documents(path="a.txt", split="validation")
    assert sorted(found.held_out) == sorted(plain)


def test_what_is_held_out_does_not_depend_on_the_steps() -> None:
    before = set(corpus({"path": "a.txt"}).held_out)
    after = set(corpus({"path": "a.txt"}, curate=[step("length", min_words=8)]).held_out)
    assert after < before


def test_the_order_is_one_of_the_seed_and_the_text_alone(project: Path) -> None:
    first, other = (list(corpus({"path": "a.txt"}, seed=seed).train) for seed in (1, 2))
    assert first != other
    assert sorted(first) == sorted(other)
    (project / "f.txt").write_text("\n\n".join(TEXTS[::-1]), "utf-8")
    assert list(corpus({"path": "f.txt"}, seed=1).train) == first
    assert list(corpus({"path": "a.txt", "limit": 7}, seed=1).train) == first[:7]


def test_what_was_cleaned_is_not_cleaned_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [step("length", min_words=8)]
    first = corpus({"path": "a.txt"}, curate=steps)
    with monkeypatch.context() as patch:
        patch.setattr("nivel.runtime.curation.corpus.read_texts", None)
        again = corpus({"path": "a.txt"}, curate=steps)
    assert list(again.train) == list(first.train)
    assert [one.to_json() for one in again.steps] == [one.to_json() for one in first.steps]
    (project / "a.txt").write_text("\n\n".join([*TEXTS, "One more that has many words in it."]))
    assert len(texts(corpus({"path": "a.txt"}, curate=steps))) == len(texts(first)) + 1


def test_a_store_that_is_damaged_is_made_again(project: Path) -> None:
    first = list(corpus({"path": "a.txt"}).train)
    (stored,) = (project / ".nivel/cache/corpus").glob("*/0-train.utf8")
    whole = stored.read_bytes()
    stored.write_bytes(whole[:40] + b"X" + whole[41:])
    assert list(corpus({"path": "a.txt"}).train) == first
    assert stored.read_bytes() == whole


def test_duplicates_are_found_over_all_sources() -> None:
    sources = {"path": "a.txt"}, {"path": "b.jsonl", "column": "body"}
    with pytest.raises(DataError, match="1: no document is left"):
        corpus(*sources, curate=[step("exact-duplicates")])
    found = corpus(*sources)
    assert len(found.train) + len(found.held_out) == 120


def test_a_source_of_which_nothing_is_left_is_named() -> None:
    with pytest.raises(DataError, match="0: no document is left"):
        corpus({"path": "a.txt"}, curate=[step("length", min_words=1000)])


def test_a_data_set_of_the_hub_is_read_row_by_row(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.chdir(project)  # where a folder of the name is, datasets reads that
    (project / "org" / "texts").mkdir(parents=True)
    (project / "org" / "texts" / "train.jsonl").write_bytes((project / "b.jsonl").read_bytes())
    hub = {"dataset": "org/texts", "revision": "0" * 40, "split": "train"}
    assert texts(corpus({"hub": hub, "column": "body"})) == set(TEXTS)
    with pytest.raises(DataError, match=r"org/texts \(train\): row 1: no value in column 'text'"):
        corpus({"hub": hub})
    with pytest.raises(DataError, match=r"org/texts \(other\): cannot be read"):
        corpus({"hub": {**hub, "split": "other"}, "column": "body"})


SPEC = """\
nivel: 2
name: small
level: pretrain
model:
  {architecture: llama, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2,
   intermediate_size: 64}
data:
  text: {path: c.csv}
  curate: [{type: length, min_words: 8}, {type: pii}]
tokenizer: {type: byte-bpe, vocab_size: 300}
train: {tokens: 1024, batch: 4, sequence_length: 16, learning_rate: 1e-3}
hardware: cpu
"""


def test_a_preview_shows_counts_and_what_was_dropped_without_training(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "small.yaml").write_text(SPEC)
    shown = CliRunner().invoke(group, ["preview", "small.yaml", "--rows", "1"])
    assert shown.exit_code == 0, shown.output
    assert "curate length: 60 documents" in shown.output
    assert "  length (fewer words): 'Document " in shown.output
    assert not (project / "runs").exists()
    data = CliRunner().invoke(group, ["preview", "small.yaml", "--format", "json"])
    (step, _) = json.loads(data.output)["curation"]["steps"]
    assert (
        step["before"]["documents"] - step["dropped"]["fewer words"] == step["after"]["documents"]
    )
