"""A key that nothing reads is never accepted: every key of the schemas reaches plan and program.

The keys are found in the schema files, in every form that a choice offers. A new one fails here
until some spec below shows that the program depends on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.compiler.api import compile as compile_spec
from nivel.compiler.audit import MISSING, UNTRACED, Leaf, Trace, audit, render_audit
from nivel.compiler.check import check
from nivel.compiler.document import DataPath
from nivel.compiler.examples import BASE, complete
from nivel.compiler.language import key_schemas, tree
from nivel.compiler.methods import method_schema
from nivel.schemas import LEVELS, read_schema

Unit = tuple[str, str, str | None, str | None]
"""Level, path, the case of the nearest choice, and the kind of value where there are several."""

QUICKSTART = Path(__file__).resolve().parents[2] / "specs" / "quickstart"

REFUSED = {
    ("prompt", "hardware.micro_batch"): ("hardware: {micro_batch: 2}", "NV211"),
    ("prompt", "hardware.kernels"): ("hardware: {profile: cuda, kernels: liger}", "NV211"),
    ("prompt", "hardware.compile"): ("hardware: {profile: cpu, compile: true}", "NV211"),
    **{
        ("prompt", f"hardware.{key}"): (f"hardware: {{profile: cuda, {key}: {value}}}", "NV211")
        for key, value in {
            "nodes": "2",
            "strategy": "ddp",
            "sharding": "gradients",
            "offload": "true",
            "tensor_parallel": "2",
        }.items()
    },
    ("prompt", "hardware.activation_checkpointing"): (
        "hardware: {profile: cpu, activation_checkpointing: true}",
        "NV211",
    ),
    **{
        ("pretrain", f"task.messages{key}"): (
            'task: {type: classify, labels: [email, xml], messages: [{role: user, content: "{{ x'
            ' }}"}]}\ndata:\n  text: {builtin: python-docs}\n  test: {builtin: python-docs}\n'
            "  columns: {x: text, label: label}",
            "NV329",
        )
        for key in ("", ".role", ".content")
    },
    **{
        ("prompt", f"evaluate.judge.model.endpoint.batch_price{key}"): (
            'task: {type: generate, input: "{{ text }}"}\n'
            "evaluate:\n  metrics: [judged]\n  judge:\n    input: '{{ answer }}'\n"
            "    choices: {a: 1, b: 0}\n    model:\n      endpoint:\n        name: m\n"
            "        base_url: https://api.example.com/v1\n        batch_price:\n"
            "          {input: 1, output: 2, source: list, date: '2026-01-01'}",
            "NV372",
        )
        for key in ("", ".input", ".cached_input", ".output", ".source", ".date")
    },
}
"""Keys of a shared section that a level has no use for: any value that would matter is refused."""

ONE_VALUE = {
    ("finetune", "head.type"): "native is the only kind of head",
    ("pretrain", "task.type"): "classify is the only kind of task",
    ("finetune", "train.early_stopping.metric"): "the loss is the only metric of validation",
    ("pretrain", "train.early_stopping.metric"): "the loss is the only metric of validation",
}
"""Keys that the schema allows one value of: they are there for the others to come."""


NEEDED = {
    "adalora": ", tfinal: 10",
    "freeze": ", blocks: 1",
    "prompt": ", num_virtual_tokens: 20",
    "prefix": ", num_virtual_tokens: 20",
    "p-tuning": ", num_virtual_tokens: 20, encoder_hidden_size: 64",
}
"""What a method cannot do without."""

METHODS = [name.removeprefix("method_") for name in read_schema("methods.json")["$defs"]]
"""Every method of level finetune."""


def method(kind: str, more: str = "") -> str:
    """A spec that tunes by a method."""
    chosen = f"method: {{type: {kind}{NEEDED.get(kind, '')}{more}}}"
    chosen += "\nhead: {type: native}" * (kind == "head")
    return complete(f"level: finetune\n{chosen}\nhardware: {{accelerator: cuda}}\n")


TRAIN = {
    "finetune": "epochs: 3, batch: 16, learning_rate: 2e-4",
    "pretrain": "tokens: 102400, batch: 8, sequence_length: 128, learning_rate: 1e-3",
}
TRAINED = {
    "Muon": "optimizer: {type: muon, momentum: 0.9, nesterov: false, ns_steps: 4, "
    "adjust_lr_fn: original, adamw_learning_rate: 1e-3, beta1: 0.8, beta2: 0.9, eps: 1e-7, "
    "weight_decay: 0.2}, schedule: {type: linear, warmup: 0.1, minimum: 0.1}",
    "8 bits": "optimizer: {type: adamw-8bit, weight_decay: 0.2, beta1: 0.8, beta2: 0.9, eps: 1e-7}"
    ", schedule: {type: warmup-stable-decay, warmup: 0.1, decay: 0.3, minimum: 0.1}",
    "no schedule": "optimizer: {type: schedule-free, weight_decay: 0.2, beta1: 0.8, beta2: 0.9, "
    "eps: 1e-7}, schedule: {type: constant, warmup: 0.1}",
    "an end at divergence": "on_divergence: {type: stop, spike: 3}",
    "roll-backs": "on_divergence: {type: roll-back, spike: 3, at_most: 2}",
}

SLURM = """\
    partition: gpu
    account: lab
    qos: normal
    time: "04:00:00"
    memory: 32G
    constraint: nvlink
    gpu_type: a100
    requeue: 5
    stop_before: 60
    at_once: 2
