"""Whether a text is JSON that satisfies a JSON Schema: the last word on an extracted answer.

It is asked about every such answer, whoever wrote it and however it was constrained. jsonschema
does the work; where it leaves the standard, or reaches out of the process, it is kept from that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NoReturn

from ..errors import DataError

__all__ = ["check_schema", "why_invalid"]

# Characters of a reason: a wrong answer may be as long as an answer can be.
LONGEST_REASON = 300


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise DataError where `schema` is no JSON Schema, or refers to one outside itself."""
    import jsonschema
    import referencing.exceptions

    try:
        _validator(_frozen(schema))
        for reference in _references(schema):
            if not reference.startswith("#"):
                raise DataError(f"the schema refers to {reference!r}, outside itself")
    except jsonschema.SchemaError as error:
        raise DataError(f"not a JSON Schema: {error.json_path}: {error.message}") from error
    except (referencing.exceptions.Unresolvable, re.error, RecursionError) as error:
        raise DataError(f"not a JSON Schema: {error}") from error


def why_invalid(text: str, schema: Mapping[str, Any]) -> str | None:
    """Return why `text` is not JSON that satisfies `schema`, or None where it does.

    Nothing is repaired: text around the JSON and `NaN` are invalid. Of a key that is given twice
    the last value counts, as in most readers. `pattern` reads `\\d` and `\\w` as ASCII, as ECMA-262
    does, and `multipleOf` is reckoned in decimal: 0.3 is a multiple of 0.1.
    """
    import referencing.exceptions

    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"[:LONGEST_REASON]
    try:
        found = next(_validator(_frozen(schema)).iter_errors(value), None)
    except (RecursionError, referencing.exceptions.Unresolvable) as error:
        return f"cannot be checked: {error}"[:LONGEST_REASON]
    return None if found is None else f"{found.json_path}: {found.message}"[:LONGEST_REASON]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _frozen(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    """Return a validator that resolves nothing but the schema's own references."""
    import jsonschema
    import referencing

    loaded = json.loads(schema)
    base = jsonschema.validators.validator_for(
        loaded, default=jsonschema.validators.Draft202012Validator
    )
    base.check_schema(loaded)
    extend: Any = jsonschema.validators.extend  # untyped in jsonschema
    made = extend(base, {"pattern": _pattern, "multipleOf": _multiple_of})
    return made(loaded, registry=referencing.Registry())


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Any]:
    import jsonschema

    if isinstance(instance, str) and not re.search(pattern, instance, re.ASCII):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _multiple_of(_: Any, divisor: Any, instance: Any, __: Any) -> Iterator[Any]:
    import jsonschema

    if isinstance(instance, bool) or not isinstance(instance, int | float):
        return
    try:
        rest = Decimal(str(instance)) % Decimal(str(divisor))
    except InvalidOperation:  # infinite, or of more digits than Decimal keeps
        rest = Decimal(1)
    if rest:
        yield jsonschema.ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            elif key not in ("const", "enum", "default", "examples"):
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)
