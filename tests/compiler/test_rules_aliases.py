"""The names of other tools lead somewhere: to a place that exists, or to a reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.absent import ABSENT
from nivel.compiler.aliases import _NOWHERE, _PLACES, ALIASES, VALUE_ALIASES
from nivel.compiler.check import check
from nivel.compiler.devices import BUILT_IN
from nivel.compiler.examples import complete
from nivel.compiler.language import all_keys, key_schemas
from nivel.schemas import LEVELS, read_schema

KEYS = {".".join(path) for path in all_keys()}
LAST = {path[-1] for path in all_keys()}

# The names that the examples and sources of each tool have most often (counted in October 2026
# over axolotl's 252 example files, LLaMA-Factory's 95, LitGPT's 46, torchtune's 197 and Ludwig's
# 74; the fields of TRL's SFTConfig and ModelConfig, of TrainingArguments and of LoraConfig).
TOOLS = {
    "axolotl": """
        sequence_len output_dir micro_batch_size learning_rate base_model optimizer bf16
        lr_scheduler gradient_accumulation_steps datasets logging_steps num_epochs tf32
        sample_packing warmup_ratio saves_per_epoch val_set_size attn_implementation
        gradient_checkpointing weight_decay wandb_name wandb_watch wandb_project wandb_log_model
        wandb_entity evals_per_epoch adapter lora_r lora_alpha dataset_prepared_path lora_dropout
        special_tokens resume_from_checkpoint load_in_4bit lora_model_dir load_in_8bit
        lora_target_modules plugins lora_target_linear model_type chat_template tokenizer_type
        pad_token fsdp_config field_messages message_property_mappings eval_sample_packing
        pad_to_sequence_len trust_remote_code fp16 max_steps warmup_steps save_steps rl
        loss_watchdog_threshold unfrozen_parameters train_on_inputs group_by_length deepspeed
        lora_modules_to_save max_grad_norm save_total_limit early_stopping_patience seed
        pretraining_dataset revision_of_model flash_attention""",
    "LLaMA-Factory": """
        output_dir cutoff_len learning_rate model_name_or_path template trust_remote_code stage
        preprocessing_num_workers finetuning_type do_train dataset per_device_train_batch_size
        overwrite_output_dir lr_scheduler_type logging_steps gradient_accumulation_steps
        save_steps bf16 report_to warmup_ratio plot_loss dataloader_num_workers max_samples
        ddp_timeout num_train_epochs save_only_model overwrite_cache lora_target lora_rank
        resume_from_checkpoint max_steps max_new_tokens flash_attn adapter_name_or_path
        quantization_bit quantization_method val_size pref_beta pref_loss eval_dataset run_name
        freeze_trainable_layers use_galore use_badam per_device_eval_batch_size export_dir
        dataset_dir neat_packing lora_alpha lora_dropout deepspeed""",
    "LitGPT": """
        weight_decay train tie_embeddings seed save_interval precision out_dir optimizer min_lr
        micro_batch_size max_tokens max_steps max_seq_length max_norm max_new_tokens max_iters
        lr_warmup_steps lr logger_name log_interval initial_validation init_args
        global_batch_size eval epochs devices data class_path betas final_validation num_nodes
        prompt_style num_workers mask_prompt ignore_index checkpoint_dir quantize lora_value
        lora_r lora_query lora_projection lora_mlp lora_key lora_head lora_dropout lora_alpha
        val_split_fraction download_dir resume tokenizer_dir model_name model_config
        initial_checkpoint_dir rotary_percentage parallel_residual padded_vocab_size
        norm_class_name n_query_groups n_layer n_head n_embd mlp_class_name intermediate_size
        head_size block_size""",
    "torchtune": """
        checkpointer checkpoint_files checkpoint_dir dtype device batch_size recipe_checkpoint
        log_level resume_from_checkpoint shuffle optimizer metric_logger lr loss
        log_peak_memory_stats log_every_n_steps log_dir enable_activation_checkpointing compile
        dataset gradient_accumulation_steps epochs max_steps_per_epoch profiler max_seq_len packed
        enable_activation_offloading clip_grad_norm fused num_warmup_steps lr_scheduler lora_rank
        lora_attn_modules lora_alpha apply_lora_to_mlp lora_dropout optimizer_in_bwd weight_decay
        save_adapter_weights_only run_val_every_n_steps dataset_val batch_size_val
        apply_lora_to_output quantizer custom_sharded_layers tensor_parallel_dim fsdp_cpu_offload
        embed_dim num_layers num_heads num_kv_heads intermediate_dim output_dir""",
    "TRL": """
        model_name_or_path model_revision dtype attn_implementation use_peft lora_r lora_alpha
        lora_dropout lora_target_modules lora_target_parameters lora_modules_to_save lora_task_type
        use_rslora use_dora load_in_8bit load_in_4bit bnb_4bit_quant_type use_bnb_nested_quant
        trust_remote_code chat_template_path dataset_text_field dataset_kwargs dataset_num_proc
        eos_token pad_token max_length packing packing_strategy padding_free pad_to_multiple_of
        eval_packing completion_only_loss assistant_only_loss loss_type activation_offloading
        shuffle_dataset truncation_mode model_init_kwargs dataset_name dataset_config
        dataset_train_split dataset_test_split dataset_streaming data_files test_split_size""",
    "Ludwig": """
        output_features input_features trainer epochs model_type learning_rate batch_size
        base_model adapter early_stop optimizer r learning_rate_scheduler
        gradient_accumulation_steps backend alpha decay warmup_fraction quantization
        eval_batch_size train_steps max_batch_size init_lora_weights target_modules
        global_max_sequence_length temperature max_new_tokens validation_field
        steps_per_checkpoint column""",
    "HF Trainer": """
        output_dir per_device_train_batch_size num_train_epochs max_steps learning_rate
        lr_scheduler_type lr_scheduler_kwargs warmup_steps optim optim_args weight_decay
        adam_beta1 adam_beta2 adam_epsilon gradient_accumulation_steps
        average_tokens_across_devices max_grad_norm label_smoothing_factor bf16 fp16
        bf16_full_eval fp16_full_eval tf32 gradient_checkpointing gradient_checkpointing_kwargs
        torch_compile use_liger_kernel use_cache neftune_noise_alpha torch_empty_cache_steps
        auto_find_batch_size logging_strategy logging_steps logging_first_step log_level
        disable_tqdm report_to run_name project eval_strategy eval_steps eval_delay
        per_device_eval_batch_size prediction_loss_only eval_on_start eval_accumulation_steps
        save_only_model save_strategy save_steps save_total_limit push_to_hub hub_token
        hub_private_repo hub_model_id hub_strategy hub_revision load_best_model_at_end
        metric_for_best_model greater_is_better ignore_data_skip full_determinism seed data_seed
        use_cpu accelerator_config parallelism_config dataloader_drop_last dataloader_num_workers
        dataloader_pin_memory dataloader_prefetch_factor remove_unused_columns label_names
        train_sampling_strategy ddp_find_unused_parameters ddp_backend ddp_timeout fsdp
        fsdp_config deepspeed debug do_train do_eval do_predict resume_from_checkpoint""",
    "PEFT": """
        r target_modules exclude_modules lora_alpha lora_dropout fan_in_fan_out bias use_rslora
        modules_to_save init_lora_weights layers_to_transform rank_pattern alpha_pattern
        use_dora target_parameters task_type""",
}
NAMES = sorted({name for names in TOOLS.values() for name in names.split()})


def test_the_names_are_at_least_those_most_used() -> None:
    assert len(NAMES) >= 250
    assert len(ALIASES) >= 400


@pytest.mark.parametrize("tool", TOOLS)
def test_every_name_of_a_tool_is_known_here(tool: str) -> None:
    assert [name for name in TOOLS[tool].split() if name not in ALIASES and name not in LAST] == []


def test_every_place_named_is_a_key_of_the_language() -> None:
    places = {place for targets, _ in ALIASES.values() for place in targets}
    assert places - KEYS == set()


def test_every_place_named_in_a_note_or_a_reason_is_a_key_of_the_language() -> None:
    for note in {note for _, note in ALIASES.values()}:
        for place in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)(?::[^`]*)?`", note):
            assert place in KEYS, note


def test_no_name_is_given_twice() -> None:
    said = [name for _, _, names in _PLACES for name in names.split()]
    said += [name for _, names in _NOWHERE for name in names.split()]
    said += list(ABSENT)
    assert sorted(said) == sorted(set(said))


def test_names_are_written_as_they_are_looked_up() -> None:
    assert all(name == name.lower().replace("-", "_") for name in ALIASES)
    assert all(word == word.lower() for word in VALUE_ALIASES)


def test_every_value_named_is_a_choice_somewhere() -> None:
    choices = set(BUILT_IN)  # devices have names, of which a schema knows no list
    for level in LEVELS:
        for _, schema, *_ in key_schemas(level):
            choices |= {str(item) for item in _choices(schema)}
    assert set(VALUE_ALIASES.values()) - choices == set()


def _choices(schema: dict[str, Any]) -> list[Any]:
    found = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
    inner = [*schema.get("oneOf", ()), *([schema["items"]] if "items" in schema else [])]
    found += [choice for part in inner for choice in _choices(part)]
    return found + list(schema.get("cases", ()))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_another_tool_gives_one_finding_with_advice(name: str, tmp_path: Path) -> None:
    if name in read_schema("finetune.json")["properties"]:
        pytest.skip("a section of this level")
    spec = tmp_path / "spec.yaml"
    spec.write_text(complete(f"{name}: 1\n"))
    (found,) = check(spec, project=tmp_path).diagnostics
    assert found.code in ("NV201", "NV202")
    assert found.help is not None
    assert "did you mean" not in found.help
    assert "the keys here are" not in found.help


@pytest.mark.parametrize("level", LEVELS)
def test_advice_names_a_place_of_the_level_at_hand(level: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(complete(f"level: {level}\ncutoff_len: 1\n"))
    (found,) = check(spec, project=tmp_path).diagnostics
    advice = {
        "prompt": "it is `train.sequence_length`, which belongs to level `pretrain`",
        "finetune": "here it is `train.max_length`: in tokens",
        "pretrain": "here it is `train.sequence_length`: in tokens",
    }
    assert found.help == advice[level]
