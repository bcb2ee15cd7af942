"""Sizes of a new model: by name, by a budget, and in the configuration of each family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from nivel.compiler import scaling
from nivel.compiler.check import check
from nivel.compiler.costs.estimate import estimate
from nivel.compiler.costs.families import read_shape
from nivel.compiler.plan import PretrainPlan
from nivel.compiler.planner import make_plan
from nivel.compiler.sizes import ARCHITECTURES, flops_of, needed, presets, whole_config
from nivel.compiler.structure import build_spec
from nivel.schemas import read_schema

SPEC = """\
nivel: 2
name: own
level: pretrain
model: {model}
data: {{text: {{builtin: python-docs}}}}
tokenizer: {{type: byte-bpe, vocab_size: {vocab}}}
train: {{sequence_length: {length}{more}}}
hardware: cpu
"""
LEARNED = ", tokens: 2097152, batch: 1, learning_rate: 1e-3"


def planned(
    folder: Path, model: str, *, vocab: int = 4096, length: int = 512, more: str = ""
) -> Any:
    """The plan of a spec, and what it is estimated to need."""
    path = folder / "own.yaml"
    path.write_text(SPEC.format(model=model, vocab=vocab, length=length, more=more))
    checked = check(path)
    assert checked.spec is not None, checked.diagnostics
    plan = make_plan(checked.spec)
    assert isinstance(plan, PretrainPlan)
    return plan, estimate(plan, checked)


@pytest.mark.parametrize("name", presets())
def test_a_preset_has_the_parameters_of_the_published_model(name: str, tmp_path: Path) -> None:
    entry = presets()[name]
    plan, _ = planned(
        tmp_path,
        f"{{preset: {name}, max_position_embeddings: {entry['max_position_embeddings']}}}",
        vocab=entry["vocab_size"],
        length=256,
        more=LEARNED,
    )
    assert plan.parameters == entry["parameters"]
    assert plan.active_parameters == entry.get("active")
    assert plan.model.tie_word_embeddings == entry["sizes"]["tie_word_embeddings"]


def test_a_preset_ties_its_embeddings_as_the_spec_says(tmp_path: Path) -> None:
    said = "{preset: llama-15m, tie_word_embeddings: false}"
    assert not planned(tmp_path, said, more=LEARNED)[0].model.tie_word_embeddings


def test_the_schema_names_what_the_compiler_knows() -> None:
    model = read_schema("pretrain.json")["properties"]["model"]["properties"]
    assert model["architecture"]["enum"] == list(ARCHITECTURES)
    assert model["preset"]["enum"] == list(presets())
    assert model["budget"]["properties"]["device"]["enum"] == list(
        read_schema("devices.json")["devices"]
    )


PUBLISHED = {
    "olmoe-1b-7b": (6.9e9, 1.3e9),  # arXiv:2409.02060
    "qwen1.5-moe-a2.7b": (14.3e9, 2.7e9),  # qwenlm.github.io/blog/qwen-moe
    "qwen3-30b-a3b": (30.5e9, 3.3e9),  # arXiv:2505.09388
    "mixtral-8x7b": (46.7e9, 12.9e9),  # mistral.ai/news/mixtral-of-experts
}


def test_a_token_meets_as_much_of_a_mixture_as_its_makers_say() -> None:
    for name, entry in presets().items():
        if ARCHITECTURES[entry["sizes"]["architecture"]].experts:
            total, active = PUBLISHED[name]
            assert entry["parameters"] == pytest.approx(total, rel=0.005)
            assert entry["active"] == pytest.approx(active, rel=0.02)


def test_operations_are_those_of_what_a_token_meets(tmp_path: Path) -> None:
    sizes = "hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: "
    more = "num_experts: 8, num_experts_per_tok: 2"
    mixture, cost = planned(tmp_path, f"{{architecture: olmoe, {sizes}32, {more}}}", more=LEARNED)
    dense, other = planned(tmp_path, f"{{architecture: llama, {sizes}64}}", more=LEARNED)
    router, norms = 2 * 8 * 64, 2 * 2 * 64  # of the blocks; OLMoE norms queries and keys too
    assert mixture.active_parameters == dense.parameters + router + norms
    assert mixture.flops == 6.0 * mixture.active_parameters * mixture.tokens
    per_token = (cost.compute.flops_per_step - other.compute.flops_per_step) / dense.tokens_per_step
    assert per_token == 6 * router
    assert cost.memory.weights == 4 * mixture.parameters > other.memory.weights


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sizes_are_named_as_transformers_names_them(name: str, tmp_path: Path) -> None:
    sizes = f"{{architecture: {name}, hidden_size: 64, num_hidden_layers: 3, "
    said = {**dict.fromkeys(needed(name), 160), "num_experts_per_tok": 4}
    said = {key: said[key] for key in needed(name)[3:]}
    more = ", ".join(f"{key}: {value}" for key, value in said.items())
    plan, _ = planned(tmp_path, sizes + f"num_attention_heads: 4, {more}}}", more=LEARNED)
    config = whole_config(plan.model, 4096)
    known = AutoConfig.for_model(name)
    assert all(hasattr(known, key) for key in config)
    built = AutoConfig.for_model(name, **{k: v for k, v in config.items() if k != "model_type"})
    assert built.num_hidden_layers == 3 and built.num_attention_heads == 4
    assert read_shape(built.to_dict()).total == plan.parameters


def test_a_budget_is_spent_and_not_overdrawn(tmp_path: Path) -> None:
    for flops in ("1e13", "1e15", "1e17", "1e20"):
        plan, found = planned(tmp_path, f"{{architecture: qwen3, budget: {{flops: {flops}}}}}")
        step = found.compute.flops_per_step
        assert float(flops) - step < found.compute.total_flops <= float(flops)
        assert plan.tokens == plan.steps * plan.tokens_per_step
        assert plan.batch.batch & (plan.batch.batch - 1) == 0


def test_what_the_spec_says_beside_a_budget_is_kept(tmp_path: Path) -> None:
    plan, _ = planned(
        tmp_path, "{architecture: llama, budget: {flops: 1e15}}",
        more=", batch: 12, learning_rate: 5e-4",
    )  # fmt: skip
    assert (plan.batch.batch, plan.optimizer.learning_rate) == (12, 5e-4)
    assert plan.tokens % (12 * 512) == 0


def test_the_law_finds_the_model_that_its_authors_trained() -> None:
    found = scaling.choose(5.76e23, "llama", True, 32000, 2048, False, None)
    assert found is not None
    # Chinchilla: 70 billion parameters on 1.4 trillion tokens (arXiv:2203.15556)
    assert 50e9 < found.parameters < 90e9
    assert 1.0e12 < found.tokens < 1.8e12


def test_of_the_ladder_the_lowest_loss_is_taken() -> None:
    rungs = list(scaling.ladder(1e17, "gpt2", False, 4096, 256, True))
    found = scaling.choose(1e17, "gpt2", False, 4096, 256, True, None)
    assert found is not None
    assert found.loss == min(rung.loss for rung in rungs)
    assert all(loss >= found.loss for _, _, loss in found.beside)
    assert [rung.sizes["hidden_size"] for rung in rungs] == [64 * n for n in range(1, 129)]
    assert all(rung.sizes["intermediate_size"] == 4 * rung.sizes["hidden_size"] for rung in rungs)


def test_hours_of_a_device_are_operations_at_a_share_of_its_rate() -> None:
    assert flops_of({"gpu_hours": 2, "device": "h100", "mfu": 0.5}) == pytest.approx(
        2 * 3600 * 989.4e12 * 0.5
    )
    assert flops_of({"gpu_hours": 2, "mfu": 0.5}) is None


def test_a_budget_too_small_for_a_step_chooses_nothing() -> None:
    assert scaling.choose(1e9, "llama", True, 4096, 2048, True, 512) is None


def test_what_is_resolved_has_sizes_in_place_of_the_budget(tmp_path: Path) -> None:
    _, found = planned(tmp_path, "{architecture: olmo2, budget: {flops: 1e16}}")
    path = tmp_path / "own.yaml"
    filled = check(path).filled
    assert filled is not None and "budget" not in filled["model"]
    assert filled["model"]["hidden_size"] == found.scaling.sizes["hidden_size"]
    assert build_spec("pretrain", filled) == check(path).spec


ODD = ("[1]", "{a: 1}", "null", "true", "-1", "1e400", "''", "1.5", "99999999999999999999")
FORMS = (
    "{architecture: V, budget: {flops: 1e15}}",
    "{architecture: llama, budget: {flops: V}}",
    "{architecture: llama, budget: V}",
    "{architecture: llama, budget: {gpu_hours: V, device: h100, mfu: V}}",
    "{preset: V, tie_word_embeddings: V}",
    "{preset: gpt2, initialization: V}",
    "{architecture: qwen3, hidden_size: V, num_hidden_layers: 2, num_attention_heads: V, "
    "intermediate_size: 64, head_dim: V}",
)


@pytest.mark.parametrize("form", FORMS)
def test_odd_values_are_told_and_never_raise(form: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    for value in ODD:
        for vocab, length in ((512, 128), (value, 128), (512, value)):
            path.write_text(
                SPEC.format(model=form.replace("V", value), vocab=vocab, length=length, more="")
            )
            checked = check(path)
            if checked.spec is not None:
                make_plan(checked.spec)
            else:
                assert checked.diagnostics
