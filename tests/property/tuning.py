"""What has to agree between the keys of a drawn spec of level finetune."""

from __future__ import annotations

from typing import Any

from nivel.compiler.methods import SOFT
from nivel.compiler.preferences import KINDS, UNRANKED
from nivel.compiler.rules.prompting import METRICS
from nivel.compiler.spec_heads import SEQUENCE_METHODS

Spec = dict[str, Any]


def settle_head(spec: Spec) -> None:
    """A head goes with tasks that are not written, and with methods that train one.

    Labels of words need lists in a file, and drawn specs read builtin rows.
    """
    task, method = spec["task"], spec["method"]
    if task["type"] == "tag":
        spec["task"] = {"type": "regress", "input": "{{ text }}"}
    kind = spec["task"]["type"]
    if kind not in ("classify", "regress"):
        spec.pop("head", None)
    headed = "head" in spec or kind == "regress"
    if method["type"] == "head" and not headed:
        spec["method"] = {"type": "full"}
    if not headed:
        return
    if method["type"] in ("prompt", "prefix", "p-tuning", "adalora"):
        spec["method"] = {"type": "lora"}
    spec["train"].pop("packing", None)
    for section, key in ((spec, "objective"), (spec, "generation"), (spec["task"], "scoring"),
                         (spec.get("evaluate", {}), "next_word")):  # fmt: skip
        section.pop(key, None)


def settle_embedding(spec: Spec, task: Spec) -> None:
    """Vectors are learned of texts that belong together, by one objective and most methods."""
    embeds = task["type"] == "embed"
    if embeds != (spec.get("objective", {}).get("type") == "contrastive"):
        spec["objective"] = {"type": "contrastive" if embeds else "sft"}
    if not embeds:
        return
    spec["data"]["columns"] = {"anchor": "prompt", "positive": "chosen", "negative": "rejected"}
    for part in ("train", "validation", "test"):
        spec["data"].get(part, {}).update(builtin="python-docs-pairs")
    if spec["method"]["type"] in (*SEQUENCE_METHODS, "head"):
        spec["method"] = {"type": "lora"}


def settle_objective(spec: Spec, task: Spec) -> None:
    """Preferences are learned of pairs, by their own objectives; the rest by its own."""
    settle_embedding(spec, task)
    if task["type"] == "embed":
        return
    said, data = spec.get("objective", {}), spec["data"]
    if "teacher" in said:
        said["teacher"] = {"path": "org/larger"}
    prefers = task["type"] == "prefer"
    if prefers != (said.get("type") in KINDS):
        spec["objective"] = {"type": "dpo"} if prefers else {"type": "sft"}
    elif prefers and said.get("loss_type", "sigmoid") not in ("sigmoid", "robust", "exo_pair"):
        said.pop("label_smoothing", None)
    elif prefers and said.get("loss_type") in ("robust", "exo_pair"):
        said["label_smoothing"] = 0.1
    if prefers and spec["objective"]["type"] in UNRANKED:
        spec.get("evaluate", {}).pop("metrics", None)
    if prefers and spec["objective"]["type"] == "reward":
        if spec["method"]["type"] in SEQUENCE_METHODS:
            spec["method"] = {"type": "lora"}
        if isinstance(spec.get("hardware"), dict):
            spec["hardware"].pop("activation_checkpointing", None)
    if prefers:
        data.pop("columns", None)
        if data.get("format") not in ("auto", "chosen-rejected"):
            data.pop("format", None)
        for part in ("train", "validation", "test"):
            data.get(part, {}).update(builtin="python-docs-pairs")
        spec["method"] = {"type": "full"} if spec["method"]["type"] == "adalora" else spec["method"]
    elif data.get("format") in ("chosen-rejected", "verdict"):
        data.pop("format")


def settle_measures(evaluate: Spec, task: Spec) -> None:
    """Measure what the task gives; what a gate looks at is drawn as any text, so there is none."""
    evaluate.pop("lm_eval", None)  # some names are files, and not all models write
    kind = "generate" if task["type"] == "chat" else task["type"]
    known = METRICS[kind][:2] if kind == "classify" else METRICS[kind]
    evaluate.pop("gates", None)
    if "metrics" in evaluate:
        plain = [one for one in evaluate["metrics"] if one in known]
        evaluate["metrics"] = plain or [known[0]]


def settle_answers(spec: Spec, task: Spec) -> None:
    """Labels are not written and answers are not looked up word by word."""
    if task["type"] in ("prefer", "embed"):
        spec.get("evaluate", {}).pop("next_word", None)
    if task["type"] in ("classify", "prefer", "regress", "embed"):
        spec.pop("generation", None)
        return
    spec.get("evaluate", {}).pop("next_word", None)
    if not spec.get("generation", {}).get("temperature"):
        for key in ("top_p", "top_k", "min_p", "typical_p"):
            spec.get("generation", {}).pop(key, None)


