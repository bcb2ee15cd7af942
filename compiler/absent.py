"""Names of other tools for things that a spec of nivel does not say, each with the reason.

Names are those of the configuration files of Axolotl, LLaMA-Factory, LitGPT, torchtune, TRL,
Ludwig, the Hugging Face Trainer and PEFT. A name that does have a place here stands in
:mod:`.aliases`.
"""

from __future__ import annotations

_LISTS: tuple[tuple[str, str], ...] = (
    (
        "it is derived from `train.batch`, `hardware.micro_batch` and `hardware.devices`",
        "gradient_accumulation_steps gradient_accumulation_iters accumulate_grad_batches "
        "gradient_accumulation_kwargs auto_find_batch_size max_batch_size",
    ),
    (
        "`data.test` is measured once, when training has ended, and `data.validation` every "
        "`train.validate_every` steps, by its loss",
        "eval_delay eval_on_start do_eval do_predict final_validation initial_validation "
        "max_iters eval_sample_packing eval_table_size eval_accumulation_steps "
        "greater_is_better predict_with_generate prediction_loss_only validation_field",
    ),
    (
        "the evaluation batch does not change results; it is fixed",
        "per_device_eval_batch_size eval_batch_size batch_size_val",
    ),
    (
        "nothing to set: a run saves its model when it ends, in `runs/<name>/`",
        "output_dir out_dir save_only_model save_safetensors "
        "save_adapter_weights_only overwrite_output_dir checkpointer "
        "recipe_checkpoint checkpoint_files export_dir dcp_path",
    ),
    (
        "`nivel run SPEC --resume latest` goes on with a run that was cut off",
        "resume resume_from_checkpoint auto_resume_from_checkpoints ignore_data_skip",
    ),
    (
        "a saved model is named by `model.path: run:NAME`",
        "adapter_name_or_path lora_model_dir adapter_checkpoint",
    ),
    (
        "nothing to set: what a run records is in `runs/<name>/`",
        "logging_steps logging_strategy logging_first_step logging_dir log_interval log_level "
        "log_every_n_steps log_dir log_peak_memory_stats metric_logger logger_name plot_loss "
        "disable_tqdm profiler include_num_input_tokens_seen debug use_tensorboard wandb_watch "
        "wandb_log_model wandb_run_id",
    ),
    (
        "of tracking services there are `track.mlflow` and `track.wandb`",
        "comet_project_name use_swanlab swanlab_project trackio_project_name trackio_space_id "
        "trackio_run_name",
    ),
    (
        "nothing is uploaded",
        "push_to_hub hub_model_id hub_token hub_strategy hub_private_repo push_dataset_to_hub "
        "export_hub_model_id",
    ),
    (
        "a key comes from the environment, never from a spec",
        "hf_use_auth_token use_auth_token token api_key hf_hub_token",
    ),
    (
        "of quantised training there is `method.quantize: nf4` beside LoRA, which is QLoRA",
        "load_in_8bit quantization_method bnb_4bit_compute_dtype bnb_4bit_use_double_quant "
        "bnb_config_kwargs use_bnb_nested_quant double_quantization gptq qat quantizer fp8 "
        "quantize_base",
    ),
    (
        "one row of a model is on one device, or its matrices are cut with `hardware.strategy: "
        "tensor`; `fsdp` shares the model out",
        "context_parallel_size expert_parallel_size pipeline_parallel_size",
    ),
    (
        "nothing to set: the launcher and the hardware say which process does what",
        "ddp_timeout ddp_backend ddp_find_unused_parameters accelerator_config local_rank "
        "device_map backend",
    ),
    (
        "memory is saved by `hardware.activation_checkpointing`, or a lower `hardware.micro_batch`",
        "gradient_checkpointing_kwargs activation_offloading enable_activation_offloading "
        "disable_gradient_checkpointing low_cpu_mem_usage torch_empty_cache_steps optimizer_in_bwd "
        "custom_sharded_layers",
    ),
    (
        "of kernels a spec names a set, `hardware.kernels`; which attention computes follows from "
        "the device",
        "attn_implementation flash_attention flash_attn flash_attention_2 sdp_attention "
        "xformers_attention flex_attention eager_attention tf32 "
        "liger_rope liger_rms_norm liger_glu_activation liger_layer_norm "
        "liger_fused_linear_cross_entropy cut_cross_entropy lora_mlp_kernel lora_qkv_kernel "
        "lora_o_kernel use_cache use_unsloth fused plugins",
    ),
    (
        "rows are loaded in the process that trains; there is nothing to choose",
        "dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor "
        "dataloader_drop_last num_workers pin_memory preprocessing_num_workers dataset_num_proc "
        "dataset_prepared_path overwrite_cache tokenized_path streaming remove_unused_columns "
        "dataset_processes",
    ),
    (
        "rows of an optimizer step are computed together by their lengths; `train.packing` joins "
        "them, validation included",
        "eval_packing packing_strategy pad_to_sequence_len group_by_length pad_to_multiple_of "
        "batching_strategy dataset_kwargs train_sampling_strategy",
    ),
    (
        "what is not learned is masked, and the loss is a mean over the tokens of a whole step",
        "ignore_index label_smoothing_factor average_tokens_across_devices",
    ),
    (
        "the order of rows depends on `seed` alone",
        "shuffle shuffle_dataset shuffle_merged_datasets data_seed full_determinism "
        "dataset_shuffle_seed",
    ),
    (
        "the options of each method stand in its part of the reference: `nivel explain method`",
        "loraplus_lr_embedding fan_in_fan_out "
        "lora_fan_in_fan_out rank_pattern alpha_pattern exclude_modules "
        "lora_head loftq_config use_galore use_badam use_llama_pro "
        "relora_steps "
        "target_parameters lora_target_parameters neftune_noise_alpha "
        "apply_lora_to_output create_new_adapter",
    ),
    (
        "learning from answers that a reward model or a function grades is not part of this "
        "language; `objective: {type: dpo}` learns from judged answers",
        "num_generations max_completion_length reward_funcs trl kl_coeff use_vllm vllm",
    ),
    (
        "the model before tuning is the same weights, with the adapter switched off or with "
        "log-probabilities computed before training",
        "ref_model ref_model_name_or_path precompute_ref_log_probs sync_ref_model "
        "reference_free force_use_ref_model ref_adapter_name ref_model_mixup_alpha",
    ),
    (
        "`level:` says what is done: prompt, finetune or pretrain",
        "stage do_train pretraining training_type lora_task_type task_type",
    ),
    (
        "code from a model's repository is never run",
        "trust_remote_code code_revision",
    ),
    (
        "the tokenizer is the model's own, with its special tokens",
        "tokenizer_type tokenizer_config tokenizer_use_fast tokenizer_legacy special_tokens "
        "pad_token eos_token bos_token unk_token eot_tokens use_fast_tokenizer resize_vocab "
        "resize_token_embeddings_to_32x add_tokens new_special_tokens tokenizer_dir "
        "tokenizer_name_or_path",
    ),
    (
        "it is read from the model's own config.json",
        "model_type model_config hf_config base_model_config is_llama_derived_model class_path "
        "init_args rope_scaling rope_theta overrides_of_model_config config_overrides "
        "model_init_kwargs processor_type model_class",
    ),
    (
        "this part of a new model is its family's own, which `model.architecture` names",
        "parallel_residual rotary_percentage norm_class_name norm_eps mlp_class_name "
        "scale_embeddings attn_dropout reinit_weights train_from_scratch "
        "rms_norm_eps hidden_act attention_dropout",
    ),
    (
        "each trial runs to its end, or to that of its own `train.early_stopping`: none is cut "
        "short by comparing it with others",
        "early_terminate pruner pruning hyperband asha",
    ),
    (
        "a sweep is on record in `runs/NAME/`, beside its trials; `nivel run SPEC --resume latest` "
        "goes on with it",
        "study_name storage study load_if_exists",
    ),
    (
        "a range is `{from: 1e-5, to: 1e-3}`, with `scale: log` for equal ratios; single values "
        "are a list",
        "min max low high lower upper lower_bound upper_bound values",
    ),
    (
        "a longer row is refused, not cut",
        "max_packed_sequence_len",
    ),
    (
        "rows come from a .jsonl or .csv file of the project, or from a `builtin` source",
        "data_files dataset_dir dataset_config dataset_streaming "
        "download_dir field_messages message_property_mappings "
        "roles conversation type_of_dataset media_dir tokenized_dataset",
    ),
)

ABSENT: dict[str, str] = {name: why for why, names in _LISTS for name in names.split()}
"""Name -> why there is no key for it."""