"""

SPECS = {
    **{
        f"{level} under Slurm": complete(
            f"level: {level}\nhardware:\n  profile: cuda\n  launcher: slurm\n  restarts: 2\n"
            f"  slurm:\n{SLURM}"
        )
        for level in LEVELS
    },
    **{
        f"{level} under torchrun": complete(
            f"level: {level}\nhardware: {{profile: cpu, launcher: torchrun, restarts: 2}}\n"
        )
        for level in LEVELS
    },
    **{
        f"{level} under Ray": complete(
            f"level: {level}\nhardware:\n  profile: cuda\n  launcher: ray\n  restarts: 2\n"
            "  ray: {cpus: 4, gpu_type: A100, resources: {fast_disk: 2}}\n"
        )
        for level in LEVELS
        if level != "prompt"
    },
    "prompt under Ray": complete(
        'level: prompt\ntask: {type: generate, input: "{{ text }}"}\n'
        "hardware:\n  profile: cuda\n  devices: 2\n  threads: 2\n  launcher: ray\n"
        "  restarts: 2\n  ray: {cpus: 4, gpu_type: A100, resources: {fast_disk: 2}}\n"
    ),
    **{f"finetune by {kind}": method(kind) for kind in METHODS},
    **{
        f"{kind} on some modules": method(kind, ", target_modules: [q_proj]")
        for kind in METHODS
        if "target_modules" in method_schema(kind)["properties"]
        and kind not in ("ia3", "ln-tuning")
    },
    "ia3 on some modules": method(
        "ia3", ", target_modules: [v_proj, down_proj], feedforward_modules: [down_proj]"
    ),
    "ia3 on all modules": method("ia3", ", target_modules: all-linear, feedforward_modules: []"),
    **{f"{level} with defaults": BASE[level] for level in LEVELS},
    "prompt that uses everything": complete("""\
level: prompt
seed: 3
model: {path: org/name, revision: main}
data:
  train: {builtin: python-docs, split: train, limit: 8, balance: true}
  test: {path: rows.csv, limit: 8, balance: true}
task:
  {type: classify, labels: [email, xml], input: "{{ text }}", format: chat, scoring: per-token}
prompt: {few_shot: 2, system: Sort.}
evaluate: {metrics: [accuracy], confidence: 0.9, next_word: {text: So, top: 3}}
hardware: {profile: cpu, accelerator: cuda, devices: 1, precision: bf16, threads: 2}
""").replace("profile: cpu, ", ""),
    "answers of several models": complete("""\
level: prompt
models:
  small: {path: org/name, revision: main}
  served:
    endpoint:
      type: vllm
      base_url: https://models.example.com/v1
      name: large
      key: {env: EXAMPLE_KEY, host: models.example.com}
      concurrency: 4
      timeout: 60
      resend_timeouts: true
      price: {input: 1, cached_input: 0.1, output: 2, source: list, date: "2026-01-01"}
      batch_price: {input: 0.5, cached_input: 0.1, output: 1, source: list, date: "2026-01-01"}
      capabilities: large.json
data: {train: {path: train.csv}, test: {path: rows.csv}}
task: {type: generate, input: "{{ text }}", format: chat}
prompt:
  few_shot: {count: 2, choose: random}
  system: Be short.
  variants:
    plain: {}
    other: {input: "Say: {{ text }}", system: Be long., few_shot: 3}
    fixed: {few_shot: {count: 1, choose: fixed, ids: ["train.csv:2"]}}
  repeats: 2
generation:
  temperature: 0.5
  max_tokens: 10
  top_p: 0.9
  top_k: 5
  min_p: 0.1
  stop: ["."]
  send_seed: true
  repetition_penalty: 1.1
  presence_penalty: 0.5
  frequency_penalty: 0.5
budget: {usd: 1, tokens: 1000, calls: 100, minutes: 5}
evaluate:
  metrics: [exact, {type: numeric, tolerance: 0.1}, {type: regex, pattern: "a+"}]
  gates: [{metric: exact, at_least: 0.5, bound: low}, {metric: usd, at_most: 1}]
"""),
    "answers that a service judges": complete("""\
