"""Documents in memory: a store that lives as long as the process, and what a transaction has written so far."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

from msgspec.structs import replace

from spiffcli.errors import BusyError
from spiffcli.store.documents import check_id, check_revision, matcher, missing_blob, plain, selected
from spiffcli.store.locks import PATIENCE, Holder, Turns, busy
from spiffcli.store.protocol import Condition, Document, Fields, Problem, Reader, Transaction
from spiffcli.values import digest

Key: TypeAlias = tuple[str, str]


class StagedTransaction:
    """Collects puts and deletes, and reads as if they were done.

    The back-end holds its write lock as long as this lives, then takes `documents`, `new_blobs` and
    `dropped_blobs` and makes them durable at once.

    Attributes:
        documents: Written documents by kind and id; None where one was deleted.
        new_blobs: Bytes to keep, by hash.
        dropped_blobs: Hashes to forget.
    """

    def __init__(self, base: Reader) -> None:
        self._base = base
        self._open = True
        self.documents: dict[Key, Document | None] = {}
        self.new_blobs: dict[str, bytes] = {}
        self.dropped_blobs: set[str] = set()

    def end(self) -> None:
        """Refuse everything from now on: the `with` block is over."""
        self._open = False

    def _reader(self) -> Reader:
        if not self._open:
            raise RuntimeError("The transaction is over")
        return self._base

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        base = self._reader()
        if (kind, id) not in self.documents:
            return base.get(kind, id, body=body)
        document = self.documents[kind, id]
        return _shown(document, body) if document else None

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        base, meets = self._reader(), matcher(kind, where)
        staged = {id: document for (of, id), document in self.documents.items() if of == kind}
        if not staged:
            return base.find(kind, where)
        found = [document for document in base.find(kind, where) if document.id not in staged]
        found += [_shown(d, body=False) for d in staged.values() if d and meets(d.fields)]
        return iter(sorted(found, key=lambda document: document.id))

    def revision(self, kind: str, id: str) -> int:
        base = self._reader()
        if (kind, id) not in self.documents:
            return base.revision(kind, id)
        staged = self.documents[kind, id]
        return staged.revision if staged else 0

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        return selected(self.find(kind, where), names)

    def blob(self, hash: str) -> bytes:
        base = self._reader()
        if hash in self.new_blobs:
            return self.new_blobs[hash]
        if hash in self.dropped_blobs:
            raise missing_blob(hash)
        return base.blob(hash)

    def has_blob(self, hash: str) -> bool:
        base = self._reader()
        return hash in self.new_blobs or (hash not in self.dropped_blobs and base.has_blob(hash))

    def blobs(self) -> Iterator[str]:
        return iter(sorted({*self._reader().blobs()} - self.dropped_blobs | {*self.new_blobs}))

    def put(self, kind: str, id: str, fields: Fields, body: bytes | None = None, *, expected: int) -> int:
        copy = plain(kind, id, fields)
        self._check(kind, id, expected)
        if body is None:
            old = self.get(kind, id)
            body = old.body if old else None
        self.documents[kind, id] = Document(kind, id, expected + 1, copy, body)
        return expected + 1

    def delete(self, kind: str, id: str, *, expected: int) -> None:
        self._check(kind, id, expected)
        if expected:
            self.documents[kind, id] = None

    def restore(self, document: Document) -> None:
        copy = plain(document.kind, document.id, document.fields)
        self._reader()
        self.documents[document.kind, document.id] = replace(document, fields=copy)

    def put_blob(self, content: bytes) -> str:
        self._reader()
        hash = digest(content)
        self.dropped_blobs.discard(hash)
        self.new_blobs[hash] = content
        return hash

    def delete_blob(self, hash: str) -> None:
        self._reader()
        self.new_blobs.pop(hash, None)
        self.dropped_blobs.add(hash)

    def _check(self, kind: str, id: str, expected: int) -> None:
        check_revision(kind, id, expected, self.revision(kind, id))


class MemoryStore:
    """Documents and blobs in dictionaries, safe between threads: for tests, and for trying something out.

    Args:
        patience: How long a transaction waits for the one before it, in seconds.
    """

    url = "memory:"

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._documents: dict[Key, Document] = {}
        self._blobs: dict[str, bytes] = {}
        self._turns = Turns()
        self._locks = LocalLocks()

    @classmethod
    def open(cls, place: object = None, *, create: bool = True) -> MemoryStore:
        """Return a new empty store, wherever it is asked for."""
        return cls()

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        check_id(kind, id)
        document = self._documents.get((kind, id))
        return _shown(document, body) if document else None

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        meets = matcher(kind, where)
        # The copy of the dictionary is one step of the interpreter: no commit comes between.
        rows = [d for d in self._documents.copy().values() if d.kind == kind and meets(d.fields)]
        return (_shown(document, body=False) for document in sorted(rows, key=lambda d: d.id))

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        return selected(self.find(kind, where), names)

    def revision(self, kind: str, id: str) -> int:
        document = self._documents.get((kind, id))
        return document.revision if document else 0

    def blob(self, hash: str) -> bytes:
        try:
            return self._blobs[hash]
        except KeyError:
            raise missing_blob(hash) from None

    def has_blob(self, hash: str) -> bool:
        return hash in self._blobs

    def blobs(self) -> Iterator[str]:
        return iter(sorted(self._blobs.copy()))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._turns.turn(self.url, self._patience):
            staged = StagedTransaction(self)
            try:
                yield staged
            finally:
                staged.end()
            self._apply(staged)

    def _apply(self, staged: StagedTransaction) -> None:
        # New dictionaries are put in place whole, so that a reader sees all of a commit or nothing.
        documents = {**self._documents, **{k: d for k, d in staged.documents.items() if d}}
        for key in [k for k, d in staged.documents.items() if d is None]:
            documents.pop(key, None)
        blobs = {h: content for h, content in self._blobs.items() if h not in staged.dropped_blobs}
        self._blobs, self._documents = {**blobs, **staged.new_blobs}, documents

    def lock(self, name: str, *, wait: float = 2.0, holder: str = "") -> AbstractContextManager[None]:
        return self._locks.hold(name, wait, holder)

    def lock_each(self, names: Iterable[str], *, holder: str = "") -> AbstractContextManager[Mapping[str, BusyError]]:
        return self._locks.hold_each(list(names), holder)

    def check(self, *, repair: bool = False) -> list[Problem]:
        wrong = [hash for hash, content in self._blobs.items() if digest(content) != hash]
        return [Problem(f"blob {hash} does not match its hash") for hash in sorted(wrong)]

    def close(self) -> None:
        """Do nothing: what is in memory stays until the object goes."""


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
            self._release([name])

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
            self._release(mine)

    def _release(self, names: Iterable[str]) -> None:
        with self._changed:
            for name in names:
                del self._holders[name]
            self._changed.notify_all()


def _shown(document: Document, body: bool) -> Document:
    """A copy that its reader may change without changing what is stored."""
    copy = plain(document.kind, document.id, document.fields)
    return replace(document, fields=copy, body=document.body if body else None)
