"""Engine module `spiffcli.engines.spiff`."""

from __future__ import annotations

from spiffcli.engine import EngineConfig

engine = EngineConfig.spiff()
