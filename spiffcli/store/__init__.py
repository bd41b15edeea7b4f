"""Where everything is kept: a small document store with very different back-ends."""

from __future__ import annotations

from spiffcli.store.copy import CopyReport, copy_store
from spiffcli.store.open import open_store
from spiffcli.store.protocol import Document, DocumentStore, Problem, Reader, Transaction, at_most, one_of

__all__ = [
    "CopyReport",
    "Document",
    "DocumentStore",
    "Problem",
    "Reader",
    "Transaction",
    "at_most",
    "copy_store",
    "one_of",
    "open_store",
]
