"""A look at the rows of a store without opening it, for commands that are to answer at once.

A store that is opened brings locks, commits and recovery with it, whose modules take longer to load than ten
thousand rows to read. So the lists and the completion of the shell look here first. Wherever anything is out
of the ordinary, nothing is said here, and the store itself is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

#: Id and fields of a document.
Row: TypeAlias = tuple[str, Mapping[str, Any]]


def glance(url: str, kind: str) -> list[Row] | None:
    """All rows of a kind, in no order; None where the store has to be opened for it.

    Args:
        url: As for `open_store`.
    """
    scheme, _, place = url.partition(":")
    if not place or place.startswith("~"):
        return None
    if scheme == "tinydb":
        from spiffcli.store import tinydb_glance

        return tinydb_glance.rows(place, kind)
    if scheme == "sqlite":
        from spiffcli.store import sqlite_glance

        return sqlite_glance.rows(place, kind)
    return None


def rows(url: str, kind: str) -> Iterable[Row]:
    """All rows of a kind, in no order, by a glance or from the store.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    found = glance(url, kind)
    if found is not None:
        return found
    from contextlib import closing

    from spiffcli.store.opening import open_store

    with closing(open_store(url, create=False)) as store:
        return [(row.id, row.fields) for row in store.find(kind)]
