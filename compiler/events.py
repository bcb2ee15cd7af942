"""The event stream of a YAML text: libyaml where PyYAML has it, pure Python elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import AliasEvent as Alias
from yaml.events import CollectionEndEvent as End
from yaml.events import DocumentStartEvent as DocumentStart
from yaml.events import Event, StreamEndEvent
from yaml.events import MappingStartEvent as MappingStart
from yaml.events import ScalarEvent as Scalar
from yaml.events import SequenceStartEvent as SequenceStart

__all__ = [
    "Alias",
    "DocumentStart",
    "End",
    "Event",
    "MappingStart",
    "MarkedYAMLError",
    "Scalar",
    "SequenceStart",
    "YAMLError",
    "parse_events",
]


def parse_events(text: str, *, pure: bool = not yaml.__with_libyaml__) -> Iterator[Event]:
    """Yield the events of ``text``; raises YAMLError at the first break of YAML's grammar.

    ``pure`` chooses the slow parser. Its state machine keeps a list, not the Python
    stack, so deep nesting is as harmless there as in libyaml.
    """
    parser = _parser(text, pure)
    while True:
        event = parser.get_event()
        if event is None or isinstance(event, StreamEndEvent):
            return
        yield event


def _parser(text: str, pure: bool) -> Any:
    if pure:
        return yaml.SafeLoader(text)
    from yaml._yaml import CParser

    return CParser(text)
