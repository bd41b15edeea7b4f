"""A store that lives as long as the process: for tests, and for trying something out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from spiffcli.errors import BusyError
from spiffcli.store.fields import check_id, matcher
from spiffcli.store.locking import PATIENCE, LocalLocks, Turns
from spiffcli.store.protocol import Condition, Document, Problem, Transaction
from spiffcli.store.staging import Key, StagedTransaction, no_blob, selected, shown
from spiffcli.values import digest


class MemoryStore:
    """Documents and blobs in dictionaries, safe between threads.

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

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        """The document, or None."""
        check_id(kind, id)
        document = self._documents.get((kind, id))
        return shown(document, body) if document else None

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        """Documents that meet every condition, by id."""
        meets = matcher(kind, where)
        # The copy of the dictionary is one step of the interpreter: no commit comes between.
        rows = [d for d in self._documents.copy().values() if d.kind == kind and meets(d.fields)]
        return (shown(document, body=False) for document in sorted(rows, key=lambda d: d.id))

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        """Some fields of the documents that meet every condition, by id."""
        return selected(self.find(kind, where), names)

    def revision(self, kind: str, id: str) -> int:
        """Revision of a document, 0 if there is none."""
        document = self._documents.get((kind, id))
        return document.revision if document else 0

    def blob(self, hash: str) -> bytes:
        """The bytes under `hash`."""
        try:
            return self._blobs[hash]
        except KeyError:
            raise no_blob(hash) from None

    def has_blob(self, hash: str) -> bool:
        """Whether there are bytes under `hash`."""
        return hash in self._blobs

    def blobs(self) -> Iterator[str]:
        """Hashes of all blobs, in order."""
        return iter(sorted(self._blobs.copy()))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction."""
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
        """Hold the advisory lock `name`."""
        return self._locks.hold(name, wait, holder)

    def lock_each(self, names: Iterable[str], *, holder: str = "") -> AbstractContextManager[Mapping[str, BusyError]]:
        """Hold those of many locks that are free."""
        return self._locks.hold_each(list(names), holder)

    def check(self, *, repair: bool = False) -> list[Problem]:
        """Verify the hash of every blob; there is nothing else that could break."""
        wrong = [hash for hash, content in self._blobs.items() if digest(content) != hash]
        return [Problem(f"blob {hash} does not match its hash") for hash in sorted(wrong)]

    def close(self) -> None:
        """Do nothing: what is in memory stays until the object goes."""
