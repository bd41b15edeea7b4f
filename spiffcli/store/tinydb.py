"""The default store: an index in TinyDB, documents and blobs as files, changed whole or not at all."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from spiffcli.errors import BusyError, CorruptStoreError, StoreError, StoreFormatError
from spiffcli.store.documents import check_format, check_id, matcher, missing_blob, nothing_there, upgrade
from spiffcli.store.locks import PATIENCE, Holder, Turns, hold_each, hold_file, hold_named, plain_errors, try_file
from spiffcli.store.memory import StagedTransaction
from spiffcli.store.protocol import FORMAT, Condition, Document, Problem, Transaction
from spiffcli.store.tinydb_files import (
    FOLDERS,
    FORMAT_FILE,
    IGNORE,
    LOCKS,
    NAMES,
    REDO,
    Commits,
    Row,
    address,
    blob_name,
    encode,
    is_hash,
    make_folder,
    read_document,
    sync,
)
from spiffcli.store.tinydb_index import Shard, changed_shard, find_rows, inspect
from spiffcli.values import digest

_STORE_LOCK = "store.lock"
_PROGRAM = "runner"

# A document that is deleted and made again while it is read is looked for again, so many times.
_LOOKS, _PAUSE = 20, 0.005


class TinyDbStore:
    """Documents as files, with TinyDB as the index that `find` reads.

    Reading takes no lock: a document is one file that is replaced whole. Writing takes the lock of the
    store, so that one commit is put in place before the next begins.

    Args:
        root: The folder of the store.
        patience: How long a transaction waits for the one before it, in seconds.
    """

    def __init__(self, root: Path, *, patience: float = PATIENCE) -> None:
        self._root = root
        self._patience = patience
        self._turns = Turns()
        self._commits = Commits(root)

    @classmethod
    def open(cls, root: Path, *, create: bool = True, patience: float = PATIENCE) -> TinyDbStore:
        """Open the store in the folder `root`.

        Raises:
            StoreError: It cannot be opened, or there is none and `create` is false.
            StoreFormatError: The folder holds something else, or a store of a newer version of the program.
        """
        store = cls(root, patience=patience)
        with plain_errors(root):
            store._prepare(create)
        return store

    @property
    def url(self) -> str:
        return f"tinydb:{self._root}"

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        check_id(kind, id)
        place = address(kind, id)
        with self._reading():
            for look in range(_LOOKS):
                try:
                    return _expect(read_document(self._root / place.document, body=body), kind, id)
                except ValueError as error:
                    raise _damaged(kind, id, error) from error
                except FileNotFoundError:
                    # A row is written after its document and removed before it: no row, no document.
                    if not Shard(self._root / place.shard).contains(doc_id=place.number):
                        return None
                    time.sleep(_PAUSE if look else 0)
        raise _damaged(kind, id, FileNotFoundError("its file is missing"))

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        rows = self._rows(kind, where)
        return (Document(kind, row["id"], row["revision"], row["fields"]) for row in rows)

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        rows = self._rows(kind, where)
        return [(row["id"], row["revision"], *map(row["fields"].get, names)) for row in rows]

    def _rows(self, kind: str, where: Mapping[str, Condition] | None) -> list[Row]:
        """Rows that meet every condition, by id."""
        meets = matcher(kind, where)
        with self._reading():
            rows = [row for path in self._shards(kind) for row in find_rows(path, meets if where else None)]
        return sorted(rows, key=itemgetter("id"))

    def revision(self, kind: str, id: str) -> int:
        """Revision of a document, 0 if there is none; known even where its file is damaged."""
        try:
            document = self.get(kind, id, body=False)
        except CorruptStoreError:
            place = address(kind, id)
            row = Shard(self._root / place.shard).get(doc_id=place.number)
            return int(row["revision"]) if row else 0
        return document.revision if document else 0

    def blob(self, hash: str) -> bytes:
        if not is_hash(hash):
            raise missing_blob(hash)
        with self._reading():
            try:
                content = (self._root / blob_name(hash)).read_bytes()
            except FileNotFoundError:
                raise missing_blob(hash) from None
        if digest(content) != hash:
            raise CorruptStoreError(f"The bytes under the hash {hash} are damaged.", hash=hash)
        return content

    def has_blob(self, hash: str) -> bool:
        with self._reading():
            return is_hash(hash) and (self._root / blob_name(hash)).is_file()

    def blobs(self) -> Iterator[str]:
        with self._reading():
            names = [path.name for path in (self._root / "blobs").glob("*/*")]
        return iter(sorted(filter(is_hash, names)))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._locked():
            staged = StagedTransaction(self)
            try:
                yield staged
            finally:
                staged.end()
            with plain_errors(self._root):
                self._commit(staged)

    def lock(self, name: str, *, wait: float = 2.0, holder: str = "") -> AbstractContextManager[None]:
        return hold_named(self._root / LOCKS, name, wait, holder)

    def lock_each(self, names: Iterable[str], *, holder: str = "") -> AbstractContextManager[Mapping[str, BusyError]]:
        return hold_each(self._root / LOCKS, names, holder)

    def check(self, *, repair: bool = False) -> list[Problem]:
        """Verify documents, index and blobs; `repair` rebuilds what the rest of the store still tells."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self._locked())
            except StoreError:
                if repair:
                    raise
                # What cannot be written cannot change under our hands either.
            with plain_errors(self._root):
                findings = inspect(self._root)
            if repair and findings.repairs:
                self._commits.commit(findings.repairs)
        return findings.problems(repaired=repair)

    def close(self) -> None:
        """Do nothing: no file stays open between two calls."""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the store, with the commits of dead processes finished."""
        lock = self._root / LOCKS / _STORE_LOCK
        holder, subject = Holder("transaction"), f"The store {self._root} is"
        with self._turns.turn(str(self._root), self._patience), ExitStack() as stack:
            with plain_errors(self._root):
                stack.enter_context(hold_file(lock, holder, wait=self._patience, subject=subject, keep=True))
                self._commits.recover()
            yield

    def _commit(self, staged: StagedTransaction, more: Mapping[str, bytes] | None = None) -> None:
        """Make a transaction durable, and with it the files `more`."""
        files: dict[str, bytes] = {}
        removed: list[str] = []
        rows: defaultdict[str, dict[str, Row | None]] = defaultdict(dict)
        for key, document in staged.documents.items():
            place, row = address(*key), None
            if document is None:
                removed.append(place.document)
            else:
                files[place.document], row = encode(document)
            rows[place.shard][place.number] = row
        files |= {blob_name(h): content for h, content in staged.new_blobs.items() if self._lacks(h, content)}
        removed += [blob_name(hash) for hash in sorted(staged.dropped_blobs) if self.has_blob(hash)]
        # The index last: a reader that finds a row finds its document.
        files |= {shard: changed_shard(self._root / shard, changes) for shard, changes in rows.items()}
        files |= more or {}
        if files or removed:
            self._commits.commit(files, removed)

    def _lacks(self, hash: str, content: bytes) -> bool:
        path = self._root / blob_name(hash)
        return not path.is_file() or path.read_bytes() != content  # damaged

    def _shards(self, kind: str) -> list[Path]:
        try:
            return [path for path in (self._root / "index" / kind).iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return []

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with plain_errors(self._root):
            self._settle()
            yield

    def _settle(self) -> None:
        """Finish the commit of a dead process; one under way goes on without us.

        Raises:
            StoreError: There is one, and it cannot be finished from here.
        """
        if self._commits.is_clean():
            return
        try:
            with try_file(self._root / LOCKS / _STORE_LOCK, Holder("recovery", "finishing a commit")) as held:
                if held:
                    self._commits.recover()
        except OSError as error:
            if self._commits.record() is not None:
                raise StoreError(
                    f"The store {self._root} was left in the middle of a change, which cannot be finished: {error}.",
                    hint="Run any command once where the store can be written.",
                ) from error

    def _prepare(self, create: bool) -> None:
        if self._root.exists() and not self._root.is_dir():
            raise StoreFormatError(f"{self._root} is a file; a tinydb store is a folder.")
        names = {path.name for path in self._root.iterdir()} if self._root.exists() else set()
        if FORMAT_FILE not in names:
            if not names <= NAMES:
                raise StoreFormatError(f"The folder {self._root} holds something else than a store.")
            if not create:
                raise nothing_there(str(self._root))
            self._create()
        found = self._format()
        self._settle()
        if found < FORMAT:
            self._migrate()

    def _format(self) -> int:
        path = self._root / FORMAT_FILE
        try:
            found = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict) or found.get("store") != _PROGRAM or "format" not in found:
            content = _format_file(FORMAT)[FORMAT_FILE].decode().strip()
            raise StoreFormatError(
                f"{path} is not the format file of a store, or damaged.",
                hint=f"If runner made this folder, write {content} into the file, then run: runner store check",
            )
        return check_format(found["format"], str(self._root))

    def _create(self) -> None:
        sync(make_folder(self._root / LOCKS))
        lock = self._root / LOCKS / _STORE_LOCK
        holder = Holder("create", "creating the store")
        with hold_file(lock, holder, wait=self._patience, subject=f"The store {self._root} is", keep=True):
            if (self._root / FORMAT_FILE).exists():
                return  # by another process
            for name in FOLDERS:
                (self._root / name).mkdir(exist_ok=True)
            (self._root / IGNORE).write_text("# A store is not for Git: it changes with every command.\n*\n")
            (self._root / REDO).touch()
            self._commits.commit(_format_file(FORMAT))  # makes everything above durable as well

    def _migrate(self) -> None:
        with self._locked():
            found = self._format()  # another process may have been faster
            staged = StagedTransaction(self)
            upgrade(staged, found, str(self._root))
            staged.end()
            self._commit(staged, _format_file(FORMAT))


def _format_file(number: int) -> dict[str, bytes]:
    return {FORMAT_FILE: orjson.dumps({"store": _PROGRAM, "format": number}) + b"\n"}


def _expect(document: Document, kind: str, id: str) -> Document:
    if (document.kind, document.id) != (kind, id):
        raise _damaged(kind, id, ValueError(f"its file is that of {document.kind} '{document.id}'"))
    return document


def _damaged(kind: str, id: str, error: Exception) -> CorruptStoreError:
    return CorruptStoreError(
        f"The body of {kind} '{id}' is missing or damaged: {error}.",
        hint="runner store check tells what else is damaged.",
        kind=kind,
        id=id,
    )
