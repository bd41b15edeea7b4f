"""Where all time in the engine comes from: a clock that a test, a replay or a simulation can set.

The engine asks the clock of the current context (`use_clock`), so two threads or tasks may live in different times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from spiffcli.errors import InputError


@runtime_checkable
class Clock(Protocol):
    """Anything that knows the time."""

    def now(self) -> float:
        """The time in seconds since the epoch."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """The time in seconds since the epoch."""
        return time.time()

    __call__ = now


class ManualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, start: float | datetime = 0.0) -> None:
        """Start at `start`: seconds since the epoch, or a datetime with a time zone.

        Raises:
            InputError: `start` is a datetime without a time zone.
        """
        self._now = _seconds(start)

    def now(self) -> float:
        """The time in seconds since the epoch."""
        return self._now

    __call__ = now

    def set(self, when: float | datetime) -> None:
        """Jump to `when`, forwards or backwards.

        Raises:
            InputError: `when` is a datetime without a time zone.
        """
        self._now = _seconds(when)

    def advance(self, by: float | timedelta) -> None:
        """Move forward by seconds or by a timedelta.

        Raises:
            InputError: `by` is negative; `set` is the way back.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else float(by)
        if seconds < 0:
            raise InputError(f"A clock cannot advance by {seconds} seconds.", hint="Use set() to go back in time.")
        self._now += seconds


_read: ContextVar[Callable[[], float]] = ContextVar("spiffcli_clock", default=time.time)


def now() -> float:
    """Seconds since the epoch by the clock of the current context; the machine's where none was set."""
    return _read.get()()


def utc_now() -> datetime:
    """The time by the clock of the current context, as a datetime in UTC."""
    return datetime.fromtimestamp(now(), UTC)


@contextmanager
def use_clock(clock: Clock | Callable[[], float]) -> Iterator[None]:
    """Let `clock` give the time until the block ends, in this thread or asyncio task only.

    Args:
        clock: A clock, or any function that returns seconds since the epoch.
    """
    token = _read.set(clock.now if isinstance(clock, Clock) else clock)
    try:
        yield
    finally:
        _read.reset(token)


def _seconds(when: float | datetime) -> float:
    if not isinstance(when, datetime):
        return float(when)
    if when.tzinfo is None:
        raise InputError(f"{when.isoformat()} has no time zone.", hint="Give one, such as datetime.UTC.")
    return when.timestamp()
