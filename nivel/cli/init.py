"""`nivel init`: a working project from the specs that nivel ships."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nivel init my-project
  nivel init .                     (into the current folder)"""

GITIGNORE = """\
# what runs leave: records, checkpoints, models
runs/
# what nivel can make again
.nivel/
"""


@click.command("init", short_help="Make a project from the shipped specs.", epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Make a project in DIR: the quickstart specs, a schema for editors, a .gitignore.

    Nothing is overwritten: if a file is in the way, nothing is written at all.
    """
    files = project_files()
    in_the_way = [path for path in files if _blocked(folder, path)]
    if in_the_way:
        raise click.UsageError(
            f"in the way in {folder}: {_some(in_the_way)}. Nothing was written; "
            "name a new folder, or move what is there."
        )
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"made {folder} with {len(files)} files. Next:\n")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {folder}")
    click.echo("  nivel validate specs/quickstart/prompt.yaml")
    click.echo("  nivel run specs/quickstart/prompt.yaml")


def _some(paths: list[str], most: int = 3) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + more


def project_files() -> dict[str, str]:
    """Return the files of a new project, path in the project -> text."""
    from nivel.compiler.editor import FILE, bundle, modeline

    specs = {
        path: modeline(path) + text if path.endswith(".yaml") else text
        for path, text in _shipped_specs().items()
    }
    return {".gitignore": GITIGNORE, **specs, FILE: bundle()}


def _shipped_specs() -> dict[str, str]:
    import nivel.specs

    root = Path(nivel.specs.__path__[0])
    found = sorted(path for path in root.rglob("*") if path.suffix in (".yaml", ".j2", ".txt"))
    return {f"specs/{p.relative_to(root).as_posix()}": p.read_text(encoding="utf-8") for p in found}


def _blocked(folder: Path, path: str) -> bool:
    """Whether `path` exists in `folder`, or a file stands where one of its folders should."""
    target = folder / path
    parents = [folder / parent for parent in Path(path).parents]
    return target.exists() or target.is_symlink() or any(p.is_file() for p in parents)