level: prompt
models: {one: {path: org/name}, two: {path: org/other}}
task: {type: generate, input: "{{ text }}"}
prompt: {variants: {plain: {}, other: {input: "Say: {{ text }}"}}}
generation: {temperature: 0.5}
evaluate:
  metrics: [exact, judged, {type: embedding, model: {path: org/encoder, revision: main}}]
  compare: exact
  baseline: {model: one, variant: plain}
  gates: [{metric: exact, of: difference, at_least: 0, bound: low}]
  judge:
    model:
      endpoint:
        type: openai
        base_url: https://models.example.com/v1
        name: large
        key: {env: EXAMPLE_KEY, host: models.example.com}
        concurrency: 4
        timeout: 60
        resend_timeouts: true
        price: {input: 1, cached_input: 0.1, output: 2, source: list, date: "2026-01-01"}
    input: "{{ text }} {{ answer }}"
    format: chat
    system: Be fair.
    choices: {good: 1, bad: 0}
    generation:
      temperature: 0.5
      max_tokens: 10
      top_p: 0.9
      stop: ["."]
      send_seed: true
      presence_penalty: 0.5
      frequency_penalty: 0.5
      reasoning_effort: low
"""),
    "answers that a local model judges": complete("""\
level: prompt
task: {type: generate, input: "{{ text }}"}
evaluate:
  metrics: [exact, judged]
  baseline: run:before
  gates: [{metric: exact, of: difference, at_least: 0}]
  judge:
    model: {path: org/judge, revision: 93efa2f097d58c2a74874c7e644dbc9b0cee75a2}
    input: "{{ answer }}"
    choices: {good: 1, bad: 0}
    scoring: generated
    generation: {temperature: 0.5, top_k: 5, min_p: 0.1, repetition_penalty: 1.1}
"""),
    "labels compared with an earlier run": complete("""\
level: prompt
task: {type: classify, labels: [email, xml], input: "{{ text }}"}
evaluate: {metrics: [accuracy], baseline: run:before}
"""),
    "answer of one service": complete("""\
level: prompt
model:
  endpoint:
    type: openai
    base_url: https://api.example.com/v1
    name: m
    key: {env: EXAMPLE_KEY, host: api.example.com}
    concurrency: 4
    timeout: 60
    resend_timeouts: true
    price: {input: 1, cached_input: 0.1, output: 2, source: list, date: "2026-01-01"}
    batch_price: {input: 0.5, cached_input: 0.1, output: 1, source: list, date: "2026-01-01"}
    capabilities: m.json
task: {type: classify, labels: [email, xml], input: "{{ text }}", scoring: generated}
prompt: {few_shot: {count: 1, choose: fixed, ids: ["train.csv:2"]}}
data: {train: {path: train.csv}, test: {path: rows.csv}}
generation: {reasoning_effort: low}
"""),
    "labels against a null input": complete("""\
level: prompt
data: {train: {path: train.csv}, test: {path: rows.csv}}
task:
  {type: classify, labels: [email, xml], input: "{{ text }}", scoring: pmi, null_input: N/A}
prompt: {few_shot: {count: 1, choose: fixed, ids: ["train.csv:2"]}}
evaluate: {metrics: [brier], gates: [{metric: brier, at_most: 1}]}
"""),
    "JSON": complete("""\
level: prompt
task: {type: extract, input: "{{ text }}", format: chat, schema: {type: object}}
evaluate: {metrics: [valid_json]}
"""),
    "messages": complete("""\
level: prompt
data: {train: {path: train.csv}, test: {path: rows.csv}}
task:
  type: generate
  messages: [{role: system, content: Be short.}, {role: user, content: "{{ text }}"}]
prompt:
  variants:
    plain: {}
    other: {messages: [{role: user, content: "Say: {{ text }}"}]}
"""),
    "JSON for messages": complete("""\
level: prompt
task:
  type: extract
  messages: [{role: developer, content: Be short.}, {role: user, content: "{{ text }}"}]
  schema: {type: object}
"""),
    "labels after messages": complete("""\
level: prompt
task:
  type: classify
  labels: [email, xml]
  messages: [{role: system, content: Be short.}, {role: user, content: "{{ text }}"}]
"""),
    "finetune on messages": complete("""\
level: finetune
task:
  type: classify
  labels: [email, xml]
  messages: [{role: system, content: Be short.}, {role: user, content: "{{ text }}"}]
"""),
    "talk": complete("""\
level: prompt
data: {columns: {text: text}}
task: {type: chat}
prompt: {system: Be kind.}
generation: {temperature: 0.5}
"""),
    "text": complete("""\
level: prompt
task: {type: language-model, input: "{{ text }}!"}
evaluate: {metrics: [perplexity], confidence: 0.9, next_word: {text: So, top: 2}}
"""),
    "finetune of everything": complete("""\
level: finetune
data:
  train: {path: train.csv, limit: 8, balance: true}
  test: {path: rows.csv}
