"""Where everything is kept: a small document store with three very different back-ends."""

from __future__ import annotations

from spiffcli.store.protocol import Document, DocumentStore, Reader, Transaction, at_most, one_of

__all__ = ["Document", "DocumentStore", "Reader", "Transaction", "at_most", "one_of"]
