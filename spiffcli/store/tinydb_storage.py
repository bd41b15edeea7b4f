"""The only module that works with TinyDB itself: changing the rows of a shard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from tinydb.storages import Storage
from tinydb.table import Document as TinyDocument
from tinydb.table import Table

from spiffcli.garbage import without_collector
from spiffcli.store.tinydb_layout import TABLE, Row, Rows, parse_rows, shard_content

#: Shards that are remembered: one command changes the same few again and again.
_REMEMBERED = 4


class ShardStorage(Storage):  # type: ignore[misc]  # untyped upstream
    """A TinyDB storage for the rows of one shard, whose writes become durable with the transaction they belong to.

    TinyDB's own storage rewrites its file in place, so that a crash or a second writer destroys it. This
    one keeps what is written; the commit writes `content` to a new file, syncs it and moves it in place.
    """

    def __init__(self, rows: Rows) -> None:
        self._tables: dict[str, Any] = {TABLE: rows}

    def read(self) -> dict[str, Any]:
        """The tables as written last."""
        return self._tables

    def write(self, data: dict[str, Any]) -> None:
        """Keep the tables for the commit."""
        self._tables = data

    def content(self) -> bytes:
        """The file of the shard, as the commit has to write it."""
        return orjson.dumps(self._tables)

    def rows(self) -> Rows:
        """The rows in it."""
        rows: Rows = self._tables[TABLE]
        return rows


class Shards:
    """Changes shards, and remembers those it changed last: parsing one is most of what changing it costs."""

    def __init__(self) -> None:
        self._last: dict[Path, tuple[bytes, Rows]] = {}

    def changed(self, path: Path, rows: Mapping[str, Row | None]) -> bytes:
        """The new content of the shard `path` after some of its rows were replaced, added or (None) removed.

        Args:
            rows: The changed rows by TinyDB's ids as text.

        Raises:
            CorruptStoreError: The shard is damaged.
        """
        with without_collector():
            storage = ShardStorage(self._rows(path))
            _change(storage, rows)
            content = storage.content()
        self._last[path] = content, storage.rows()
        if len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        return content

    def _rows(self, path: Path) -> Rows:
        content = shard_content(path)
        # Compared byte by byte: whoever else wrote it, and whether our own commit failed, does not matter.
        before, rows = self._last.pop(path, (None, {}))
        return rows if content is not None and content == before else parse_rows(path, content)


class _Rows(Table):  # type: ignore[misc]  # untyped upstream
    """A table whose row ids stay the text that they are in the file."""

    document_id_class = str


def _change(storage: ShardStorage, rows: Mapping[str, Row | None]) -> None:
    table = _Rows(storage, TABLE, cache_size=0)
    # With row ids of our own TinyDB neither looks for the next free one nor reads twice, as `upsert` does.
    old = [number for number in rows if table.contains(doc_id=number)]
    if old:
        table.remove(doc_ids=old)
    table.insert_multiple(TinyDocument(row, number) for number, row in rows.items() if row is not None)
