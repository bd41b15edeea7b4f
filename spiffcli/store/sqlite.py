"""A store in one SQLite file: for one busy machine."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from spiffcli.errors import BusyError, CorruptStoreError, RunnerError, StoreError, StoreFormatError
from spiffcli.store.formats import check_format, nothing_there, upgrade
from spiffcli.store.locking import PATIENCE, Turns, hold_each, hold_named, plain_errors, unusable
from spiffcli.store.protocol import FORMAT, Condition, Document, Problem, Transaction
from spiffcli.store.sqlite_tables import SCHEMA, Tables


class SqliteStore:
    """Documents in tables, written one transaction after the other, read at any time.

    Args:
        path: The database file.
        patience: How long a transaction waits for the one before it, in seconds.
    """

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._turns = Turns()
        self._free: list[sqlite3.Connection] = []

    @classmethod
    def open(cls, path: Path, *, create: bool = True, patience: float = PATIENCE) -> SqliteStore:
        """Open the store in the file `path`.

        Raises:
            StoreError: It cannot be opened, or there is none and `create` is false.
            StoreFormatError: The file is something else, or of a newer version of the program.
        """
        store = cls(path, patience=patience)
        try:
            store._prepare(create)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def url(self) -> str:
        """How to open it again."""
        return f"sqlite:{self._path}"

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        """The document, or None."""
        with self._connection() as connection:
            return Tables(connection).get(kind, id, body=body)

    def revision(self, kind: str, id: str) -> int:
        """Revision of a document, 0 if there is none."""
        with self._connection() as connection:
            return Tables(connection).revision(kind, id)

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        """Documents that meet every condition, by id."""
        with self._connection() as connection:
            return Tables(connection).find(kind, where)

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        """Some fields of the documents that meet every condition, by id."""
        with self._connection() as connection:
            return Tables(connection).select(kind, names, where)

    def blob(self, hash: str) -> bytes:
        """The bytes under `hash`."""
        with self._connection() as connection:
            return Tables(connection).blob(hash)

    def has_blob(self, hash: str) -> bool:
        """Whether there are bytes under `hash`."""
        with self._connection() as connection:
            return Tables(connection).has_blob(hash)

    def blobs(self) -> Iterator[str]:
        """Hashes of all blobs, in order."""
        with self._connection() as connection:
            return Tables(connection).blobs()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction."""
        with self._turns.turn(str(self._path), self._patience), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            tables = Tables(connection)
            try:
                yield tables
                connection.execute("COMMIT")
            finally:
                tables.end()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def lock(self, name: str, *, wait: float = 2.0, holder: str = "") -> AbstractContextManager[None]:
        """Hold the advisory lock `name`: a file in a folder beside the database."""
        return hold_named(self._lock_folder, name, wait, holder)

    def lock_each(self, names: Iterable[str], *, holder: str = "") -> AbstractContextManager[Mapping[str, BusyError]]:
        """Hold those of many locks that are free."""
        return hold_each(self._lock_folder, names, holder)

    @property
    def _lock_folder(self) -> Path:
        return self._path.with_name(self._path.name + ".locks")

    def check(self, *, repair: bool = False) -> list[Problem]:
        """Verify the database file, the bodies, the index and the blobs; `repair` rebuilds the index."""
        if not repair:
            with self._connection() as connection:
                return Tables(connection).problems(repair=False)
        with self.transaction() as tables:
            assert isinstance(tables, Tables)
            return tables.problems(repair=True)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._free:
            self._free.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for the length of a call, so that threads share as few as they need."""
        with _plain_errors(self._path):
            try:
                connection = self._free.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._free.append(connection)

    def _connect(self) -> sqlite3.Connection:
        name = quote(str(self._path))
        # A database in WAL mode that cannot be written is read as it is: there is no place for its log.
        writable = os.access(self._path.parent, os.W_OK) and os.access(self._path, os.W_OK)
        connection = sqlite3.connect(
            f"file:{name}?mode=rw" if writable else f"file:{name}?immutable=1",
            uri=True,
            timeout=self._patience,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self, create: bool) -> None:
        if not self._path.is_file() or not self._path.stat().st_size:
            if not create:
                raise nothing_there(str(self._path))
            self._create()
        found = self._format()
        if found is None:  # its creation was interrupted
            if not create:
                raise nothing_there(str(self._path))
            self._create()
            found = self._format()
        if check_format(found, str(self._path)) < FORMAT:
            self._migrate()

    def _format(self) -> Any:
        """The format in the meta table; None in a database without any table."""
        with self._connection() as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
            if not tables:
                return None
            if not {"meta", "documents", "terms"} <= tables:
                raise StoreFormatError(f"{self._path} is a database, but not a store of runner.")
            return connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()[0]

    def _create(self) -> None:
        # The journal mode cannot be changed by two at once, whatever they are ready to wait.
        with self.lock("create", wait=self._patience, holder="creating the store"):
            with plain_errors(self._path):
                self._path.touch()
            if self._format() is None:
                with self._connection() as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.executescript(
                        f"BEGIN IMMEDIATE; {SCHEMA} INSERT INTO meta VALUES ('format', {FORMAT}); COMMIT;"
                    )

    def _migrate(self) -> None:
        with self.transaction() as transaction:
            found = check_format(self._format(), str(self._path))  # another process may have been faster
            upgrade(transaction, found, str(self._path))
            assert isinstance(transaction, Tables)
            transaction.set_format(FORMAT)


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Turn the driver's errors into ours.

    Raises:
        BusyError: The file is locked.
        StoreFormatError: It is not a database.
        CorruptStoreError: It is damaged.
        StoreError: It cannot be read or written for another reason.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _plain_error(path, error) from error


def _plain_error(path: Path, error: sqlite3.Error) -> RunnerError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_BUSY"):
        return BusyError(
            f"The store {path} is being written by another command.",
            hint="Wait until it ends, then try again.",
            holder=None,
        )
    if name == "SQLITE_NOTADB":
        return StoreFormatError(f"{path} is not a database, so it is not a store.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_FULL")):
        return unusable(path, OSError(errno.EROFS if "READONLY" in name else errno.ENOSPC, str(error)))
    if name.startswith("SQLITE_CORRUPT"):
        return CorruptStoreError(f"The database {path} is damaged: {error}.")
    return StoreError(f"The store {path} cannot be used: {error}.")
