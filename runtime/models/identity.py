"""What weights are, whatever they are called: a commit of the hub, or a sha256 over files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ..errors import ModelError
from ..paths import file_sha256, resolve_model_path

__all__ = ["digest"]

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


def digest(path: str, revision: str | None) -> str:
    """Return the commit of a hub model, or a sha256 over the files of a local one."""
    location = resolve_model_path(path)
    if location.kind == "gguf":
        return str(location.sha)
    if location.kind == "hub":
        return _commit(path, revision)
    files = sorted(
        file
        for pattern in ("*.json", "*.jinja", "*.safetensors", "*.model")
        for file in Path(location.folder).glob(pattern)
    )
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name} {file_sha256(file)}\n".encode())
    return whole.hexdigest()


def _commit(path: str, revision: str | None) -> str:
    if revision is not None and _COMMIT.match(revision):
        return f"{path}@{revision}"
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(path, revision=revision or "main")
    except (OSError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ModelError(f"model {path!r} cannot be found: {first}") from error
    return f"{path}@{config._commit_hash}"
