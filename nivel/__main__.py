"""The way in from a shell: `nivel ...` and `python -m nivel ...` are the same."""

from __future__ import annotations

from nivel.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
