"""Running instances: under their lock, saved as they go, with the events they send to each other."""

from __future__ import annotations

from spiffcli.instances.context import Context
from spiffcli.instances.session import Session

__all__ = ["Context", "Session"]
