from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spiffcli.errors import StoreError
from spiffcli.store import DocumentStore, open_store
from spiffcli.store.glance import glance, rows


@pytest.fixture(params=["tinydb:{}/store", "sqlite:{}/store.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    store = open_store(request.param.format(tmp_path))
    with store.transaction() as transaction:
        for number in range(100):
            fields = {"z": number, "key": f"k{number}", "a": [None, True]}
            transaction.put("instance", f"é/{number}", fields, b"body", expected=0)
    yield store
    store.close()


def test_a_glance_shows_what_the_store_finds(store: DocumentStore) -> None:
    seen = glance(store.url, "instance")
    assert seen is not None
    assert sorted(seen) == [(row.id, row.fields) for row in store.find("instance")]
    assert all(list(fields) == ["z", "key", "a"] for _, fields in seen)
    assert glance(store.url, "history") == []


def test_a_glance_does_not_see_an_open_transaction(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        transaction.put("instance", "new", {}, expected=0)
        assert len(glance(store.url, "instance") or ()) == 100
    assert len(glance(store.url, "instance") or ()) == 101


@pytest.mark.parametrize("url", ["memory:", "postgresql://h/d", "tinydb:", "tinydb:~/x", "sqlite:{}/a?b", "nonsense"])
def test_what_cannot_be_looked_at_is_left_to_the_store(url: str, tmp_path: Path) -> None:
    assert glance(url.format(tmp_path), "instance") is None


@pytest.mark.parametrize("url", ["tinydb:{}/none", "sqlite:{}/none.db"])
def test_a_glance_makes_nothing(url: str, tmp_path: Path) -> None:
    assert glance(url.format(tmp_path), "instance") is None
    with pytest.raises(StoreError, match="no store at"):
        rows(url.format(tmp_path), "instance")
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_the_middle_of_a_change_is_opened(tmp_path: Path) -> None:
    url = f"tinydb:{tmp_path}/store"
    with open_store(url).transaction() as transaction:
        transaction.put("instance", "i", {"n": 1}, expected=0)
    (tmp_path / "store" / "redo").write_bytes(b"torn")
    assert glance(url, "instance") is None
    assert list(rows(url, "instance")) == [("i", {"n": 1})]
    assert glance(url, "instance") == [("i", {"n": 1})]


def test_a_damaged_index_is_left_to_the_store(tmp_path: Path) -> None:
    url = f"tinydb:{tmp_path}/store"
    with open_store(url).transaction() as transaction:
        transaction.put("instance", "i", {"n": 1}, expected=0)
    (shard,) = (tmp_path / "store" / "index" / "instance").iterdir()
    for content in (b"", b"[]", b'{"_default": {"1": {}}}', b'{"_default": 3}'):
        shard.write_bytes(content)
        assert glance(url, "instance") is None


def test_another_format_is_left_to_the_store(tmp_path: Path) -> None:
    files, database = f"tinydb:{tmp_path}/store", f"sqlite:{tmp_path}/store.db"
    for url in (files, database):
        open_store(url).close()
        assert glance(url, "instance") == []
    (tmp_path / "store" / "format.json").write_text('{"store": "runner", "format": 99}')
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("UPDATE meta SET value = 99")
    for url in (files, database):
        assert glance(url, "instance") is None
    os.truncate(tmp_path / "store.db", 10)
    assert glance(database, "instance") is None
