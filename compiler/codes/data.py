"""Data: files, rows, columns and labels that do not fit together."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
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
    "NV333": (
        "schema of an answer that is no JSON Schema",
        "`task.schema` has a keyword that JSON Schema does not take like this.",
        "Every answer is checked by it. A keyword that nobody knows would be passed over, which is "
        "a warning; everything else would end the run after its first answer.",
        "level: prompt\n"
        'task: {type: extract, input: "{{ text }}", schema: {type: object,\n'
        "    properties: {city: {type: text}}, required: city}}\n",
        "level: prompt\n"
        'task: {type: extract, input: "{{ text }}", schema: {type: object,\n'
        "    properties: {city: {type: string}}, required: [city]}}\n",
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
    "NV343": (
        "row that cannot be read",
        "A line of a data file is not a row: broken JSON or CSV, or bytes that are not UTF-8.",
        "The run would stop there, after the model has been loaded.",
        "data:\n  train: {path: broken.jsonl}\n  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {path: rows.csv}\n  test: {builtin: python-docs, split: test}\n",
    ),
    "NV344": (
        "row without a value",
        "A row has nothing in a column that `data.columns` names.",
        "An empty value is not guessed; the run refuses such a row.",
        "data:\n  train: {path: gap.csv}\n  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {path: rows.csv}\n  test: {builtin: python-docs, split: test}\n",
    ),
    "NV345": (
        "file without rows",
        "A data file is empty, or holds nothing but the names of its columns.",
        "There would be nothing to train or to test on.",
        "data:\n  train: {path: empty.csv}\n  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {path: rows.csv}\n  test: {builtin: python-docs, split: test}\n",
    ),
    "NV346": (
        "test rows that also stand among the training rows",
        "Rows of two local files have the same texts.",
        "A warning: on those rows the test measures memory.",
        "data:\n  train: {path: rows.csv}\n  test: {path: shared.csv}\n",
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n",
    ),
    "NV347": (
        "label that no row has",
        "`task.labels` names an answer that is right for no row of the local files.",
        "A warning: it is nearly always a slip, and it takes probability from the others.",
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
        'task: {type: classify, labels: [email, xml, html], input: "{{ text }}"}\n',
        "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
        'task: {type: classify, labels: [email, xml], input: "{{ text }}"}\n',
    ),
    "NV348": (
        "fewer rows of a label than balance needs",
        "A file has not enough rows of some label for the balanced `limit`.",
        "Balanced means equally many of each, and the run refuses to take fewer.",
        "data:\n  train: {path: rows.csv, limit: 80, balance: true}\n"
        "  test: {builtin: python-docs, split: test}\n",
        "data:\n  train: {path: rows.csv, limit: 20, balance: true}\n"
        "  test: {builtin: python-docs, split: test}\n",
    ),
    "NV349": (
        "more examples than there are rows",
        "`prompt.few_shot` asks for more rows than data.train has, or has of a label.",
        "An example is drawn once, and as many of each label.",
        "level: prompt\ndata:\n  train: {path: rows.csv}\n"
        "  test: {builtin: python-docs, split: test}\nprompt: {few_shot: 40}\n",
        "level: prompt\ndata:\n  train: {path: rows.csv}\n"
        "  test: {builtin: python-docs, split: test}\nprompt: {few_shot: 2}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