method: {type: full}
train: {epochs: 2, batch: 8, learning_rate: 1e-3}
hardware: {accelerator: cuda, devices: 2, precision: bf16, threads: 2, micro_batch: 2}
"""),
    "finetune that is watched": complete("""\
level: finetune
data:
  train: {path: train.csv}
  validation: {builtin: python-docs, split: validation, limit: 8, balance: true}
  test: {path: rows.csv}
train:
  epochs: 50
  batch: 8
  learning_rate: 1e-3
  validate_every: 4
  early_stopping: {metric: loss, patience: 2}
  use: last
  checkpoint_every: 5
  keep: 3
"""),
    "finetune watched on a file": complete("""\
level: finetune
data:
  train: {builtin: python-docs, split: train}
  validation: {path: train.csv}
  test: {path: rows.csv}
"""),
    "pretrain that is watched": complete("""\
level: pretrain
train:
  tokens: 102400
  batch: 8
  sequence_length: 128
  learning_rate: 1e-3
  validate_every: 4
  early_stopping: {metric: loss, patience: 2}
  use: last
  checkpoint_every: 5
  keep: 3
"""),
    **{
        f"{level} with {name}": complete(
            f"level: {level}\n{'method: {type: full}' if level == 'finetune' else ''}\n"
            f"train: {{{TRAIN[level]}, {said}}}\n"
        )
        for level in ("finetune", "pretrain")
        for name, said in TRAINED.items()
    },
    **{
        f"pretrain with {name}": complete(
            f"level: pretrain\ntrain: {{{TRAIN['pretrain']}, {said}}}\n"
        )
        for name, said in {
            "a moving average": "z_loss: 1e-4, average: {type: ema, decay: 0.9}",
            "a batch that grows": "batch_ramp: {start: 2, over: 0.3}",
            "a mean of checkpoints": "average: {type: checkpoints, last: 3}",
        }.items()
    },
    **{
        f"{level} in parts over machines": complete(
            f"level: {level}\ntrain: {{{TRAIN[level]}}}\nhardware: {{profile: cuda, devices: 2, "
            "nodes: 2, strategy: fsdp, sharding: hybrid, offload: true}\n"
        )
        for level in ("finetune", "pretrain")
    },
    **{
        f"{level} with matrices cut": complete(
            f"level: {level}\ntrain: {{{TRAIN[level]}}}\nhardware: {{profile: cpu, devices: 4, "
            "strategy: tensor, tensor_parallel: 2}\n"
        )
        for level in ("finetune", "pretrain")
    },
    **{
        f"pretrain of {name} with experts": complete(
            f"level: pretrain\nmodel: {{architecture: {name}, hidden_size: 32, "
            "num_hidden_layers: 2, num_attention_heads: 4, num_experts: 4, num_experts_per_tok: 2, "
            f"{said}, router_aux_loss_coef: 0.02}}\n"
            f"train: {{{TRAIN['pretrain']}, router_z_loss: 0.001}}\n"
        )
        for name, said in {
            "olmoe": "intermediate_size: 48, norm_topk_prob: true",
            "qwen2_moe": "moe_intermediate_size: 48, shared_expert_intermediate_size: 64",
        }.items()
    },
    "finetune of some modules": complete("""\
level: finetune
method: {type: lora, targets: [q_proj]}
evaluate: {next_word: {text: So}}
hardware: {devices: 1, threads: 1, activation_checkpointing: true, compile: true}
"""),
    "answers to learn": complete("""\
level: finetune
model: {path: org/name, chat_template: chatml.jinja}
task: {type: generate, input: "{{ text }}", format: chat}
objective: {type: sft, train_on: all, train_end: false}
train: {epochs: 1, batch: 8, learning_rate: 1e-3, too_long: drop, too_long_at_most: 0.2,
  packing: true}
generation:
  temperature: 0.5
  max_tokens: 10
  top_p: 0.9
  top_k: 5
  min_p: 0.1
  stop: ["."]
  repetition_penalty: 1.1
evaluate:
  metrics: [exact, {type: numeric, tolerance: 0.1}, {type: regex, pattern: "a+"}]
  gates: [{metric: exact, at_least: 0.5, bound: low}, {metric: numeric, at_most: 1}]
"""),
    "answers to learn from a teacher": complete("""\
level: finetune
model: {path: org/name}
task: {type: generate, input: "{{ text }}"}
objective:
  type: distill
  teacher: {path: org/larger, revision: v1.0}
  temperature: 2
  alpha: 0.9
  divergence: reverse
  train_on: last
  train_end: false
"""),
    "messages to learn": complete("""\
level: finetune
task: {type: generate, format: chat, messages: [{role: user, content: "{{ text }}"}]}
"""),
    "JSON to learn": complete("""\
level: finetune
task:
  type: extract
  schema: {type: object}
  format: chat
  messages: [{role: user, content: "{{ text }}"}]
"""),
    "JSON to learn from a text": complete("""\
