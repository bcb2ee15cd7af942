"""Names that other tools give to what this language says otherwise.

Names are those of the configuration files of Axolotl, LLaMA-Factory, LitGPT, torchtune, TRL,
Ludwig, the Hugging Face Trainer and PEFT, as their sources and examples have them. Names of
things that have no place here stand in :mod:`.absent`; the tables are in :mod:`.alias_training` and
:mod:`.alias_subjects`.
"""

from __future__ import annotations

from .absent import ABSENT
from .alias_rows import Rows
from .alias_subjects import REST, SUBJECTS
from .alias_training import HARDWARE, SWEEPS, TRAINING

Alias = tuple[tuple[str, ...], str]
"""The places to look for in the level at hand, first match wins, and a note.

With no place at this level, only a note is shown.
"""

_TEXT = "the answer is one of `task.labels`, read from their probabilities; nothing is sampled"

_PLACES: Rows = (*TRAINING, *SUBJECTS, *HARDWARE, *SWEEPS, *REST)

_NOWHERE: tuple[tuple[str, str], ...] = (
    (
        _TEXT,
        "max_new_tokens temperature top_p top_k do_sample num_beams repetition_penalty "
        "generation_kwargs max_generated_tokens generation_config num_return_sequences",
    ),
)

ALIASES: dict[str, Alias] = {
    **{name: ((), why) for name, why in ABSENT.items()},
    **{name: ((), why) for why, names in _NOWHERE for name in names.split()},
    **{
        name: (tuple(places.split()), note)
        for places, note, names in _PLACES
        for name in names.split()
    },
}
"""Name in lower case with underscores -> what it is called here, or why it is not."""

VALUE_ALIASES: dict[str, str] = {
    "bayes": "optuna",
    "bayesian": "optuna",
    "bayesopt": "optuna",
    "tpe": "optuna",
    "hyperopt": "optuna",
    "grid_search": "grid",
    "gridsearch": "grid",
    "variant_generator": "random",
    "random_search": "random",
    "tpesampler": "tpe",
    "gpsampler": "gp",
    "gaussian_process": "gp",
    "max": "maximize",
    "min": "minimize",
    "gpu": "cuda",
    "nvidia": "cuda",
    "auto": "local",
    "float32": "fp32",
    "32": "fp32",
    "32-true": "fp32",
    "full": "fp32",
    "no": "fp32",
    "bfloat16": "bf16",
    "bf16-mixed": "bf16",
    "bf16-true": "bf16",
    "fp16": "bf16",
    "float16": "bf16",
    "16-mixed": "bf16",
    "qlora": "lora",
    "dora": "lora",
    "rslora": "lora",
    "prompt_tuning": "prompt",
    "prompt-tuning": "prompt",
    "prefix_tuning": "prefix",
    "prefix-tuning": "prefix",
    "p_tuning": "p-tuning",
    "ln_tuning": "ln-tuning",
    "(ia)3": "ia3",
    "none": "full",
    "adamw_torch": "adamw",
    "adamw_torch_fused": "adamw",
    "adamw_hf": "adamw",
    "adamw_8bit": "adamw-8bit",
    "adamw8bit": "adamw-8bit",
    "adamw_bnb_8bit": "adamw-8bit",
    "paged_adamw_8bit": "adamw-8bit",
    "schedule_free_adamw": "schedule-free",
    "schedulefree": "schedule-free",
    "torch.optim.adamw": "adamw",
    "adam": "adamw",
    "f1": "macro_f1",
    "f1_macro": "macro_f1",
    "acc": "accuracy",
    "classification": "classify",
    "category": "classify",
    "fine-tune": "finetune",
    "sft": "finetune",
    "kd": "distill",
    "gkd": "distill",
    "distillation": "distill",
    "preference": "prefer",
    "pairwise": "prefer",
    "rlhf": "prefer",
    "embedding": "embed",
    "retrieval": "embed",
    "infonce": "contrastive",
    "rm": "reward",
    "reward_model": "reward",
    "bradley-terry": "reward",
    "multiplenegativesrankingloss": "contrastive",
    "cachedmultiplenegativesrankingloss": "contrastive",
    "lasttoken": "last",
    "pt": "pretrain",
    "pre-train": "pretrain",
    "prompting": "prompt",
    "inference": "prompt",
    "constant_with_warmup": "constant",
    "cosine_with_warmup": "cosine",
    "cosine_with_restarts": "cosine",
    "cosine_with_min_lr": "cosine",
    "warmup_stable_decay": "warmup-stable-decay",
    "wsd": "warmup-stable-decay",
    "rollback": "roll-back",
    "mean": "per-token",
    "bpe": "byte-bpe",
    "bytelevelbpe": "byte-bpe",
    "eval": "validation",
    "val": "validation",
    "dev": "validation",
    "training": "train",
}
"""Words that other tools use as values; a word counts only where its meaning is a choice."""
