"""A look at the documents in a SQLite database; `sqlite_tables` says what it looks like."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import orjson

from spiffcli.store.version import FORMAT


def rows(path: str, kind: str) -> list[tuple[str, Mapping[str, Any]]] | None:
    """Id and fields of all documents of a kind; None if the file is not a store at rest."""
    if set(path) & set("?#%"):
        return None  # these mean something in the name of a database
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            if connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() != (FORMAT,):
                return None
            found = connection.execute("SELECT id, fields FROM documents WHERE kind = ?", (kind,)).fetchall()
        return [(id, orjson.loads(fields)) for id, fields in found]
    except (sqlite3.Error, ValueError):
        return None  # the store itself says what is wrong