level: finetune
task: {type: extract, input: "{{ text }}", schema: {type: object}}
"""),
    "conversations to learn": complete("""\
level: finetune
data:
  train: {path: talks.jsonl, limit: 2}
  test: {builtin: python-docs, split: test, limit: 3}
  columns: {text: text, label: name}
  format: text-label
task: {type: chat}
evaluate: {confidence: 0.9}
"""),
    **{
        f"finetune of a head by {kind}": complete(f"""\
level: finetune
model: {{path: org/name, revision: main, chat_template: chatml.jinja}}
data:
  train: {{path: train.csv, limit: 8}}
  validation: {{path: held.csv}}
  test: {{path: rows.csv}}
task: {{type: regress, input: "{{{{ text }}}}", format: chat}}
method: {{type: {kind}}}
head: {{type: native, dropout: 0.2}}
train: {{epochs: 2, batch: 8, learning_rate: 1e-3, too_long: drop, too_long_at_most: 0.2}}
evaluate: {{metrics: [mae], confidence: 0.9, gates: [{{metric: mae, at_most: 3}}]}}
""")
        for kind in ("head", "full", "lora, learning_rate_ratio: 2, rank: 4")
    },
    "finetune of a head on messages": complete("""\
level: finetune
task: {type: regress, messages: [{role: user, content: "{{ text }}"}]}
"""),
    "finetune of a head for labels": complete("level: finetune\nhead: {type: native}\n"),
    "finetune of labels of words": complete("""\
level: finetune
data: {train: {path: words.jsonl}, test: {path: words-test.jsonl}}
task: {type: tag, labels: [O, B-PER]}
method: {type: freeze, blocks: 2, patterns: ["*.bias"], embeddings: false}
"""),
    "finetune but some parameters": complete(
        "level: finetune\nmethod: {type: freeze, blocks: 2, patterns: ['*.bias']}\n"
    ),
    **{
        f"preferences by {loss}": complete(f"""\
level: finetune
data:
  train: {{builtin: python-docs-pairs, split: train, limit: 90}}
  validation: {{builtin: python-docs-pairs, split: validation, limit: 9}}
  test: {{path: pairs.jsonl, limit: 3}}
  format: chosen-rejected
task: {{type: prefer}}
objective: {{type: dpo, beta: 0.2, loss_type: {loss}{more}, rpo_alpha: 1}}
method: {{type: {method}}}
evaluate:
  metrics: [accuracy, margin, ranking_accuracy]
  gates: [{{metric: margin, at_least: 0, bound: low}}]
""")
        for loss, more, method in (
            ("sigmoid", ", label_smoothing: 0.1", "full"),
            ("ipo", "", "lora"),
        )
    },
    **{
        f"preferences by {kind}": complete(f"""\
level: finetune
data:
  train: {{builtin: python-docs-pairs, split: train}}
  test: {{builtin: python-docs-pairs, split: test}}
task: {{type: prefer}}
objective: {{type: {kind}{more}}}
""")
        for kind, more in (
            ("orpo", ", beta: 0.2"),
            ("simpo", ", gamma: 0.5, rpo_alpha: 1"),
            ("kto", ", beta: 0.2, desirable_weight: 1.5, undesirable_weight: 0.5"),
            ("reward", ", centering: 0.1"),
        )
    },
    **{
        f"vectors by {kind}": complete(f"""\
level: finetune
data:
  train: {{path: near.jsonl, limit: 8}}
  validation: {{builtin: python-docs-pairs, split: validation, limit: 9}}
  test: {{path: near-test.jsonl}}
  columns: {{anchor: prompt, positive: chosen, negative: rejected}}
task: {{type: embed, pooling: last, query_prefix: "q: ", document_prefix: "d: "}}
objective: {{type: contrastive, temperature: 0.1, symmetric: true}}
method: {{type: {kind}}}
evaluate: {{metrics: [mrr], confidence: 0.9, gates: [{{metric: mrr, at_least: 0}}]}}
hardware: {{profile: cpu, activation_checkpointing: true}}
""")
        for kind in ("full", "lora, rank: 4", "freeze, blocks: 1")
    },
    "pretrain with samples": complete("""\
level: pretrain
evaluate: {samples: {prompts: ["The ", "def "], max_tokens: 20, temperature: 0}}
"""),
    "finetune that lm-eval asks": complete(
        "level: finetune\nevaluate: {lm_eval: [arc_easy, tasks/own.yaml]}\n"
    ),
    "pretrain that lm-eval asks": complete("level: pretrain\nevaluate: {lm_eval: [arc_easy]}\n"),
    **{
        f"{level} that is tracked": complete(f"""\
level: {level}
track: {{mlflow: {{experiment: tickets, name: a}}, wandb: {{project: tickets, name: b}}}}
""")
        for level in ("prompt", "finetune", "pretrain")
    },
    "finetune on a profile": complete("level: finetune\nhardware: {profile: cuda}\n"),
    "prompt on a profile": complete("level: prompt\nhardware: {profile: cuda}\n"),
    "pretrain of a published model": complete("""\
