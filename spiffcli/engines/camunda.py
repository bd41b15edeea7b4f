"""Engine module `spiffcli.engines.camunda`."""

from __future__ import annotations

from spiffcli.engine import EngineConfig

engine = EngineConfig.camunda()
