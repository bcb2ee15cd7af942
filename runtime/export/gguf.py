"""GGUF, the format of llama.cpp, made by llama.cpp's own converter.

The converter knows how hundreds of architectures and tokenizers are written there; a second one
would be wrong about most of them. It is a script of its sources, run as a program of its own.
What it wrote is read back: every tensor is there, in the type that was asked for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import ModelError

__all__ = ["OUTTYPES", "find_converter", "write_gguf"]

OUTTYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
NAMES = ("convert_hf_to_gguf.py", "convert-hf-to-gguf", "convert_hf_to_gguf")
SECONDS = 3600
_CURE = (
    "give --converter FILE, the convert_hf_to_gguf.py of llama.cpp's sources; they are also in "
    "the source package of llama-cpp-python: "
    "pip download --no-deps --no-binary :all: llama-cpp-python"
)


def find_converter(given: str | None) -> Path:
    """Return llama.cpp's converter: the file that is given, or the one on the PATH.

    Raises:
        ModelError: there is none.
    """
    if given is not None:
        if not Path(given).is_file():
            raise ModelError(f"there is no converter {given!r}", _CURE)
        return Path(given).resolve()
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise ModelError("there is no convert_hf_to_gguf.py on the PATH", _CURE)
    return Path(found).resolve()


def write_gguf(model: Path, target: Path, dtype: str, converter: Path) -> str:
    """Convert the model in a folder to the file `target`; return a sentence on what is in it.

    Args:
        dtype: `fp32`, `bf16` or `fp16`, of the matrices; the converter keeps vectors in fp32.

    Raises:
        ModelError: the converter fails, with its last words, or what it wrote is not whole.
    """
    command = [str(converter), str(model), "--outfile", str(target), "--outtype", OUTTYPES[dtype]]
    if converter.suffix == ".py":
        command.insert(0, sys.executable)
    # it would ask the hub about models that it does not know
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{converter.name} cannot be run: {error}", _CURE) from error
    if done.returncode != 0 or not target.is_file():
        raise ModelError(
            f"{converter.name} refused: {_last_line(done.stderr)}",
            "see that llama.cpp knows the model and its tokenizer, and that the packages that its "
            "converter needs are installed: pip install 'nivel[gguf]'",
        )
    return _checked(model, target, dtype)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def _checked(model: Path, target: Path, dtype: str) -> str:
    """Read the file back and compare what it holds with the folder that it was made of."""
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise ModelError(
            "the file cannot be read back without gguf", "pip install 'nivel[gguf]'"
        ) from error
    tensors: list[Any] = GGUFReader(str(target)).tensors
    held = sum(int(tensor.n_elements) for tensor in tensors)
    expected = _weights(model)
    # it may add factors of positions, or write tied layers twice: never fewer
    if held < expected:
        raise ModelError(f"{target.name} holds {held:,} weights and the model {expected:,}")
    kinds = sorted({tensor.tensor_type.name for tensor in tensors})
    if OUTTYPES[dtype].upper() not in kinds:
        raise ModelError(f"{target.name} holds {', '.join(kinds)} and not {OUTTYPES[dtype]}")
    return f"GGUF of {len(tensors):,} tensors, {held:,} weights in {' and '.join(kinds)}."


def _weights(folder: Path) -> int:
    from safetensors import safe_open

    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                size = 1
                for side in file.get_slice(name).get_shape():
                    size *= side
                total += size
    return total
