"""Ray: workers that train, and workers that answer."""

from .answers import RayModel

__all__ = ["RayModel"]
