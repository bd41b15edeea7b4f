"""What a benchmark says: a measured figure beside its peer or limit."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
        what: What was compared with what.
        ratio: The figure: times the peer, unless `unit` says otherwise.
        limit: The figure must not be above it; None where it is only told.
        noise: Spread of the reference, (max - min) / median.
        detail: The absolute figures behind the ratio.
    """

    what: str
    ratio: float
    limit: float | None = None
    noise: float | None = None
    detail: str = ""
    unit: str = "x"

    @property
    def missed(self) -> bool:
        """Whether the limit was missed."""
        return self.limit is not None and self.ratio > self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"  limit {self.limit:g}{self.unit} {'MISSED' if self.missed else 'ok'}"
        noise = "" if self.noise is None else f"  noise {self.noise:.0%}"
        return f"{self.what:<62} {self.ratio:8.2f}{self.unit}{limit}{noise}  {self.detail}".rstrip()


@dataclass(frozen=True)
class Story:
    """A named set of figures, measured when `run` is called."""

    name: str
    run: Callable[[], Iterable[Line]]


def in_turns(actions: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds each action took in every round, after one round that does not count; the actions take turns."""
    times: list[list[float]] = [[] for _ in actions]
    for round_ in range(rounds + 1):
        for action, taken in zip(actions, times, strict=True):
            seconds = timed(action)
            if round_:
                taken.append(seconds)
    return times


def timed(action: Callable[[], object]) -> float:
    """Seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def spread(times: Sequence[float]) -> float:
    """(max - min) / median."""
    return (max(times) - min(times)) / statistics.median(times)


def process(
    *command: str, cwd: str | None = None, allowed: Sequence[int] = (0,), env: Mapping[str, str] | None = None
) -> Callable[[], None]:
    """An action that runs a command as a process of its own and refuses to measure a failure.

    Args:
        env: Variables besides those of this process.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= env or {}

    def run() -> None:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode not in allowed:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")

    return run


def python(*arguments: str) -> tuple[str, ...]:
    """A command line of this Python."""
    return (sys.executable, *arguments)
