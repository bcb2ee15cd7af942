"""The operations that MFU counts are those that a plan counts; rates are those of the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nivel.compiler.api import plan
from nivel.compiler.costs.estimate import estimate
from nivel.runtime.models import new_model
from nivel.runtime.training.utilisation import flops_per_token, peak_flops, rate_of

from .learning import Words

SPEC = """\
nivel: 2
name: own
level: pretrain
model: {architecture: llama, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4,
  num_key_value_heads: 2, intermediate_size: 96, tie_word_embeddings: TIED}
data: {text: {builtin: python-docs}}
tokenizer: {type: byte-bpe, vocab_size: 512}
train: {tokens: 65536, batch: 8, sequence_length: 128, learning_rate: 1e-3}
hardware: cpu
"""


class Many(Words):
    def __len__(self) -> int:
        return 512


@pytest.mark.parametrize("tied", [True, False])
def test_a_training_counts_the_operations_that_its_plan_counts(
    tied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SPEC.replace("TIED", str(tied).lower())
    (tmp_path / "own.yaml").write_text(text, "utf-8")
    made, checked = plan("own.yaml")
    assert made is not None, checked.diagnostics
    planned = estimate(made, checked).compute
    assert planned is not None
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
             "tie_word_embeddings": tied}  # fmt: skip
    model = new_model("llama", sizes, Many())  # type: ignore[arg-type]
    each = flops_per_token(model, 128)
    assert each is not None and each * 8 * 128 == pytest.approx(planned.flops_per_step)


def test_rates_are_those_of_the_catalog_and_of_no_other_device() -> None:
    assert rate_of("NVIDIA H100 80GB HBM3") == 989.4e12
    assert rate_of("NVIDIA A100-SXM4-80GB") == 312e12
    assert rate_of("NVIDIA GeForce RTX 4090") == 165.2e12
    assert rate_of("NVIDIA H100 PCIe") is None and rate_of("NVIDIA T4") is None
    assert peak_flops(torch.device("cpu"), "bf16-mixed") is None
