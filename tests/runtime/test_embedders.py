"""Learning to embed: chunks change no curve, negatives are those of the whole step, files load."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from nivel.runtime.data import Row
from nivel.runtime.data.anchors import AnchorEncoder, EncodedAnchors
from nivel.runtime.embedded import Search
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation.retrieval import measure_retrieval, search
from nivel.runtime.models.embedders import embed_all, load_embedder, save_embedder
from nivel.runtime.models.pooling import pool
from nivel.runtime.models.save import share
from nivel.runtime.scoring.embedding import SentenceEncoder
from nivel.runtime.training import MicroBatches, contrastive
from nivel.runtime.training.contrastive import AnchorRows, contrastive_loss

from .tiny import tiny

WORDS = ["red", "green", "blue", "name", "age", "start", "question", "same"]


def pairs(count: int = 12, negatives: bool = False) -> list[Row]:
    found = []
    for place in range(count):
        one, two = WORDS[place % 8], WORDS[(place * 3 + 1) % 8]
        fields = {"anchor": f"{one} {two}", "positive": f"the {one}, {two} {'x' * (place % 3)}"}
        if negatives:
            fields["negative"] = f"a {two} {place}"
        found.append(Row(f"r{place}", fields, None))
    return found


def encode_anchors(
    rows: list[Row], tokenizer: Any, max_length: int = 512, too_long: str = "refuse", **more: str
) -> EncodedAnchors:
    encoder = AnchorEncoder(tokenizer=tokenizer, max_length=max_length, **more)
    return encoder.encode(rows, too_long=too_long)


@pytest.fixture
def body() -> tuple[Any, Any]:
    model, tokenizer = tiny(initializer_range=0.1)
    return model.model, tokenizer


def curve(model: Any, rows: AnchorRows, micro: int, steps: int = 6) -> list[float]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batches = MicroBatches(rows, batch=6, micro_batch=6, steps=steps, seed=0, rank=0, world=1)
    found = []
    for step in range(steps):
        batch = batches[step]
        how = {"temperature": 0.1, "pooling": "mean", "micro_batch": micro}
        loss = contrastive_loss(model, batch, **how) / batch["step_rows"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        found.append(float(loss.detach()))
    return found


@pytest.mark.parametrize("negatives", [False, True])
def test_chunks_of_any_size_give_one_curve(negatives: bool) -> None:
    curves = []
    for micro in (64, 4, 1):
        model, tokenizer = tiny(initializer_range=0.1)
        rows = AnchorRows(encode_anchors(pairs(12, negatives), tokenizer), tokenizer.pad_token_id)
        curves.append(curve(model.model.train(), rows, micro))
    assert curves[0][-1] < curves[0][0]
    assert curves[1] == pytest.approx(curves[0], abs=2e-5)
    assert curves[2] == pytest.approx(curves[0], abs=2e-5)


def test_dropout_of_a_chunk_is_the_same_when_it_is_made_again() -> None:
    sizes = {"vocab_size": 300, "hidden_size": 16, "intermediate_size": 16,
             "num_hidden_layers": 1, "num_attention_heads": 2}  # fmt: skip
    model = BertModel(BertConfig(**sizes, hidden_dropout_prob=0.5)).train()
    _, tokenizer = tiny()
    rows = AnchorRows(encode_anchors(pairs(4), tokenizer), tokenizer.pad_token_id)
    batch = rows.collate(range(4))
    how = {"temperature": 0.1, "pooling": "mean", "micro_batch": 1}
    torch.manual_seed(5)
    contrastive_loss(model, batch, **how).backward()
    once = model.embeddings.word_embeddings.weight.grad.clone()
    model.zero_grad()
    # the same masks without any chunk being made again
    torch.manual_seed(5)
    whole = []
    order = batch["attention_mask"].sum(1).argsort(stable=True, descending=True)
    for places in order.split(2):
        seen = batch["attention_mask"][places]
        length = int(seen.sum(1).max())
        ids, seen = batch["input_ids"][places, :length], seen[:, :length]
        whole.append(pool(model(ids, attention_mask=seen).last_hidden_state, seen, "mean"))
    vectors = torch.cat(whole)[order.argsort()]
    scores = vectors[:4] @ vectors[4:].T / 0.1
    torch.nn.functional.cross_entropy(scores, torch.arange(4), reduction="sum").backward()
    torch.testing.assert_close(once, model.embeddings.word_embeddings.weight.grad)


def test_the_loss_is_infonce_over_the_step(body: tuple[Any, Any]) -> None:
    model, tokenizer = body
    rows = AnchorRows(encode_anchors(pairs(3, True), tokenizer), tokenizer.pad_token_id)
    batch = rows.collate([0, 1, 2])
    found = contrastive_loss(model, batch, temperature=0.2, pooling="last", micro_batch=99)
    texts = encode_anchors(pairs(3, True), tokenizer).texts
    flat = [text for part in zip(*texts, strict=True) for text in part]
    vectors = embed_all(model, flat, "last")
    scores = (vectors[:3] @ vectors[3:].T / 0.2).tolist()
    wanted = sum(
        math.log(sum(math.exp(one) for one in line)) - line[k] for k, line in enumerate(scores)
    )
    assert float(found.detach()) == pytest.approx(wanted, abs=1e-4)


def test_a_row_that_fills_the_batch_and_an_equal_text_are_no_negatives(
    body: tuple[Any, Any],
) -> None:
    model, tokenizer = body
    same = [Row(str(k), {"anchor": a, "positive": "red"}, None) for k, a in enumerate("ab")]
    rows = AnchorRows(encode_anchors(same, tokenizer), tokenizer.pad_token_id)
    how = {"temperature": 0.1, "pooling": "mean", "micro_batch": 9}
    alone = contrastive_loss(model, rows.collate([0, -1, -1]), **how)
    assert float(alone.detach()) == pytest.approx(0.0, abs=1e-6)
    both = contrastive_loss(model, rows.collate([0, 1]), **how)
    assert float(both.detach()) == pytest.approx(0.0, abs=1e-6)


def test_the_positive_of_an_anchor_that_is_the_same_is_no_negative(body: tuple[Any, Any]) -> None:
    model, tokenizer = body
    fields = [{"anchor": "red", "positive": "blue"}, {"anchor": "red", "positive": "green"}]
    same = [Row(str(k), one, None) for k, one in enumerate(fields)]
    rows = AnchorRows(encode_anchors(same, tokenizer), tokenizer.pad_token_id)
    how = {"temperature": 0.1, "pooling": "mean", "micro_batch": 9, "symmetric": True}
    found = contrastive_loss(model, rows.collate([0, 1]), **how)
    assert float(found.detach()) == pytest.approx(0.0, abs=1e-6)


def test_both_directions_are_the_mean_of_two_losses(body: tuple[Any, Any]) -> None:
    model, tokenizer = body
    turned = [
        Row(row.id, {"anchor": row.fields["positive"], "positive": row.fields["anchor"]}, None)
        for row in pairs(5)
    ]
    how: dict[str, Any] = {"temperature": 0.1, "pooling": "mean", "micro_batch": 3}
    one, other = (
        AnchorRows(encode_anchors(rows, tokenizer), tokenizer.pad_token_id).collate(range(5))
        for rows in (pairs(5), turned)
    )
    both = contrastive_loss(model, one, **how, symmetric=True)
    mean = (contrastive_loss(model, one, **how) + contrastive_loss(model, other, **how)) / 2
    assert float(both.detach()) == pytest.approx(float(mean.detach()), abs=1e-5)


@pytest.mark.parametrize("negatives", [False, True])
def test_gradients_of_two_processes_add_up_to_those_of_one(
    negatives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = tiny(initializer_range=0.1)
    body, rows = model.model, pairs(8, negatives)
    made = AnchorRows(encode_anchors(rows, tokenizer), tokenizer.pad_token_id)
    how: dict[str, Any] = {
        "temperature": 0.1, "pooling": "mean", "micro_batch": 3, "symmetric": True
    }  # fmt: skip

    def gradients() -> list[torch.Tensor]:
        found = [p.grad.clone() for p in body.parameters() if p.grad is not None]
        body.zero_grad()
        return found

    contrastive_loss(body, made.collate(range(8)), **how).backward()
    whole, shares = gradients(), []
    halves = [made.collate(range(4)), made.collate(range(4, 8))]
    sent: list[list[torch.Tensor]] = [[], []]
    for rank in (0, 1):  # what each process would send, in the order in which it sends it
        monkeypatch.setattr(
            contrastive, "_everywhere",
            lambda mine, rank=rank: sent[rank].append(mine.detach()) or mine,
        )  # fmt: skip
        contrastive_loss(body, halves[rank], **how)
    for rank in (0, 1):
        other = iter(sent[1 - rank])

        def everywhere(mine: torch.Tensor, other: Any = other, rank: int = rank) -> torch.Tensor:
            parts = (mine, next(other)) if rank == 0 else (next(other), mine)
            return torch.cat(parts, dim=1)

        monkeypatch.setattr(contrastive, "_everywhere", everywhere)
        contrastive_loss(body, halves[rank], **how).backward()
        shares.append(gradients())
    for one, first, second in zip(whole, *shares, strict=True):
        torch.testing.assert_close(first + second, one, rtol=1e-3, atol=1e-5)


def test_what_is_saved_is_loaded_by_transformers_and_pools_as_it_was_trained(
    body: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, tokenizer = body
    texts = ["the red", "a question of names"]
    ids = [tokenizer(text)["input_ids"] for text in texts]
    encoder = AnchorEncoder(tokenizer=tokenizer, max_length=64)
    for pooling in ("mean", "cls", "last"):
        save_embedder(model, encoder, tmp_path / "saved", pooling=pooling)
        wanted = embed_all(model, ids, pooling)
        torch.testing.assert_close(SentenceEncoder("./saved").encode(texts), wanted)
        again = load_embedder("./saved", None, tokenizer, dtype="fp32")
        torch.testing.assert_close(embed_all(again, ids, pooling), wanted)
    plain = AutoModel.from_pretrained(tmp_path / "saved")
    torch.testing.assert_close(embed_all(plain, ids, "last"), wanted)
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").pad_token_id is not None
    assert len(json.loads((tmp_path / "saved/modules.json").read_text())) == 3
    share(tmp_path / "saved")  # as an export does
    modes = {one: one.stat().st_mode & 0o777 for one in (tmp_path / "saved").rglob("*")}
    assert all(mode == (0o755 if one.is_dir() else 0o644) for one, mode in modes.items())


def test_prefixes_stand_before_what_they_are_for(body: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = body
    row = Row("a", {"anchor": "red", "positive": "blue", "negative": "green"}, None)
    prefixes = {"query_prefix": "q: ", "document_prefix": "d: "}
    (said,) = encode_anchors([row], tokenizer, **prefixes).texts
    assert [tokenizer.decode(ids) for ids in said] == ["q: red", "d: blue", "d: green"]
    encoder = AnchorEncoder(tokenizer=tokenizer, max_length=64, **prefixes)
    save_embedder(model, encoder, tmp_path / "m", pooling="mean")
    kept = json.loads((tmp_path / "m/config_sentence_transformers.json").read_text())
    assert kept["prompts"] == {"query": "q: ", "document": "d: "}


def test_ranks_count_all_that_are_as_near() -> None:
    anchors = torch.eye(3)
    candidates = torch.tensor([[1.0, 0, 0], [0.6, 0.8, 0], [0, 1, 0], [0, 0, 1]])
    assert [one[0] for one in search(anchors, candidates, [0, 1, 3])] == [1, 2, 1]
    assert search(anchors, candidates, [1, 1, 3], [{0, 1}, {1}, {3}])[0][:2] == (1, 1)
    assert search(anchors[:1], torch.ones(4, 3) / 3**0.5, [2])[0][0] == 4
    names = ("recall_at_1", "recall_at_5", "mrr", "ndcg_at_10")
    found = measure_retrieval(names, [1, 2, 11], 0.95)
    assert found["recall_at_1"]["value"] == pytest.approx(1 / 3)
    assert found["recall_at_5"]["value"] == pytest.approx(2 / 3)
    assert found["mrr"]["value"] == pytest.approx((1 + 0.5 + 1 / 11) / 3)
    assert found["ndcg_at_10"]["value"] == pytest.approx((1 + 1 / math.log2(3)) / 3)
    assert found["mrr"]["low"] <= found["mrr"]["value"] <= found["mrr"]["high"]


def test_equal_positives_are_one_candidate(body: tuple[Any, Any]) -> None:
    model, tokenizer = body
    rows = [Row(str(k), {"anchor": f"{k}", "positive": "red"}, None) for k in range(3)]
    asked = Search(rows, AnchorEncoder(tokenizer=tokenizer, max_length=64), pooling="mean")
    found = asked.find(model)
    assert [one[:2] for one in found] == [(1, 0)] * 3 and asked.candidates() == ["red"]


def test_long_and_empty_texts_are_told(body: tuple[Any, Any]) -> None:
    _, tokenizer = body
    with pytest.raises(DataError, match="row a has no text as its anchor"):
        encode_anchors([Row("a", {"anchor": "", "positive": "x"}, None)], tokenizer)
    long = [Row("a", {"anchor": "x", "positive": "xyz" * 9}, None), *pairs(9)]
    with pytest.raises(DataError, match="longer than max_length 20"):
        encode_anchors(long, tokenizer, 20)
    assert len(encode_anchors(long, tokenizer, 20, too_long="drop")) == 9
    cut = encode_anchors(long, tokenizer, 20, too_long="cut")
    assert cut.truncated == 1 and len(cut.texts[0][1]) == 20
