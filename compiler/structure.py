"""Checked data with all its defaults to a typed spec."""

from __future__ import annotations

from typing import Any

from .distilling import build_distill
from .embedding import ContrastiveSpec, build_contrastive
from .experts import OWN_WIDTH, build_experts
from .hardware import resolve_hardware
from .methods import method_schema
from .options import read_options
from .preferences import KINDS, PreferenceSpec, build_preference
from .spec import (
    DataSpec,
    FinetuneSpec,
    FinetuneTrain,
    KeptSpec,
    MethodSpec,
    ModelRef,
    PretrainSpec,
    PretrainTrain,
    PromptSpec,
    SftSpec,
    SourceSpec,
    Spec,
)
from .spec_heads import HeadSpec
from .spec_model import ArchitectureSpec, InitializationSpec
from .spec_text import build_sources, build_steps, build_tokenizer
from .structure_prompt import build_asking, build_evaluate, build_generation, build_task
from .track import build_track
from .training import (
    build_average,
    build_divergence,
    build_optimizer,
    build_ramp,
    build_schedule,
)

Data = dict[str, Any]


def build_spec(level: str, data: Data) -> Spec:
    """Return the typed spec of filled, schema-valid ``data``."""
    common: Data = {
        "name": data["name"],
        "description": data["description"],
        "seed": int(data["seed"]),
        "data": _data(data["data"]),
        "evaluate": build_evaluate(data["evaluate"]),
        "hardware": resolve_hardware(data["hardware"]),
        "track": build_track(data.get("track")),
    }
    if level == "pretrain":
        return _pretrain(data, common)
    common.update(task=build_task(data["task"]))
    if level == "prompt":
        return PromptSpec(**common, **build_asking(data))
    common.update(model=_model(data["model"]))
    return FinetuneSpec(
        method=_method(data["method"]),
        objective=_objective(data["objective"]),
        train=_finetune_train(data["train"]),
        generation=build_generation(data.get("generation", {})),
        head=_head(data["head"]) if "head" in data else None,
        **common,
    )


def _model(data: Data) -> ModelRef:
    return ModelRef(data["path"], data.get("revision"), data.get("chat_template"))


def _head(data: Data) -> HeadSpec:
    dropout = data.get("dropout")
    return HeadSpec(data["type"], None if dropout is None else float(dropout))


def _objective(data: Data) -> SftSpec | PreferenceSpec | ContrastiveSpec:
    if data["type"] in KINDS:
        return build_preference(data)
    if data["type"] == "contrastive":
        return build_contrastive(data)
    if data["type"] == "distill":
        return build_distill(data)
    return SftSpec(data["train_on"], data["train_end"])


def _source(data: Data | None) -> SourceSpec | None:
    if data is None:
        return None
    return SourceSpec(
        data.get("builtin"),
        data.get("path"),
        data.get("split"),
        _int(data.get("limit")),
        data.get("balance", False),
    )


def _data(data: Data) -> DataSpec:
    train, validation, test = (_source(data.get(key)) for key in ("train", "validation", "test"))
    text, steps = build_sources(data.get("text")), build_steps(data.get("curate", []))
    columns = dict(data["columns"])
    return DataSpec(train, validation, test, text, columns, data.get("format"), steps)


def _method(data: Data) -> MethodSpec:
    return MethodSpec(data["type"], read_options(method_schema(data["type"])["properties"], data))


def _train_common(data: Data) -> Data:
    return {
        "batch": int(data["batch"]),
        "learning_rate": float(data["learning_rate"]),
        "schedule": build_schedule(data["schedule"]),
        "optimizer": build_optimizer(data["optimizer"]),
        "max_grad_norm": float(data["max_grad_norm"]),
        "kept": _kept(data),
        "divergence": build_divergence(data.get("on_divergence")),
    }


def _kept(data: Data) -> KeptSpec:
    stopping = data.get("early_stopping") or {}
    return KeptSpec(
        _int(data.get("validate_every")),
        stopping.get("metric"),
        _int(stopping.get("patience")),
        data.get("use"),
        _int(data.get("checkpoint_every")),
        int(data["keep"]),
    )


def _finetune_train(data: Data) -> FinetuneTrain:
    return FinetuneTrain(
        epochs=int(data["epochs"]),
        max_length=int(data["max_length"]),
        too_long=data["too_long"],
        too_long_at_most=float(data["too_long_at_most"]),
        packing=data["packing"],
        **_train_common(data),
    )


def _pretrain(data: Data, common: Data) -> PretrainSpec:
    train = PretrainTrain(
        tokens=int(data["train"]["tokens"]),
        sequence_length=int(data["train"]["sequence_length"]),
        document_mask=data["train"]["document_mask"],
        z_loss=float(data["train"]["z_loss"]),
        router_z_loss=float(data["train"]["router_z_loss"]),
        average=build_average(data["train"].get("average")),
        ramp=build_ramp(data["train"].get("batch_ramp")),
        **_train_common(data["train"]),
    )
    tokenizer = build_tokenizer(data["tokenizer"])
    task = build_task(data["task"]) if "task" in data else None
    model = _architecture(data["model"], train.sequence_length)
    return PretrainSpec(model=model, task=task, tokenizer=tokenizer, train=train, **common)


def _architecture(data: Data, sequence_length: int) -> ArchitectureSpec:
    heads, width = int(data["num_attention_heads"]), int(data["hidden_size"])
    rate = data.get("rope_theta")
    return ArchitectureSpec(
        architecture=data["architecture"],
        hidden_size=width,
        num_hidden_layers=int(data["num_hidden_layers"]),
        num_attention_heads=heads,
        num_key_value_heads=_int(data.get("num_key_value_heads")) or heads,
        intermediate_size=int(data.get(OWN_WIDTH) or data["intermediate_size"]),
        max_position_embeddings=_int(data.get("max_position_embeddings")) or sequence_length,
        tie_word_embeddings=data["tie_word_embeddings"],
        head_dim=_int(data.get("head_dim")) or width // heads,
        rope_theta=None if rate is None else float(rate),
        initialization=_initialization(data.get("initialization")),
        experts=build_experts(data) if "num_experts" in data else None,
    )


def _initialization(data: Data | None) -> InitializationSpec | None:
    if data is None:
        return None
    return InitializationSpec(float(data["std"]), data["scale_residuals"])


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
