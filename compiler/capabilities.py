"""What endpoints do with each generation parameter: one table for rules, docs and probes.

A row is a kind of endpoint, as ``model.endpoint.type`` names it. ``ignored`` means that the
service answers as if the parameter had not been sent, which would be another experiment than
the one that was meant; the compiler refuses it as it refuses ``rejected``. ``unknown`` is left
to `nivel probe`, which asks the live service.
"""

from __future__ import annotations

from typing import Literal

Support = Literal["supported", "ignored", "rejected", "unknown"]

PARAMETERS = (
    "temperature",
    "max_tokens",
    "top_p",
    "top_k",
    "min_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "reasoning_effort",
    "json_schema",
)
"""As the spec names them; ``json_schema`` is what ``task.type: extract`` sends."""

_OPENAI: dict[str, Support] = {
    **dict.fromkeys(PARAMETERS, "supported"),
    "top_k": "rejected",
    "min_p": "rejected",
    "repetition_penalty": "rejected",
}

CAPABILITIES: dict[str, dict[str, Support]] = {
    "openai": _OPENAI,
    "azure": _OPENAI,
    # The compatibility layer's own page lists what it drops.
    "anthropic": {
        **_OPENAI,
        "seed": "ignored",
        "presence_penalty": "ignored",
        "frequency_penalty": "ignored",
        "json_schema": "ignored",
        "reasoning_effort": "ignored",
    },
    "vllm": dict.fromkeys(PARAMETERS, "supported"),
    "ollama": {
        **_OPENAI,
        "top_k": "ignored",
        "min_p": "ignored",
        "repetition_penalty": "ignored",
    },
    # Seen on 2026-11-27 with llama.cpp as xllamacpp 2026.10.11549 holds it. It calls the penalty
    # `repeat_penalty` and takes any other name, and any reasoning effort, without a word.
    "llama-cpp": {
        **dict.fromkeys(PARAMETERS, "supported"),
        "reasoning_effort": "unknown",
        "repetition_penalty": "ignored",
    },
    "groq": {**_OPENAI, "top_k": "rejected"},
    # Seen on 2026-11-27 with transformers 5.23.0: an answer with status 200 as if nothing had been
    # asked. It draws only where the model's own generation_config says do_sample; then alone is
    # `seed` of use. A stop text is left at the end of the answer, and taken away when it is read.
    "transformers-serve": {
        **_OPENAI,
        "temperature": "ignored",
        "top_p": "ignored",
        "presence_penalty": "ignored",
        "reasoning_effort": "ignored",
        "json_schema": "ignored",
    },
    "openai-compatible": dict.fromkeys(PARAMETERS, "unknown"),
}

LOCAL: dict[str, Support] = {
    **dict.fromkeys(PARAMETERS, "supported"),
    "reasoning_effort": "rejected",
}
"""A model in this process; what it lacks is refused by name."""


def limit_name(endpoint: str) -> str:
    """Return what a service calls the longest answer; OpenAI's own renamed it for new models."""
    return "max_completion_tokens" if endpoint in ("openai", "azure") else "max_tokens"


def support(endpoint: str | None, parameter: str) -> Support:
    """Return what an endpoint of that type does with ``parameter``; None is a local model."""
    return (LOCAL if endpoint is None else CAPABILITIES[endpoint])[parameter]


def render_table() -> str:
    """Return the table as Markdown, a row per parameter."""
    columns = {"local model": LOCAL, **{name: row for name, row in CAPABILITIES.items()}}
    head = "| parameter | " + " | ".join(columns) + " |"
    rule = "|---" * (len(columns) + 1) + "|"
    rows = [
        f"| `{name}` | " + " | ".join(row[name] for row in columns.values()) + " |"
        for name in PARAMETERS
    ]
    return "\n".join([head, rule, *rows]) + "\n"
