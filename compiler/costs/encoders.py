"""Shapes of encoders: models that read a text whole and write none.

They are counted as Transformers' ``AutoModel`` builds them, without the head of a task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .shapes import Config, Linear, Norm, Shape, Table

_POSITIONS = 512
"""What BERT and its relatives read at most, where a config.json does not say."""


def _encoder(kind: str, config: Config, **more: Any) -> Shape:
    """Fill in what the families here have in common."""
    usual: dict[str, Any] = {
        "outer_linears": (),
        "head": None,
        "tied": False,
        "rms": False,
        "gated": False,
        "activation": config.word("gelu", "hidden_act", "activation", "hidden_activation"),
    }
    shape = {**usual, **more}
    shape.update(kv_heads=shape["heads"], head_dim=shape["width"] // shape["heads"])
    return Shape(family=kind, **shape)


def _bert(config: Config, kind: str) -> Shape:
    """BERT and RoBERTa: norms after each half of a block, and a pooler on the first token."""
    width, inner = config.whole("hidden_size", 768), config.whole("intermediate_size", 3072)
    vocab = config.whole("vocab_size", 50265 if kind == "roberta" else 30522)
    positions = config.whole("max_position_embeddings", _POSITIONS)
    names = ("query", "key", "value")
    first = [
        Linear(f"attention.self.{name}", "attention", width, width, True, "attention")
        for name in names
    ]
    tables = {
        "word_embeddings": vocab,
        "position_embeddings": positions,
        "token_type_embeddings": config.whole("type_vocab_size", 2),
    }
    norms = ("attention.output.LayerNorm", "output.LayerNorm")
    return _encoder(
        kind, config, width=width, inner=inner, vocabulary=vocab, positions=positions,
        layers=config.whole("num_hidden_layers", 12),
        heads=config.whole("num_attention_heads", 12), blocks="encoder.layer",
        linears=(*first,
                 Linear("attention.output.dense", "attention", width, width, True, "heads"),
                 Linear("intermediate.dense", "mlp", width, inner, True, "mlp"),
                 Linear("output.dense", "mlp", inner, width, True, "inner")),
        norms=tuple(Norm(path, width, 2 * width) for path in norms),
        tables=tuple(Table(f"embeddings.{name}", rows, width) for name, rows in tables.items()),
        outer_norms=(Norm("embeddings.LayerNorm", width, 2 * width),),
        outer_linears=(Linear("pooler.dense", "head", width, width, True),),
    )  # fmt: skip


def _distilbert(config: Config, kind: str) -> Shape:
    """DistilBERT: BERT with half the layers, without token types and pooler."""
    width, inner = config.whole("dim", 768), config.whole("hidden_dim", 3072)
    vocab = config.whole("vocab_size", 30522)
    positions = config.whole("max_position_embeddings", _POSITIONS)
    first = [
        Linear(f"attention.{name}", "attention", width, width, True, "attention")
        for name in ("q_lin", "k_lin", "v_lin")
    ]
    norms = ("sa_layer_norm", "output_layer_norm")
    return _encoder(
        kind, config, width=width, inner=inner, vocabulary=vocab, positions=positions,
        layers=config.whole("n_layers", 6), heads=config.whole("n_heads", 12),
        blocks="transformer.layer",
        linears=(*first, Linear("attention.out_lin", "attention", width, width, True, "heads"),
                 Linear("ffn.lin1", "mlp", width, inner, True, "mlp"),
                 Linear("ffn.lin2", "mlp", inner, width, True, "inner")),
        norms=tuple(Norm(path, width, 2 * width) for path in norms),
        tables=(Table("embeddings.word_embeddings", vocab, width),
                Table("embeddings.position_embeddings", positions, width)),
        outer_norms=(Norm("embeddings.LayerNorm", width, 2 * width),),
    )  # fmt: skip


def _modernbert(config: Config, kind: str) -> Shape:
    """ModernBERT: rotary positions, a gated MLP in one matrix; its first block lacks one norm."""
    width, inner = config.whole("hidden_size", 768), config.whole("intermediate_size", 1152)
    vocab = config.whole("vocab_size", 50368)
    bias, mlp = config.flag("attention_bias", False), config.flag("mlp_bias", False)
    own = width * (1 + config.flag("norm_bias", False))
    outer = (Norm("embeddings.norm", width, own), Norm("final_norm", width, own))
    return _encoder(
        kind, config, width=width, inner=inner, vocabulary=vocab,
        positions=config.whole("max_position_embeddings", 8192),
        layers=config.whole("num_hidden_layers", 22),
        heads=config.whole("num_attention_heads", 12), blocks="layers",
        linears=(Linear("attn.Wqkv", "attention", width, 3 * width, bias, "attention"),
                 Linear("attn.Wo", "attention", width, width, bias, "heads"),
                 Linear("mlp.Wi", "mlp", width, 2 * inner, mlp, "mlp"),
                 Linear("mlp.Wo", "mlp", inner, width, mlp, "inner")),
        norms=(Norm("attn_norm", width, own), Norm("mlp_norm", width, own)),
        tables=(Table("embeddings.tok_embeddings", vocab, width),),
        # the norm that the first block lacks, so that blocks count alike
        outer_norms=(*outer, Norm("layers.0.attn_norm", width, -own)), gated=True,
    )  # fmt: skip


ENCODERS: dict[str, Callable[[Config, str], Shape]] = {
    "bert": _bert,
    "roberta": _bert,
    "distilbert": _distilbert,
    "modernbert": _modernbert,
}
"""``model_type`` of a config.json -> what reads its sizes."""
