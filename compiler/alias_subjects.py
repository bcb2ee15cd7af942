"""Names that other tools give to the model, the method, the data and the task."""

from __future__ import annotations

from .alias_rows import Rows

_MODULES = "`all-linear`, or a list of module names"
_FORMS = "a hub id, `./folder`, `pkg:PACKAGE/FILE` or `run:NAME`"
_SOURCES = "`data: {train: {path: ...}, test: {path: ...}}`"

SUBJECTS: Rows = (
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
)

REST: Rows = (
    # the rest
    ("seed", "", "random_seed manual_seed"),
    ("name", "", "run_name experiment_name experiment project_name exp_name project"),
    ("nivel", "the version of the language: `nivel: 2`", "version language_version"),
    ("extends", "", "base include defaults base_config inherit_from"),
)
