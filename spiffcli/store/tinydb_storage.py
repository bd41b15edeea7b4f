"""The only module that works with TinyDB itself: changing the rows of a shard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document as TinyDocument

from spiffcli.store.tinydb_layout import TABLE, Row, read_rows


class ShardStorage(Storage):  # type: ignore[misc]  # untyped upstream
    """A TinyDB storage for one shard whose writes become durable with the transaction they belong to.

    TinyDB's own storage rewrites its file in place, so that a crash or a second writer destroys it. This
    one keeps what is written; the commit writes `content` to a new file, syncs it and moves it in place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        """The tables as written last, else as they are in the file."""
        return {TABLE: read_rows(self._path)} if self._tables is None else self._tables

    def write(self, data: dict[str, Any]) -> None:
        """Keep the tables for the commit."""
        self._tables = data

    def content(self) -> bytes:
        """The file of the shard, as the commit has to write it."""
        return orjson.dumps(self.read())


def changed_shard(path: Path, rows: Mapping[str, Row | None]) -> bytes:
    """The new content of the shard `path` after some of its rows were replaced, added or (None) removed.

    Args:
        rows: The changed rows by TinyDB's ids as text.

    Raises:
        CorruptStoreError: The shard is damaged.
    """
    storage = ShardStorage(path)
    with TinyDB(storage=lambda: storage) as database:
        table = database.table(TABLE, cache_size=0)
        # With row ids of our own TinyDB neither looks for the next free one nor reads twice, as `upsert` does.
        table.remove(doc_ids=[int(number) for number in rows if table.contains(doc_id=int(number))])
        table.insert_multiple(TinyDocument(row, int(number)) for number, row in rows.items() if row is not None)
    return storage.content()
