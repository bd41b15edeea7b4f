"""What the catalog of a tenant took from a model repository: which commit it follows, and what was read there."""

from __future__ import annotations

from msgspec import Struct

from spiffcli.catalog.documents import document_id
from spiffcli.store.protocol import Reader, Transaction


class Followed(Struct, frozen=True):
    """What was taken over last.

    Attributes:
        commit: Full id of the commit.
        body: What whoever follows wants to know again.
        revision: Of the document; 0 where there is none yet.
    """

    commit: str | None = None
    body: bytes = b""
    revision: int = 0


def followed(reader: Reader, tenant: str) -> Followed:
    """What the tenant took over last; nothing where it never did."""
    document = reader.get("meta", document_id("models", tenant))
    if document is None:
        return Followed()
    return Followed(document.fields["commit"], document.body or b"", document.revision)


def put_followed(tx: Transaction, tenant: str, found: Followed) -> None:
    """Store what the tenant has taken over.

    Raises:
        ConflictError: Somebody else did so since it was read.
    """
    tx.put("meta", document_id("models", tenant), {"commit": found.commit}, found.body, expected=found.revision)
