"""Which tokens may be drawn, and how often, against Transformers' own warpers."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from nivel.runtime.generation import choose
from nivel.runtime.generation.choose import likeliest_first, pick, uniform
from nivel.runtime.generation.settings import Settings

CASES = [
    Settings(temperature=0.7),
    Settings(temperature=1.3, top_k=5),
    Settings(temperature=1.0, top_p=0.6),
    Settings(temperature=2.0, min_p=0.2),
    Settings(temperature=0.9, top_k=30, top_p=0.8, min_p=0.05),
    Settings(temperature=1.0, top_p=0.999),
]


def logits(rows: int = 6, size: int = 700) -> torch.Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(1)) * 2


def shares_of(values: torch.Tensor, settings: Settings) -> torch.Tensor:
    """What Transformers' `generate` would draw from."""
    warpers = LogitsProcessorList([TemperatureLogitsWarper(settings.temperature)])
    if settings.top_k:
        warpers.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        warpers.append(TopPLogitsWarper(settings.top_p))
    if settings.min_p:
        warpers.append(MinPLogitsWarper(settings.min_p))
    return warpers(torch.empty(0), values.double()).softmax(-1)


@pytest.mark.parametrize("settings", CASES, ids=str)
@pytest.mark.parametrize("at_once", [16, 512])
def test_shares_are_those_of_transformers(
    settings: Settings, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "SORTED_AT_ONCE", at_once)
    for row in logits():
        shares, ids = likeliest_first(row, settings)
        found = torch.zeros(len(row), dtype=torch.float64)
        found[ids] = shares / shares.sum()
        torch.testing.assert_close(found, shares_of(row[None], settings)[0], atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_tokens_are_drawn_as_often_as_their_shares(settings: Settings) -> None:
    row = logits(1, 40)
    count = 4000
    draws = [uniform(3, str(place), 0) for place in range(count)]
    tokens, _ = pick(row.expand(count, -1), settings, draws)
    counts = torch.bincount(torch.tensor(tokens), minlength=40).double()
    expected = shares_of(row, settings)[0] * count
    assert not counts[expected == 0].any()
    likely = expected >= 5
    squares = ((counts - expected) ** 2 / expected)[likely].sum()
    # Chi squared, that many degrees of freedom: mean k, variance 2k; six deviations above.
    assert float(squares) < int(likely.sum()) + 6 * (2 * int(likely.sum())) ** 0.5


def test_draws_are_even_and_pure() -> None:
    draws = torch.tensor([uniform(1, "a", step) for step in range(4000)])
    assert float(draws.min()) >= 0.0 and float(draws.max()) < 1.0
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.03)
    assert uniform(1, "a", 5) == uniform(1, "a", 5) != uniform(1, "b", 5)
    assert uniform(0, "a", 0) == 0.3113217110548028


@pytest.mark.parametrize("draw", [0.0, 1.0 - 2.0**-53])
def test_the_ends_of_a_draw_take_tokens_that_can_be_drawn(draw: float) -> None:
    row = torch.tensor([[-torch.inf, 1.0, 2.0, -torch.inf]])
    for settings in CASES:
        [token], _ = pick(row, settings, [draw])
        assert token in (1, 2)


def test_tokens_that_are_not_allowed_are_never_taken() -> None:
    values = logits()
    allowed = torch.zeros(values.shape, dtype=torch.bool)
    allowed[:, 100:103] = True
    for settings in [Settings(), *CASES]:
        tokens, logs = pick(values, settings, [0.99] * len(values), allowed=allowed)
        assert set(tokens) <= {100, 101, 102}
        own = values.log_softmax(-1)[torch.arange(len(values)), tokens]
        torch.testing.assert_close(torch.tensor(logs), own)


def test_penalties_are_those_of_openai() -> None:
    """mu[j] - c[j] * frequency - (c[j] > 0) * presence, over the answer alone."""
    values = torch.zeros(2, 5)
    settings = Settings(temperature=1.0, presence_penalty=0.5, frequency_penalty=0.25)
    bent = choose._penalised(values, settings, [[4], [4]], [[1, 1, 2], []])
    assert bent.tolist() == [[0.0, -1.0, -0.75, 0.0, 0.0], [0.0] * 5]
    assert not values.any(), "the model's own logits stay as they are"


def test_equally_likely_tokens_go_to_the_lowest_id() -> None:
    assert pick(torch.tensor([[0.0, 3.0, 3.0, 1.0]]), Settings(), [])[0] == [1]
