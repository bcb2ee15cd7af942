"""Learned positions in front of the text: every row sees them alike, whatever stands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from nivel.runtime.data import Prompt, Row
from nivel.runtime.errors import ModelError
from nivel.runtime.evaluation import evaluate_classifier
from nivel.runtime.evaluation.prefix import score_labels
from nivel.runtime.generation import LocalModel
from nivel.runtime.models import add_soft_prompt, load_model, load_tokenizer, save_model
from nivel.runtime.prompting.types import Generation
from nivel.runtime.training import LabelledRows, token_nll

from .tiny import ask, cells, tiny

CONFIGS = [
    peft.PromptTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM"),
    peft.PrefixTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM"),
    peft.PromptEncoderConfig(num_virtual_tokens=5, encoder_hidden_size=16, task_type="CAUSAL_LM"),
]
ROWS = [list(range(5, 25)), list(range(40, 46)), [7, 8, 9]]


@pytest.fixture(params=CONFIGS, ids=["prompt", "prefix", "p-tuning"])
def soft(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    model, tokenizer = tiny()
    save_model(model, tokenizer, tmp_path / "tiny")
    torch.manual_seed(3)
    return add_soft_prompt(model, request.param, "./tiny", None).eval()


def test_one_row_alone_gets_the_logits_of_peft(soft: Any) -> None:
    ids = torch.tensor([ROWS[0]])
    with torch.no_grad():
        expected = soft.peft(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        found = soft(input_ids=ids).logits
    assert torch.allclose(found, expected[:, -ids.shape[1] :], atol=1e-5)


def test_the_loss_of_a_padded_batch_is_the_sum_of_the_rows_alone(soft: Any) -> None:
    data = LabelledRows(ROWS, [[-100, *row[1:]] for row in ROWS], 0)
    together = token_nll(soft, data.collate([0, 1, 2]))
    alone = sum(token_nll(soft, data.collate([index])) for index in range(3))
    assert torch.allclose(together, torch.as_tensor(alone), rtol=1e-5)


def test_labels_are_scored_as_by_reading_everything_at_once(soft: Any) -> None:
    start = list(range(100, 120))  # long enough to be read once for all
    prompts, labels = [[*start, *row] for row in ROWS], [[5], [6, 7, 8], [6, 9]]
    found = score_labels(soft, prompts, labels)
    for row, prompt in enumerate(prompts):
        for column, label in enumerate(labels):
            with torch.no_grad():
                logits = soft(input_ids=torch.tensor([prompt + label])).logits[0]
            logs = logits.log_softmax(-1)
            places = range(len(prompt) - 1, len(prompt) + len(label) - 1)
            expected = sum(float(logs[p, t]) for p, t in zip(places, label, strict=True))
            assert abs(float(found[row, column]) - expected) < 1e-3


def test_answers_are_written_as_by_reading_everything_anew_for_each_token(soft: Any) -> None:
    tokenizer = load_tokenizer("./tiny")
    local = LocalModel.around("soft", soft, tokenizer)
    asked = cells(Generation(max_tokens=6, temperature=0))
    for cell, answer in zip(asked, ask(local, asked), strict=True):
        ids = tokenizer(cell.text)["input_ids"]
        written: list[int] = []
        while len(written) < 6:
            with torch.no_grad():
                logits = soft(input_ids=torch.tensor([ids + written])).logits[0, -1]
            written.append(int(logits.argmax()))
            if written[-1] == tokenizer.eos_token_id:
                break
        assert answer.output_tokens == len(written)
        plain = [token for token in written if token != tokenizer.eos_token_id]
        assert answer.text == tokenizer.decode(plain)


def test_a_saved_prompt_is_small_and_answers_alike(soft: Any, tmp_path: Path) -> None:
    tokenizer = load_tokenizer("./tiny")
    run = tmp_path / "runs" / "tuned" / "20260101"
    save_model(soft, tokenizer, run / "model")
    (run / "run.json").write_text(json.dumps({"status": "completed"}))
    assert not (run / "model" / "model.safetensors").exists()
    again = load_model("run:tuned", dtype="fp32")
    rows = [Row(str(n), {"text": text}, "red") for n, text in enumerate(("one", "a red one"))]
    prompt = Prompt("{{ text }} is", ["red", "green"], "plain")
    scores = [
        evaluate_classifier(model, load_tokenizer("run:tuned"), rows, prompt, prompt.labels)
        for model in (soft, again)
    ]
    assert scores[0].predictions == scores[1].predictions
    assert LocalModel("soft", "run:tuned").identity()["weights"]


def test_a_prompt_is_refused_on_other_weights(soft: Any, tmp_path: Path) -> None:
    save_model(soft, load_tokenizer("./tiny"), tmp_path / "kept")
    other, tokenizer = tiny(seed=1)
    save_model(other, tokenizer, tmp_path / "tiny")
    with pytest.raises(ModelError, match="other weights"):
        load_model("./kept", dtype="fp32")


def test_a_loaded_prompt_cannot_be_tuned_further(soft: Any, tmp_path: Path) -> None:
    save_model(soft, load_tokenizer("./tiny"), tmp_path / "kept")
    with pytest.raises(ModelError, match="cannot be tuned further"):
        load_model("./kept", dtype="fp32").train()


def test_the_positions_that_are_left_are_those_that_the_prompt_does_not_take(soft: Any) -> None:
    whole = soft.get_base_model().config.max_position_embeddings
    assert soft.config.max_position_embeddings == whole - 5
    assert whole == 512


def test_a_model_with_sliding_windows_is_refused() -> None:
    model = MistralForCausalLM(
        MistralConfig(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            sliding_window=4,
        )  # fmt: skip
    )
    with pytest.raises(ModelError, match="more of its past"):
        add_soft_prompt(model, CONFIGS[0], "./tiny", None)


def test_a_prompt_longer_than_the_model_is_refused() -> None:
    model, _ = tiny(max_position_embeddings=4)
    with pytest.raises(ModelError, match="reads 4 positions"):
        add_soft_prompt(model, CONFIGS[0], "./tiny", None)
