"""`nivel fmt`: one layout for every spec, that keeps each comment and changes no meaning."""

from __future__ import annotations

from .find import find_specs
from .format import Formatted, LayoutFault, format_source, section_order

__all__ = ["Formatted", "LayoutFault", "find_specs", "format_source", "section_order"]
