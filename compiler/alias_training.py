"""Names that other tools give to the length, the optimizer and the machines of a training."""

from __future__ import annotations

from .alias_rows import Rows

_BATCH = "sequences per optimizer step over all devices; what one device holds is derived"
_FRACTION = "a fraction of all steps, not a count"
_ADAMW = "`optimizer: {type: adamw, weight_decay: 0.1}`"

TRAINING: Rows = (
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
)

HARDWARE: Rows = (
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
        "gpus num_gpus n_gpus num_devices num_processes nproc_per_node world_size gpu_count "
        "ray_num_workers",
    ),
    ("hardware.nodes", "machines", "num_nodes nnodes num_machines"),
    (
        "hardware.strategy",
        "`ddp`, `fsdp` for a model in parts, or `tensor` for matrices in slices",
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
    (
        "hardware.tensor_parallel",
        "with `strategy: tensor`",
        "tensor_parallel_size tensor_parallel_dim tensor_parallel_degree tp_size tp "
        "tensor_model_parallel_size",
    ),
    ("hardware.threads", "CPU threads per process", "num_threads omp_num_threads cpu_threads"),
    ("hardware.launcher", "", "distributed_launcher distributed_type orchestrator"),
    ("hardware.restarts", "", "max_restarts max_failures max_retries num_restarts"),
    (
        "hardware.slurm",
        "`hardware: {launcher: slurm, slurm: {partition: gpu}}`",
        "sbatch slurm_args slurm_options cluster",
    ),
    (
        "hardware.ray",
        "`hardware: {launcher: ray, ray: {cpus: 4}}`",
        "ray_args ray_config scaling_config ray_init_kwargs use_ray ray_cluster",
    ),
    ("hardware.ray.cpus", "", "num_cpus cpus_per_worker num_cpus_per_worker"),
    ("hardware.ray.gpu_type", "", "accelerator_type"),
    ("hardware.ray.resources", "", "resources_per_worker"),
    ("hardware.slurm.partition", "", "slurm_partition queue"),
    ("hardware.slurm.time", "", "walltime time_limit timelimit timeout_min slurm_time"),
    ("hardware.slurm.memory", "", "mem mem_gb slurm_mem"),
    ("hardware.slurm.gpu_type", "", "gres gpus_per_node"),
    ("hardware.slurm.stop_before", "", "signal_delay_s signal"),
    ("hardware.slurm.requeue", "", "auto_requeue slurm_max_num_timeout"),
)

SWEEPS: Rows = (
    (
        "sweep",
        "`sweep: {type: random, trials: 20, over: {...}}`",
        "hyperopt hpo hyperparameter_search hp_search hparam_search sweeps sweep_config optuna",
    ),
    ("sweep.over", "path of a field to its values", "parameters search_space param_space"),
    (
        "sweep.trials",
        "",
        "n_trials num_trials num_samples max_trials run_cap max_evals trial_count",
    ),
    ("sweep.startup", "", "n_startup_trials n_initial_points num_initial_points"),
    ("sweep.sampler", "`tpe` or `gp`", "search_alg search_algorithm"),
    ("sweep.direction", "", "goal"),
    (
        "hardware.slurm.at_once",
        "trials of a sweep that run at the same time",
        "array_parallelism array_limit max_concurrent_trials",
    ),
)
