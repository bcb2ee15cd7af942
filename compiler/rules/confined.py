"""What a template may not do, because a stranger's template could fill the memory with it.

The run confines templates itself (``runtime/data/sandbox.py``); here the same limits are known
before anything is started. The compiler may not import the runtime, so the lists stand in both
places, and a test holds them equal and their verdicts alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import nodes

REFUSED_FILTERS = ("center", "format", "indent", "random", "wordwrap", "batch", "slice")
"""Filters that pad to a width, group by a size, or draw lots."""

REFUSED_METHODS = frozenset(
    ("center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map")
)
"""Methods of a text that pad it."""

REFUSED_ALWAYS = frozenset(("**",))
"""Operators that are refused whatever stands on their sides."""

NUMBERS_ONLY = frozenset(("*", "%"))
"""Operators that repeat or pad where one side is no number."""

GLOBALS = frozenset(("range", "dict", "lipsum", "cycler", "joiner", "namespace"))
"""Functions that Jinja offers by itself, and no template here has."""

Refusal = tuple[int, str, str, str]
"""Line in the template from 1, the words to look for there, what is refused, what to do."""

_SIGNS = {"Pow": "**", "Mul": "*", "Mod": "%"}
_NO_OTHER = ("Include", "Import", "FromImport", "Extends")
_TEXT_FILTERS = frozenset(
    ("upper", "lower", "title", "capitalize", "trim", "replace", "string", "truncate", "join",
     "escape", "e", "striptags", "urlencode", "tojson", "pprint", "safe", "forceescape", "urlize",
     "xmlattr", "filesizeformat")
)  # fmt: skip
_LIST_FILTERS = frozenset(("list", "sort", "unique", "map", "select", "reject", "reverse"))


def refusals(tree: nodes.Template, known: set[str]) -> Iterator[Refusal]:
    """Yield what of a parsed template the run would refuse, if it can be told from the text.

    ``known`` are the names of the columns: their values are always texts. Where the kind of a
    value cannot be told, nothing is said, and the run decides.
    """
    from jinja2 import nodes

    bound = bound_names(tree)
    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        found = _refusal(node, kind, known - bound, bound)
        if found is not None:
            yield (int(getattr(node, "lineno", 1)), *found)


def bound_names(tree: nodes.Template) -> set[str]:
    """Return the names that the template itself gives a value."""
    from jinja2 import nodes

    names = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
    return names | {"loop", "caller", "self", "varargs", "kwargs"} | _macros(tree)


def _macros(tree: nodes.Template) -> set[str]:
    from jinja2 import nodes

    return {node.name for node in tree.find_all(nodes.Macro)}


def _refusal(node: Any, kind: str, texts: set[str], bound: set[str]) -> tuple[str, str, str] | None:
    if kind in _NO_OTHER:
        word = {"FromImport": "from"}.get(kind, kind.lower())
        return word, f"`{{% {word} %}}` is refused: a template stands alone", "write it out"
    if kind == "Filter" and node.name == "attr" and node.args:
        return _attribute(node, "Filter", bound)
    if kind == "Filter" and node.name in REFUSED_FILTERS:
        return node.name, f"the filter `{node.name}` is refused", "take it out"
    if kind == "Name" and node.ctx == "load" and node.name in GLOBALS - texts - bound:
        return node.name, f"the function `{node.name}` is refused", "take it out"
    if kind in ("Getattr", "Getitem"):
        return _attribute(node, kind, bound)
    sign = _SIGNS.get(kind)
    if sign in REFUSED_ALWAYS:
        return sign, f"the operator `{sign}` is refused: its result could be huge", "write it out"
    if sign not in NUMBERS_ONLY:
        return None
    if _may_be_number(node.left, texts) and _may_be_number(node.right, texts):
        return None
    message = f"the operator `{sign}` is refused beside a text: its result could be huge"
    return sign, message, "write the text out"


def _attribute(node: Any, kind: str, bound: set[str]) -> tuple[str, str, str] | None:
    argument = node.args[0] if kind == "Filter" else getattr(node, "arg", None)
    name = node.attr if kind == "Getattr" else getattr(argument, "value", None)
    if not isinstance(name, str):
        return None
    if name.startswith("_"):
        return name, f"the attribute `{name}` is refused", "take it out"
    own = type(node.node).__name__ == "Name" and node.node.name in bound
    if name in REFUSED_METHODS and not own and type(node.node).__name__ != "Dict":
        return name, f"the method `{name}` is refused: its result could be huge", "take it out"
    return None


def _may_be_number(node: Any, texts: set[str]) -> bool:
    """Tell whether a value can be a number; only what is certain not to be one says no."""
    kind = type(node).__name__
    if kind == "Const":
        return isinstance(node.value, int | float)
    if kind == "Name":
        return node.name not in texts
    if kind == "Filter" and node.name in ("default", "d"):
        return node.node is None or _may_be_number(node.node, texts)
    if kind == "Filter":
        return node.name not in _TEXT_FILTERS | _LIST_FILTERS
    if kind == "Add":
        return _may_be_number(node.left, texts) and _may_be_number(node.right, texts)
    return kind not in ("List", "Tuple", "Dict", "Concat", "TemplateData")