def settle_method(spec: Spec, level: str) -> None:
    """Options that need or exclude one another, as `compiler.rules.methods` has them."""
    method = spec.get("method", {})
    kind = method.get("type")
    method.pop("quantize", None)  # it needs a GPU, and the machine is drawn apart
    for blocks, targets in (("layers", "targets"), ("layers_to_transform", "target_modules")):
        if not isinstance(method.get(targets), list):
            method.pop(blocks, None)
    if kind == "ia3":
        method.pop("feedforward_modules", None)
        method.pop("target_modules", None)
    for name, count, size in (("oft", "r", "oft_block_size"),
                              ("boft", "boft_block_num", "boft_block_size")):  # fmt: skip
        if kind == name:
            method.pop(count, None)
            method[size] = 1 + method.get(size, 3)
    if method.get("prefix_projection"):
        method["encoder_hidden_size"] = 16


def settle_speed(spec: Spec) -> None:
    """Ways to train that need something which the rest of the spec lacks."""
    soft = spec.get("method", {}).get("type") in SOFT or "head" in spec
    soft = soft or spec.get("task", {}).get("type") in ("regress", "tag")
    if soft or spec.get("objective", {}).get("type", "sft") != "sft":
        spec.get("train", {}).pop("packing", None)
    machine = spec.get("hardware")
    if isinstance(machine, dict):
        machine.pop("kernels", None)  # which need a GPU
    if isinstance(machine, dict) and (soft or "train" not in spec):
        machine.pop("compile", None)
    if isinstance(machine, dict) and (soft or "train" not in spec):
        machine.pop("activation_checkpointing", None)
    if isinstance(machine, dict):
        _settle_strategy(spec, machine)


def _settle_strategy(spec: Spec, machine: Spec) -> None:
    """Devices that share a model as `rules.strategies` has it."""
    if "train" not in spec:
        machine.pop("nodes", None)
    said = machine.pop("strategy", None)
    sharding = machine.pop("sharding", None)
    machine.pop("tensor_parallel", None)  # of models whose heads it divides
    machine.pop("offload", None)  # which needs a GPU
    if "train" not in spec or machine.get("devices", 1) * machine.get("nodes", 1) == 1:
        return
    plain = spec.get("method", {}).get("type", "lora") in ("lora", "full", "freeze")
    plain = plain and "init" not in spec.get("method", {})
    plain = plain and "quantize" not in spec.get("method", {}) and "head" not in spec
    plain = plain and spec.get("objective", {}).get("type", "sft") == "sft"
    plain = plain and spec.get("task", {}).get("type") not in ("regress", "tag", "embed", "prefer")
    plain = plain and spec["train"].get("optimizer", {}).get("type", "adamw") == "adamw"
    plain = plain and spec["train"].get("average", {}).get("type", "ema") == "ema"
    if said is not None:
        machine["strategy"] = "fsdp" if plain and said == "fsdp" else "ddp"
    if machine.get("strategy") == "fsdp" and sharding == "gradients":
        machine["sharding"] = sharding


def settle_training(spec: Spec) -> None:
    """Schedules, optimizers and averages that go together, as `rules.training` has them."""
    train, kind = spec["train"], spec.get("method", {}).get("type")
    optimizer, schedule = train.get("optimizer", {}), train.get("schedule", {})
    if optimizer.get("type") == "muon" and kind not in (None, "full", "freeze", "lora"):
        train["optimizer"] = {"type": "adamw"}
    if optimizer.get("type") == "muon":
        spec.get("method", {}).pop("learning_rate_ratio", None)
    if optimizer.get("type") == "schedule-free" and kind == "adalora":
        train["optimizer"] = {"type": "adamw-8bit"}
    elif optimizer.get("type") == "schedule-free":
        train["schedule"] = {"type": "constant"}
        train.pop("average", None)
    if schedule.get("type") == "warmup-stable-decay":
        schedule["warmup"] = min(schedule.get("warmup", 0), 0.5)
        schedule["decay"] = min(schedule.get("decay", 0.2), 0.5)
    if train.get("average", {}).get("type") == "checkpoints":
        train.pop("early_stopping", None)
        train.pop("use", None)
    machine = spec.get("hardware")
    if isinstance(machine, dict) and machine.get("devices", 1) * machine.get("nodes", 1) > 1:
        train.pop("on_divergence", None)
    if "tokens" not in train:
        train.pop("batch_ramp", None)
    if "batch_ramp" in train:  # half of the batch at first, in a run that has room for it
        train["tokens"] *= 60
        train["batch"] *= 2
        train["tokens"] *= 2
        train["batch_ramp"] = {"start": train["batch"] // 2, "over": 0.1}
        if isinstance(machine, dict):
            machine.pop("micro_batch", None)