level: pretrain
model: {preset: llama-15m, initialization: {std: 0.01}}
"""),
    "pretrain of other heads": complete("""\
level: pretrain
model:
  {architecture: llama, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4,
   intermediate_size: 172, head_dim: 32, rope_theta: 500000}
"""),
    "pretrain by a budget": complete("""\
level: pretrain
model: {architecture: qwen3, budget: {flops: 1e15}}
train: {sequence_length: 64}
"""),
    "pretrain by the hours of a device": complete("""\
level: pretrain
model: {architecture: gpt2, budget: {gpu_hours: 8, device: h100, mfu: 0.3}}
train: {sequence_length: 64}
"""),
    "pretrain on a profile": complete("level: pretrain\nhardware: {profile: cuda}\n"),
    "pretrain with a task": complete("""\
level: pretrain
data:
  text: {path: books.txt, limit: 2}
  train: {builtin: python-docs, split: train, limit: 8, balance: true}
  test: {builtin: python-docs, split: test, limit: 8, balance: true}
task: {type: classify, labels: [email, xml], input: "{{ text }}"}
evaluate: {next_word: {text: So}}
hardware: {accelerator: cuda, devices: 2, precision: bf16, threads: 2, micro_batch: 2}
"""),
    **{
        f"pretrain with {kind}": complete(f"""\
level: pretrain
tokenizer:
  {{type: {kind}, vocab_size: 512, special_tokens: ["<|user|>"], digits: groups, normalize: nfc}}
""")
        for kind in ("byte-bpe", "unigram", "wordpiece")
    },
    "pretrain with the tokenizer of a model": complete("""\
level: pretrain
tokenizer: {type: model, path: org/name, revision: main, vocab_size: 512}
"""),
    "pretrain on the hub": complete("""\
level: pretrain
data:
  text:
    hub:
      dataset: org/texts
      config: small
      revision: 93efa2f097d58c2a74874c7e644dbc9b0cee75a2
      split: train
"""),
    "pretrain partly on the hub": complete("""\
level: pretrain
data:
  text:
    - {builtin: python-docs, weight: 1}
    - weight: 1
      hub:
        dataset: org/texts
        config: small
        revision: 93efa2f097d58c2a74874c7e644dbc9b0cee75a2
        split: train
"""),
    "pretrain on columns": complete("""\
level: pretrain
data:
  text: {path: train.csv, column: text}
"""),
    "pretrain on several sources": complete("""\
level: pretrain
data:
  text:
    - {path: books.txt, weight: 3}
    - {path: train.csv, column: text, name: rows, limit: 5, weight: 1}
    - {builtin: python-docs, weight: 1}
  test: {path: rows.csv}
  curate:
    - {type: clean}
    - {type: language, keep: [en]}
    - {type: length, min_characters: 10, max_characters: 10000, min_words: 5, max_words: 5000}
    - {type: gopher-quality}
    - {type: gopher-repetition}
    - {type: c4}
    - {type: exact-duplicates}
    - {type: near-duplicates}
    - {type: overlap}
    - {type: pii}
task: {type: classify, labels: [email, xml], input: "{{ text }}"}
"""),
    "pretrain with files of rows": complete("""\
level: pretrain
data:
  text: {builtin: python-docs}
  train: {path: train.csv, limit: 8}
  test: {path: rows.csv, limit: 8}
task: {type: classify, labels: [email, xml], input: "{{ text }}"}
model:
  architecture: llama
  hidden_size: 64
  num_hidden_layers: 2
  num_attention_heads: 4
  num_key_value_heads: 2
  intermediate_size: 172
