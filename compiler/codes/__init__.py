"""Every code of a finding: what it is, why it is one, a bad example and a good one.

The families NV1xx to NV6xx are a file each, NV3xx several; a new code is an entry in its family's
table.

Examples are lines of a spec; :mod:`..examples` completes them to a whole spec by putting
the example's keys in place of those of a valid one. Tests run all of them: the bad one
has to give its code, the good one none.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import (
    data,
    embedding,
    experts,
    hardware,
    harness,
    heads,
    launching,
    meaning,
    methods,
    preferences,
    prompting,
    records,
    shape,
    sharing,
    sizes,
    speed,
    strategies,
    syntax,
    texts,
    training,
    tuning,
)


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of ``nivel explain``; ``bad`` and ``good`` are YAML text."""

    code: str
    title: str
    what: str
    why: str
    bad: str
    good: str


_FAMILIES = (
    syntax, shape, meaning, methods, data, tuning, preferences, speed, prompting, hardware, sharing,
    heads, embedding, harness, sizes, training, texts, records, experts, strategies, launching,
)  # fmt: skip

CODES: dict[str, Code] = {
    code: Code(code, *entry)
    for code, entry in sorted(item for family in _FAMILIES for item in family.TABLE.items())
}
"""The registry, in the order of the codes."""

FAMILIES: dict[str, str] = {
    next(iter(family.TABLE))[2]: (family.__doc__ or "").partition("\n")[0].rstrip(".")
    for family in reversed(_FAMILIES)
}
"""The digit after NV -> what the codes of that family are about."""


def explain(code: str) -> str:
    """Return the page of ``code`` as plain text; raises KeyError for an unknown one."""
    entry = CODES[code.upper()]
    parts = [
        f"{entry.code}: {entry.title}",
        entry.what,
        f"Why: {entry.why}",
        f"Bad:\n\n{_indent(entry.bad)}",
        f"Good:\n\n{_indent(entry.good)}",
    ]
    return "\n\n".join(parts) + "\n"


def _indent(text: str) -> str:
    shown = (line if line.isprintable() else repr(line)[1:-1] for line in text.splitlines())
    return "\n".join(f"    {line}".rstrip() for line in shown)
