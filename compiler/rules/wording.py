"""Texts whose spaces a model reads otherwise than a person does."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import show
from .base import Context, rule, warning
from .messages import templates
from .templates import TemplateFault, template_names


@rule("NV363", "text to continue that ends in a space")
def check_next_word(context: Context) -> Iterator[Diagnostic]:
    """Most tokenizers write a word together with the space before it."""
    text = context.get("evaluate", "next_word", "text")
    if isinstance(text, str) and text != text.rstrip():
        where = context.where("evaluate", "next_word", "text")
        tidy = text.rstrip()
        message = "the text ends in white space, which belongs to the next word for most models"
        message = message if tidy else "the text to continue is only white space"
        cure = f'write "{tidy}"' if tidy and tidy.isprintable() else "end it with a word"
        yield warning("NV363", message, where, cure)


@rule("NV364", "label with spaces around it")
def check_label_spaces(context: Context) -> Iterator[Diagnostic]:
    """A label is written after a space of its own."""
    labels = context.get("task", "labels")
    for index, label in enumerate(labels if isinstance(labels, list) else ()):
        if isinstance(label, str) and label != label.strip():
            where = context.where("task", "labels", index)
            message = f"label {label!r} begins or ends with white space"
            tidy = label.strip()
            cure = f"write {show(tidy)}; a label is written after a space of its own"
            yield warning("NV364", message, where, cure if tidy else "give it letters")


@rule("NV366", "template that ends in a space")
def check_template_end(context: Context) -> Iterator[Diagnostic]:
    """In the plain format the label follows with a space, so that there would be two."""
    if context.get("task", "format") != "plain":
        return
    for path, template in templates(context):
        end = template.removesuffix("\n")  # Jinja drops one line end
        if path[-1] != "input" or end == end.rstrip(" \t") or not end.strip():
            continue
        if _parses(template):
            message = "the template ends in a space, and the label is written after a space of "
            where = context.where(*path)
            yield warning("NV366", message + "its own", where, "remove the space at the end")


def _parses(template: str) -> bool:
    try:
        template_names(template)
    except TemplateFault:
        return False
    return True
