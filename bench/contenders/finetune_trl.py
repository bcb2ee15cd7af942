"""Train rows of token ids with TRL's SFTTrainer, in the order given; see `common`."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from common import Watch, asked
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Timed(TrainerCallback):
    """Marks the end of each optimizer step."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_step_end(self, args, state, control, **more):  # type: ignore[no-untyped-def]
        self.watch.mark()


class Counted(SFTTrainer):
    """Counts the real tokens of each micro-batch."""

    watch: Watch

    def compute_loss(self, model, inputs, *rest, **more):  # type: ignore[no-untyped-def]
        mask = inputs.get("attention_mask")
        self.watch.count(inputs["input_ids"].numel() if mask is None else int(mask.sum()))
        return super().compute_loss(model, inputs, *rest, **more)


def at_once(given: dict[str, Any]) -> int:
    """Sequences of a micro-batch: packed, as many full ones as the rows have tokens."""
    if not given["packing"]:
        return int(given["micro_batch"])
    mean = sum(map(len, given["input_ids"])) / len(given["input_ids"])
    return max(1, round(given["micro_batch"] * mean / given["max_length"]))


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(given["model"], dtype=torch.float32)
    if given["adapter"]:
        model = PeftModel.from_pretrained(model, given["adapter"], is_trainable=True)
    elif given["rank"]:
        lora = {"r": given["rank"], "lora_alpha": given["alpha"], "lora_dropout": 0.0}
        config = LoraConfig(**lora, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, config)
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=at_once(given),
            gradient_accumulation_steps=given["batch"] // given["micro_batch"],
            max_steps=given["steps"],
            learning_rate=given["learning_rate"],
            lr_scheduler_type=given["schedule"],
            weight_decay=0.0,
            max_grad_norm=1.0,
            max_length=given["max_length"],
            packing=given["packing"],
            bf16=given["bf16"],
            gradient_checkpointing=False,
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
        )
        rows = Dataset.from_dict({"input_ids": given["input_ids"], "labels": given["labels"]})
        watch = Watch()
        tokenizer = AutoTokenizer.from_pretrained(given["model"])
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        trainer = Counted(
            model,
            args=config,
            train_dataset=rows,
            processing_class=tokenizer,
            callbacks=[Timed(watch)],
        )
        trainer.watch = watch
        trainer.train()
        watch.losses = [log["loss"] for log in trainer.state.log_history if "loss" in log]
        watch.report()


if __name__ == "__main__":
    main()
