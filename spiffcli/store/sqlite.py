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

import orjson

from spiffcli.errors import BusyError, CorruptStoreError, RunnerError, StoreError, StoreFormatError
from spiffcli.store.documents import (
    check_format,
    check_id,
    check_revision,
    conditions,
    matcher,
    missing_blob,
    nothing_there,
    plain,
    selected,
    terms,
    upgrade,
)
from spiffcli.store.locks import PATIENCE, Turns, hold_each, hold_named, plain_errors, unusable
from spiffcli.store.protocol import (
    FORMAT,
    INDEXES,
    AtMost,
    Condition,
    Document,
    Fields,
    OneOf,
    Problem,
    Transaction,
)
from spiffcli.values import digest

#: What a new database is made of.
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE documents (
    kind TEXT, id TEXT, revision INTEGER NOT NULL, fields BLOB NOT NULL, body_hash TEXT,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
-- Apart from their rows, so that a listing does not read over them.
CREATE TABLE bodies (kind TEXT, id TEXT, content BLOB NOT NULL, PRIMARY KEY (kind, id));
-- One row for each value a document can be found by. Values have no type of their own: see _stored.
CREATE TABLE terms (kind TEXT, name TEXT, value, id TEXT, PRIMARY KEY (kind, name, value, id)) WITHOUT ROWID;
CREATE INDEX terms_of_document ON terms (kind, id);
CREATE TABLE blobs (hash TEXT PRIMARY KEY, content BLOB NOT NULL);
"""

# A statement takes at least 32,766 values; longer lists are looked up in Python.
_MANY = 10_000

#: SQLite has no truth values, and no NULL in a primary key.
_MARKS = {None: b"null", True: b"true", False: b"false"}
_NEVER = b"never stored"


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
        return f"sqlite:{self._path}"

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        with self._tables() as tables:
            return tables.get(kind, id, body=body)

    def revision(self, kind: str, id: str) -> int:
        with self._tables() as tables:
            return tables.revision(kind, id)

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        with self._tables() as tables:
            return tables.find(kind, where)

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        with self._tables() as tables:
            return tables.select(kind, names, where)

    def blob(self, hash: str) -> bytes:
        with self._tables() as tables:
            return tables.blob(hash)

    def has_blob(self, hash: str) -> bool:
        with self._tables() as tables:
            return tables.has_blob(hash)

    def blobs(self) -> Iterator[str]:
        with self._tables() as tables:
            return tables.blobs()

    def transaction(self) -> AbstractContextManager[Transaction]:
        return self._writing()

    @contextmanager
    def _writing(self) -> Iterator[Tables]:
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
        return hold_each(self._lock_folder, names, holder)

    @property
    def _lock_folder(self) -> Path:
        return self._path.with_name(self._path.name + ".locks")

    def check(self, *, repair: bool = False) -> list[Problem]:
        """Verify the database file, the bodies, the index and the blobs; `repair` rebuilds the index."""
        if not repair:
            with self._tables() as tables:
                return tables.problems(repair=False)
        with self._writing() as tables:
            return tables.problems(repair=True)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._free:
            self._free.pop().close()

    @contextmanager
    def _tables(self) -> Iterator[Tables]:
        with self._connection() as connection:
            yield Tables(connection)

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
            row = connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
            return row[0] if row else "nothing"

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
        with self._writing() as tables:
            found = check_format(self._format(), str(self._path))  # another process may have been faster
            upgrade(tables, found, str(self._path))
            tables.set_format(FORMAT)


class Tables:
    """The store's tables through one connection: a reader, and inside a transaction a writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._open = True

    def end(self) -> None:
        """Refuse everything from now on: the `with` block is over."""
        self._open = False

    def _run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if not self._open:
            raise RuntimeError("The transaction is over")
        return self._connection.execute(statement, values)

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        check_id(kind, id)
        row = self._run(
            "SELECT revision, fields, body_hash, content FROM documents LEFT JOIN bodies USING (kind, id)"
            " WHERE kind = ? AND id = ?"
            if body
            else "SELECT revision, fields, NULL, NULL FROM documents WHERE kind = ? AND id = ?",
            kind,
            id,
        ).fetchone()
        if row is None:
            return None
        revision, fields, expected, content = row
        if (digest(content) if content is not None else None) != expected:
            raise CorruptStoreError(
                f"The body of {kind} '{id}' is missing or damaged.",
                hint="runner store check tells what else is damaged.",
                kind=kind,
                id=id,
            )
        return Document(kind, id, revision, _fields(kind, id, fields), content)

    def revision(self, kind: str, id: str) -> int:
        check_id(kind, id)
        row = self._run("SELECT revision FROM documents WHERE kind = ? AND id = ?", kind, id).fetchone()
        return row[0] if row else 0

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        meets = matcher(kind, where)
        rows = self._rows("fields", kind, where)
        found = [Document(kind, id, revision, _fields(kind, id, fields)) for id, revision, fields in rows]
        return iter(found if _is_exact(where) else [document for document in found if meets(document.fields)])

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        rows = self._picked(kind, names, where)
        return selected(self.find(kind, where), names) if rows is None else rows

    def _picked(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None
    ) -> list[tuple[Any, ...]] | None:
        """As `select`, by the database; None where it cannot do that, or finds a row that is damaged."""
        # One path alone would give the bare value, and no way to tell its type.
        if len(names) < 2 or not all(map(str.isidentifier, names)) or not _is_exact(where):
            return None
        paths = ", ".join(f"'$.{name}'" for name in names)
        try:
            rows = self._rows(f"json_extract(CAST(fields AS TEXT), {paths})", kind, where)
        except sqlite3.OperationalError:
            return None
        return [(id, revision, *orjson.loads(values)) for id, revision, values in rows]

    def _rows(self, column: str, kind: str, where: Mapping[str, Condition] | None) -> list[tuple[str, int, Any]]:
        """Id, revision and a column of the documents that meet every condition, or a few more, by id."""
        clauses = [_clause(kind, *condition) for condition in conditions(kind, where)]
        selection = "".join(f" AND {text}" for text, _ in clauses)
        return self._run(
            f"SELECT id, revision, {column} FROM documents WHERE kind = ?{selection} ORDER BY id",
            kind,
            *(value for _, values in clauses for value in values),
        ).fetchall()

    def blob(self, hash: str) -> bytes:
        row = self._run("SELECT content FROM blobs WHERE hash = ?", hash).fetchone()
        if row is None:
            raise missing_blob(hash)
        content: bytes = row[0]
        if digest(content) != hash:
            raise CorruptStoreError(f"The bytes under the hash {hash} are damaged.", hash=hash)
        return content

    def has_blob(self, hash: str) -> bool:
        return self._run("SELECT 1 FROM blobs WHERE hash = ?", hash).fetchone() is not None

    def blobs(self) -> Iterator[str]:
        return (hash for (hash,) in self._run("SELECT hash FROM blobs ORDER BY hash").fetchall())

    def put(self, kind: str, id: str, fields: Fields, body: bytes | None = None, *, expected: int) -> int:
        document = Document(kind, id, expected + 1, plain(kind, id, fields), body)
        row = _row(document)
        # The revision is checked by the write itself; only where that fails one asks what there is instead.
        if expected:
            statement = (
                "UPDATE documents SET revision = revision + 1, fields = ?, body_hash = ifnull(?, body_hash)"
                " WHERE kind = ? AND id = ? AND revision = ?"
            )
            written = self._run(statement, *row, kind, id, expected)
        else:
            statement = "INSERT INTO documents (fields, body_hash, kind, id, revision) VALUES (?, ?, ?, ?, 1)"
            written = self._run(f"{statement} ON CONFLICT DO NOTHING", *row, kind, id)
        if not written.rowcount:
            self._check(kind, id, expected)
        self._write_rest(document)
        return expected + 1

    def delete(self, kind: str, id: str, *, expected: int) -> None:
        self._check(kind, id, expected)
        for table in ("documents", "bodies", "terms"):
            self._run(f"DELETE FROM {table} WHERE kind = ? AND id = ?", kind, id)

    def restore(self, document: Document) -> None:
        self._run(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)",
            document.kind,
            document.id,
            document.revision,
            *_row(document),
        )
        self._write_rest(document)

    def put_blob(self, content: bytes) -> str:
        hash = digest(content)
        self._run(
            "INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO UPDATE SET content = excluded.content"
            " WHERE content != excluded.content",  # damaged
            hash,
            content,
        )
        return hash

    def delete_blob(self, hash: str) -> None:
        self._run("DELETE FROM blobs WHERE hash = ?", hash)

    def set_format(self, number: int) -> None:
        """Record the format the store is in."""
        self._run("UPDATE meta SET value = ? WHERE name = 'format'", number)

    def _check(self, kind: str, id: str, expected: int) -> None:
        check_revision(kind, id, expected, self.revision(kind, id))

    def _write_rest(self, document: Document) -> None:
        """Write what belongs to the row of a document: its body, and what it is found by."""
        kind, id = document.kind, document.id
        if document.body is not None:
            self._run(
                "INSERT INTO bodies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET content = excluded.content",
                kind,
                id,
                document.body,
            )
        if INDEXES[kind]:
            self._reindex(document)

    def _reindex(self, document: Document) -> None:
        """Bring the terms of a document up to date; most of them stay as they are."""
        kind, id = document.kind, document.id
        rows = self._run("SELECT name, value FROM terms WHERE kind = ? AND id = ?", kind, id).fetchall()
        # With their types, since 1 equals 1.0.
        stored = {(name, type(value), value) for name, value in rows}
        wanted = {(name, type(value), value) for name, value in _terms(document)}
        self._connection.executemany(
            "DELETE FROM terms WHERE kind = ? AND name = ? AND value = ? AND id = ?",
            [(kind, name, value, id) for name, _, value in stored - wanted],
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)",
            [(kind, name, value, id) for name, _, value in wanted - stored],
        )

    def _index(self, document: Document) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)",
            [(document.kind, name, value, document.id) for name, value in _terms(document)],
        )

    def problems(self, *, repair: bool) -> list[Problem]:
        """Everything `check` looks for."""
        found = [Problem(f"the database file: {line}") for line in self._integrity()]
        found += self._body_problems()
        found += [
            Problem(f"blob {hash} does not match its hash")
            for hash, content in self._run("SELECT hash, content FROM blobs ORDER BY hash")
            if digest(content) != hash
        ]
        return found + self._index_problems(repair)

    def _integrity(self) -> list[str]:
        return [line for (line,) in self._run("PRAGMA integrity_check") if line != "ok"]

    def _body_problems(self) -> Iterator[Problem]:
        for kind, id, expected, content in self._run(
            "SELECT kind, id, body_hash, content FROM documents LEFT JOIN bodies USING (kind, id)"
        ):
            if content is None and expected is not None:
                yield Problem(f"the body of {kind} '{id}' is missing")
            elif content is not None and digest(content) != expected:
                yield Problem(f"the body of {kind} '{id}' does not match its hash")
        for kind, id in self._run("SELECT kind, id FROM bodies EXCEPT SELECT kind, id FROM documents"):
            yield Problem(f"there is a body of {kind} '{id}', but no such document")

    def _index_problems(self, repair: bool) -> list[Problem]:
        documents, unreadable = [], []
        for kind, id, revision, text in self._run("SELECT kind, id, revision, fields FROM documents"):
            try:
                documents.append(Document(kind, id, revision, _fields(kind, id, text)))
            except CorruptStoreError as error:
                unreadable.append(Problem(error.message.rstrip(".")))
        expected = {(d.kind, name, value, d.id) for d in documents for name, value in _terms(d)}
        stored = set(self._run("SELECT kind, name, value, id FROM terms"))
        wrong = sorted({(kind, id) for kind, _, _, id in expected ^ stored})
        if repair and wrong:
            self._run("DELETE FROM terms")
            for document in documents:
                self._index(document)
        return unreadable + [Problem(f"the index does not match {kind} '{id}'", repaired=repair) for kind, id in wrong]