hardware: {devices: 1, activation_checkpointing: true, compile: true}
"""),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Trace]]:
    """Every trace of every spec above, with its level."""
    folder = tmp_path_factory.mktemp("audit")
    for name in ("rows", "train", "held"):
        rows = (f"{name} {number},{('email', 'xml')[number % 2]}\n" for number in range(16))
        (folder / f"{name}.csv").write_text("text,label\n" + "".join(rows))
    (folder / "chatml.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    (folder / "talks.jsonl").write_text('{"text": "Hello", "name": "Hi"}\n' * 16)
    pair = '{"prompt": "Hello", "chosen": "Hi", "rejected": "No"}\n'
    (folder / "pairs.jsonl").write_text(pair * 16)
    (folder / "tasks").mkdir()
    (folder / "tasks" / "own.yaml").write_text("task: own\n")
    for name in ("near", "near-test"):
        rows = (pair.replace("Hello", f"{name} {number}") for number in range(16))
        (folder / f"{name}.jsonl").write_text("".join(rows))
    for name, host in (("large", "models"), ("m", "api")):
        seen = {"base_url": f"https://{host}.example.com/v1", "model": name, "findings": {}}
        record = {"probe": 1, "date": "2026-11-24", **seen}
        (folder / f"{name}.json").write_text(json.dumps(record))
    for name, word in (("words", "Ann"), ("words-test", "Bo")):
        row = {"text": [word], "label": ["B-PER"]}
        (folder / f"{name}.jsonl").write_text(f"{json.dumps(row)}\n" * 16)
    (folder / "books.txt").write_text("Once upon a time.\n\nThe end.\n")
    found: list[tuple[str, Trace]] = []
    proved: set[Unit] = set()
    for name, text in SPECS.items():
        (folder / "x.yaml").write_text(text)
        checked = check(folder / "x.yaml")
        errors = [found.message for found in checked.diagnostics if found.severity == "error"]
        assert not errors, (name, errors)
        level = str(checked.level)

        def unproved(leaf: Leaf, level: str = level) -> bool:
            """A key that some spec before has shown to be read is not traced again."""
            value = None if leaf.value is MISSING else leaf.value
            like = Trace(leaf.path, leaf.case, value, "", (), (), (), ())
            return not proved.issuperset(shown(level, like))

        for trace in audit(checked, unproved):
            found.append((level, trace))
            if trace.reaches:
                proved.update(shown(level, trace))
    return found


def units() -> Iterator[Unit]:
    """Yield every key of every level, once for each case and each kind of value."""
    for level in LEVELS:
        for path, schema, _, case in key_schemas(level):
            kinds = [branch.get("type") for branch in schema.get("oneOf", ())]
            for kind in dict.fromkeys(kinds if "properties" not in schema else ()) or [None]:
                yield level, ".".join(path), case, kind


def shown(level: str, trace: Trace) -> Iterator[Unit]:
    """Yield what a trace that reaches the program proves: its key, and the keys around it."""
    kind = {str: "string", list: "array", dict: "object", int: "integer"}.get(type(trace.value))
    steps = keys_of(level, trace.path)
    for case in (trace.case, None):
        for known in (kind, None):
            yield level, ".".join(steps), case, known
    for length in range(1, len(steps)):
        for case in (trace.case, None):
            yield level, ".".join(steps[:length]), case, "object"
            yield level, ".".join(steps[:length]), case, None


@cache
def known_keys(level: str) -> frozenset[str]:
    return frozenset(".".join(path) for path, *_ in key_schemas(level))


def keys_of(level: str, path: DataPath) -> list[str]:
    """The steps of a path that are keys of the schema, without free names and places in lists."""
    found: list[str] = []
    for step in path:
        if isinstance(step, str) and ".".join([*found, step]) in known_keys(level):
            found.append(step)
    return found


def from_a_file(unit: Unit) -> bool:
    """Whether the unit is the name of a file, whose text has taken its place by then."""
    level, path, _, kind = unit
    named = kind == "object" and f"{path}.file" in known_keys(level)
    return named or path.endswith(".file") or (path, kind) == ("task.schema", "string")


def excused(unit: Unit) -> bool:
    level, path, case, _ = unit
    if from_a_file(unit):
        return True  # `test_the_text_of_every_file_reaches_the_program` holds these
    if path == "task.type" and case in ("chat", "prefer", "embed"):
        return True  # any other task would need rows, or an objective, of another kind
    return path in UNTRACED or (level, path) in ONE_VALUE or (level, path) in REFUSED


def unread(traces: list[tuple[str, Trace]]) -> list[Unit]:
    """Return the keys of which no spec shows that anything depends on them."""
    proved = {unit for level, trace in traces if trace.reaches for unit in shown(level, trace)}
    return [unit for unit in units() if unit not in proved and not excused(unit)]


def test_every_key_of_the_schemas_reaches_the_plan_and_the_program(
    traces: list[tuple[str, Trace]],
) -> None:
    assert unread(traces) == []


FILED = {
    "prompt": """\
level: prompt
data: {train: {path: train.csv}, test: {path: rows.csv}}
task: {type: extract, input: {file: in.j2}, schema: schema.json, format: chat}
prompt:
  system: {file: system.txt}
  variants:
    one: {system: {file: own.txt}, input: {file: own.j2}}
    two: {messages: [{role: user, content: {file: said.j2}}]}
    three: {}
""",
    "finetune": """\
level: finetune
task:
  type: classify
  labels: [email, xml]
  messages: [{role: system, content: {file: system.txt}}, {role: user, content: {file: in.j2}}]
""",
    "pretrain": """\
