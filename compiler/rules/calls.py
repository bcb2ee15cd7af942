"""Filters, tests and methods that are not there, or that take other arguments than are given.

The run would find them in its first row; here they are found by their names and signatures, and
nothing is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .confined import REFUSED_FILTERS, REFUSED_METHODS, Refusal

if TYPE_CHECKING:
    from jinja2 import nodes

_BY_NAME = {"map": (0, "filter"), "select": (0, "test"), "reject": (0, "test"),
            "selectattr": (1, "test"), "rejectattr": (1, "test")}  # fmt: skip
"""Filters that are told the name of another filter or of a test, and at which argument."""

_FORGIVING = frozenset(("default", "d", "defined", "undefined"))
"""What takes a name that is not there."""

_ATTRIBUTES = frozenset(dir(str))


def wrong_calls(tree: nodes.Template, environment: Any, texts: set[str]) -> Iterator[Refusal]:
    """Yield what cannot be called as a parsed template does; ``texts`` are names of texts."""
    from jinja2 import nodes

    for node in tree.find_all((nodes.Filter, nodes.Test)):
        found = _named(node, environment) or _called(node, environment)
        if found is not None:
            yield (int(node.lineno), *found)
    forgiven = {id(n.node) for n in tree.find_all((nodes.Filter, nodes.Test))
                if n.name in _FORGIVING}  # fmt: skip
    for each in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Call)):
        if id(each) not in forgiven:
            wrong = _of_text(each, texts)
            if wrong is not None:
                yield (int(each.lineno), *wrong)


def _named(node: Any, environment: Any) -> tuple[str, str, str] | None:
    """Look at a filter or test that another one is told the name of."""
    place, kind = _BY_NAME.get(node.name, (0, ""))
    if not kind or type(node).__name__ != "Filter" or len(node.args) <= place:
        return None
    name = getattr(node.args[place], "value", None)
    if not isinstance(name, str):
        return None
    if kind == "filter" and name in REFUSED_FILTERS:
        return name, f"the filter `{name}` is refused", "take it out"
    table = environment.filters if kind == "filter" else environment.tests
    if name not in table:
        return name, f"there is no {kind} `{name}`", "take it out"
    return _unfit(node, kind, name, table[name], len(node.args) - place - 1)


def _called(node: Any, environment: Any) -> tuple[str, str, str] | None:
    """Hold the arguments of a filter or test to what it takes."""
    kind = type(node).__name__.lower()
    table = environment.filters if kind == "filter" else environment.tests
    function = table.get(node.name)
    return function and _unfit(node, kind, node.name, function, len(node.args))


def _unfit(
    node: Any, kind: str, name: str, function: Callable[..., Any], given: int
) -> tuple[str, str, str] | None:
    """Hold ``given`` arguments, and those by name, to a function that gets the value first."""
    from inspect import unwrap

    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return None
    function = unwrap(function)  # what Jinja wraps around it for templates that wait takes one more
    before = 1 + (getattr(function, "jinja_pass_arg", None) is not None)
    if _takes(function, before + given, [pair.key for pair in node.kwargs]):
        return None
    return name, f"the {kind} `{name}` does not take these arguments", "see Jinja's documentation"


def _of_text(node: Any, texts: set[str]) -> tuple[str, str, str] | None:
    """Look at an attribute of a column, and at the call of one."""
    called = type(node).__name__ == "Call"
    attribute = node.node if called else node
    name = _attribute(attribute)
    if name is None or type(attribute.node).__name__ != "Name":
        return None
    column = attribute.node.name
    if column not in texts or name.startswith("_") or name in REFUSED_METHODS:
        return None
    if name not in _ATTRIBUTES:
        message = f"`{column}` is a text, which has no `{name}`"
        return None if called else (name, message, f"write `{column}` alone")
    if not called or node.dyn_args is not None or node.dyn_kwargs is not None:
        return None
    if _takes(getattr(str, name), 1 + len(node.args), [pair.key for pair in node.kwargs]):
        return None
    return name, f"the method `{name}` does not take these arguments", "take them out"


def _attribute(node: Any) -> str | None:
    """Return the name of an attribute as a template can say it: `a.b`, `a['b']`, `a|attr('b')`."""
    kind = type(node).__name__
    if kind == "Getattr":
        return str(node.attr)
    of_filter = kind == "Filter" and node.name == "attr" and node.args
    said = node.args[0] if of_filter else getattr(node, "arg", None)
    name = getattr(said, "value", None)
    return name if isinstance(name, str) else None


def _takes(function: Callable[..., Any], positional: int, named: list[str]) -> bool:
    """Tell whether a call can be made; of what says nothing of itself, it can."""
    from inspect import signature

    try:
        signature(function).bind(*[None] * positional, **dict.fromkeys(named))
    except ValueError:
        return True
    except TypeError:
        return False
    return True