def _row(document: Document) -> tuple[bytes, str | None]:
    """What stands in the row of a document: its fields, and the hash of its body."""
    return orjson.dumps(document.fields), digest(document.body) if document.body is not None else None


def _fields(kind: str, id: str, text: bytes) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CorruptStoreError(f"The row of {kind} '{id}' is damaged: {error}.", kind=kind, id=id) from error
    return fields


def _terms(document: Document) -> list[tuple[str, Any]]:
    return [(name, _stored(value)) for name in INDEXES[document.kind] for value in terms(document.fields, name)]


def _stored(value: Any) -> Any:
    return _MARKS[value] if value is None or isinstance(value, bool) else value


def _clause(kind: str, name: str, condition: Condition) -> tuple[str, list[Any]]:
    """SQL for a condition and its values; it may let through too much, never too little."""
    if isinstance(condition, AtMost):
        # Numbers come first in SQLite's order of values, so texts and marks are never below one.
        test, values = "value <= ?", [condition.value]
    elif isinstance(condition, OneOf) and len(condition.values) > _MANY:
        return "TRUE", []
    else:
        wanted = condition.values if isinstance(condition, OneOf) else (condition,)
        test, values = f"value IN ({', '.join('?' * len(wanted))})", [_bindable(v) for v in wanted]
    return f"id IN (SELECT id FROM terms WHERE kind = ? AND name = ? AND {test})", [kind, name, *values]


def _is_exact(where: Mapping[str, Condition] | None) -> bool:
    """Whether SQL lets nothing through that a condition does not: texts are compared there as here."""
    for condition in (where or {}).values():
        values = condition.values if isinstance(condition, OneOf) else (condition,)
        if len(values) > _MANY or not all(isinstance(value, str) for value in values):
            return False
    return True


def _bindable(value: Any) -> Any:
    """`value` as it is stored, or a value that never is where no field could hold it."""
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return _NEVER
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return _NEVER
    return _stored(value)


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Turn errors of the driver into StoreError, BusyError, StoreFormatError or CorruptStoreError."""
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
