"""A transaction that collects its writes in memory, over anything that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from spiffcli.errors import ConflictError, CorruptStoreError
from spiffcli.store.fields import matcher, plain
from spiffcli.store.protocol import Condition, Document, Fields, Reader
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
        """The document as this transaction sees it."""
        base = self._reader()
        if (kind, id) not in self.documents:
            return base.get(kind, id, body=body)
        document = self.documents[kind, id]
        return shown(document, body) if document else None

    def find(self, kind: str, where: Mapping[str, Condition] | None = None) -> Iterator[Document]:
        """Documents that meet every condition, as this transaction sees them."""
        base, meets = self._reader(), matcher(kind, where)
        staged = {id: document for (of, id), document in self.documents.items() if of == kind}
        if not staged:
            return base.find(kind, where)
        found = [document for document in base.find(kind, where) if document.id not in staged]
        found += [shown(d, body=False) for d in staged.values() if d and meets(d.fields)]
        return iter(sorted(found, key=lambda document: document.id))

    def revision(self, kind: str, id: str) -> int:
        """Revision of a document as this transaction sees it, 0 if there is none."""
        base = self._reader()
        if (kind, id) not in self.documents:
            return base.revision(kind, id)
        staged = self.documents[kind, id]
        return staged.revision if staged else 0

    def select(
        self, kind: str, names: Sequence[str], where: Mapping[str, Condition] | None = None
    ) -> list[tuple[Any, ...]]:
        """Some fields of documents, as this transaction sees them."""
        return selected(self.find(kind, where), names)

    def blob(self, hash: str) -> bytes:
        """The bytes under `hash`."""
        base = self._reader()
        if hash in self.new_blobs:
            return self.new_blobs[hash]
        if hash in self.dropped_blobs:
            raise no_blob(hash)
        return base.blob(hash)

    def has_blob(self, hash: str) -> bool:
        """Whether there are bytes under `hash`."""
        base = self._reader()
        return hash in self.new_blobs or (hash not in self.dropped_blobs and base.has_blob(hash))

    def blobs(self) -> Iterator[str]:
        """Hashes of all blobs, in order."""
        return iter(sorted({*self._reader().blobs()} - self.dropped_blobs | {*self.new_blobs}))

    def put(self, kind: str, id: str, fields: Fields, body: bytes | None = None, *, expected: int) -> int:
        """Write a document and return its new revision."""
        copy = plain(kind, id, fields)
        self._check(kind, id, expected)
        if body is None:
            old = self.get(kind, id)
            body = old.body if old else None
        self.documents[kind, id] = Document(kind, id, expected + 1, copy, body)
        return expected + 1

    def delete(self, kind: str, id: str, *, expected: int) -> None:
        """Remove a document and its body."""
        self._check(kind, id, expected)
        if expected:
            self.documents[kind, id] = None

    def restore(self, document: Document) -> None:
        """Write a document with the revision it had elsewhere; only for `copy_store`."""
        copy = plain(document.kind, document.id, document.fields)
        self._reader()
        self.documents[document.kind, document.id] = replace(document, fields=copy)

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their hash and return it."""
        self._reader()
        hash = digest(content)
        self.dropped_blobs.discard(hash)
        self.new_blobs[hash] = content
        return hash

    def delete_blob(self, hash: str) -> None:
        """Forget the bytes under `hash`, if any."""
        self._reader()
        self.new_blobs.pop(hash, None)
        self.dropped_blobs.add(hash)

    def _check(self, kind: str, id: str, expected: int) -> None:
        check_revision(kind, id, expected, self.revision(kind, id))


def selected(documents: Iterable[Document], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Id, revision and the fields of these names of each document; None where it lacks one."""
    return [(each.id, each.revision, *map(each.fields.get, names)) for each in documents]


def check_revision(kind: str, id: str, expected: int, found: int) -> None:
    """Compare the revision a write replaces with the one that is stored.

    Raises:
        ConflictError: They differ.
    """
    if found == expected:
        return
    if not expected:
        message = f"There is a {kind} '{id}' already"
    elif not found:
        message = f"The {kind} '{id}' is gone"
    else:
        message = f"The {kind} '{id}' was changed by another command"
    raise ConflictError(
        message + ".",
        hint="Look at it again, then repeat the command.",
        kind=kind,
        id=id,
        expected=expected,
        found=found,
    )


def no_blob(hash: str) -> CorruptStoreError:
    """The error for bytes that something refers to and the store does not have."""
    return CorruptStoreError(
        f"The store has no bytes under the hash {hash}.",
        hint="runner store check tells what else is missing.",
        hash=hash,
    )


def shown(document: Document, body: bool) -> Document:
    """A copy that its reader may change without changing what is stored."""
    copy = plain(document.kind, document.id, document.fields)
    return replace(document, fields=copy, body=document.body if body else None)
