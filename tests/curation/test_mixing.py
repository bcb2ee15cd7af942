"""Which sequence stands where in the stream of several sources."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nivel.runtime.curation import Mixture, load_corpus, pack_corpus
from nivel.runtime.curation.mixing import BLOCK
from nivel.runtime.data.pack import TokenStore, pack_documents, token_store
from nivel.runtime.errors import DataError
from nivel.runtime.models import train_byte_bpe
from nivel.runtime.training.batches import MicroBatches, TokenRows

LENGTH = 8
WORDS = [f"{a}{b}" for a in ("red", "blue", "green", "grey") for b in ("bird", "fish", "tree")]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    return tmp_path


def stores(*documents: int) -> dict[str, TokenStore]:
    """A store for each number of documents."""
    tokenizer = train_byte_bpe([" ".join(WORDS)], 260)
    return {
        str(place): token_store([f"{place} {n} {WORDS[n % 12]}" for n in range(count)],
                                tokenizer, LENGTH)
        for place, count in enumerate(documents)
    }  # fmt: skip


def source_of(mixture: Mixture, index: int) -> int:
    return int(np.searchsorted(mixture._starts, index, side="right")) - 1


def test_each_source_has_its_share_of_every_block_to_a_sequence() -> None:
    mixture = Mixture(stores(40, 30, 90), [5.0, 3.0, 2.0])
    assert mixture.order is not None
    found = [source_of(mixture, mixture.order(7, p)) for p in range(3 * BLOCK)]
    for block in range(3):
        counts = Counter(found[block * BLOCK : (block + 1) * BLOCK])
        for source, share in enumerate((0.5, 0.3, 0.2)):
            assert abs(counts[source] - share * BLOCK) <= 1
    totals = Counter(found)
    assert all(abs(totals[s] - share * 3 * BLOCK) <= 1 for s, share in enumerate((0.5, 0.3, 0.2)))


def test_a_source_is_seen_whole_before_any_of_it_comes_again() -> None:
    mixture = Mixture(stores(40, 400), [1.0, 3.0])
    assert mixture.order is not None
    stream = [mixture.order(7, p) for p in range(2 * BLOCK)]
    own = [index for index in stream if source_of(mixture, index) == 0]
    count = len(mixture.stores[0])
    passes = [own[at : at + count] for at in range(0, len(own) - count, count)]
    assert len(passes) > 10
    assert all(sorted(one) == list(range(count)) for one in passes)
    assert len({tuple(one) for one in passes}) == len(passes)  # each time in another order


def test_a_position_is_the_same_whoever_asks_and_whenever() -> None:
    parts = stores(40, 30)
    mixture, again = Mixture(parts, [1.0, 2.0]), Mixture(parts, [2.0, 4.0])
    assert mixture.order is not None and again.order is not None
    late = again.order(3, 5 * BLOCK + 17)  # nothing before it was asked for
    stream = [mixture.order(3, p) for p in range(5 * BLOCK + 18)]
    assert stream[-1] == late
    assert [mixture.order(4, p) for p in range(100)] != stream[:100]


@pytest.mark.parametrize("weights", [None, [1.0, 2.0]])
def test_any_number_of_processes_sees_the_same_steps(weights: list[float] | None) -> None:
    rows = TokenRows(Mixture(stores(40, 30), weights))

    def step(world: int, number: int) -> list[tuple[int, ...]]:
        found = []
        for rank in range(world):
            batches = MicroBatches(rows, batch=12, micro_batch=3, steps=50, seed=1, rank=rank,
                                   world=world)  # fmt: skip
            for turn in range(batches.accumulation):
                ids = batches[number * batches.accumulation + turn]["input_ids"]
                found += [tuple(line.tolist()) for line in ids]
        return sorted(found)

    for number in (0, 17, 49):
        assert step(1, number) == step(2, number) == step(4, number)


def test_without_weights_every_sequence_is_seen_once_in_an_epoch() -> None:
    rows = TokenRows(Mixture(stores(40, 30), None))
    batches = MicroBatches(rows, batch=1, micro_batch=1, steps=len(rows), seed=1, rank=0, world=1)
    seen = [index for step in range(len(rows)) for index in batches.step_indices(step)]
    assert sorted(seen) == list(range(len(rows)))


def test_a_store_with_one_wrong_byte_is_made_again(project: Path) -> None:
    tokenizer = train_byte_bpe([" ".join(WORDS)], 260)
    texts = [" ".join(WORDS)] * 5
    first = pack_documents(texts, tokenizer, LENGTH)
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[:10] + bytes([whole[10] ^ 1]) + whole[11:])
    with pytest.raises(ValueError, match="not as it was written"):
        TokenStore(first.path.with_suffix(".json"), LENGTH)
    assert pack_documents(texts, tokenizer, LENGTH).path.read_bytes() == whole


def test_a_source_too_short_for_a_sequence_is_named(project: Path) -> None:
    (project / "long.txt").write_text("\n\n".join(f"{n} {' '.join(WORDS)}" for n in range(40)))
    (project / "short.txt").write_text("so")
    sources = [{"name": name, "path": f"{name}.txt", "weight": 1.0} for name in ("long", "short")]
    corpus = load_corpus(sources)
    tokenizer = train_byte_bpe(corpus.train, 260)
    with pytest.raises(DataError, match="short: the text has"):
        pack_corpus(corpus.train, tokenizer, LENGTH)
    held_out = pack_corpus(corpus.held_out, tokenizer, LENGTH)
    assert len(held_out.parts["short"]) == 0
