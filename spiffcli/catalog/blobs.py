"""Which blobs are still needed, and by whom. Rows name every blob they refer to, so no body is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spiffcli.store.protocol import Reader, Transaction

_HOLDERS = ("deployment", "definition", "retired", "instance")


def references(reader: Reader) -> Iterator[tuple[str, str, str]]:
    """Every reference to a blob, of all tenants: kind and id of the document, hash of the blob."""
    for kind in _HOLDERS:
        for row in reader.find(kind):
            for hash in row.fields.get("blobs", ()):
                yield kind, row.id, hash


def delete_unreferenced(tx: Transaction, candidates: Iterable[str]) -> int:
    """Delete those of `candidates` that no document refers to any more; returns how many."""
    rest = set(candidates)
    for _, _, hash in references(tx) if rest else ():
        rest.discard(hash)
    for hash in sorted(rest):
        tx.delete_blob(hash)
    return len(rest)
