"""Names that other tools give to what this language says otherwise.

Names are those of the configuration files of Axolotl, LLaMA-Factory, LitGPT, torchtune, TRL,
Ludwig, the Hugging Face Trainer and PEFT, as their sources and examples have them. Names of
things that have no place here stand in :mod:`.absent`.
"""

from __future__ import annotations

from .absent import ABSENT

Alias = tuple[tuple[str, ...], str]
"""The places to look for in the level at hand, first match wins, and a note.

With no place at this level, only a note is shown.
"""

_BATCH = "sequences per optimizer step over all devices; what one device holds is derived"
_FRACTION = "a fraction of all steps, not a count"
_MODULES = "`all-linear`, or a list of module names"
_FORMS = "a hub id, `./folder`, `pkg:PACKAGE/FILE` or `run:NAME`"
_ADAMW = "`optimizer: {type: adamw, weight_decay: 0.1}`"
_SOURCES = "`data: {train: {path: ...}, test: {path: ...}}`"
_TEXT = "the answer is one of `task.labels`, read from their probabilities; nothing is sampled"

_PLACES: tuple[tuple[str, str, str], ...] = (
    # batch and length of the run
    ("train.batch", _BATCH, "batch_size train_batch_size global_batch_size total_batch_size"),
    (
        "hardware.micro_batch",
        "or only `train.batch`: " + _BATCH,
        "per_device_train_batch_size per_device_batch_size micro_batch_size "
        "device_train_microbatch_size per_gpu_train_batch_size",
    ),
    ("train.epochs", "", "num_epochs num_train_epochs epoch max_epochs n_epochs"),
    (
        "train.tokens train.epochs",
        "the length of a run is not given in steps",
        "max_steps train_steps num_steps num_train_steps num_iterations",
    ),
    ("train.epochs", "use `limit` on `data.train` for fewer rows", "max_steps_per_epoch"),
    ("train.tokens", "", "max_tokens num_tokens total_tokens"),
    (
        "hardware.activation_checkpointing",
        "",
        "gradient_checkpointing enable_activation_checkpointing use_gradient_checkpointing",
    ),
    (
        "hardware.compile",
        "",
        "compile torch_compile torch_compile_mode torch_compile_backend compile_model",
    ),
    (
        "hardware.kernels",
        "write `liger`",
        "use_liger_kernel enable_liger_kernel use_kernels",
    ),
    (
        "train.packing",
        "rows never see each other",
        "sample_packing packed neat_packing padding_free multipack",
    ),
    # what is watched and kept
    (
        "train.validate_every",
        "in steps",
        "eval_steps eval_strategy evaluation_strategy evals_per_epoch eval_interval "
        "run_val_every_n_steps val_check_interval",
    ),
    (
        "train.early_stopping",
        "`early_stopping: {patience: 3}`",
        "early_stopping_patience early_stop metric_for_best_model",
    ),
    ("train.use", "`use: best`", "load_best_model_at_end"),
    (
        "train.checkpoint_every",
        "in steps",
        "save_steps save_strategy saves_per_epoch save_interval save_every_n_epochs "
        "save_every_n_steps steps_per_checkpoint",
    ),
    ("train.keep", "", "save_total_limit keep_last_n_checkpoints"),
    # optimizer and schedule
    ("train.learning_rate", "", "lr max_lr base_learning_rate base_lr"),
    ("train.optimizer", _ADAMW, "optim optim_args optimizer_params optim_config"),
    ("train.optimizer.weight_decay", "", "wd decay"),
    ("train.optimizer.beta1", "", "adam_beta1 beta_1"),
    ("train.optimizer.beta2", "", "adam_beta2 beta_2"),
    ("train.optimizer.beta1", "`beta1` and `beta2`", "betas adam_betas adamw_betas"),
    ("train.optimizer.eps", "", "adam_epsilon adam_eps epsilon adamw_eps optimizer_eps"),
    (
        "train.schedule.type",
        "cosine, linear, constant or warmup-stable-decay",
        "lr_scheduler lr_scheduler_type learning_rate_schedule decay_type",
    ),
    (
        "train.schedule",
        "`{type: cosine, warmup: 0.03}`",
        "scheduler learning_rate_scheduler lr_schedule lr_scheduler_kwargs lr_scheduler_config",
    ),
    ("train.schedule.warmup", "a fraction of all steps", "warmup_ratio warmup_fraction"),
    (
        "train.schedule.warmup",
        _FRACTION,
        "warmup_steps lr_warmup_steps num_warmup_steps warmup_iters warmup_epochs",
    ),
    (
        "train.schedule.minimum",
        "a fraction of the rate, left at the end",
        "min_lr min_learning_rate cosine_min_lr_ratio min_lr_ratio eta_min lr_min final_lr_frac "
        "cosine_constant_lr_ratio",
    ),
    (
        "train.schedule.decay",
        "a fraction of all steps, of `type: warmup-stable-decay`",
        "decay_steps decay_rate decay_ratio lr_decay_ratio warmdown_ratio num_decay_steps",
    ),
    ("train.optimizer.momentum", "of `optimizer: {type: muon}`", "muon_momentum"),
    ("train.learning_rate", "of what Muon trains", "matrix_lr muon_lr"),
    (
        "train.optimizer.adamw_learning_rate",
        "of `optimizer: {type: muon}`: of all that is no hidden matrix",
        "embedding_lr unembedding_lr scalar_lr adam_lr",
    ),
    (
        "train.batch_ramp",
        "`batch_ramp: {start: 8, over: 0.1}`",
        "rampup_batch_size batch_size_rampup batch_size_warmup batch_warmup",
    ),
    ("evaluate.samples", "`samples: {prompts: [...]}`", "sample_every sample_prompts"),
    (
        "model.num_experts",
        "",
        "n_experts n_expert n_routed_experts num_local_experts moe_num_experts num_moe_experts",
    ),
    (
        "model.num_experts_per_tok",
        "",
        "moe_top_k n_expert_per_token num_experts_per_token experts_per_token "
        "n_activated_experts moe_router_topk",
    ),
    ("model.moe_intermediate_size", "", "moe_ffn_hidden_size expert_intermediate_size"),
    ("model.shared_expert_intermediate_size", "", "moe_shared_expert_intermediate_size"),
    (
        "model.router_aux_loss_coef",
        "",
        "moe_aux_loss_coef moe_aux_loss_coeff aux_loss_alpha aux_loss_coef "
        "load_balance_loss_weight moe_loss_weight load_balance_coeff",
    ),
    (
        "train.router_z_loss",
        "",
        "router_z_loss_coef router_z_loss_weight moe_z_loss_coeff moe_zloss_weight",
    ),
    ("train.z_loss", "", "z_loss_coefficient z_loss_coeff z_loss_weight softmax_z_loss"),
    (
        "train.average",
        "`average: {type: ema, decay: 0.999}`, or the last checkpoints",
        "ema ema_decay use_ema swa swa_lrs stochastic_weight_averaging model_averaging",
    ),
    (
        "train.on_divergence",
        "`on_divergence: {type: stop, spike: 3}`",
        "loss_watchdog_threshold loss_watchdog_patience detect_nan terminate_on_nan",
    ),
    (
        "train.max_grad_norm",
        "",
        "gradient_clipping gradient_clip_val clip_grad_norm max_norm clipglobalnorm grad_clip "
        "gradient_clip",
    ),
    (
        "method.quantize",
        "write `nf4`, on a GPU",
        "load_in_4bit quantization_bit bnb_4bit_quant_type quantization",
    ),
    # the model
    (
        "model.path",
        _FORMS,
        "base_model model_name_or_path pretrained_model_name_or_path model_name model_id "
        "checkpoint_dir initial_checkpoint_dir base_model_path tokenizer_path pretrained_model",
    ),
    ("model.revision", "", "model_revision revision_of_model hub_revision"),
    ("model.architecture", "", "model_arch arch"),
    ("model.head_dim", "", "head_size d_head"),
    ("model.rope_theta", "", "rope_base rotary_base"),
    ("model.initialization.std", "", "initializer_range init_std"),
    ("model.num_hidden_layers", "", "n_layer n_layers num_layers depth num_blocks"),
    ("model.num_attention_heads", "", "n_head n_heads num_heads"),
    ("model.num_key_value_heads", "", "num_kv_heads n_query_groups n_kv_heads"),
    ("model.hidden_size", "", "n_embd embed_dim d_model dim"),
    ("model.intermediate_size", "", "intermediate_dim ffn_size ffn_hidden_size d_ff n_inner"),
    ("model.max_position_embeddings", "in tokens", "n_positions n_ctx max_model_len"),
    ("model.tie_word_embeddings", "", "tie_embeddings weight_tying tied_embeddings tie_weights"),
    ("tokenizer.vocab_size", "", "padded_vocab_size n_vocab num_merges"),
    ("tokenizer.digits", "", "split_digits individual_digits"),
    ("tokenizer.normalize", "", "normalizer normalization normalization_rule_name"),
    (
        "data.text",
        "a list of sources, each with a `weight`",
        "interleave_probs mix_strategy mixing_weights data_mixture dataset_weights",
    ),
    (
        "data.curate",
        "steps of level `pretrain`, such as `exact-duplicates` and `near-duplicates`",
        "dataset_exact_deduplication dedup deduplication deduplicate minhash filters "
        "quality_filters decontamination",
    ),
    (
        "train.document_mask",
        "",
        "intra_doc_mask doc_mask reset_attention_mask reset_position_ids block_diagonal_mask",
    ),
    # the method
    (
        "method.type",
        "`method: {type: lora}`, or `{type: full}`",
        "adapter finetuning_type use_peft use_lora train_type",
    ),
    ("method", "`method: {type: lora}`", "peft lora peft_config lora_config qlora"),
    ("method.rank", "", "lora_r r lora_rank peft_r"),
    ("method.alpha", "", "lora_alpha"),
    ("method.dora", "", "use_dora peft_use_dora"),
    ("method.rslora", "", "use_rslora peft_use_rslora"),
    ("method.learning_rate_ratio", "LoRA+", "loraplus_lr_ratio"),
    ("method.init", "", "init_lora_weights pissa_init"),
    ("method.layers", "", "layers_to_transform peft_layers_to_transform"),
    ("method.modules_to_save", "", "lora_modules_to_save additional_target"),
    ("method.dropout", "", "lora_dropout"),
    (
        "method.targets",
        _MODULES,
        "lora_target lora_target_modules lora_attn_modules target_modules lora_modules",
    ),
    ("method.targets", "`targets: all-linear`", "lora_target_linear"),
    (
        "method.targets",
        "name the modules: `targets: [q_proj, v_proj]`",
        "lora_query lora_key lora_value lora_projection lora_mlp apply_lora_to_mlp",
    ),
    # data and lengths
    (
        "data",
        _SOURCES,
        "dataset datasets dataset_name train_dataset data_path pretraining_dataset dataset_mixer",
    ),
    ("data.train.path", "", "dataset_path train_file train_data train_path"),
    ("data.test.path", "", "test_file test_path eval_file"),
    ("data.validation.path data.test.path", "", "validation_file"),
    ("data.test", "", "eval_dataset test_datasets"),
    ("data.validation data.test", "", "dataset_val val_dataset validation_dataset"),
    (
        "data.test",
        "test rows have their own source",
        "val_set_size val_size val_split_fraction test_split_size validation_split",
    ),
    ("data.train.split", "on a builtin source", "dataset_train_split train_split"),
    ("data.test.split", "on a builtin source", "dataset_test_split test_split eval_split"),
    (
        "data.columns",
        "`columns: {text: <column>, label: <column>}`",
        "dataset_text_field text_field text_column column_mapping field_instruction field_input "
        "field prompt_column input_features column",
    ),
    (
        "data.columns",
        "`columns: {label: <column>}`, and the answers under `task.labels`",
        "field_output label_column output_features label_field target_column response_column",
    ),
    ("data.train.limit", "a `limit` on a source", "max_samples max_train_samples subset_size"),
    ("data.test.limit", "a `limit` on a source", "max_eval_samples max_test_samples"),
    (
        "train.sequence_length train.max_length",
        "in tokens",
        "sequence_len cutoff_len max_seq_length max_seq_len seq_len block_size context_length "
        "model_max_length global_max_sequence_length max_sequence_length seq_length",
    ),
    # the task
    ("task.type", "`type: classify`", "task problem_type"),
    (
        "task.input",
        "`{{ name }}` stands for a column",
        "prompt_template prompt_style instruction_template input_template user_prompt",
    ),
    (
        "task.format",
        "`format: chat` uses the model's own chat template",
        "template apply_chat_template chat_format",
    ),
    (
        "model.chat_template task.format",
        "a Jinja file in the project; without it the model's own is used",
        "chat_template chat_template_path chat_template_jinja tokenizer_chat_template",
    ),
    (
        "objective.train_on",
        "`objective: {type: sft, train_on: assistant}`, or last, completion, all",
        "train_on_inputs train_on_prompt mask_prompt mask_history completion_only_loss "
        "assistant_only_loss roles_to_train train_on_eot",
    ),
    ("objective.train_end", "whether the end of an answer is learned", "train_on_eos"),
    ("objective", "`objective: {type: sft}`", "loss"),
    (
        "objective",
        "`task: {type: prefer}` with `objective: {type: dpo, beta: 0.1}`",
        "rl dpo orpo simpo kto preference reward_model",
    ),
    ("objective.beta", "of `objective: {type: dpo}`", "beta dpo_beta pref_beta rl_beta orpo_alpha"),
    (
        "objective.desirable_weight",
        "of `objective: {type: kto}`",
        "kto_desirable_weight kto_chosen_weight",
    ),
    (
        "objective.undesirable_weight",
        "of `objective: {type: kto}`",
        "kto_undesirable_weight kto_rejected_weight",
    ),
    (
        "objective.centering",
        "of `objective: {type: reward}`",
        "center_rewards_coefficient reward_centering",
    ),
    ("objective.gamma", "of `objective: {type: simpo}`", "gamma simpo_gamma cpo_gamma"),
    (
        "objective.loss_type",
        "of `objective: {type: dpo}`: sigmoid, hinge, ipo, ...",
        "loss_type pref_loss dpo_loss_type",
    ),
    (
        "objective.label_smoothing",
        "of `objective: {type: dpo}`",
        "label_smoothing dpo_label_smoothing",
    ),
    ("objective.rpo_alpha", "of `objective: {type: dpo}`", "rpo_alpha pref_ftx dpo_ftx cpo_alpha"),
    ("train.max_length", "of a prompt with its answer", "max_prompt_length"),
    (
        "objective.teacher",
        "of `objective: {type: distill}`",
        "teacher teacher_model teacher_model_name_or_path teacher_path kd_teacher kd_trainer "
        "distillation",
    ),
    ("objective.alpha", "of `objective: {type: distill}`", "kd_alpha distillation_alpha"),
    ("objective.alpha", "of the rows' own tokens, 1 - alpha", "kd_ce_alpha"),
    ("objective.temperature", "of `objective: {type: distill}`", "kd_temperature"),
    ("objective.temperature", "of `objective: {type: contrastive}`: 1 / scale", "scale"),
    ("track", "`{wandb: {project: ...}}` or `{mlflow: ...}`", "report_to"),
    ("track.wandb", "the key and the account come from the environment", "use_wandb wandb_entity"),
    ("track.wandb.project", "", "wandb_project"),
    ("track.wandb.name", "", "wandb_name wandb_run_name"),
    ("track.mlflow.experiment", "", "mlflow_experiment_name mlflow_experiment"),
    (
        "track.mlflow",
        "`MLFLOW_TRACKING_URI` in the environment says where",
        "mlflow_tracking_uri tracking_uri",
    ),
    ("evaluate.lm_eval", "names, or task files of the project", "lm_eval_tasks eval_tasks"),
    ("objective.symmetric", "of `objective: {type: contrastive}`", "bidirectional directions"),
    (
        "task.pooling",
        "of `task: {type: embed}`: mean, cls or last",
        "pooling_mode pooling_strategy pooling_type pooling_method",
    ),
    (
        "task.query_prefix",
        "of `task: {type: embed}`, with `document_prefix`",
        "prompts query_prompt query_instruction passage_prefix query_instruction_for_retrieval",
    ),
    ("objective.divergence", "forward or reverse", "kd_loss_type kl_divergence"),
    (
        "train.too_long",
        "refuse, drop or cut rows longer than `train.max_length`",
        "excess_length_strategy truncation truncation_mode truncation_strategy",
    ),
    ("data.format", "`sharegpt`, `alpaca`, `messages`, ...", "formatting chat_type data_format"),
    ("task.labels", "", "classes class_names label_names choices categories"),
    ("task.labels", "the labels themselves", "num_labels num_classes"),
    ("head.dropout", "", "classifier_dropout seq_classif_dropout cls_dropout"),
    ("head", "`head: {type: native}`", "classification_head use_classification_head"),
    (
        "method.blocks method",
        "`method: {type: freeze, blocks: 6}`: so many of the first blocks stay",
        "freeze_trainable_layers freeze_layers num_frozen_layers",
    ),
    (
        "method.patterns method",
        "`method: {type: freeze, patterns: [...]}` names what stays as it is",
        "freeze_trainable_modules frozen_parameters unfrozen_parameters",
    ),
    ("prompt.system", "", "system_prompt default_system system_message"),
    ("prompt.few_shot", "", "num_fewshot shots n_shot num_shots fewshot examples"),
    ("evaluate.metrics", "", "metric compute_metrics include_for_metrics eval_metrics"),
    ("evaluate", "`evaluate: {metrics: [accuracy]}`", "eval evaluation validation"),
    # sections that other tools call otherwise
    ("train", "", "trainer training training_args training_arguments"),
    ("tokenizer", "", "tok_train"),
    # hardware
    ("hardware.precision", "`hardware: {precision: bf16}`", "bf16 bfloat16 pure_bf16"),
    (
        "hardware.precision",
        "fp32 or bf16",
        "fp16 float16 dtype torch_dtype mixed_precision infer_dtype compute_dtype "
        "bf16_full_eval fp16_full_eval amp half_precision",
    ),
    ("hardware.accelerator", "or a profile: `hardware: cpu`", "device use_cpu use_gpu no_cuda"),
    (
        "hardware.devices",
        "",
        "gpus num_gpus n_gpus num_devices num_processes nproc_per_node world_size gpu_count",
    ),
    ("hardware.nodes", "machines", "num_nodes nnodes num_machines"),
    (
        "hardware.strategy",
        "`ddp`, or `fsdp` for a model in parts",
        "strategy fsdp fsdp_config fsdp_version deepspeed zero_optimization ddp parallelism_config",
    ),
    (
        "hardware.sharding",
        "`full`, `gradients` or `hybrid`",
        "sharding_strategy reshard_after_forward fsdp_reshard_after_forward "
        "fsdp_sharding_strategy zero_stage data_parallel_shard_dim dp_shard_size",
    ),
    (
        "hardware.offload",
        "with `strategy: fsdp`",
        "fsdp_cpu_offload cpu_offload fsdp_offload_params offload_optimizer offload_param",
    ),
    ("hardware.threads", "CPU threads per process", "num_threads omp_num_threads cpu_threads"),
    ("hardware.launcher", "", "distributed_launcher distributed_type orchestrator"),
    ("hardware.restarts", "", "max_restarts max_failures max_retries num_restarts"),
    (
        "hardware.slurm",
        "`hardware: {launcher: slurm, slurm: {partition: gpu}}`",
        "sbatch slurm_args slurm_options cluster",
    ),
    ("hardware.slurm.partition", "", "slurm_partition queue"),
    ("hardware.slurm.time", "", "walltime time_limit timelimit timeout_min slurm_time"),
    ("hardware.slurm.memory", "", "mem mem_gb slurm_mem"),
    ("hardware.slurm.gpu_type", "", "gres gpus_per_node"),
    ("hardware.slurm.stop_before", "", "signal_delay_s signal"),
    ("hardware.slurm.requeue", "", "auto_requeue slurm_max_num_timeout"),
    # the rest
    ("seed", "", "random_seed manual_seed"),
    ("name", "", "run_name experiment_name experiment project_name exp_name project"),
    ("nivel", "the version of the language: `nivel: 2`", "version language_version"),
    ("extends", "", "base include defaults base_config inherit_from"),
)

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
