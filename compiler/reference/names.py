"""The page of other tools' names: what each key and word is called here."""

from __future__ import annotations

from ..aliases import ALIASES, VALUE_ALIASES
from .keys import link_to
from .markdown import code, page, table


def names_page() -> str:
    """Return the page; a name for which there is nothing here says why."""
    keys = [
        (code(name), ", ".join(map(link_to, places)) or "none", note)
        for name, (places, note) in sorted(ALIASES.items())
    ]
    words = [(code(name), code(word)) for name, word in sorted(VALUE_ALIASES.items())]
    return page(
        [
            "# Names in other tools",
            "",
            "What keys of the Hugging Face Trainer, PEFT, TRL, Axolotl, LLaMA-Factory, LitGPT and "
            "torchtune are called here.",
            "",
            "They are refused, and `nivel validate` and editors say the name to use. Where there "
            "are two, the",
            "level decides.",
            "",
            "## Keys",
            "",
            *table(keys, ("there", "here", "note")),
            "",
            "## Words",
            "",
            *table(words, ("there", "here")),
        ]
    )
