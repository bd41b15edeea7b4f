"""Engine module `spiffcli.engines.bpmn`."""

from __future__ import annotations

from spiffcli.engine import EngineConfig

engine = EngineConfig.bpmn()
