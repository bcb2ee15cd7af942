"""Every adapter of the language on a tiny Llama: it learns, alone, and is there again when loaded.

The calls are those that the compiler writes: the class and the arguments come from the schema.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft.optimizers import create_loraplus_optimizer

from nivel.compiler.methods import SOFT, adapter
from nivel.compiler.structure import _method
from nivel.runtime.errors import ModelError
from nivel.runtime.models import (
    add_soft_prompt,
    allocate_ranks,
    load_model,
    load_tokenizer,
    orthogonality,
    peft_errors,
    save_model,
)
from nivel.runtime.training import LabelledRows, loraplus_groups, token_nll
from nivel.schemas import read_schema

from .tiny import tiny

STEPS = 20
# What a layer of 16 to 48 features can hold, and what peft cannot choose by itself.
SMALL: dict[str, list[dict[str, Any]]] = {
    "lora": [
        {"rank": 4},
        {"dora": True, "dropout": 0.1},
        {"rslora": True, "targets": ["q_proj", "v_proj"], "layers": [1]},
        *(
            {"rank": 4, "init": name}
            for name in ("gaussian", "orthogonal", "pissa", "olora", "mica")
        ),
        {"modules_to_save": ["lm_head"]},
    ],
    "ia3": [{}, {"target_modules": ["v_proj", "down_proj"], "feedforward_modules": ["down_proj"]}],
    "adalora": [{"init_r": 6, "target_r": 3, "tinit": 2, "tfinal": 5}],
    "oft": [{"oft_block_size": 8}, {"oft_block_size": 0, "r": 4, "block_share": True}],
    "boft": [{}, {"boft_n_butterfly_factor": 2}],
    "hra": [{"r": 4}],
    "loha": [{"r": 4}],
    "lokr": [{"r": 4}, {"r": 2, "decompose_both": True}],
    "vera": [{"r": 16}, {"r": 16, "save_projection": False}],
    "fourierft": [{"n_frequency": 50}],
    "vblora": [{"r": 2, "vector_length": 8, "num_vectors": 16}],
    "miss": [{"r": 4}],
    "shira": [{"r": 4}, {"r": 4, "random_seed": 3}],
    "c3a": [{"block_size": 8}, {"block_size": 4, "init_weights": "gaussian"}],
    "delora": [{"r": 4}],
    "gralora": [{"r": 4, "alpha": 8}],
    "road": [{"group_size": 8}, {"group_size": 8, "variant": "road_2"}],
    "ln-tuning": [{}, {"target_modules": ["input_layernorm"]}],
    "prompt": [{"num_virtual_tokens": 5, "prompt_tuning_init": "SAMPLE_VOCAB"}],
    "prefix": [
        {"num_virtual_tokens": 5},
        {"num_virtual_tokens": 5, "prefix_projection": True, "encoder_hidden_size": 16},
    ],
    "p-tuning": [
        {"num_virtual_tokens": 5, "encoder_hidden_size": 16},
        {
            "num_virtual_tokens": 5,
            "encoder_hidden_size": 16,
            "encoder_reparameterization_type": "LSTM",
        },
    ],
}
CASES = [(kind, options) for kind, several in SMALL.items() for options in several]
NAMES = [f"{kind}-{'-'.join(map(str, options.values()))}"[:40] for kind, options in CASES]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    return tmp_path


@pytest.fixture
def base(project: Path) -> Any:
    """A model in the project's folder `tiny`."""
    model, tokenizer = tiny()
    save_model(model, tokenizer, project / "tiny")
    return model


def filled(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    known = read_schema("methods.json")["$defs"][f"method_{kind}"]["properties"]
    defaults = {key: part["default"] for key, part in known.items() if "default" in part}
    return {**defaults, "type": kind, **options}


def adapted(model: Any, kind: str, options: dict[str, Any]) -> Any:
    """The model as a program of this method makes it."""
    call = adapter(_method(filled(kind, options)))
    assert call is not None
    more = {"total_step": STEPS} if kind == "adalora" else {}
    torch.manual_seed(0)
    with peft_errors():
        config = getattr(peft, call.name)(**dict(call.arguments), **more, task_type="CAUSAL_LM")
        if kind in SOFT:
            return add_soft_prompt(model, config, "./tiny", None)
        return peft.get_peft_model(model, config)


def rows() -> LabelledRows:
    """Two rows of different lengths, of which the ends are learned."""
    first, second = list(range(5, 17)), list(range(40, 46))
    labels = [[-100] * 7 + first[7:], [-100] * 4 + second[4:]]
    return LabelledRows([first, second], labels, 0)


def train(model: Any, kind: str) -> list[float]:
    """Losses of a few steps as the emitted program takes them."""
    batch = rows().collate([0, 1])
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-2)
    found = []
    for step in range(STEPS):
        loss = token_nll(model, batch)
        found.append(loss.item())
        (loss + (orthogonality(model) if kind == "adalora" else 0)).backward()
        optimizer.step()
        if kind == "adalora":
            allocate_ranks(model, step)
        optimizer.zero_grad()
    return found


