"""Time and money of a training, as a range from a stated share of the device's rate."""

from __future__ import annotations

from dataclasses import dataclass

from ..devices import Device

UTILISATION = (0.2, 0.5)
"""Share of the dense bf16 rate that training reaches, low and high. Reported are 0.46 for PaLM 540B
(arXiv:2204.02311, section 4) and 0.38 to 0.43 for Llama 3 405B (arXiv:2407.21783, table 4); small
models and small batches stay below, so the range begins lower."""


@dataclass(frozen=True, slots=True)
class Price:
    """Seconds and US dollars, low and high, over all devices; None where they cannot be known.

    ``usd_per_hour`` is that of one device, and ``price_source`` who asked it, and when.
    """

    seconds_low: float | None
    seconds_high: float | None
    usd_low: float | None
    usd_high: float | None
    why: str
    usd_per_hour: float | None = None
    price_source: str | None = None


def price(flops: float | None, device: Device | None, devices: int) -> Price:
    """Return what so many operations take; ``why`` says what is not known."""
    if flops is None:
        return Price(None, None, None, None, "the steps are counted when the rows are read")
    if device is None or device.bf16_tflops is None:
        return Price(None, None, None, None, "the rate of this hardware is not known")
    rate = device.bf16_tflops * 1e12 * devices
    low, high = flops / (rate * UTILISATION[1]), flops / (rate * UTILISATION[0])
    if device.usd_per_hour is None:
        return Price(low, high, None, None, "no dated price of this device is known")
    hourly = device.usd_per_hour * devices / 3600
    said = device.usd_per_hour, device.price_source
    return Price(low, high, low * hourly, high * hourly, "", *said)
