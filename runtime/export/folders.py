"""A run's weights brought into a new folder, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError, RunError
from ..models.save import share
from ..records.card import CARD, render_card
from ..records.files import read_json, write_text
from ..records.listing import RunInfo, find_completed
from .dtypes import Conversion, convert_weights
from .gguf import find_converter, write_gguf

__all__ = ["Exported", "export_run"]

_LEFT = (CARD, "*.safetensors", "*.safetensors.index.json")
"""What is written anew and not copied."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Where an export lies, and a sentence for each thing that was done."""

    folder: Path
    said: tuple[str, ...]


def export_run(
    run: Path,
    *,
    merge: bool,
    dtype: str | None = None,
    format: str = "safetensors",
    folder: Path | None = None,
    converter: str | None = None,
) -> Exported:
    """Write what the run has trained into a new folder that needs nothing else but its base.

    Args:
        run: a run's folder, or that of all runs of a name, whose newest completed one is taken.
        merge: the whole model, adapters in its weights; otherwise the adapter alone, where the
            run has one.
        dtype: `fp32`, `bf16` or `fp16`; None keeps the data type that was saved.
        format: `safetensors`, or `gguf`, which is of a whole model.
        folder: where to; a name that says what is in it, where it is None.
        converter: llama.cpp's convert_hf_to_gguf.py, where it is not on the PATH.

    Raises:
        RunError: there is no such run, or the folder is there already.
        ModelError: the run has no model of that kind, or the weights do not fit the data type.
    """
    info = find_completed(run)
    source = _source(info, merge, format)
    if format == "gguf":
        tool = find_converter(converter)
        target = _free(folder or Path(f"{info.name}-gguf"))
        said = _write_gguf(info, source, target, dtype or "fp32", tool)
        return Exported(target, said)
    kind = "adapter" if (source / "adapter_config.json").is_file() else "model"
    target = _free(folder or Path("-".join([info.name, kind, *([dtype] if dtype else [])])))
    with _new_folder(target) as place:
        said = (_write_weights(info, source, place, dtype),)
    return Exported(target, said)


def _source(info: RunInfo, merge: bool, format: str) -> Path:
    """Return the folder of weights that is meant."""
    model, adapter = info.folder / "model", info.folder / "adapter"
    if not model.is_dir():
        raise ModelError(
            f"run {info.name} ({info.id}) saved no model",
            "export a run of level finetune or pretrain",
        )
    soft = (model / "base.json").is_file()
    if soft and (merge or format == "gguf"):
        raise ModelError(
            f"{info.name} learned positions in front of the text, which no weights can hold",
            "export it without --merge, as safetensors: it goes in front of its own model",
        )
    if format == "gguf" and not merge and adapter.is_dir():
        raise ModelError("GGUF is written of whole models", "add --merge")
    return model if merge or not adapter.is_dir() else adapter


def _write_weights(info: RunInfo, source: Path, place: Path, dtype: str | None) -> str:
    """Fill the folder `place`; return what became of the weights."""
    shutil.copytree(
        source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_LEFT), symlinks=True
    )
    found = convert_weights(source, place, dtype)
    _name_dtype(place, found)
    said = found.sentence()
    _write_card(info, place, [f"Exported from run {info.id}: {said}"])
    return said


def _name_dtype(place: Path, found: Conversion) -> None:
    """Let the config say what the weights are, or they would be loaded as what they were."""
    path = place / "config.json"
    config: dict[str, Any] | None = read_json(path)
    if config is None or found.to not in _CONFIG_NAMES:
        return
    for key in {"dtype", "torch_dtype"} & config.keys() or {"dtype"}:
        config[key] = _CONFIG_NAMES[found.to]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


_CONFIG_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def _write_gguf(
    info: RunInfo, source: Path, target: Path, dtype: str, converter: Path
) -> tuple[str, ...]:
    """Convert by way of a folder in the wanted data type, which counts what is lost."""
    with _new_folder(target) as place, tempfile.TemporaryDirectory(dir=place.parent) as between:
        lost = _write_weights(info, source, Path(between), dtype)
        said = write_gguf(Path(between), place / f"{info.name}-{dtype}.gguf", dtype, converter)
        _write_card(info, place, [f"Exported from run {info.id}: {lost} {said}"])
    return lost, said


def _write_card(info: RunInfo, place: Path, notes: list[str]) -> None:
    write_text(place / CARD, render_card(info.folder, info.result or {}, place, notes))


def _free(folder: Path) -> Path:
    if os.path.lexists(folder):
        raise RunError(f"{folder} is there already", "give another folder with -o, or remove it")
    return folder


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that gets the name `folder` once the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield place
        share(place)
        os.rename(_free_place(place, folder), folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _free_place(place: Path, folder: Path) -> Path:
    """Look again: on some systems a rename would take the place of an empty folder."""
    _free(folder)
    return place