def logits(model: Any) -> torch.Tensor:
    ids = torch.arange(20, 44).reshape(2, 12)
    with torch.no_grad():
        found: torch.Tensor = model.eval()(
            input_ids=ids, attention_mask=torch.ones_like(ids)
        ).logits
    return found


def test_every_adapter_of_the_language_is_tried_here() -> None:
    methods = read_schema("methods.json")["$defs"]
    assert {name.removeprefix("method_") for name, m in methods.items() if "peft" in m} == set(
        SMALL
    )


@pytest.mark.parametrize(("kind", "options"), CASES, ids=NAMES)
def test_an_adapter_learns_alone_and_is_the_same_when_loaded(
    base: Any, project: Path, kind: str, options: dict[str, Any]
) -> None:
    model = adapted(copy.deepcopy(base).train(), kind, options)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    found = train(model, kind)
    assert found[-1] < 0.9 * found[0], found
    after = dict(model.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert any(not torch.equal(before[name], p) for name, p in after.items() if name not in frozen)

    expected = logits(model)
    save_model(model, load_tokenizer("./tiny"), project / "run" / "model")
    again = logits(load_model("./run/model", dtype="fp32"))
    scale = float(expected.abs().max())
    if kind in SOFT:
        assert torch.allclose(again, expected, atol=1e-6 * scale)
        return
    assert torch.allclose(again, expected, atol=2e-5 * scale)
    # the adapter alone, by plain peft; AdaLoRA is saved without the ranks it took away
    fresh = peft.PeftModel.from_pretrained(copy.deepcopy(base), str(project / "run" / "adapter"))
    tolerance = 1e-5 * scale if kind == "adalora" else 0.0
    assert (logits(fresh) - expected).abs().max() <= tolerance


@pytest.mark.parametrize("bias", ["all", "lora_only"])
def test_biases_are_trained_and_saved_where_the_spec_says(project: Path, bias: str) -> None:
    model, tokenizer = tiny(attention_bias=True)
    save_model(model, tokenizer, project / "tiny")
    changed = adapted(model.train(), "lora", {"rank": 4, "bias": bias, "targets": ["q_proj"]})
    names = {n for n, p in changed.named_parameters() if p.requires_grad and n.endswith("bias")}
    assert names and all("q_proj" in n for n in names) == (bias == "lora_only")
    train(changed, "lora")
    expected = logits(changed)
    save_model(changed, tokenizer, project / "run" / "model")
    again = logits(load_model("./run/model", dtype="fp32"))
    assert torch.allclose(again, expected, atol=1e-4)


def test_an_embedding_trained_beside_a_tied_output_is_not_tied_again_when_loaded(
    project: Path,
) -> None:
    model, tokenizer = tiny(tie_word_embeddings=True)
    changed = adapted(model.train(), "lora", {"rank": 4, "modules_to_save": ["embed_tokens"]})
    train(changed, "lora")
    expected = logits(changed)
    save_model(changed, tokenizer, project / "run" / "model")
    assert torch.allclose(logits(load_model("./run/model", dtype="fp32")), expected, atol=1e-4)


def test_adapters_are_merged_into_the_weights_that_were_read_where_those_kept_are_short(
    base: Any, project: Path
) -> None:
    model = adapted(copy.deepcopy(base).train(), "lora", {"rank": 4})
    train(model, "lora")
    expected = logits(model)
    save_model(model, load_tokenizer("./tiny"), project / "run" / "model", base=("./tiny", None))
    again = logits(load_model("./run/model", dtype="fp32"))
    assert torch.allclose(again, expected, atol=1e-4)


def test_four_bits_without_a_gpu_are_refused(base: Any) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ModelError, match="need a GPU"):
        load_model("./tiny", dtype="fp32", quantize="nf4")


def test_what_does_not_fit_the_model_is_said_in_a_sentence(base: Any) -> None:
    with pytest.raises(ModelError, match="does not fit the model"):
        adapted(base, "lora", {"targets": ["c_attn"]})
    with pytest.raises(ModelError, match="does not fit the model"):
        adapted(base, "vblora", {"vector_length": 100})


def test_the_penalty_of_adalora_is_that_of_peft(base: Any) -> None:
    model = adapted(base.train(), "adalora", SMALL["adalora"][0])
    batch = rows().collate([0])
    whole = model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
    plain = model.base_model.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
    assert torch.allclose(whole - plain, orthogonality(model), rtol=1e-4)


def test_the_b_matrices_of_loraplus_learn_faster_in_the_optimizer_that_programs_make(
    base: Any,
) -> None:
    model = adapted(base, "lora", {"rank": 4})
    theirs = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16, loraplus_weight_decay=0.1
    )
    ours = torch.optim.AdamW(loraplus_groups(model, 0.1, 1e-3, 16))
    names = {id(p): name for name, p in model.named_parameters()}

    def settings(optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
        groups = optimizer.param_groups
        return {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}

    assert settings(ours) == settings(theirs)
    rates = {name: rate for name, (rate, _) in settings(ours).items()}
    assert {rate for name, rate in rates.items() if "lora_B" in name} == {16e-3}
    assert {rate for name, rate in rates.items() if "lora_A" in name} == {1e-3}
    assert len(rates) == sum(p.requires_grad for p in model.parameters())
