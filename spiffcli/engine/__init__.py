"""The adapter: the only package that knows the engine. Everyone else sees our values."""

from __future__ import annotations

from spiffcli.engine.adapter import Engine, Event, Running
from spiffcli.engine.config import EngineConfig
from spiffcli.engine.workflow import DefinitionSpecs, LateDecision, SpecSource

__all__ = ["DefinitionSpecs", "Engine", "EngineConfig", "Event", "LateDecision", "Running", "SpecSource"]
