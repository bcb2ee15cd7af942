"""The import lines of a program, from the names that it uses.

A template uses a name and nothing else: which module has it stands here, once for all templates.
"""

from __future__ import annotations

import io
import token
import tokenize
from collections.abc import Iterator

from ..methods import adapter_classes

WHOLE = ("sys", "lightning", "torch")
"""Modules that programs use by their own name; the first is Python's own."""

OWN = {
    "answers": "conclude_answers",
    "chat": "Chat EndpointStreamer LocalStreamer chat_in_terminal",
    "conclude": "conclude pretraining_quality",
    "evaluation": "check_asked",
    "curation": "load_corpus pack_corpus record_curation",
    "data": "AnchorEncoder Dialogues Prompt choose_examples encode_answers encode_conversations "
    "encode_pairs encode_training_rows encode_verdicts load_conversations load_documents "
    "load_pairs load_rows load_verdicts pack_documents TargetEncoder",
    "embedded": "Search conclude_embedded",
    "errors": "show_plainly",
    "generation": "LocalChooser LocalModel",
    "harness": "ask_lm_eval find_lm_eval",
    "headed": "conclude_headed",
    "judging": "Judge ask_judge",
    "models": "add_soft_prompt allocate_ranks checkpoint_activations load_model load_tokenizer "
    "new_model initialize orthogonality peft_errors save_model train_byte_bpe train_tokenizer "
    "Backbone first_alone freeze head_modules holds_tokens load_headed load_embedder save_embedder",
    "preferring": "begin_pairs conclude_pairs score_pairs",
    "prompting": "Budget Endpoint Generation Price Question ask make_cells",
    "ray": "RayModel",
    "records": "MLflow Run Wandb",
    "rewarding": "begin_rewards conclude_rewards",
    "scoring": "Gate Metric read_baseline",
    "texts": "conclude_texts",
    "training": "AnchorRows Batch BatchRamp Checkpoints Distillation JoinedRows LabelledRows "
    "LigerKernels PairRows Recorder CheckpointAverage CompiledBlocks LossWatch MovingAverage "
    "RollBacks Samples ScheduleFreeAverage Together StepDivergence StepSeed Teacher TokenRows "
    "Validation VerdictRows constant_schedule "
    "adamw_8bit adamw_schedule_free by_step cosine_schedule count_steps muon_groups token_loss "
    "warmup_stable_decay_schedule "
    "distill_loss dpo_loss keep_reference kept_log_probs kto_loss linear_schedule loraplus_groups "
    "make_trainer orpo_loss pair_log_probs parameter_groups reference_log_probs sft_loss "
    "simpo_loss step_loader token_nll verdict_log_ratios FeatureRows TargetRows target_loss "
    "contrastive_loss Sharded gather shard pair_rewards reward_loss ExpertLoad routed_loss",
    "tuned": "begin_written conclude_written",
}
"""Module of ``nivel.runtime`` -> what programs take from it."""

OTHERS = {
    "OptimizerLRScheduler": "lightning.pytorch.utilities.types",
    "DataLoader": "torch.utils.data",
    "get_peft_model": "peft",
}

Names = dict[str, list[str]]


def imports(body: str) -> str:
    """The import lines of ``body``, in the order that formatters leave; layout is left to them."""
    used = set(_names(body))
    own = [name for name in WHOLE if name in used]
    lines = [f"import {name}" for name in own]
    if "sys" in own and len(own) + len(used) > 1:
        lines.insert(1, "")  # between Python's own modules and others
    found = {module: names for module in sorted(table()) if (names := _of(module, used))}
    return "\n".join([*lines, *(_line(module, names) for module, names in found.items())]) + "\n"


def table() -> Names:
    """Module -> the names that programs may take from it."""
    found: Names = {f"nivel.runtime.{module}": names.split() for module, names in OWN.items()}
    for name, module in OTHERS.items():
        found.setdefault(module, []).append(name)
    found["peft"] = [*found["peft"], *adapter_classes()]
    return found


def _of(module: str, used: set[str]) -> list[str]:
    return sorted((name for name in table()[module] if name in used), key=_order)


def _order(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions, as isort has it."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _line(module: str, names: list[str]) -> str:
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def _names(body: str) -> Iterator[str]:
    """Yield the names that ``body`` reads; not attributes, and not the names of arguments."""
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(body).readline)]
    for before, each, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        attribute = before is not None and before.string == "."
        named = after is not None and after.string == "="
        if each.type == token.NAME and not attribute and not named:
            yield each.string
