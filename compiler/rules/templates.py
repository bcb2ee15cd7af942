"""Read a template without computing anything that it says."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .confined import GLOBALS

if TYPE_CHECKING:
    from jinja2 import nodes

MAX_CODE = 10_000
"""Characters between the braces of one template; Jinja's work grows faster than they do."""

_OPENING, _CLOSING = re.compile(r"\{[{%]"), re.compile(r"[}%]\}")
_SIMPLE = re.compile(r"(?<!\{)\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}(?!\})")
_BUILTIN_NAMES = frozenset(("true", "false", "none", "True", "False", "None", "not"))
_MARKS = ("{{", "}}", "{%", "%}", "{#", "#}")


class TemplateFault(Exception):
    """The template cannot be read; ``line`` counts from 1 inside it, ``what`` is its fault."""

    def __init__(self, message: str, line: int, what: str = "does not parse") -> None:
        super().__init__(message)
        self.line = line
        self.what = what


def template_names(template: str) -> set[str]:
    """Return the names a template reads; raises :class:`TemplateFault`.

    Most templates hold only ``{{ name }}``; those are read without loading jinja2, which
    would cost a third of the time that checking a spec may take.
    """
    if is_simple(template):
        return set(_SIMPLE.findall(template))
    return jinja_names(template)


def jinja_names(template: str) -> set[str]:
    """Return the names that Jinja itself finds; raises :class:`TemplateFault`."""
    return set(_undeclared(template) - GLOBALS)


@lru_cache(maxsize=16)
def _undeclared(template: str) -> frozenset[str]:
    """Do what jinja2.meta.find_undeclared_variables does, but compute no constants ahead."""
    from jinja2 import meta

    tree = parse_template(template)
    finder = meta.TrackingCodeGenerator(environment())
    finder.optimizer = None
    finder.visit(tree)
    return frozenset(finder.undeclared_identifiers)


def is_simple(template: str) -> bool:
    """Tell whether a template is text and ``{{ name }}`` alone."""
    rest = _SIMPLE.sub("", template)
    names = set(_SIMPLE.findall(template))
    return not any(mark in rest for mark in _MARKS) and not names & _BUILTIN_NAMES


def parse_template(template: str) -> nodes.Template:
    """Return Jinja's tree of a template; raises :class:`TemplateFault`."""
    found = _parse(template)
    if isinstance(found, TemplateFault):
        raise found
    return found


@lru_cache(maxsize=16)
def _parse(template: str) -> nodes.Template | TemplateFault:
    """Parse once for all the rules that ask."""
    from jinja2 import TemplateError, TemplateSyntaxError

    if _code_length(template) > MAX_CODE:
        message = f"more than {MAX_CODE:,} characters of it stand in braces"
        return TemplateFault(message, 1, "is too large")
    jinja = environment()
    try:
        tree: nodes.Template = jinja.parse(template)
        jinja.compile(tree)  # knows the filters, and what may stand where
    except TemplateSyntaxError as fault:
        return TemplateFault(fault.message or "not a template", fault.lineno)
    except (TemplateError, RecursionError, SyntaxError, ValueError, OverflowError) as fault:
        return TemplateFault(str(fault) or "not a template", 1)
    except MemoryError:
        return TemplateFault("it is too deeply nested", 1)
    return tree


def _code_length(template: str) -> int:
    """Count what stands behind each opening brace, up to the next closing one."""
    length = 0
    for piece in _OPENING.split(_SIMPLE.sub("", template))[1:]:
        closing = _CLOSING.search(piece)
        length += 4 + (closing.start() if closing else len(piece))
        if length > MAX_CODE:
            break
    return length


def environment() -> Any:
    """Jinja that computes nothing ahead: ``{{ 'x' * 10 ** 9 }}`` stays as it is written."""
    from jinja2 import pass_context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    as_it_is = pass_context(lambda context, value: value)  # what depends on a run is not folded
    return ImmutableSandboxedEnvironment(optimized=False, finalize=as_it_is)
