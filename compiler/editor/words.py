"""What an editor shows of a key: hover text, values to choose from, snippets to insert."""

from __future__ import annotations

import json
import re
from typing import Any

from ..examples import BASE
from ..facts import default, kind, limits
from ..language import Path, all_keys
from ..schema import Schema, flow


def described(schema: Schema, path: Path) -> dict[str, Any]:
    """Return the keywords that change no verdict, for the schema of the key at ``path``."""
    if "description" not in schema:
        return {}
    found: dict[str, Any] = {
        "description": schema["description"],
        "markdownDescription": _hover(schema, path),
    }
    examples = schema.get("examples", [])
    plain = [item for item in examples if not _holds_map(item)]
    if "enum" not in schema and "const" not in schema and (offered := _choices(schema) + plain):
        found["examples"] = [v for i, v in enumerate(offered) if v not in offered[:i]]
    if not isinstance(schema.get("default"), dict | list | None):
        found["default"] = schema["default"]
    snippets = [_section_snippet(path, item) for item in examples if isinstance(item, dict)]
    return {**found, "defaultSnippets": snippets} if snippets else found


def _choices(schema: Schema) -> list[Any]:
    """Return the words that a branch allows, which completion does not find behind an ``if``."""
    branches = schema.get("oneOf", ())
    return [word for branch in branches for word in branch.get("enum", ())]


def _holds_map(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_holds_map, value)))


def _hover(schema: Schema, path: Path) -> str:
    parts = [schema["description"]]
    facts = [kind(schema)]
    facts += [text] if (text := limits(schema)) else []
    facts += [f"in {schema['unit']}"] if "unit" in schema else []
    facts += [f"default {value}"] if (value := default(schema)) else []
    parts.append(" · ".join(facts))
    key = all_keys().get(path)
    if key is not None:
        said = "Level " if len(key.levels) == 1 else "Levels "
        parts.append(said + ", ".join(f"`{level}`" for level in key.levels))
    maps = [item for item in schema.get("examples", []) if _holds_map(item)]
    if maps and path:
        parts.append(f"```yaml\n{path[-1]}: {flow(maps[0])}\n```")
    return "\n\n".join(parts)


def _section_snippet(path: Path, example: dict[str, Any]) -> dict[str, Any]:
    """Offer ``example`` as a map in block style, each of its values on a line of its own."""
    name = ".".join(path) or "spec"
    label = f"{name}: {{{', '.join(_shown(key, value) for key, value in example.items())}}}"
    body = {key: _escaped(flow(value)) for key, value in example.items()}
    return {"label": label, "description": f"An example of {name}", "body": body}


def _shown(key: str, value: Any) -> str:
    return f"{key}: {value}" if key in ("type", "path", "builtin") else key


def _escaped(text: str) -> str:
    """``text`` for a snippet: a dollar would begin a placeholder, a caret a literal."""
    text = re.sub(r"([\\$])", r"\\\1", text)
    # A server takes the bare words true and false for texts and quotes them; ^ says they are not.
    return "^" + text if text in ("true", "false") or text.startswith("^") else text


def whole_specs() -> list[dict[str, Any]]:
    """Return a snippet for each level: a spec that is short, complete and sound."""
    return [
        {
            "label": f"nivel: a spec of level {level}",
            "description": f"A whole spec of level {level}, to change",
            "sortText": f"0{number}",
            "body": _with_places(text),
        }
        for number, (level, text) in enumerate(BASE.items())
    ]


def _with_places(text: str) -> str:
    """Mark what is to be filled in first: the name, and which model."""
    text = text.replace("\\", "\\\\").replace("$", "\\$")
    text = re.sub(r"^name: .*$", "name: ${1:my-experiment}", text, flags=re.MULTILINE)
    return re.sub(r"path: (org/name)\b", r"path: ${2:\1}", text)


def settings(schema_file: str, specs: str) -> str:
    """Return the lines for ``.vscode/settings.json`` that bind the schema to the specs."""
    return json.dumps({"yaml.schemas": {f"./{schema_file}": [specs]}}, indent=2) + "\n"
