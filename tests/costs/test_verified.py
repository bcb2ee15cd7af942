"""What `nivel plan --verify` says of a plan and of what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nivel.compiler.api import plan as make_plan
from nivel.compiler.costs.parameters import count
from nivel.compiler.costs.verified import verdict, verdict_lines
from nivel.compiler.plan import FinetunePlan

SPEC = """\
nivel: 2
name: tune
level: finetune
model: {path: ./model}
data: {train: {path: rows.jsonl, limit: 320}, test: {path: test.jsonl}}
task: {type: classify, labels: [fruit, metal], input: "{{ text }}"}
method: {type: full}
train: {epochs: 1, max_length: 128, batch: 8, learning_rate: 1e-3}
hardware: {accelerator: cpu}
"""
CONFIG = (
    '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 512, '
    '"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, '
    '"num_attention_heads": 2, "num_key_value_heads": 2}'
)


@pytest.fixture
def tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FinetunePlan:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(CONFIG)
    (tmp_path / "rows.jsonl").write_text('{"text": "apple", "label": "fruit"}\n')
    (tmp_path / "test.jsonl").write_text('{"text": "iron", "label": "metal"}\n')
    (tmp_path / "tune.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    plan, checked = make_plan("tune.yaml", None)
    assert isinstance(plan, FinetunePlan), checked.diagnostics
    return plan


def measured(length: int, rss: int | None) -> dict[str, object]:
    memory = {"rss": rss, "cuda": None}
    return {"rows": 8, "length": length, "processes": 1, "seconds_per_step": 0.5, "memory": memory}


def test_formulas_are_asked_for_the_rows_that_were_met(tuning: FinetunePlan) -> None:
    (known,) = count(tuning, ".")
    short, long = (verdict(tuning, known, measured(n, 10**9)) for n in (32, 128))
    assert short.predicted_low is not None and long.predicted_low is not None
    assert short.predicted_low < long.predicted_low
    assert short.error == pytest.approx(short.predicted_low / 1e9 - 1)
    assert short.flops_per_second is not None and long.flops_per_second is not None
    # with attention, four times the tokens take more than four times the operations
    assert 4 < long.flops_per_second / short.flops_per_second < 5
    lines = [text for _, text in verdict_lines(short)]
    assert lines[0] == "on this machine, with 8 rows of 32 tokens"
    assert lines[2].startswith("time: 0.5 seconds a step; ")  # only the run can count the rows
    counted = verdict(replace(tuning, steps=40), known, measured(32, 10**9))
    assert "a step, so 20 seconds for 40 steps; " in verdict_lines(counted)[2][1]


def test_what_the_system_does_not_tell_is_said(tuning: FinetunePlan) -> None:
    (known,) = count(tuning, ".")
    found = verdict(tuning, known, measured(32, None))
    assert found.error is None
    assert "measured not told by this system" in verdict_lines(found)[1][1]


def test_rows_that_only_meet_in_the_loss_are_not_held_at_once(tuning: FinetunePlan) -> None:
    (known,) = count(tuning, ".")
    met = tuning.batch.micro_batch
    most, more = (
        verdict(tuning, known, {**measured(32, 10**9), "rows": rows}) for rows in (met, 3 * met)
    )
    assert most.predicted_low == more.predicted_low


def test_what_gave_the_memory_is_said(tuning: FinetunePlan) -> None:
    (known,) = count(tuning, ".")

    def line(allocator: str | None) -> str:
        found = {**measured(32, 2**30), "allocator": allocator}
        return verdict_lines(verdict(tuning, known, found))[1][1]

    assert "measured 1 GiB (tcmalloc); predicted" in line("tcmalloc")
    assert "with tcmalloc installed it may hold less" in line("system")
    assert "measured 1 GiB; predicted" in line(None)
