"""Time as the catalog writes it down."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

#: Seconds since the epoch; tests and replays set their own.
Clock: TypeAlias = Callable[[], float]

system_clock: Clock = time.time


def iso(seconds: float) -> str:
    """UTC in ISO 8601 with microseconds and `Z`: text that sorts by time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
