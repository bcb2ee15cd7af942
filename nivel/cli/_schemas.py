"""The schemas as editors want them: one file each, draft-07, patient with `extends`."""

from __future__ import annotations

import json
from typing import Any

# yaml-language-server before 1.20 ignores the keywords of 2020-12. The schemas use none that
# draft-07 lacks except the name of `$defs`.
DRAFT_07 = "http://json-schema.org/draft-07/schema#"


def bundle(level: str | None, *, partial: bool = False) -> str:
    """Return the schema of `level` as one self-contained JSON text; of any level for None.

    With `partial`, nothing is required at the top or in a section: what a file leaves out may
    come from the files that it extends, which an editor does not read.
    """
    from nivel.schemas import LEVELS, read_schema

    bodies = [_body(read_schema(f"{name}.json"), partial) for name in (level and [level]) or LEVELS]
    title = f"nivel spec, level {level}" if level else "nivel spec, any level"
    schema = {
        "$schema": DRAFT_07,
        **(bodies[0] if len(bodies) == 1 else {"anyOf": bodies}),
        "title": title,
        "definitions": _relink(read_schema("common.json")["$defs"]),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _body(schema: dict[str, Any], partial: bool) -> dict[str, Any]:
    body = {key: _relink(value) for key, value in schema.items() if not key.startswith("$")}
    if partial:
        body.pop("required", None)
        for section in body["properties"].values():
            section.pop("required", None)
    return body


def _relink(node: Any) -> Any:
    """Return a copy in which references to common.json lead into this file."""
    if isinstance(node, dict):
        return {key: _relink(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_relink(value) for value in node]
    if isinstance(node, str):
        return node.replace("common.json#/$defs/", "#/definitions/")
    return node
