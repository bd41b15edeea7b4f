"""Code that somebody else wrote, run where it can do no harm: scripts of models and templates of forms."""

from __future__ import annotations

from spiffcli.sandbox.source import ScriptMode, ScriptProblem

__all__ = ["ScriptMode", "ScriptProblem"]
