"""Moving a whole store to another back-end, and proving that all of it arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import orjson
from msgspec import Struct

from spiffcli.errors import InputError, StoreError
from spiffcli.store.protocol import INDEXES, Document, DocumentStore, Reader
from spiffcli.values import digest

# One transaction takes so much: enough to be fast, and little enough for the memory.
_BATCH_BYTES, _BATCH_ITEMS = 8_000_000, 1000


class CopyReport(Struct, frozen=True):
    """What a store holds.

    Attributes:
        documents: How many documents there are of each kind.
        blobs: How many blobs there are.
        size: Bytes of all bodies and blobs.
        hash: Hash over every id, revision, field, body and blob: equal for equal contents.
    """

    documents: Mapping[str, int]
    blobs: int
    size: int
    hash: str


def copy_store(source: DocumentStore, target: DocumentStore) -> CopyReport:
    """Copy every document, with its revision, and every blob, then compare the two stores.

    Nobody can write to the source meanwhile. A copy that was interrupted goes on where it stopped when it
    is asked for again.

    Raises:
        InputError: Source and target are one store, or the target holds something that the source does not.
        CorruptStoreError: Something in the source is damaged.
        StoreError: The target cannot be written, or what arrived is not what was sent.
    """
    if source is target or source.url == target.url != "memory:":
        raise InputError(f"{source.url} cannot be copied to itself.")
    with ExitStack() as stack:
        _keep_still(stack, source)
        _refuse_others(source, target)
        _send(source, target)
        sent, arrived = survey(source), survey(target)
    if sent != arrived:
        raise StoreError(
            f"The copy in {target.url} is not equal to {source.url}: {_count(arrived)} instead of {_count(sent)}.",
            hint="Copy again to a new place, and keep the source.",
        )
    return arrived


def survey(store: Reader) -> CopyReport:
    """Read everything in a store and sum it up.

    Raises:
        CorruptStoreError: Something is damaged.
    """
    documents: dict[str, int] = {}
    blobs = size = 0
    total = hashlib.sha256()
    for kind in INDEXES:
        documents[kind] = 0
        for document in _documents(store, kind):
            body = document.body
            line = [kind, document.id, document.revision, document.fields, None if body is None else digest(body)]
            total.update(orjson.dumps(line) + b"\n")
            documents[kind] += 1
            size += len(body or b"")
    for hash in store.blobs():
        total.update(hash.encode() + b"\n")
        blobs += 1
        size += len(store.blob(hash))
    return CopyReport(documents, blobs, size, total.hexdigest())


def _keep_still(stack: ExitStack, source: DocumentStore) -> None:
    """Hold off writers; a source that cannot be written at all is compared at the end like any other."""
    try:
        stack.enter_context(source.transaction())
    except StoreError:
        return


def _refuse_others(source: DocumentStore, target: DocumentStore) -> None:
    for kind in INDEXES:
        known = {document.id: document.revision for document in source.find(kind)}
        for document in target.find(kind):
            if known.get(document.id) != document.revision:
                raise _not_empty(target, f"the {kind} '{document.id}'")
    for hash in target.blobs():
        if not source.has_blob(hash):
            raise _not_empty(target, f"the blob {hash}")


def _not_empty(target: DocumentStore, what: str) -> InputError:
    return InputError(
        f"{target.url} already holds {what}, which the source does not hold like that.",
        hint="Copy to a place where there is no store yet.",
    )


def _send(source: DocumentStore, target: DocumentStore) -> None:
    batch: list[Document | bytes] = []
    size = 0
    for item in _missing(source, target):
        batch.append(item)
        size += len(item if isinstance(item, bytes) else item.body or b"")
        if size > _BATCH_BYTES or len(batch) >= _BATCH_ITEMS:
            _write(target, batch)
            batch, size = [], 0
    _write(target, batch)


def _missing(source: DocumentStore, target: DocumentStore) -> Iterator[Document | bytes]:
    """Blobs and documents the target does not have yet; blobs first, since documents refer to them."""
    for hash in source.blobs():
        if not target.has_blob(hash):
            yield source.blob(hash)
    for kind in INDEXES:
        there = {document.id for document in target.find(kind)}
        for document in source.find(kind):
            if document.id not in there:
                yield _whole(source, document)


def _write(target: DocumentStore, batch: list[Document | bytes]) -> None:
    with target.transaction() as transaction:
        for item in batch:
            if isinstance(item, bytes):
                transaction.put_blob(item)
            else:
                transaction.restore(item)


def _documents(store: Reader, kind: str) -> Iterator[Document]:
    return (_whole(store, document) for document in store.find(kind))


def _whole(store: Reader, row: Document) -> Document:
    document = store.get(row.kind, row.id)
    if document is None:
        raise StoreError(f"The {row.kind} '{row.id}' was deleted while the store was copied.", hint="Copy again.")
    return document


def _count(report: CopyReport) -> str:
    return f"{sum(report.documents.values())} documents and {report.blobs} blobs, hash {report.hash[:12]}"
