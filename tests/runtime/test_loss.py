"""The loss of the trained positions, in pieces, is the plain loss of each row by itself.

So are its gradients, for rows under one another and for rows joined into one sequence. Models of
many families are made at random; of those that let joined rows see each other, none is trained.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from nivel.runtime.errors import ModelError
from nivel.runtime.models import checkpoint_activations
from nivel.runtime.training import LabelledRows, token_nll
from nivel.runtime.training import head as pieces
from nivel.runtime.training.documents import ROW_BY_ROW, keep_apart
from nivel.runtime.training.head import ends_plainly, summed_nll

WORDS = 97
SIZES = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"tie_word_embeddings": True},
    "gpt2": {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0},
    "mistral": {"sliding_window": 4},  # shorter than the rows
    "gemma2": {"sliding_window": 4, "head_dim": 8},  # capped scores and logits
    "opt": {"word_embed_proj_dim": 32, "ffn_dim": 48, "dropout": 0},
    "granite": {"logits_scaling": 3.0},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 8},
}
SCALED = {"gemma2", "granite"}  # what they do to logits after the output layer
MIXING = {"bloom": {"n_layer": 2, "n_head": 4}, "mamba": {"state_size": 4}}

DRAW = torch.Generator().manual_seed(0)
IDS = [torch.randint(3, WORDS, (n,), generator=DRAW).tolist() for n in (5, 11, 3, 17, 8, 2)]
LABELS = [[-100] * (len(row) // 2) + row[len(row) // 2 :] for row in IDS]


def made(family: str, **more: Any) -> Any:
    config = transformers.AutoConfig.for_model(family, **{**SIZES, **more})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).train()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.2)
    return model


def by_hand(model: Any) -> Tensor:
    """The summed loss of every row alone, by the model's own logits."""
    found = []
    for ids, labels in zip(IDS, LABELS, strict=True):
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1]
        found.append(cross_entropy(logits.float(), torch.tensor(labels[1:]), reduction="sum"))
    return torch.stack(found).sum()


def gradient(model: Any, loss: Tensor) -> tuple[float, Tensor]:
    model.zero_grad()
    loss.backward()
    wanted = [p.grad for p in model.parameters() if p.grad is not None]
    return float(loss), torch.cat([each.flatten() for each in wanted]).clone()


def batch(packing: bool) -> dict[str, Tensor]:
    return LabelledRows(IDS, LABELS, 0, packing=packing).collate(range(len(IDS)))


def assert_same(model: Any, packing: bool) -> None:
    loss, expected = gradient(model, by_hand(model))
    found, given = gradient(model, token_nll(model, batch(packing)))
    assert found == pytest.approx(loss, rel=1e-5)
    assert float((given - expected).norm() / expected.norm()) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_a_batch_learn_what_each_learns_alone(family: str) -> None:
    model = made(family, **FAMILIES[family])
    assert ends_plainly(model, model.get_output_embeddings()) == (family not in SCALED)
    assert_same(model, packing=False)
    keep_apart(model, "cpu")
    assert_same(model, packing=True)


@pytest.mark.parametrize("family", MIXING)
def test_a_model_that_mixes_joined_rows_is_refused_and_said_so(family: str) -> None:
    model = made(family, **MIXING[family])
    assert_same(model, packing=False)
    with pytest.raises(ModelError, match="see each other") as caught:
        keep_apart(model, "cpu")
    assert caught.value.cure == "leave out train.packing or train.document_mask"


def test_without_the_right_attention_joined_rows_would_mix() -> None:
    model = made("llama")
    loss, _ = gradient(model, by_hand(model))
    keep_apart(model, "cpu")
    joined = batch(packing=True)
    joined["documents"] = torch.zeros_like(joined["documents"])  # as if they were one row
    assert abs(float(token_nll(model, joined)) - loss) > 0.1


