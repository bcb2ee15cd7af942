"""`python -m nivel.cli._reference DIR`: write the reference into DIR, for `make docs`.

The pages of the language come from `nivel.compiler.reference`; the page of the commands is made
here, from what click knows of them.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import click

from nivel.cli import COMMANDS, group


def all_pages() -> dict[str, str]:
    """Return every page of the reference, file name -> Markdown."""
    from nivel.compiler.reference import pages

    return {**pages(), "commands.md": commands_page()}


def commands_page() -> str:
    """Return the page of the commands: usage, meaning, options and examples of each."""
    from nivel.compiler.reference.markdown import anchor, page, table

    context = click.Context(group, info_name="nivel")
    found = {name: group.get_command(context, name) for name in COMMANDS}
    commands = {name: command for name, command in found.items() if command is not None}
    rows = [
        (f"[nivel {name}](#{anchor(f'nivel {name}')})", _short(command))
        for name, command in commands.items()
    ]
    lines = ["# Commands", "", _short(group) + ".", "", *table(rows, ("command", "does"))]
    lines += ["", *_prose(group.epilog or "")]
    for name, command in commands.items():
        lines += _entry(name, command, context)
    return page(lines)


def _short(command: click.Command) -> str:
    said = command.short_help or (command.help or "").strip().split("\n")[0]
    return said.rstrip(".")


def _entry(name: str, command: click.Command, parent: click.Context) -> list[str]:
    from nivel.compiler.reference.markdown import block, code, table

    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(["nivel", name, *command.collect_usage_pieces(context)])
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    rows = [(code(_spelling(option)), _meaning(option)) for option in options]
    lines = ["", f"## nivel {name}", "", *block(usage, "text"), "", *_prose(command.help or "")]
    return [*lines, "", *table(rows, ("option", "meaning")), "", *_prose(command.epilog or "")]


def _spelling(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    kind = option.type
    value = "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else ""
    return f"{names} {option.metavar or value or kind.name.upper()}"


def _meaning(option: click.Option) -> str:
    said = (option.help or "").strip()
    shown = option.show_default and option.default is not None and not callable(option.default)
    return said + (f" Default: `{option.default}`." if shown else "")


def _prose(text: str) -> list[str]:
    """Return click's help as Markdown: `\\b` keeps a paragraph's lines, as a block of code."""
    lines: list[str] = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if part.startswith("\b"):
            lines += _kept(part.removeprefix("\b").strip("\n"))
        else:
            lines += [*part.splitlines(), ""]
    return lines


def _kept(part: str) -> list[str]:
    from nivel.compiler.reference.markdown import block

    title, _, rest = part.partition("\n")
    commands = inspect.cleandoc(rest)
    return [title, "", *block(commands, "sh"), ""] if rest else [title, ""]


def main(folder: str) -> None:
    """Write the pages into `folder` and remove those that are no longer made."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    made = all_pages()
    for old in target.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (target / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
