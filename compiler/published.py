"""The published schemas' own verdict, by jsonschema, before a program is emitted.

Findings come from :mod:`.schema`, which reads the same files and is quick to import. What editors
and other tools say about a spec comes from jsonschema, so nothing is emitted that it would refuse.
"""

from __future__ import annotations

from typing import Any

from ..schemas import LEVELS, PARTS, read_schema


class SchemaDisagreement(Exception):
    """nivel's checker accepted what the published schema refuses: a fault of nivel."""


def confirm(data: Any, level: str) -> None:
    """Hold ``data``, already found sound, against the published schema of ``level``.

    Raises:
        SchemaDisagreement: naming the place and what jsonschema said of it.
    """
    error = next(_validator(level).iter_errors(data), None)
    if error is not None:
        raise SchemaDisagreement(
            f"{error.json_path}: {error.message}. nivel's own check accepted this, so this is a "
            "fault of nivel: please report it with the spec"
        )


def _validator(level: str) -> Any:
    # imported here: it costs more than the rest of the compiler together
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    schemas = [read_schema(f"{name}.json") for name in (*LEVELS, *PARTS)]
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    registry: Any = Registry().with_resources(resources)
    return Draft202012Validator(read_schema(f"{level}.json"), registry=registry)
