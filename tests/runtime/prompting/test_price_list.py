"""Prices from the package genai-prices, where it is installed."""

from __future__ import annotations

import sys

import pytest

from nivel.runtime.prompting import find_price


def test_a_known_model_at_its_vendor_has_a_price_with_its_source() -> None:
    pytest.importorskip("genai_prices")
    price = find_price("https://api.openai.com/v1", "gpt-4o-mini")
    assert price is not None
    assert 0 < price.input < price.output < 10  # dollars per million tokens
    assert price.source.startswith("genai-prices ") and "openai/gpt-4o-mini" in price.source
    whole = price.of(1_000_000, 1_000_000)
    assert whole == pytest.approx(price.input + price.output)


@pytest.mark.parametrize(
    ("base_url", "model"),
    [
        ("http://127.0.0.1:8000/v1", "gpt-4o-mini"),
        ("https://api.openai.com/v1", "a-model-that-nobody-serves"),
    ],
)
def test_what_is_not_known_has_no_price_rather_than_none_to_pay(base_url: str, model: str) -> None:
    pytest.importorskip("genai_prices")
    assert find_price(base_url, model) is None


def test_without_the_package_no_price_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert find_price("https://api.openai.com/v1", "gpt-4o-mini") is None
