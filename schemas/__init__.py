"""The JSON Schemas of the spec language, draft 2020-12, one file per level.

A new key goes into the level's file, or into ``common.json`` where several levels share
it, with a description, an example, a unit where it has one, and its default. A new method of
level finetune goes into ``methods.json``, a new objective of task `prefer` into
``preferences.json``, and is named in ``finetune.json``; what embeds is in ``embedding.json``; a
schedule or an optimizer goes into ``training.json``; a source of text to pretrain on, a step that
cleans it or a tokenizer into ``text.json``; a way to vary fields into ``sweeps.json``.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

LEVELS = ("prompt", "finetune", "pretrain")

PARTS = ("common", "methods", "preferences", "embedding", "training", "text", "sweeps")
"""Files of definitions that those of the levels refer to."""


@cache
def read_schema(name: str) -> dict[str, Any]:
    """Return the schema in ``name``, such as ``"finetune.json"``; not to be changed."""
    path = os.path.join(os.path.dirname(__file__), name)
    with open(path, encoding="utf-8") as file:
        schema: dict[str, Any] = json.load(file)
    return schema
