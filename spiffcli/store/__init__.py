"""Where everything is kept: a small document store with very different back-ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spiffcli.store.copying import CopyReport, copy_store
    from spiffcli.store.opening import locate_store, open_store
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
    "locate_store",
    "one_of",
    "open_store",
]


def __getattr__(name: str) -> Any:
    # Loaded on use: nobody wants all of it, and some want nothing but a glance.
    if name in ("locate_store", "open_store"):
        from spiffcli.store import opening

        return getattr(opening, name)
    if name in ("CopyReport", "copy_store"):
        from spiffcli.store import copying

        return getattr(copying, name)
    if name in __all__:
        from spiffcli.store import protocol

        return getattr(protocol, name)
    raise AttributeError(f"module 'spiffcli.store' has no attribute {name!r}")
