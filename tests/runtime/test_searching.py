"""Searches: what is tried next hangs on the seed and on what was tried, and finds what is good."""

from __future__ import annotations

import math
import random

import pytest

from nivel.runtime.errors import ExtraError
from nivel.runtime.searching import Numbers, Tried, check_search, choose

pytest.importorskip("optuna")

SPACE = {
    "rate": Numbers(1e-5, 1e-1, log=True),
    "rank": Numbers(1, 64, log=True, whole=True),
    "kind": 3,
}
STARTUP = 6


def cost(values: dict[str, float]) -> float:
    """Least, 0, at a rate of 1e-3, rank 16 and kind 1."""
    rate, rank = math.log10(values["rate"]) + 3, math.log2(values["rank"]) - 4
    return rate**2 + rank**2 / 9 + (values["kind"] != 1)


def drawn(draw: random.Random) -> dict[str, float]:
    rate, rank = 10 ** draw.uniform(-5, -1), draw.randint(1, 64)
    return {"rate": rate, "rank": rank, "kind": draw.choice((0, 1, 2))}


def search(sampler: str, count: int, sign: int = 1, fails: int | None = None) -> list[Tried]:
    """Tries `count` combinations, of which number `fails` has no score."""
    draw = random.Random(1)
    tried = []
    for number in range(count):
        values = drawn(draw) if number < STARTUP else following(sampler, tried, sign)
        tried.append(Tried(values, None if number == fails else sign * cost(values)))
    return tried


def following(sampler: str, tried: list[Tried], sign: int = 1) -> dict[str, float]:
    return choose(
        SPACE, tried, sampler=sampler, startup=STARTUP, seed=7 + len(tried), minimize=sign > 0
    )


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_search_ends_nearer_to_the_best_than_its_first_draws(sampler: str, sign: int) -> None:
    tried = search(sampler, 30 if sampler == "tpe" else 16, sign)
    costs = [cost(dict(one.values)) for one in tried]
    assert min(costs[STARTUP:]) < min(costs[:STARTUP]) / 2
    draw = random.Random(1)
    by_chance = [cost(drawn(draw)) for _ in costs]
    assert costs[:STARTUP] == by_chance[:STARTUP]
    assert sum(sorted(costs)[:5]) < sum(sorted(by_chance)[:5])
    for one in tried:
        assert 1e-5 <= one.values["rate"] <= 1e-1
        assert one.values["rank"] in range(1, 65) and one.values["kind"] in range(3)


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow)])
def test_what_comes_next_hangs_on_the_seed_and_on_what_was_tried_alone(sampler: str) -> None:
    tried = search(sampler, 9)
    again = following(sampler, list(tried))
    assert following(sampler, tried) == again
    other = [*tried[:-1], Tried(tried[-1].values, 99.0)]
    seeds = [choose(SPACE, tried, sampler=sampler, startup=STARTUP, seed=s, minimize=True)
             for s in range(5)]  # fmt: skip
    assert len({str(one) for one in seeds}) > 1
    assert following(sampler, other, 1) is not None


def test_trials_that_failed_and_numbers_rounded_past_an_end_can_be_told() -> None:
    tried = [*search("tpe", 9, fails=2), Tried({"rate": 0.10000001, "rank": 64, "kind": 0}, 4.0)]
    assert set(following("tpe", tried)) == set(SPACE)
    none = [Tried(one.values, None) for one in tried]
    assert set(following("tpe", none)) == set(SPACE)  # nothing to go by: drawn at random


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_search("gp")
    monkeypatch.setattr("nivel.runtime.extras.find_spec", lambda name: None)
    with pytest.raises(ExtraError, match="optuna, which is not installed") as caught:
        check_search("tpe")
    assert caught.value.cure == "pip install 'nivel[optuna]'"
