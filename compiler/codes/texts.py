"""Text to pretrain on: its sources, and the steps that clean it."""

from __future__ import annotations

_TEXT = "level: pretrain\ndata:\n  text:\n"
_ONE = f"{_TEXT}    - {{builtin: python-docs, weight: 1}}\n"
_CURATE = "level: pretrain\ndata:\n  text: {builtin: python-docs}\n  curate:\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV650": (
        "weight of some sources only",
        "Some sources of `data.text` have a `weight` and others none.",
        "A weight is a share among the weights of all; what the share of a source without one "
        "would be cannot be told.",
        f"{_ONE}    - {{path: books.txt}}\n",
        f"{_ONE}    - {{path: books.txt, weight: 2}}\n",
    ),
    "NV651": (
        "weight too small to have a place",
        "A source's `weight` is less than a thousandth of all weights.",
        "Sources are mixed in blocks of 4,096 sequences, in which each has a place.",
        f"{_ONE}    - {{path: books.txt, weight: 5000}}\n",
        f"{_ONE}    - {{path: books.txt, weight: 50}}\n",
    ),
    "NV652": (
        "two sources of one name",
        "Two sources of `data.text` have the same name, path or builtin.",
        "What is measured of each is recorded under its name.",
        f"{_TEXT}    - {{path: books.txt}}\n    - {{path: books.txt}}\n",
        f"{_TEXT}    - {{path: books.txt}}\n    - {{path: books.txt, name: again}}\n",
    ),
    "NV653": (
        "column of a source without columns",
        "`column` is given for a source that has none, or names one that the file lacks or leaves "
        "empty.",
        "The text of a .jsonl, .csv or .parquet file is one of its columns; other sources are "
        "nothing but text.",
        "level: pretrain\ndata:\n  text: {path: books.txt, column: body}\n",
        "level: pretrain\ndata:\n  text: {path: rows.csv, column: text}\n",
    ),
    "NV654": (
        "nothing to compare the text with",
        "`data.curate` has the step `overlap`, but the spec has no task or no `data.test`.",
        "The step takes out of the text what stands in the rows that the model is tested on.",
        f"{_CURATE}    - {{type: overlap}}\n",
        f"{_CURATE}    - {{type: overlap}}\n  test: {{builtin: python-docs, split: test}}\n"
        'task: {type: classify, labels: [email, xml], input: "{{ text }}"}\n',
    ),
    "NV656": (
        "special token that there is",
        "`tokenizer.special_tokens` names a token that the tokenizer has by itself.",
        "It would stand twice in the vocabulary.",
        "level: pretrain\ntokenizer: {type: unigram, vocab_size: 512, special_tokens: "
        '["<|endoftext|>"]}\n',
        "level: pretrain\ntokenizer: {type: unigram, vocab_size: 512, special_tokens: "
        '["<|user|>"]}\n',
    ),
    "NV657": (
        "tokenizer of another size",
        "The tokenizer in the folder has another number of tokens than `tokenizer.vocab_size`.",
        "The model has a row of numbers for each token, and its size is planned with them.",
        "level: pretrain\ntokenizer: {type: model, path: ./spoken, vocab_size: 512}\n",
        "level: pretrain\ntokenizer: {type: model, path: ./spoken, vocab_size: 2}\n",
    ),
    "NV655": (
        "limits of a step that exclude everything, or nothing",
        "The least of a step's limits is above its most, or the step `length` has no limit.",
        "No text could stay, or every text would.",
        f"{_CURATE}    - {{type: length, min_words: 50, max_words: 5}}\n",
        f"{_CURATE}    - {{type: length, min_words: 5, max_words: 50}}\n",
    ),
}
