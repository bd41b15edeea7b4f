"""The composition root: from settings to a `Runner`, the documented Python API and what the command line calls."""

from __future__ import annotations

from spiffcli.app.runner import Runner

__all__ = ["Runner"]
