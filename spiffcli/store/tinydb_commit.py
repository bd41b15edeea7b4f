"""Many files replaced at once, whatever happens meanwhile.

A commit first writes every new file to `pending/` and syncs it. Then it writes the redo record: what has to
be moved where, and what has to be removed. That record, synced, is the commit: before it nothing has
happened, after it everything will. Putting in place is only moving and removing, needs no space, and can be
repeated, so whoever comes next finishes what a dead process began.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import orjson
from msgspec import Struct

from spiffcli.errors import StoreError
from spiffcli.store.locking import unusable
from spiffcli.store.tinydb_layout import PENDING, REDO

_CHECKSUM = 64  # hex digits
_THREADS = 16


class Record(Struct, frozen=True):
    """What a commit does to the files of the store.

    Attributes:
        moves: Names in `pending/` and the paths they move to, in this order.
        removals: Paths that go away after that.
    """

    moves: tuple[tuple[str, str], ...]
    removals: tuple[str, ...]


class Commits:
    """The commits of one store. The caller holds the store's lock around everything but `is_clean`.

    Args:
        root: Folder of the store; all other paths are relative to it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pending = root / PENDING
        self._redo = root / REDO

    def is_clean(self) -> bool:
        """Whether no record is there: neither of a commit under way nor of a dead process."""
        try:
            return self._redo.stat().st_size == 0
        except FileNotFoundError:
            return True

    def commit(self, files: Mapping[str, bytes], removals: Iterable[str] = ()) -> None:
        """Replace or create `files` in the order given, then remove `removals`: all of it or nothing.

        Raises:
            StoreError: The system refused to write; if that was before the commit point, nothing happened.
        """
        # No name is used twice: an old record that survives a power failure must not find new files.
        token = os.urandom(6).hex()
        record = Record(
            moves=tuple((f"{token}-{number}", target) for number, target in enumerate(files)),
            removals=tuple(removals),
        )
        try:
            self._prepare(record, files)
            self._write_record(record)
        except BaseException as error:
            self._abandon(record)
            if isinstance(error, OSError):
                raise unusable(self._root, error) from error
            raise
        try:
            self._finish(record)
        except OSError as error:
            raise StoreError(
                f"The change is kept in {self._redo} but could not be put in place: {error}.",
                hint="The next command finishes it; make sure that it can write to the store.",
            ) from error
        except BaseException:
            self._finish(record)  # interrupted; what was decided is done first
            raise

    def recover(self) -> None:
        """Finish the commit of a dead process, and forget what it had only prepared.

        Raises:
            OSError: The system does not allow it.
        """
        record = self.record()
        if record is not None:
            self._finish(record)
        elif not self.is_clean():
            os.truncate(self._redo, 0)
        for leftover in self._pending.iterdir():
            leftover.unlink(missing_ok=True)

    def record(self) -> Record | None:
        """The record of a commit that is to be finished; None if there is none, or only a torn one."""
        try:
            content = self._redo.read_bytes()
        except FileNotFoundError:
            return None
        payload = content[_CHECKSUM + 1 :]
        if hashlib.sha256(payload).hexdigest().encode() != content[:_CHECKSUM]:
            return None
        values = orjson.loads(payload)
        return Record(tuple((name, target) for name, target in values["moves"]), tuple(values["removals"]))

    def _prepare(self, record: Record, files: Mapping[str, bytes]) -> None:
        """Write the new files aside and make the folders they move to; all of it is on the disk then."""
        written = [self._pending]
        for name, target in record.moves:
            written.append(self._pending / name)
            written[-1].write_bytes(files[target])
        for folder in {(self._root / target).parent for _, target in record.moves}:
            written += make_folder(folder)
        sync(written)

    def _write_record(self, record: Record) -> None:
        payload = orjson.dumps({"moves": record.moves, "removals": record.removals})
        # In place, since the checksum tells a torn one: a new file would need its folder synced as well.
        self._redo.write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
        sync([self._redo])

    def _abandon(self, record: Record) -> None:
        with suppress(OSError):
            # The record first: one that stays must find its files.
            if not self.is_clean():
                self._redo.write_bytes(b"")
                sync([self._redo])
            for name, _ in record.moves:
                (self._pending / name).unlink(missing_ok=True)

    def _finish(self, record: Record) -> None:
        for name, target in record.moves:
            with suppress(FileNotFoundError):  # moved already
                (self._pending / name).replace(self._root / target)
        for path in record.removals:
            (self._root / path).unlink(missing_ok=True)
        targets = (*(target for _, target in record.moves), *record.removals)
        folders = {(self._root / path).parent for path in targets}
        sync([folder for folder in folders if folder.is_dir()])
        os.truncate(self._redo, 0)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it where they are missing; returns what is to be synced for it."""
    if folder.is_dir():
        return []
    above = make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    return [*above, folder.parent]


def sync(paths: Collection[Path]) -> None:
    """Wait until files, and the names in folders, are on the disk.

    Several at once take hardly longer than one, since the file system writes its journal for all of them.

    Raises:
        OSError: The system could not write one of them.
    """
    waiting = list(dict.fromkeys(paths))
    errors: list[OSError] = []

    def work() -> None:
        while not errors:
            try:
                _sync(waiting.pop())
            except IndexError:  # nothing left
                return
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(len(waiting), _THREADS) - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _sync(path: Path) -> None:
    windows = sys.platform == "win32"
    if windows and path.is_dir():  # there is no such thing
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