def test_a_model_with_joined_rows_still_reads_padded_ones_and_writes() -> None:
    model = made("llama").eval()
    ids = torch.tensor([IDS[1], IDS[1]])
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    plain = model(input_ids=ids, attention_mask=mask).logits
    before = model.generate(ids, max_new_tokens=5, do_sample=False)
    keep_apart(model, "cpu")
    assert model.config._attn_implementation == ROW_BY_ROW
    torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, plain)
    assert torch.equal(model.generate(ids, max_new_tokens=5, do_sample=False), before)


@pytest.mark.parametrize("targets", ["all-linear", ["lm_head"], ["q_proj"]])
@pytest.mark.parametrize("packing", [False, True])
def test_adapters_learn_the_same_wherever_they_are(targets: Any, packing: bool) -> None:
    config = LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(made("llama"), config)
    if packing:
        keep_apart(model, "cpu")
    assert_same(model, packing)


def test_pieces_are_small_and_their_sum_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pieces.LOGITS_AT_ONCE, "cpu", 3 * WORDS)
    torch.manual_seed(1)
    head = nn.Sequential(nn.Dropout(0.0), nn.Linear(32, WORDS, bias=False))
    states, words = torch.randn(20, 32, requires_grad=True), torch.arange(20)
    plain = cross_entropy(head(states), words, reduction="sum")
    expected = torch.autograd.grad(plain, [states, head[1].weight])
    for layer in (head, head[1]):  # any layer, and the way for one matrix
        seen: list[int] = []
        hook = head[1].register_forward_hook(lambda m, i, out, seen=seen: seen.append(len(out)))
        loss = summed_nll(layer, states, words)
        found = torch.autograd.grad(loss * 2.0, [states, head[1].weight])
        hook.remove()
        assert float(loss) == pytest.approx(float(plain), rel=1e-6)
        assert max(seen, default=0) <= 3
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other * 2, rtol=1e-5, atol=1e-6)
        with torch.no_grad():
            assert float(summed_nll(layer, states, words)) == pytest.approx(float(plain), rel=1e-6)


def test_in_short_precision_the_loss_is_as_near_as_the_plain_one() -> None:
    model = made("llama")
    exact, gradients = gradient(model, by_hand(model))
    with torch.autocast("cpu", torch.bfloat16):
        plain, rough = gradient(model, by_hand(model))
        found, given = gradient(model, token_nll(model, batch(packing=False)))
    assert abs(found - exact) < 2 * abs(plain - exact) + 0.01 * exact
    off = float((rough - gradients).norm())
    assert float((given - gradients).norm()) < 1.5 * off


@pytest.mark.parametrize("packing", [False, True])
def test_blocks_that_are_computed_again_learn_the_same_bits(packing: bool) -> None:
    found = []
    for spare in (False, True):
        config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
        config.lora_dropout = 0.3  # the same mask both times
        model = get_peft_model(made("llama"), config)
        keep_apart(model, "cpu")
        if spare:
            checkpoint_activations(model)
        ends_plainly(model, model.get_output_embeddings())  # looks once, which is no step
        calls: list[int] = []
        block = model.get_base_model().model.layers[0].mlp
        hook = block.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        torch.manual_seed(3)
        found.append(gradient(model, token_nll(model, batch(packing))))
        hook.remove()
        assert len(calls) == 1 + spare
    assert found[0][0] == found[1][0] and torch.equal(found[0][1], found[1][1])


def test_a_batch_that_trains_nothing_gives_every_parameter_a_zero() -> None:
    model = made("llama")
    nothing = LabelledRows(IDS, LABELS, 0).collate([-1, -1])
    loss, given = gradient(model, token_nll(model, nothing))
    assert loss == 0.0 and not given.any()
    assert all(p.grad is not None for p in model.parameters())


def test_looking_at_how_a_model_ends_draws_nothing_and_changes_no_mode() -> None:
    model = made("gpt2", resid_pdrop=0.1)
    before = torch.get_rng_state()
    assert ends_plainly(model, model.get_output_embeddings())
    assert torch.equal(torch.get_rng_state(), before) and model.training
