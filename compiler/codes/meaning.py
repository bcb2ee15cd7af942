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
        "The folder does not exist, or a part of its path leads out of the project.",
        "A spec reads nothing but its own project.",
        "model: {path: ./no-such-folder}\n",
        "model: {path: org/name}\n",
    ),
    "NV314": (
        "revision of a model that is not on a hub",
        "`revision` is given for a folder, a package or a run.",
        "Only a hub keeps revisions; it would be ignored.",
        "model: {path: run:other, revision: main}\n",
        "model: {path: org/name, revision: main}\n",
    ),
    "NV315": (
        "adapter target named twice",
        "`method.targets` names the same module two times.",
        "A module gets one adapter.",
        "method: {type: lora, targets: [q_proj, v_proj, q_proj]}\n",
        "method: {type: lora, targets: [q_proj, v_proj]}\n",
    ),
    "NV320": (
        "template that does not parse",
        "`task.input` is not a Jinja template.",
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
    "NV330": (
        "task without test rows",
        "There is a `task`, but no `data.test`.",
        "A task is measured on test rows.",
        'level: pretrain\ntask: {type: classify, labels: [a, b], input: "{{ text }}"}\n',
        "level: pretrain\nseed: 1\n",
    ),
    "NV331": (
        "rows without a task",
        "`data.train` or `data.test` is given, but no `task` reads it.",
        "It would be ignored.",
        "level: pretrain\ndata:\n  text: {builtin: python-docs}\n"
        "  test: {builtin: python-docs, split: test}\n",
        "level: pretrain\ndata:\n  text: {builtin: python-docs}\n",
    ),
    "NV332": (
        "limit that cannot be balanced",
        "A balanced `limit` is not a multiple of the number of labels.",
        "Balanced means equally many rows of each label, and nothing is rounded.",
        "data:\n  train: {builtin: python-docs, split: train, limit: 101, balance: true}\n"
        "  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {builtin: python-docs, split: train, limit: 100, balance: true}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV334": (
        "training rows among the test rows",
        "data.train and data.test read the same file, or splits that overlap.",
        "A test on rows that were trained on measures memory.",
        "data:\n  train: {builtin: python-docs, split: test}\n"
        "  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV335": (
        "split of a file",
        "`split` is given for a `path`.",
        "A file is one set of rows; the key would be ignored.",
        "data:\n  train: {path: rows.csv, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV336": (
        "builtin rows have no such column",
        "`data.columns` names a column that the builtin source lacks.",
        "Every row would fail when the data is loaded.",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n  columns: {text: body, label: label}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n  columns: {text: text, label: label}\n",
    ),
    "NV337": (
        "no label column",
        "`data.columns` is given without `label`.",
        "Without the right answers nothing can be trained or measured.",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n  columns: {text: text}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n  columns: {text: text, label: label}\n",
    ),
    "NV340": (
        "data file missing, outside the project, or of a wrong kind",
        "The file does not exist in the project, or is not .jsonl, .csv or .txt.",
        "A spec reads nothing but its own project.",
        "data:\n  train: {path: no-such-rows.csv}\n  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV341": (
        "column that the file lacks",
        "`data.columns` names a column that is not in the first row of a file.",
        "Every row would fail when the data is loaded.",
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
        "  columns: {text: body, label: label}\n",
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
        "  columns: {text: text, label: label}\n",
    ),
    "NV342": (
        "label that is not in task.labels",
        "One of the first rows of a file has a label that the task does not know.",
        "Such a row can be neither trained on nor answered rightly.",
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
        'task: {type: classify, labels: [email, html], input: "{{ text }}"}\n',
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
        'task: {type: classify, labels: [email, xml], input: "{{ text }}"}\n',
    ),
    "NV350": (
        "secret in clear",
        "A text looks like a key of OpenAI, Hugging Face, GitHub, Slack, AWS or Google.",
        "A spec is shared and kept in a repository, and so would be the key.",
        "description: hf_abcdefghijklmnopqrstuvwx\n",
        "description: reads the hub without a key\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
