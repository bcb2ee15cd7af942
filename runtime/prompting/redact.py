"""Where prompting's modules find `runtime/redact.py`, which records use too."""

from ..redact import hide, redact, redacted

__all__ = ["hide", "redact", "redacted"]