level: pretrain
data: {text: {builtin: python-docs}, train: {path: train.csv}, test: {path: rows.csv}}
task: {type: classify, labels: [email, xml], input: {file: in.j2}}
""",
}


@pytest.mark.parametrize("level", FILED)
def test_the_text_of_every_file_reaches_the_program(level: str, tmp_path: Path) -> None:
    for name in ("rows", "train"):
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{name} x,email\n{name} y,xml\n")
    (tmp_path / "x.yaml").write_text(complete(FILED[level]))
    names = sorted(set(re.findall(r"\w+\.(?:j2|txt|json)\b", FILED[level])))
    for name in names:
        text = f"text of {name}: {{{{ text }}}}"
        text = json.dumps({"type": "object", "title": text}) if name.endswith("json") else text
        (tmp_path / name).write_text(text)
    program, checked = compile_spec(str(tmp_path / "x.yaml"))
    assert program is not None, checked.diagnostics
    assert [n for n in names if f"text of {n}: {{{{ text }}}}" not in program.files[0].text] == []


@pytest.fixture
def dead_key() -> Iterator[str]:
    """A key that the schema has and nothing reads, for as long as the test runs."""
    keys = read_schema("finetune.json")["properties"]["train"]["properties"]
    keys["patience"] = {"type": "integer", "minimum": 1, "default": 3}
    tree.cache_clear()
    yield "train.patience"
    del keys["patience"]
    tree.cache_clear()


def test_a_key_that_nothing_reads_is_found(dead_key: str) -> None:
    found = audit(check(QUICKSTART / "finetune.yaml", project=QUICKSTART))
    (dead,) = [trace for trace in found if trace.name == dead_key]
    assert (dead.value, dead.spec, dead.plan, dead.lines) == (3, (), (), ())
    assert ("finetune", dead_key, None, None) in unread([("finetune", trace) for trace in found])


def test_every_excuse_is_needed(traces: list[tuple[str, Trace]]) -> None:
    reached = {(level, trace.name) for level, trace in traces if trace.reaches}
    assert not reached & set(ONE_VALUE)
    assert not {name for _, name in reached} & set(UNTRACED)
    names = {(level, path) for level, path, *_ in units()}
    assert set(ONE_VALUE) <= names
    assert set(UNTRACED) <= {path for _, path in names}


@pytest.mark.parametrize("key", REFUSED, ids=".".join)
def test_what_a_level_has_no_use_for_is_refused(key: tuple[str, str], tmp_path: Path) -> None:
    text, code = REFUSED[key]
    (tmp_path / "x.yaml").write_text(complete(f"level: {key[0]}\n{text}\n"))
    assert [found.code for found in check(tmp_path / "x.yaml").diagnostics] == [code]


def test_each_value_shows_in_the_line_that_carries_it(traces: list[tuple[str, Trace]]) -> None:
    rates = [
        (line.text, trace.value)
        for level, trace in traces
        if level == "finetune" and trace.name == "train.learning_rate"
        for line in trace.lines
    ]
    assert rates and all(text == f"LEARNING_RATE = {value!r}" for text, value in rates)


def test_one_key_changes_nothing_of_another(traces: list[tuple[str, Trace]]) -> None:
    for _, trace in traces:
        if trace.name == "seed":
            assert trace.plan == ("common.seed",)
            assert all("SEED = " in line.text for line in trace.lines)


def test_the_origin_is_the_file_that_gives_the_value() -> None:
    checked = check(QUICKSTART / "finetune.yaml", project=QUICKSTART)
    origins = {trace.name: trace.origin.rpartition("/")[2] for trace in audit(checked)}
    assert origins["train.epochs"].startswith("finetune.yaml:")
    assert origins["task.input"].startswith("shared.yaml:")
    assert origins["seed"] == "default"
    assert origins["model.revision"] == "not given"


def test_a_spec_with_errors_has_no_trace(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("nivel: 2\n")
    with pytest.raises(ValueError, match="without errors"):
        audit(check(tmp_path / "x.yaml"))


@pytest.mark.parametrize("name", ["prompt", "finetune", "pretrain", "finetune-own"])
def test_the_command_shows_every_key_that_has_a_value(name: str) -> None:
    spec = str(QUICKSTART / f"{name}.yaml")
    result = CliRunner().invoke(group, ["compile", spec, "--audit"])
    assert result.exit_code == 0, result.output
    assert "task.input: " in result.output
    assert "\n    experiment.py:" in result.output


def test_the_command_gives_the_same_as_json() -> None:
    spec = str(QUICKSTART / "prompt.yaml")
    result = CliRunner().invoke(group, ["compile", spec, "--audit", "--format", "json"])
    found: list[dict[str, Any]] = json.loads(result.output)
    by_path = {tuple(trace["path"]): trace for trace in found}
    assert by_path["prompt", "few_shot"]["added"]
    assert by_path["name",]["lines"][0]["number"] == 1


def test_without_a_folder_or_audit_the_command_says_what_is_missing() -> None:
    result = CliRunner().invoke(group, ["compile", str(QUICKSTART / "prompt.yaml")])
    assert result.exit_code == 2
    assert "--audit" in result.output


def test_drawing_an_audit_never_fails(traces: list[tuple[str, Trace]]) -> None:
    assert render_audit([trace for _, trace in traces]).count("\n") > len(traces)
