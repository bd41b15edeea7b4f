"""Time, memory and recursion that one script may use.

In the main thread an alarm interrupts a script that takes too long: in a loop, in a regular expression, and, a second
later, in a function of the engine module, which is broken off only then as it could hold a lock. In other threads, and
on systems without interval timers, the checkpoints that the policy plants into loops and functions look at the clock.
They see every loop a script writes itself, but not one long call into C, such as a regular expression that backtracks
for minutes.

On Linux the address space may grow by a fixed amount while a script runs in the main thread, so that one huge
allocation is a `MemoryError` in the script and not the end of the process.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

from msgspec import Struct

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

T = TypeVar("T")
Checkpoint = Callable[[], bool]

#: Seconds between alarms after the first, for code that swallows it (a finalizer, say).
_AGAIN_S: Final = 0.1
#: Alarms for which a function that a script calls may go on, before it too is broken off wherever it is.
_PATIENCE: Final = 10
#: File name in the code objects of scripts, by which their frames are known.
SCRIPT_FILE: Final = "<script>"
_BREAKABLE: Final = frozenset(
    {SCRIPT_FILE}
    | {
        str(Path(__file__).with_name(f"{name}.py"))
        for name in ("attributes", "formatting", "guards", "modules", "offered", "sizes")
    }
)
#: Frames that a script may stack up on top of its caller.
_DEPTH: Final = 1000
#: Frames for walks over syntax trees.
_DEEP: Final = 20_000
#: Seconds for which a measured size of the address space is good enough.
_MEASURE_S: Final = 1.0


class TimeLimitExceededError(BaseException):
    """Not an `Exception`: `except Exception` in a script must not catch it."""


class Limits(Struct, frozen=True):
    """What one script may use.

    Attributes:
        time_s: Seconds by the clock; 0 for no limit.
        memory_bytes: Bytes by which the address space may grow (Linux, main thread); 0 for no limit.
    """

    time_s: float = 10.0
    memory_bytes: int = 1 << 30


class _Run(threading.local):
    checkpoint: Checkpoint | None = None


_current = _Run()


def checkpoint() -> Checkpoint:
    """The checkpoint of the script that runs in this thread.

    Returns:
        A function that returns True, or raises `TimeLimitExceededError` when the time is over.
    """
    return _current.checkpoint or always


def always() -> bool:
    """A checkpoint that lets everything pass."""
    return True


def run_limited(limits: Limits, call: Callable[[Checkpoint], T]) -> T:
    """`call(checkpoint)`, stopped when it needs more than `limits`.

    A script that runs another one (through a function of the engine module) shares its limits with it.

    Raises:
        TimeLimitExceededError: It took too long.
    """
    if _current.checkpoint is not None:
        return call(_current.checkpoint)
    if limits.time_s <= 0:
        return _prepared(limits, always, call)
    if _has_alarm():
        alarm = _Alarm(limits.time_s)
        return _prepared(limits, alarm.check, partial(alarm.run, call))
    return _prepared(limits, _clock_checkpoint(time.monotonic() + limits.time_s), call)


def _prepared(limits: Limits, check: Checkpoint, call: Callable[[Checkpoint], T]) -> T:
    _current.checkpoint = check
    ceiling = _lower_memory_limit(limits.memory_bytes)
    try:
        with bounded_recursion():
            return call(check)
    finally:
        _current.checkpoint = None
        if ceiling is not None:
            resource.setrlimit(resource.RLIMIT_AS, ceiling)


def _has_alarm() -> bool:
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is not None  # None: set by C code, could not be put back
    )


def _clock_checkpoint(deadline: float, clock: Callable[[], float] = time.monotonic) -> Checkpoint:
    def check() -> bool:
        if clock() > deadline:
            raise TimeLimitExceededError
        return True

    return check


class _Alarm:
    """One use of the interval timer of the process, which is put back as it was."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rings = 0
        self.active = False

    def check(self) -> bool:
        """The checkpoint of what runs."""
        if self.rings:
            raise TimeLimitExceededError
        return True

    def ring(self, _signal: int, frame: FrameType | None) -> None:
        """The signal handler."""
        self.rings += 1
        if self.active and (self.rings > _PATIENCE or _is_script(frame)):
            raise TimeLimitExceededError

    def run(self, call: Callable[[Checkpoint], T], check: Checkpoint) -> T:
        """`call(check)` until it rings."""
        began = time.monotonic()
        previous = signal.signal(signal.SIGALRM, self.ring)
        pending = signal.setitimer(signal.ITIMER_REAL, self.seconds, _AGAIN_S)
        # Two blocks: should the alarm end the inner one before it begins, the outer one still cleans up, and the
        # next alarm is a tenth of a second away.
        try:
            try:
                self.active = True
                return call(check)
            finally:
                self.active = False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            if pending[0]:
                left = max(pending[0] - (time.monotonic() - began), 0.001)
                signal.setitimer(signal.ITIMER_REAL, left, pending[1])


@contextmanager
def bounded_recursion() -> Iterator[None]:
    """Where the program allows more recursion than usual, code that recurses through C could overflow its stack."""
    before = sys.getrecursionlimit()
    if before > 2 * _DEPTH:
        # Twice the frames: calls from C count too, but leave no frame.
        sys.setrecursionlimit(min(before, 2 * _stack_depth() + _DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Room for Python code that recurses into a syntax tree: calls from Python to Python need no C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _stack_depth() + _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _stack_depth() -> int:
    """Number of Python frames on the stack of this thread."""
    depth, frame = 0, sys._getframe()
    while (caller := frame.f_back) is not None:
        depth, frame = depth + 1, caller
    return depth


class _AddressSpace:
    """Size of the address space of this process in bytes, measured at most once a second: reading it is slow."""

    def __init__(self) -> None:
        self.bytes = 0
        self.until = 0.0

    def size(self) -> int:
        now = time.monotonic()
        if now >= self.until:
            pages = Path("/proc/self/statm").read_bytes().split()[0]
            self.bytes = int(pages) * resource.getpagesize()
            self.until = now + _MEASURE_S
        return self.bytes


_address_space = _AddressSpace()


def _is_script(frame: FrameType | None) -> bool:
    """Whether code may be broken off here: it belongs to a script or to what scripts call of ours, and nobody has to
    clean up after it."""
    return frame is not None and frame.f_code.co_filename in _BREAKABLE


def _lower_memory_limit(growth: int) -> Any:
    """Lower the soft limit on the address space; returns the limits to put back, or None where nothing was done."""
    if not growth or sys.platform != "linux" or threading.active_count() > 1:
        return None  # another thread must not run out of memory because of a script
    before = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = _address_space.size() + growth
    if before[0] != resource.RLIM_INFINITY and before[0] <= ceiling:
        return None
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, before[1]))
    return before
