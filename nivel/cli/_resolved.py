"""The resolved spec as YAML: `extends` followed, nothing else changed."""

from __future__ import annotations

import re
from typing import Any

# PyYAML writes YAML 1.1, where 1e-4 and 0o17 are plain strings; nivel reads YAML 1.2, where they
# are numbers. A string that begins like a number is quoted, so that both read it alike.
_LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9.]")


def dump_resolved(data: Any) -> str:
    """Return `data` as YAML that reads back to equal values under YAML 1.1 and 1.2."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def represent_string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = '"' if "\n" in text or _LIKE_A_NUMBER.match(text) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_string)
    document = {key: value for key, value in data.items() if key != "extends"}
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
