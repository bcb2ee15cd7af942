"""`nivel bundle`: a spec with all that it needs, in one file that can be verified."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._common import FINDINGS, locked_option, require

if TYPE_CHECKING:
    from nivel.compiler.sharing.manifest import Manifest

EPILOG = """\b
Examples:
  nivel bundle specs/quickstart/finetune.yaml -o finetune.nivel.tgz
  nivel bundle specs/mine.yaml -o mine.nivel.zip --max-data 500MB
  nivel bundle --verify mine.nivel.zip
  nivel bundle --extract mine.nivel.zip mine
  cd mine && nivel run specs/mine.yaml --locked"""

_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}  # fmt: skip


def _bytes(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Read a number of bytes with a unit, such as 20MB or 1.5GiB."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", value)
    if found is None or found[2] not in _UNITS:
        raise click.BadParameter(f"'{value}' is no size; write it as 20MB or 1GiB", ctx, param)
    return int(float(found[1]) * _UNITS[found[2]])


@click.command("bundle", short_help="Pack a spec with all it needs.", epilog=EPILOG)
@click.argument("names", nargs=-1, required=True, metavar="SPEC | BUNDLE [DIR]")
@click.option("-o", "--output", metavar="FILE", help="What to write: .tgz, .tar.gz or .zip.")
@click.option(
    "--max-data",
    callback=_bytes,
    metavar="SIZE",
    default="20MB",
    show_default=True,
    help="The most data and local models to pack.",
)
@click.option("--without-data", is_flag=True, help="Pack no data and models, only their hashes.")
@click.option("--verify", is_flag=True, help="Check every file of BUNDLE; write nothing.")
@click.option("--extract", is_flag=True, help="Check BUNDLE, then unpack it into the new DIR.")
@locked_option
def command(
    names: tuple[str, ...],
    output: str | None,
    max_data: int,
    without_data: bool,
    verify: bool,
    extract: bool,
    locked: bool,
) -> None:
    """Pack SPEC, what it extends, its lock, its data and its program; or take such a file in.

    The same files give the same bytes. What git commits and packages gave lies in the bundle, so
    that it works without a network; models of a hub or a package do not, only their hashes.
    """
    wanted = 2 if extract else 1
    if len(names) != wanted or (verify and extract) or (output is None) != (verify or extract):
        raise click.UsageError(
            "write SPEC -o FILE, or --verify BUNDLE, or --extract BUNDLE DIR; see --help"
        )
    if output is None:
        _take_in(names[0], names[1] if extract else None)
    else:
        _make(names[0], output, None if without_data else max_data, locked)


def _make(spec: str, output: str, max_data: int | None, locked: bool) -> None:
    from nivel.compiler.api import compile as compile_spec
    from nivel.compiler.diagnostics import CompileError
    from nivel.compiler.render import render_text
    from nivel.compiler.sharing.bundle import make_bundle
    from nivel.compiler.sharing.refused import Refused

    program, checked = compile_spec(spec, locked=locked)
    require(program, checked)
    assert program is not None
    try:
        manifest, identity = make_bundle(checked, program, output, max_data=max_data)
    except Refused as refused:
        _refuse(spec, refused)
    except OSError as error:
        _name(error, output)
        raise
    except CompileError as error:
        drawn = render_text(error.diagnostics, checked.sources)
        click.echo(drawn.rstrip("\n"), err=True)
        sys.exit(FINDINGS)
    _tell(f"wrote {output}", manifest, identity)


def _take_in(bundle: str, folder: str | None) -> None:
    from nivel.compiler.sharing import unpack
    from nivel.compiler.sharing.refused import Refused

    try:
        if folder is None:
            manifest, identity = unpack.verify(bundle)
        else:
            manifest, identity = unpack.extract(bundle, folder)
    except Refused as refused:
        _refuse(bundle, refused)
    except OSError as error:
        _name(error, folder or bundle)
        raise
    _tell(f"{bundle}: sound" if folder is None else f"unpacked into {folder}", manifest, identity)


def _name(error: OSError, name: str) -> None:
    """A full disk does not say on which file; the command's last word does."""
    error.filename = error.filename if error.filename is not None else name


def _refuse(name: str, refused: Any) -> Any:
    from nivel.compiler.diagnostics import Diagnostic
    from nivel.compiler.render import render_text

    message = f"{name}: {refused.message}"
    found = Diagnostic(refused.code, "error", message, None, refused.cure)
    click.echo(render_text([found], {}).rstrip("\n"), err=True)
    sys.exit(FINDINGS)


def _tell(done: str, manifest: Manifest, identity: str) -> None:
    size = sum(int(facts["size"]) for facts in manifest.files.values())
    click.echo(f"{done}: {len(manifest.files)} files, {size:,} bytes, spec {manifest.spec}")
    click.echo(f"  manifest sha256 {identity}")
    for words in manifest.needs:
        click.echo(f"  needs {words}")
    for name, facts in sorted(manifest.left_out.items()):
        click.echo(f"  left out: {name}, {facts['size']:,} bytes, sha256 {facts['sha256']}")
