"""Turns and locks: who may write, who holds what, and how a second comer learns of it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field
from msgspec.structs import asdict

from spiffcli.errors import BusyError, StoreError

if TYPE_CHECKING:
    from filelock import FileLock

#: How long a transaction waits for the one before it, in seconds.
PATIENCE = 10.0

_HINTS = {
    errno.ENOSPC: "Free some disk space, then try again. Nothing was changed.",
    errno.EDQUOT: "Free some of your disk quota, then try again. Nothing was changed.",
    errno.EROFS: "The file system is read-only; name a store elsewhere with --store, or make it writable.",
    errno.EACCES: "Ask its owner for the right to write there, or name a store elsewhere with --store.",
}

#: The file that whoever takes a named lock passes.
_GATE = "gate"

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
    host: str = field(default_factory=lambda: _host())
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def to_json(self) -> dict[str, Any]:
        """The holder as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """The holder in words, as an error names it."""
        return f"{self.what or 'another command'} (process {self.pid} on {self.host}, since {self.since})"


def _host() -> str:
    if sys.platform == "win32":
        return os.environ.get("COMPUTERNAME", "this computer")
    return os.uname().nodename


def busy(what: str, holder: Holder | None) -> BusyError:
    """The error for whoever waited in vain; `what` begins the sentence ("Instance 4af0 is")."""
    who = str(holder) if holder else "another command"
    return BusyError(
        f"{what} in use by {who}.",
        hint="Wait until it ends, then try again.",
        holder=holder.to_json() if holder else None,
    )


def unusable(path: Path, error: OSError) -> StoreError:
    """The error for a file or folder the system does not let us use as a store must."""
    where = error.filename2 or error.filename or path
    return StoreError(f"The store cannot use {where}: {error.strerror or error}.", hint=_HINTS.get(error.errno or 0))


@contextmanager
def plain_errors(place: Path) -> Iterator[None]:
    """Turn errors of the system into ours.

    Raises:
        StoreError: There was one.
    """
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


class LocalLocks:
    """Advisory locks between the threads of one process."""

    def __init__(self) -> None:
        self._holders: dict[str, Holder] = {}
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, name: str, wait: float, what: str) -> Iterator[None]:
        """Hold the lock `name`, waiting up to `wait` seconds.

        Raises:
            BusyError: Someone holds it.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: name not in self._holders, max(wait, 0)):
                raise busy(f"'{name}' is", self._holders[name])
            self._holders[name] = Holder(name, what)
        try:
            yield
        finally:
            with self._changed:
                del self._holders[name]
                self._changed.notify_all()

    @contextmanager
    def hold_each(self, names: Iterable[str], what: str) -> Iterator[Mapping[str, BusyError]]:
        """Hold those of the locks that nobody else holds, without waiting; yields the errors of the others."""
        with self._changed:
            held = {name: busy(f"'{name}' is", self._holders[name]) for name in names if name in self._holders}
            mine = [name for name in dict.fromkeys(names) if name not in held]
            self._holders.update({name: Holder(name, what) for name in mine})
        try:
            yield held
        finally:
            with self._changed:
                for name in mine:
                    del self._holders[name]
                self._changed.notify_all()


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
    try:
        lock.sign(holder)
        yield
    finally:
        lock.release(keep)


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
            here: set[str] = set()
            gate = folder / _GATE
            if _has_flock():
                subject = "Many locks at once are"
                stack.enter_context(hold_file(gate, Holder(_GATE, what), wait=PATIENCE, subject=subject, keep=True))
                here = {path.name for path in folder.iterdir()}
            held: dict[str, BusyError] = {}
            for name in dict.fromkeys(names):
                path = _path(folder, name)
                if here and path.name not in here:
                    continue
                lock = _take(path)
                if lock is None:
                    held[name] = busy(f"'{name}' is", _read_holder(path))
                else:
                    stack.callback(lock.release, False)
        yield held


def _path(folder: Path, name: str) -> Path:
    return folder / (hashlib.sha256(name.encode()).hexdigest()[:40] + ".lock")


@contextmanager
def try_file(path: Path, holder: Holder) -> Iterator[bool]:
    """Hold the lock of the file `path` if nobody else does; yields whether it is held.

    Raises:
        OSError: The file cannot be made or locked.
    """
    lock = _acquire(path, 0)
    try:
        if lock is not None:
            lock.sign(holder)
        yield lock is not None
    finally:
        if lock is not None:
            lock.release(keep=True)


class _Lock(Protocol):
    """A lock that is held: how to tell by whom, and how to let go."""

    def sign(self, holder: Holder) -> None: ...

    def release(self, keep: bool) -> None: ...


def _acquire(path: Path, wait: float, gate: Path | None = None) -> _Lock | None:
    deadline = time.monotonic() + wait
    pause = _FIRST_PAUSE
    while True:
        lock = _take(path) if gate is None else _take_through(gate, path)
        left = deadline - time.monotonic()
        if lock is not None or left <= 0:
            return lock
        time.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _take(path: Path) -> _Lock | None:
    return take_by_flock(path) if _has_flock() else take_portably(path)


def _take_through(gate: Path, path: Path) -> _Lock | None:
    """As `_take`, unless the gate is closed."""
    if not _has_flock():
        return _take(path)
    import fcntl

    descriptor = os.open(gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _take(path)
    except BlockingIOError:
        return None
    finally:
        os.close(descriptor)


def _has_flock() -> bool:
    try:
        import fcntl  # noqa: F401 - whether the system has it
    except ModuleNotFoundError:
        return False
    return True


class _Flock:
    """A file locked by `flock`, with its holder written into it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def sign(self, holder: Holder) -> None:
        with suppress(OSError):  # a full disk; the lock holds without a name as well
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(holder.to_json()).encode(), 0)

    def release(self, keep: bool) -> None:
        import fcntl

        # Removed while it is still locked: who opened the old file finds it without a name and starts over.
        if not keep:
            with suppress(OSError):
                self._path.unlink()
        # Unlocked, not only closed: a forked child has the same lock through its copy of the descriptor.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def take_by_flock(path: Path) -> _Lock | None:
    """Lock a file if nobody else does. Written out here, since every command pays for what it imports.

    Raises:
        OSError: The file cannot be made or locked.
    """
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return _Flock(path, descriptor)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


class _Portable:
    """A file locked by whatever the system offers, with its holder written beside it."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self._path = path
        self._lock = lock

    def sign(self, holder: Holder) -> None:
        with suppress(OSError):
            _beside(self._path).write_text(json.dumps(holder.to_json()))

    def release(self, keep: bool) -> None:
        with suppress(OSError):
            _beside(self._path).unlink(missing_ok=True)
        self._lock.release()


def take_portably(path: Path) -> _Lock | None:
    """Lock a file if nobody else does, on systems without `flock`.

    Raises:
        OSError: The file cannot be made or locked.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return _Portable(path, lock)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".holder")


def _read_holder(path: Path) -> Holder | None:
    for file in (path, _beside(path)):
        try:
            return Holder(**json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):  # gone again, or not signed yet
            continue
    return None
