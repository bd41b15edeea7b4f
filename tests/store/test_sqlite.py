from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spiffcli.errors import BusyError, CorruptStoreError, StoreError, StoreFormatError
from spiffcli.store import DocumentStore, Transaction, open_store
from spiffcli.store.documents import STEPS
from spiffcli.store.protocol import FORMAT
from spiffcli.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(path)
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"state": "running", "events": ["a"]}, b"body", expected=0)
        transaction.put_blob(b"blob")
    yield store
    store.close()


def edit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_everything_is_durable_before_a_transaction_returns(store: SqliteStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with store._connection() as own:
        assert own.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_database_of_somebody_else_is_refused_and_not_touched(path: Path) -> None:
    edit(path, "CREATE TABLE customers (name)")
    before = path.read_bytes()
    with pytest.raises(StoreFormatError, match="not a store of runner"):
        open_store(f"sqlite:{path}")
    assert path.read_bytes() == before


def test_a_newer_format_is_refused_naming_both(store: SqliteStore, path: Path) -> None:
    edit(path, "UPDATE meta SET value = 99")
    with pytest.raises(StoreFormatError, match=f"format 99.*up to {FORMAT}"):
        open_store(f"sqlite:{path}")


def test_an_older_format_is_migrated_in_one_transaction(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(transaction: Transaction) -> None:
        for row in transaction.find("instance"):
            transaction.put("instance", row.id, {**row.fields, "key": "new"}, expected=row.revision)

    monkeypatch.setitem(STEPS, FORMAT - 1, step)
    edit(path, f"UPDATE meta SET value = {FORMAT - 1}")
    for _ in range(2):
        again = open_store(f"sqlite:{path}")
        document = again.get("instance", "i")
        assert document is not None
        assert (document.fields["key"], document.body, document.revision) == ("new", b"body", 2)
        again.close()


def test_a_migration_that_fails_leaves_the_old_format(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(transaction: Transaction) -> None:
        transaction.delete("instance", "i", expected=1)
        raise StoreError("no")

    monkeypatch.setitem(STEPS, FORMAT - 1, step)
    edit(path, f"UPDATE meta SET value = {FORMAT - 1}")
    with pytest.raises(StoreError, match="no"):
        open_store(f"sqlite:{path}")
    assert store.get("instance", "i") is not None


def test_a_format_without_a_way_to_ours_is_refused(store: SqliteStore, path: Path) -> None:
    edit(path, "UPDATE meta SET value = -5")
    with pytest.raises(StoreFormatError, match="cannot read any more"):
        open_store(f"sqlite:{path}")


def test_a_database_that_does_not_tell_its_format_is_refused(store: SqliteStore, path: Path) -> None:
    edit(path, "DELETE FROM meta")
    with pytest.raises(StoreFormatError, match="does not say which format"):
        open_store(f"sqlite:{path}")


def test_an_interrupted_creation_is_done_again(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size
    with pytest.raises(StoreError, match="no store at"):
        open_store(f"sqlite:{path}", create=False)
    store = open_store(f"sqlite:{path}")
    assert store.check() == []
    store.close()


def test_a_damaged_body_is_found_and_cannot_be_repaired(store: SqliteStore, path: Path) -> None:
    edit(path, "UPDATE bodies SET content = x'00'")
    with pytest.raises(CorruptStoreError, match="instance 'i'"):
        store.get("instance", "i")
    for repair in (False, True, False):
        (problem,) = store.check(repair=repair)
        assert "instance 'i'" in problem.what
        assert not problem.repaired
    with store.transaction() as transaction:
        transaction.put("instance", "i", {}, b"whole again", expected=1)
    assert store.check() == []


def test_a_missing_body_is_found(store: SqliteStore, path: Path) -> None:
    edit(path, "DELETE FROM bodies")
    with pytest.raises(CorruptStoreError, match="missing"):
        store.get("instance", "i")
    assert [problem.what for problem in store.check()] == ["the body of instance 'i' is missing"]


def test_a_body_without_a_document_is_found(store: SqliteStore, path: Path) -> None:
    edit(path, "INSERT INTO bodies VALUES ('instance', 'ghost', x'00')")
    (problem,) = store.check()
    assert "'ghost'" in problem.what


def test_a_damaged_row_is_found(store: SqliteStore, path: Path) -> None:
    edit(path, "UPDATE documents SET fields = '{'")
    with pytest.raises(CorruptStoreError, match="instance 'i'"):
        store.get("instance", "i")
    assert any("row of instance 'i' is damaged" in problem.what for problem in store.check(repair=True))


def test_a_damaged_blob_is_found_and_mended_by_keeping_it_again(store: SqliteStore, path: Path) -> None:
    edit(path, "UPDATE blobs SET content = x'00'")
    (hash,) = store.blobs()
    with pytest.raises(CorruptStoreError, match=hash):
        store.blob(hash)
    assert [problem.what for problem in store.check()] == [f"blob {hash} does not match its hash"]
    with store.transaction() as transaction:
        transaction.put_blob(b"blob")
    assert store.check() == []


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM terms",
        "INSERT INTO terms VALUES ('instance', 'state', 'error', 'i')",
        "UPDATE terms SET value = 'error' WHERE name = 'state'",
        "INSERT INTO terms VALUES ('instance', 'state', 'error', 'ghost')",
    ],
)
def test_an_index_that_tells_something_else_is_rebuilt(store: SqliteStore, path: Path, damage: str) -> None:
    edit(path, damage)
    assert [problem.repaired for problem in store.check()] == [False]
    assert [problem.repaired for problem in store.check(repair=True)] == [True]
    assert store.check() == []
    assert [document.id for document in store.find("instance", {"state": "running", "events": "a"})] == ["i"]


def test_a_damaged_file_is_an_error_of_the_store(store: SqliteStore, path: Path) -> None:
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=str(path)):
        open_store(f"sqlite:{path}")


def test_a_writer_that_waits_in_vain_is_told_so(store: SqliteStore, path: Path) -> None:
    impatient = SqliteStore.open(path, patience=0.1)
    with store.transaction():
        with pytest.raises(BusyError, match="being written"), impatient.transaction():
            raise AssertionError("not reached")
        assert impatient.get("instance", "i") is not None
    with impatient.transaction():
        pass
    impatient.close()


def test_a_read_only_store_can_be_read_and_says_that_it_cannot_be_written(
    store: SqliteStore, path: Path, make_read_only: Callable[[Path], None]
) -> None:
    store.close()
    make_read_only(path.parent)
    protected = open_store(f"sqlite:{path}")
    document = protected.get("instance", "i")
    assert document is not None
    assert document.body == b"body"
    assert [row.id for row in protected.find("instance")] == ["i"]
    assert protected.check() == []
    refuse_to_write(protected, path)
    with pytest.raises(StoreError, match=str(path)), protected.lock("x"):
        raise AssertionError("not reached")
    protected.close()


def refuse_to_write(store: DocumentStore, path: Path) -> None:
    with pytest.raises(StoreError, match=str(path)), store.transaction() as transaction:
        transaction.put("meta", "m", {}, expected=0)


def test_a_new_store_on_a_read_only_disk_is_refused(tmp_path: Path, make_read_only: Callable[[Path], None]) -> None:
    make_read_only(tmp_path)
    with pytest.raises(StoreError, match=str(tmp_path)):
        open_store(f"sqlite:{tmp_path}/deep/store.db")


def test_a_full_disk_undoes_the_transaction(small_disk: Path) -> None:
    path = small_disk / "store.db"
    store = open_store(f"sqlite:{path}")
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"n": 1}, b"body", expected=0)
    with pytest.raises(StoreError, match=str(path)), store.transaction() as transaction:
        transaction.put("instance", "i", {"n": 2}, b"x" * 1_000_000, expected=1)
    document = store.get("instance", "i")
    assert document is not None
    assert (document.body, document.revision) == (b"body", 1)
    assert store.check() == []
    store.close()


def test_threads_get_connections_that_are_closed_in_the_end(path: Path, root: Path) -> None:
    """The interpreter complains about a connection that nobody closed; warnings are errors here."""
    program = f"""
import threading
from spiffcli.store import open_store
store = open_store("sqlite:{path}")
threads = [threading.Thread(target=lambda: list(store.find("meta"))) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
store.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert done.stderr == ""
    shutil.rmtree(path.parent)
