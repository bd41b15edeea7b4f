"""Turns and locks: who may write, who holds what, and how a second comer learns of it."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct, field
from msgspec.structs import asdict

from spiffcli.errors import BusyError, StoreError

#: How long a transaction waits for the one before it, in seconds.
PATIENCE = 10.0

_HINTS = {
    errno.ENOSPC: "Free some disk space, then try again. Nothing was changed.",
    errno.EDQUOT: "Free some of your disk quota, then try again. Nothing was changed.",
    errno.EROFS: "The file system is read-only; name a store elsewhere with --store, or make it writable.",
    errno.EACCES: "Ask its owner for the right to write there, or name a store elsewhere with --store.",
}

#: The file that whoever takes a named lock passes, and how long one waits for those who only pass.
_GATE, _PASSING = "gate", 0.2

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.005


class Holder(Struct, frozen=True):
    """Who holds a lock.

    Attributes:
        name: The lock.
        what: What the holder is doing, in words.
        since: When it took the lock, UTC in ISO 8601.
    """

    name: str
    what: str = ""
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=platform.node)
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def to_json(self) -> dict[str, Any]:
        """Return the holder as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """Return the holder in words, as an error names it."""
        return f"{self.what or 'another command'} (process {self.pid} on {self.host}, since {self.since})"


def busy(what: str, holder: Holder | None) -> BusyError:
    """Return the error for whoever waited in vain; `what` begins the sentence ("Instance 4af0 is")."""
    who = str(holder) if holder else "another command"
    return BusyError(
        f"{what} in use by {who}.",
        hint="Wait until it ends, then try again.",
        holder=holder.to_json() if holder else None,
    )


def unusable(path: Path, error: OSError) -> StoreError:
    """Return the error for a file or folder the system does not let us use as a store must."""
    where = error.filename2 or error.filename or path
    return StoreError(f"The store cannot use {where}: {error.strerror or error}.", hint=_HINTS.get(error.errno or 0))


@contextmanager
def plain_errors(place: Path) -> Iterator[None]:
    """Turn errors of the system into StoreError."""
    try:
        yield
    except OSError as error:
        raise unusable(place, error) from error


class Turns:
    """Lets one thread of a store object write at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writer: int | None = None

    @contextmanager
    def turn(self, place: str, patience: float) -> Iterator[None]:
        """Wait for this thread's turn, for at most `patience` seconds.

        Raises:
            BusyError: It did not come.
            RuntimeError: This thread is in a transaction already (a bug in the caller).
        """
        if self._writer == threading.get_ident():
            raise RuntimeError("A transaction of this store is open in this thread already")
        if not self._lock.acquire(timeout=patience):
            raise busy(f"The store {place} is", Holder("transaction", "another thread"))
        self._writer = threading.get_ident()
        try:
            yield
        finally:
            self._writer = None
            self._lock.release()


@contextmanager
def hold_file(
    path: Path, holder: Holder, *, wait: float, subject: str, keep: bool = False, gate: Path | None = None
) -> Iterator[None]:
    """Hold the lock that the file `path` stands for; the system releases it when the process dies.

    Args:
        wait: How long to wait for it, in seconds.
        subject: Begins the message of the error ("The store X is").
        keep: Leave the file behind on release, for locks that are taken often.
        gate: File to pass on the way, which `hold_each` keeps closed.

    Raises:
        BusyError: Someone else held it all the time.
        OSError: The file cannot be made or locked.
    """
    lock = _acquire(path, wait, gate)
    if lock is None:
        raise busy(subject, _read_holder(path) or (_read_holder(gate) if gate else None))
    with _signed(path, lock, holder, keep=keep):
        yield


@contextmanager
def hold_named(folder: Path, name: str, wait: float, what: str) -> Iterator[None]:
    """Hold the advisory lock `name` through a file in `folder`, which is made if need be.

    Raises:
        BusyError: Someone else held it all the time.
        StoreError: The file cannot be made or locked.
    """
    path = _path(folder, name)
    with ExitStack() as stack:
        with plain_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            subject = f"'{name}' is"
            lock = hold_file(path, Holder(name, what), wait=wait, subject=subject, gate=folder / _GATE)
            stack.enter_context(lock)
        yield


@contextmanager
def hold_each(folder: Path, names: Iterable[str], what: str) -> Iterator[Mapping[str, BusyError]]:
    """Hold those of many locks that nobody else holds, without waiting for them; yields the errors of the others.

    A file for each would cost more than what they protect. Here nobody can take any lock of the folder meanwhile,
    so that a lock without a file is held by keeping its file from being made. Do not take long.

    Raises:
        BusyError: Somebody else held many at once all the time.
        StoreError: A file cannot be made or locked.
    """
    with ExitStack() as stack:
        with plain_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            subject, closed = "Many locks at once are", Holder(_GATE, what)
            stack.enter_context(hold_file(folder / _GATE, closed, wait=PATIENCE, subject=subject, keep=True))
            here = {path.name for path in folder.iterdir()}
            held: dict[str, BusyError] = {}
            for name in dict.fromkeys(names):
                path = _path(folder, name)
                if path.name not in here:
                    continue
                lock = _take(path)
                if lock is None:
                    held[name] = busy(f"'{name}' is", _read_holder(path))
                else:
                    stack.enter_context(_signed(path, lock, Holder(name, what), keep=False))
        yield held


@contextmanager
def try_file(path: Path, holder: Holder) -> Iterator[bool]:
    """Hold the lock of the file `path` if nobody else does; yields whether it is held.

    Raises:
        OSError: The file cannot be made or locked.
    """
    lock = _take(path)
    if lock is None:
        yield False
        return
    with _signed(path, lock, holder, keep=True):
        yield True


def _path(folder: Path, name: str) -> Path:
    return folder / (hashlib.sha256(name.encode()).hexdigest()[:40] + ".lock")


def _acquire(path: Path, wait: float, gate: Path | None) -> FileLock | None:
    now = time.monotonic()
    deadline = now + wait
    pause = _FIRST_PAUSE
    while True:
        passed = None if gate is None else _take(gate)
        if gate is None or passed is not None:
            try:
                lock = _take(path)
            finally:
                if passed is not None:
                    passed.release()
            if lock is not None or time.monotonic() >= deadline:
                return lock
        elif time.monotonic() >= max(deadline, now + _PASSING):
            return None
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _take(path: Path) -> FileLock | None:
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


@contextmanager
def _signed(path: Path, lock: FileLock, holder: Holder, *, keep: bool) -> Iterator[None]:
    """Tell in a file beside the lock who holds it, and release it at the end."""
    signature = _signature(path)
    try:
        with suppress(OSError):  # a full disk; the lock holds without a name as well
            signature.write_bytes(msgspec.json.encode(holder))
        yield
    finally:
        with suppress(OSError):
            signature.unlink(missing_ok=True)
            # Removed while it is still locked: who opened the old file finds it without a name and starts over.
            if not keep:
                path.unlink(missing_ok=True)
        lock.release()


def _signature(path: Path) -> Path:
    return path.with_name(path.name + ".holder")


def _read_holder(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(_signature(path).read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):  # gone again, or not signed yet
        return None
