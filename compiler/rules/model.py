"""The sizes of a new model."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import nearest_multiples
from .base import Context, error, rule


@rule("NV310", "heads do not divide the width")
def check_heads(context: Context) -> Iterator[Diagnostic]:
    """Each attention head reads an equal, even slice of the residual stream."""
    width = context.get("model", "hidden_size")
    heads = context.get("model", "num_attention_heads")
    own = context.get("model", "head_dim")
    if own and own % 2:
        where = context.where("model", "head_dim")
        cure = f"write `head_dim: {int(own) - 1 or 2}` or `{int(own) + 1}`"
        yield error("NV310", f"a head of {own} numbers cannot be rotated in pairs", where, cure)
    if own or not width or not heads or width % (2 * heads) == 0:
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
