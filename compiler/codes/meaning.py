"""Meaning: values that are each right and do not fit together."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV301": (
        "batch that does not divide",
        "The batch is not a multiple of devices x micro_batch.",
        "The batch is part of the experiment: it is the same on every machine, and not rounded.",
        "train: {epochs: 3, batch: 15, learning_rate: 2e-4}\nhardware: {micro_batch: 4}\n",
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4}\nhardware: {micro_batch: 4}\n",
    ),
    "NV302": (
        "sequence longer than the model reads",
        "`train.sequence_length` is over `model.max_position_embeddings`.",
        "The model has no positions for the rest of the sequence.",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 64, num_hidden_layers: 2,\n"
        "  num_attention_heads: 4, intermediate_size: 172, max_position_embeddings: 64}\n",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 64, num_hidden_layers: 2,\n"
        "  num_attention_heads: 4, intermediate_size: 172, max_position_embeddings: 256}\n",
    ),
    "NV303": (
        "tokens that are no whole number of steps",
        "`train.tokens` is not a multiple of batch x sequence_length.",
        "An optimizer step sees that many tokens, and a part of one would be dropped in silence.",
        "level: pretrain\n"
        "train: {tokens: 1000, batch: 8, sequence_length: 128, learning_rate: 1e-3}\n",
        "level: pretrain\n"
        "train: {tokens: 1024, batch: 8, sequence_length: 128, learning_rate: 1e-3}\n",
    ),
    "NV304": (
        "batch larger than the data",
        "The batch holds more sequences than data.train has rows.",
        "A warning: each epoch is then one step on fewer sequences than the spec says.",
        "data:\n  train: {builtin: python-docs, split: train, limit: 8}\n"
        "  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {builtin: python-docs, split: train, limit: 80}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV310": (
        "heads that do not divide the width",
        "hidden_size is not a multiple of twice num_attention_heads.",
        "Heads are equal slices, and rotary positions turn pairs of numbers in each.",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 60, num_hidden_layers: 2,\n"
        "  num_attention_heads: 4, intermediate_size: 172}\n",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 64, num_hidden_layers: 2,\n"
        "  num_attention_heads: 4, intermediate_size: 172}\n",
    ),
    "NV311": (
        "key-value heads that do not divide the heads",
        "num_attention_heads is not a multiple of num_key_value_heads.",
        "Every key-value head serves the same number of attention heads.",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 64, num_hidden_layers: 2,\n"
        "  num_attention_heads: 4, num_key_value_heads: 3, intermediate_size: 172}\n",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 64, num_hidden_layers: 2,\n"
        "  num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 172}\n",
    ),
    "NV312": (
        "model path of no known form",
        "The path is no hub id, `./folder`, `pkg:PACKAGE/FILE` or `run:NAME`.",
        "An absolute path works on one machine only, and may lie outside the project.",
        "model: {path: /models/mine}\n",
        "model: {path: org/name}\n",
    ),
    "NV313": (
        "model folder missing or outside the project",
        "The folder does not exist, holds no config.json, or leads out of the project.",
        "A spec reads nothing but its own project.",
        "model: {path: ./no-such-folder}\n",
        "model: {path: org/name}\n",
    ),
    "NV314": (
        "revision of a model that is not on a hub",
        "`revision` is given for a folder, a package or a run.",
        "Only a hub keeps revisions; it would be ignored.",
        "model: {path: ./tiny, revision: v1.0}\n",
        "model: {path: org/name, revision: v1.0}\n",
    ),
    "NV320": (
        "template that does not parse",
        "A template of `task` or of a variant is not Jinja.",
        "It could not be filled in for any row.",
        'task: {type: classify, labels: [a, b], input: "{{ text "}\n',
        'task: {type: classify, labels: [a, b], input: "{{ text }}"}\n',
    ),
    "NV321": (
        "template name that is no column",
        "The template reads a name that `data.columns` does not have.",
        "Every row would fail, after the model has been loaded.",
        'task: {type: classify, labels: [a, b], input: "{{ body }}"}\n',
        'task: {type: classify, labels: [a, b], input: "{{ text }}"}\n',
    ),
    "NV322": (
        "template that shows the answer",
        "The template reads the label column.",
        "A model that is shown the right answer proves nothing.",
        'task: {type: classify, labels: [a, b], input: "{{ text }} {{ label }}"}\n',
        'task: {type: classify, labels: [a, b], input: "{{ text }}"}\n',
    ),
    "NV323": (
        "template without any column",
        "The template reads no column at all.",
        "Every row would be the same question.",
        'task: {type: classify, labels: [a, b], input: "text"}\n',
        'task: {type: classify, labels: [a, b], input: "{{ text }}"}\n',
    ),
    "NV324": (
        "examples without training rows",
        "`prompt.few_shot` is over 0, but there is no `data.train`.",
        "Examples are never drawn from the rows that are tested.",
        "level: prompt\nprompt: {few_shot: 4}\n",
        "level: prompt\nprompt: {few_shot: 0}\n",
    ),
    "NV325": (
        "system message without chat",
        "`prompt.system` is given, but `task.format` is plain.",
        "Only a chat template has a place for it; it would be ignored.",
        "level: prompt\nprompt: {system: You sort text.}\n",
        "level: prompt\nprompt: {system: You sort text.}\n"
        'task: {type: classify, labels: [a, b], input: "{{ text }}", format: chat}\n',
    ),
    "NV326": (
        "chat with a model that has no chat template",
        "`task.format: chat` stands in a spec of level pretrain.",
        "A model trained from nothing here has no chat template.",
        "level: pretrain\ndata:\n  text: {builtin: python-docs}\n"
        "  test: {builtin: python-docs, split: test}\n"
        'task: {type: classify, labels: [a, b], input: "{{ text }}", format: chat}\n',
        "level: pretrain\ndata:\n  text: {builtin: python-docs}\n"
        "  test: {builtin: python-docs, split: test}\n"
        'task: {type: classify, labels: [a, b], input: "{{ text }}"}\n',
    ),
    "NV327": (
        "labels that cannot be told apart",
        "Two labels differ only in case or in outer spaces.",
        "The model's choice between them would be a matter of spelling.",
        'task: {type: classify, labels: [Bug, bug], input: "{{ text }}"}\n',
        'task: {type: classify, labels: [bug, other], input: "{{ text }}"}\n',
    ),
    "NV328": (
        "messages that are no conversation",
        "A message of role `system` or `developer` stands after others, or the last message is not "
        "the user's.",
        "Chat templates and services refuse the first; with the second nothing is asked.",
        "level: prompt\ntask:\n  type: generate\n  messages:\n"
        '    - {role: user, content: "{{ text }}"}\n    - {role: system, content: Be brief.}\n',
        "level: prompt\ntask:\n  type: generate\n  messages:\n"
        '    - {role: system, content: Be brief.}\n    - {role: user, content: "{{ text }}"}\n',
    ),
    "NV329": (
        "messages beside what has no place for them",
        "`messages` stand beside `format: plain`, `scoring: pmi`, another system message or a "
        "variant's `input`, or at level pretrain; or a variant has a system message in the plain "
        "format.",
        "Messages are all that a model reads, in its own chat template; what is beside them would "
        "be dropped, or told twice.",
        "level: prompt\ntask:\n  type: generate\n  format: plain\n"
        '  messages: [{role: user, content: "{{ text }}"}]\n',
        "level: prompt\ntask:\n  type: generate\n"
        '  messages: [{role: user, content: "{{ text }}"}]\n',
    ),
    "NV350": (
        "secret in clear",
        "A text looks like a vendor's key or a private key, or an address has a password in it.",
        "A spec is shared and kept in a repository, and so would be the key.",
        "description: hf_abcdefghijklmnopqrstuvwx\n",
        "description: reads the hub without a key\n",
    ),
    "NV351": (
        "warmup that is no step, or the whole run",
        "`schedule.warmup` comes to less than one step, or leaves nothing of the run.",
        "A warning: the one has no effect, and with the other the rate only rises.",
        "level: pretrain\ntrain: {tokens: 102400, batch: 8, sequence_length: 128, "
        "learning_rate: 1e-3,\n  schedule: {warmup: 0.001}}\n",
        "level: pretrain\ntrain: {tokens: 102400, batch: 8, sequence_length: 128, "
        "learning_rate: 1e-3,\n  schedule: {warmup: 0.05}}\n",
    ),
    "NV354": (
        "rows longer than the model reads",
        "`train.max_length` is over the positions in the model's config.json.",
        "Those positions were never trained, and some models do not have them at all.",
        "model: {path: ./tiny}\n"
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, max_length: 8192}\n",
        "model: {path: ./tiny}\n"
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, max_length: 1024}\n",
    ),
    "NV355": (
        "revision that no hub could have",
        "`model.revision` is no name of a commit, a tag or a branch.",
        "The hub would be asked for something that cannot exist.",
        "model: {path: org/name, revision: ../main}\n",
        "model: {path: org/name, revision: v1.0}\n",
    ),
    "NV356": (
        "revision that can move",
        "`model.revision` is a branch, or the beginning of a commit.",
        "A warning: a branch names other weights tomorrow, and the experiment is another one.",
        "model: {path: org/name, revision: main}\n",
        "model: {path: org/name, revision: 93efa2f097d58c2a74874c7e644dbc9b0cee75a2}\n",
    ),
    "NV357": (
        "package that is not installed here",
        "`pkg:` names a Python package that is absent, or a file that it lacks.",
        "A warning: another machine may have it, but the run stops where it is missing.",
        "model: {path: pkg:no_such_package_here/model.gguf}\n",
        "model: {path: org/name}\n",
    ),
    "NV358": (
        "circle of runs",
        "An experiment starts from its own run, directly or by way of others.",
        "None of them could run first.",
        "name: again\nmodel: {path: run:again}\n",
        "name: again\nmodel: {path: org/name}\n",
    ),
    "NV359": (
        "run of no known experiment",
        "Neither `runs/` nor a spec in the same folder or in `specs/` has that name.",
        "A warning: the spec may come later, but mostly the name is misspelt.",
        "model: {path: run:no-such-experiment}\n",
        "model: {path: run:trained}\n",
    ),
    "NV361": (
        "run that saves no model",
        "`run:` names an experiment of level prompt.",
        "Prompting trains nothing, so there is nothing to start from.",
        "model: {path: run:asked}\n",
        "model: {path: run:trained}\n",
    ),
    "NV362": (
        "learning rate far from what works",
        "`train.learning_rate` is over 0.05 or under 1e-8.",
        "A warning: it is nearly always an exponent that lost or gained a digit.",
        "train: {epochs: 3, batch: 16, learning_rate: 0.2}\n",
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4}\n",
    ),
    "NV363": (
        "text to continue that ends in a space",
        "`evaluate.next_word.text` ends in white space.",
        "A warning: most tokenizers write a space together with the word behind it.",
        'evaluate: {next_word: {text: "The capital is "}}\n',
        'evaluate: {next_word: {text: "The capital is"}}\n',
    ),
    "NV364": (
        "label with spaces around it",
        "A label begins or ends with white space.",
        "A warning: a label is written after a space of its own, and rows rarely hold another.",
        'task: {type: classify, labels: [" email", xml], input: "{{ text }}"}\n',
        'task: {type: classify, labels: [email, xml], input: "{{ text }}"}\n',
    ),
    "NV365": (
        "template that the run refuses",
        "The template uses a function, a filter or an operator that no template here has.",
        "A stranger's template could fill the memory with it, from a few characters.",
        'task: {type: classify, labels: [a, b], input: "{{ text|center(9999) }}"}\n',
        'task: {type: classify, labels: [a, b], input: "{{ text|trim }}"}\n',
    ),
    "NV366": (
        "template that ends in a space",
        "`task.input` ends in a space, and the format is plain.",
        "A warning: the label is written after a space of its own, so there would be two.",
        'task: {type: classify, labels: [a, b], input: "{{ text }} Label: "}\n',
        'task: {type: classify, labels: [a, b], input: "{{ text }} Label:"}\n',
    ),
    "NV367": (
        "validation without rows",
        "A key of `train` depends on validation, but there is no `data.validation`.",
        "The loss on rows that are trained on always falls, and test rows must choose nothing.",
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, early_stopping: {patience: 2}}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  validation: {builtin: python-docs, split: validation}\n"
        "  test: {builtin: python-docs, split: test}\n"
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, early_stopping: {patience: 2}}\n",
    ),
    "NV368": (
        "a choice by validations that are never made",
        "`early_stopping`, or `use: best`, without `validate_every` in a pretraining.",
        "Held-out text is measured once, at the end, where no interval is given.",
        "level: pretrain\ntrain: {tokens: 102400, batch: 8, sequence_length: 128, "
        "learning_rate: 1e-3,\n  use: best}\n",
        "level: pretrain\ntrain: {tokens: 102400, batch: 8, sequence_length: 128, "
        "learning_rate: 1e-3,\n  use: best, validate_every: 10}\n",
    ),
    "NV360": (
        "interval longer than the run",
        "`validate_every`, `checkpoint_every` or what `patience` comes to is over the steps.",
        "A warning: it happens at the last step alone, or never.",
        "level: pretrain\ntrain: {tokens: 102400, batch: 8, sequence_length: 128, "
        "learning_rate: 1e-3,\n  checkpoint_every: 1000}\n",
        "level: pretrain\ntrain: {tokens: 102400, batch: 8, sequence_length: 128, "
        "learning_rate: 1e-3,\n  checkpoint_every: 10}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
