"""How a model is asked, typed: endpoints, examples, variants, generation and budgets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .spec import MessageSpec


@dataclass(frozen=True, slots=True)
class FewShotSpec:
    """Solved examples from ``data.train``; ``ids`` is empty unless ``choose`` is `fixed`.

    ``choose`` is None where the spec leaves it to the task; a plan always says it.
    """

    count: int
    choose: str | None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One way to ask; what it does not change is None. It has no ``input`` beside ``messages``."""

    name: str
    input: str | None
    system: str | None
    few_shot: FewShotSpec | None
    messages: tuple[MessageSpec, ...] | None = None


@dataclass(frozen=True, slots=True)
class PromptSection:
    """How the model is asked: drawn examples, a system message, variants of both."""

    few_shot: FewShotSpec
    system: str | None
    variants: tuple[VariantSpec, ...]
    repeats: int


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key, by the environment variable that holds it and the only host that gets it."""

    env: str
    host: str


@dataclass(frozen=True, slots=True)
class PriceSpec:
    """US dollars per million tokens, and where and when that was read."""

    input: float
    cached_input: float | None
    output: float
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """A service that speaks the OpenAI API; ``timeout`` in seconds.

    ``capabilities`` is the record of a probe, as a path in the project.
    """

    type: str
    base_url: str
    name: str
    key: KeySpec | None
    concurrency: int
    timeout: float
    resend_timeouts: bool
    price: PriceSpec | None
    batch_price: PriceSpec | None
    capabilities: str | None


@dataclass(frozen=True, slots=True)
class GenerationSpec:
    """How an answer is written; None where the spec does not say."""

    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    stop: tuple[str, ...]
    send_seed: bool
    presence_penalty: float | None
    frequency_penalty: float | None
    repetition_penalty: float | None
    reasoning_effort: str | None

    def given(self) -> dict[str, Any]:
        """Return what is said, by name. A 0 is said: it is not what a service does by itself."""
        found = asdict(self)
        return {
            name: value
            for name, value in found.items()
            if value is not None and value != () and value is not False
        }


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """What the run may use up: US dollars, tokens, calls, minutes; None: no limit."""

    usd: float | None
    tokens: int | None
    calls: int | None
    minutes: float | None
