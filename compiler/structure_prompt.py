"""Checked data to the typed parts of level 1, and to the task and measures of every level."""

from __future__ import annotations

import json
from typing import Any

from .embedding import build_embed
from .spec import (
    BaselineSpec,
    BudgetSpec,
    EndpointSpec,
    EvaluateSpec,
    FewShotSpec,
    GateSpec,
    GenerationSpec,
    JudgeSpec,
    KeySpec,
    MessageSpec,
    MetricSpec,
    ModelRef,
    NextWordSpec,
    PriceSpec,
    PromptSection,
    TaskSpec,
    VariantSpec,
)
from .training import build_samples

Data = dict[str, Any]


def build_task(data: Data) -> TaskSpec:
    """Return the task; a schema is kept as JSON text, so that a spec stays hashable."""
    schema = data.get("schema")
    return TaskSpec(
        data["type"],
        _text(data.get("input", "")),
        data.get("format", "chat" if data["type"] in ("chat", "prefer") else "plain"),
        tuple(data.get("labels", ())),
        data.get("scoring"),
        data.get("null_input"),
        None if schema is None else json.dumps(_map(schema), ensure_ascii=False),
        _messages(data.get("messages", ())),
        build_embed(data),
    )


def _messages(said: Any) -> tuple[MessageSpec, ...]:
    return tuple(MessageSpec(one["role"], _text(one["content"])) for one in said)


def _text(said: Any) -> str:
    """Return a text, which a file that it stood in has been read for.

    Raises:
        TypeError: if it still names the file.
    """
    if not isinstance(said, str):
        raise TypeError("a text that names its file has not been read")
    return said


def _map(said: Any) -> Data:
    """Return a JSON Schema, as :func:`_text` does a text."""
    if not isinstance(said, dict):
        raise TypeError("a schema that names its file has not been read")
    return said


def build_evaluate(data: Data) -> EvaluateSpec:
    """Return what is measured; no metrics means those of the task."""
    word = data.get("next_word")
    return EvaluateSpec(
        tuple(_metric(said) for said in data.get("metrics", ())),
        float(data["confidence"]),
        NextWordSpec(word["text"], int(word["top"])) if word else None,
        tuple(_gate(said) for said in data.get("gates", ())),
        _judge(data["judge"]) if "judge" in data else None,
        data.get("compare"),
        _baseline(data["baseline"]) if "baseline" in data else None,
        tuple(data.get("lm_eval", ())),
        build_samples(data.get("samples")),
    )


def _judge(data: Data) -> JudgeSpec:
    return JudgeSpec(
        _asked(data["model"]),
        data["input"],
        data["format"],
        data.get("system"),
        tuple((choice, float(score)) for choice, score in data["choices"].items()),
        data.get("scoring"),
        build_generation(data.get("generation", {})),
    )


def _baseline(said: Any) -> BaselineSpec:
    if isinstance(said, str):
        return BaselineSpec(said.removeprefix("run:"), None, None)
    return BaselineSpec(None, said.get("model"), said.get("variant"))


def build_asking(data: Data) -> Data:
    """Return the keyword arguments that only :class:`PromptSpec` has."""
    one = data.get("model")
    models = data.get("models") or {_shown(one): one}
    budget = data.get("budget")
    return {
        "models": tuple((name, _asked(said)) for name, said in models.items()),
        "prompt": _prompt(data["prompt"]),
        "generation": build_generation(data.get("generation", {})),
        "budget": _budget(budget) if budget else None,
    }


def _shown(model: Any) -> str:
    return str(model["path"] if "path" in model else model["endpoint"]["name"])


def _asked(data: Data) -> ModelRef | EndpointSpec:
    if "path" in data:
        return ModelRef(data["path"], data.get("revision"))
    said = data["endpoint"]
    key, price, batch = said.get("key"), said.get("price"), said.get("batch_price")
    return EndpointSpec(
        said["type"],
        said["base_url"],
        said["name"],
        KeySpec(key["env"], key["host"]) if key else None,
        int(said["concurrency"]),
        float(said["timeout"]),
        said["resend_timeouts"],
        _price(price) if price else None,
        _price(batch) if batch else None,
        said.get("capabilities"),
    )


def _price(data: Data) -> PriceSpec:
    cached = _float(data.get("cached_input"))
    return PriceSpec(
        float(data["input"]), cached, float(data["output"]), data["source"], data["date"]
    )


def _prompt(data: Data) -> PromptSection:
    variants = tuple(
        VariantSpec(
            name,
            _maybe(said.get("input")),
            _maybe(said.get("system")),
            build_few_shot(said["few_shot"]) if "few_shot" in said else None,
            _messages(said["messages"]) if "messages" in said else None,
        )
        for name, said in data.get("variants", {}).items()
    )
    shots = build_few_shot(data["few_shot"])
    return PromptSection(shots, _maybe(data.get("system")), variants, int(data["repeats"]))


def _maybe(said: Any) -> str | None:
    return None if said is None else _text(said)


def build_few_shot(said: Any) -> FewShotSpec:
    """Return the examples wanted; a number says how many and leaves the rest to the task."""
    if not isinstance(said, dict):
        return FewShotSpec(int(said), None)
    return FewShotSpec(int(said["count"]), said.get("choose"), tuple(said.get("ids", ())))


def build_generation(data: Data) -> GenerationSpec:
    """Return how answers are written; what is not said is None."""
    return GenerationSpec(
        temperature=_float(data.get("temperature")),
        max_tokens=_int(data.get("max_tokens")),
        top_p=_float(data.get("top_p")),
        top_k=_int(data.get("top_k")),
        min_p=_float(data.get("min_p")),
        stop=tuple(data.get("stop", ())),
        send_seed=data.get("send_seed", False),
        presence_penalty=_float(data.get("presence_penalty")),
        frequency_penalty=_float(data.get("frequency_penalty")),
        repetition_penalty=_float(data.get("repetition_penalty")),
        reasoning_effort=data.get("reasoning_effort"),
    )


def _budget(data: Data) -> BudgetSpec:
    return BudgetSpec(
        _float(data.get("usd")),
        _int(data.get("tokens")),
        _int(data.get("calls")),
        _float(data.get("minutes")),
    )


def _metric(said: Any) -> MetricSpec:
    if isinstance(said, str):
        return MetricSpec(said)
    model = said.get("model")
    return MetricSpec(
        said["type"],
        _float(said.get("tolerance")),
        said.get("pattern"),
        ModelRef(model["path"], model.get("revision")) if model else None,
    )


def _gate(said: Data) -> GateSpec:
    least, most = _float(said.get("at_least")), _float(said.get("at_most"))
    # only level prompt has a baseline, and with it a difference to look at
    return GateSpec(said["metric"], least, most, said["bound"], said.get("of", "measure"))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
