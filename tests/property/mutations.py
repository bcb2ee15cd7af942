"""What a valid spec may turn into: other data, or a text that is no longer one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from nivel.compiler.document import walk

MARKS = b":,[]{}#&*!|>'\"%@`-? \n\t"

Path = tuple[str | int, ...]

STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(),
    st.text(max_size=5), st.just([]), st.just({}), st.just([[[]]]), st.just({"": {"": None}}),
    st.sampled_from(["cpu", "lora", "full", "prompt", "../x", "/dev/zero", "./x", "run:x",
                     "pkg:a/b",
                     "{{ x", "{% if %}", "{{ text * 9 }}", 2**63, 1e300, -0.0, "1e5", "yes"]),
    st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, spec: dict[str, Any]) -> Any:
    """Return the spec after one to three changes: removed, renamed, retyped, nested, doubled."""
    changed = deepcopy(spec)
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path, _ in walk(changed) if path]
        if paths:
            _change(changed, draw(st.sampled_from(paths)), draw)
    return changed


def _change(data: Any, path: Path, draw: st.DrawFn) -> None:
    parent: Any = data
    for step in path[:-1]:
        parent = parent[step]
    key = path[-1]
    value = parent.pop(key)
    how = draw(st.sampled_from(["remove", "replace", "nest", "list", "rename", "double", "text"]))
    if how == "replace":
        _put(parent, key, draw(STRANGE))
    elif how == "nest":
        _put(parent, key, {str(key): value})
    elif how == "list":
        _put(parent, key, [value])
    elif how == "text":
        _put(parent, key, str(value))
    elif how == "rename":
        _put(parent, f"{key}{draw(st.sampled_from('sx_-'))}", value)
    elif how == "double":
        _put(parent, key, value)
        _put(parent, draw(st.sampled_from(["train", "type", "path", "model", "task", "x"])), value)


def _put(parent: Any, key: Any, value: Any) -> None:
    if isinstance(parent, list):
        parent.append(value)
    else:
        parent[key] = value


@st.composite
def damaged(draw: st.DrawFn, text: str) -> bytes:
    """Return the bytes of a text that was flipped, cut, spliced or doubled somewhere."""
    raw = text.encode("utf-8")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        to = draw(st.integers(at, min(len(raw), at + 40)))
        how = draw(st.sampled_from(["flip", "cut", "drop", "splice", "double", "mark"]))
        if how == "flip":
            raw = raw[:at] + bytes([draw(st.integers(0, 255))]) + raw[at + 1 :]
        elif how == "cut":
            raw = raw[:at]
        elif how == "drop":
            raw = raw[:at] + raw[to:]
        elif how == "splice":
            raw = raw[:at] + draw(st.binary(max_size=12)) + raw[at:]
        elif how == "double":
            raw = raw[:to] + raw[at:to] + raw[to:]
        else:
            raw = raw[:at] + bytes([draw(st.sampled_from(MARKS))]) + raw[at:]
    return raw
