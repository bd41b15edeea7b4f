from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spiffcli.errors import CorruptStoreError, InputError, StoreError
from spiffcli.store import DocumentStore, copy, copy_store, open_store
from spiffcli.store.tinydb_files import address

FORMS = ["memory:", "tinydb:{}/{}", "sqlite:{}/{}.db"]


def fill(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        for number in range(30):
            body = str(number).encode() * number
            transaction.put("instance", f"é/{number}", {"z": number, "a": [1.5, None, True]}, body, expected=0)
        transaction.put("meta", "bare", {}, expected=0)
        for number in range(5):
            transaction.put_blob(f"blob {number}".encode())
    for revision in range(1, 4):
        with store.transaction() as transaction:
            transaction.put("instance", "é/7", {"z": revision}, expected=revision)


@pytest.fixture(params=FORMS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    store = open_store(request.param.format(tmp_path, "source"))
    fill(store)
    yield store
    store.close()


@pytest.fixture(params=FORMS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    store = open_store(request.param.format(tmp_path, "target"))
    yield store
    store.close()


def test_everything_arrives_with_its_revision(source: DocumentStore, target: DocumentStore) -> None:
    report = copy_store(source, target)
    assert report.documents["instance"] == 30
    assert report.documents["meta"] == 1
    assert report.blobs == 5
    assert report == copy.survey(source) == copy.survey(target)
    for kind in ("instance", "meta"):
        for row in source.find(kind):
            sent, arrived = source.get(kind, row.id), target.get(kind, row.id)
            assert sent == arrived
            assert sent is not None
            assert arrived is not None
            assert list(sent.fields) == list(arrived.fields)
            assert sent.body == arrived.body
    revised = target.get("instance", "é/7")
    assert revised is not None
    assert revised.revision == 4
    assert target.check() == []
    with target.transaction() as transaction:
        assert transaction.put("instance", "é/7", {}, expected=4) == 5


def test_an_interrupted_copy_goes_on_where_it_stopped(
    source: DocumentStore, target: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "_BATCH_ITEMS", 4)
    written = []

    def interrupted(store: DocumentStore, batch: list[object]) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(len(batch))
        original(store, batch)  # type: ignore[arg-type]

    original = copy._write
    with monkeypatch.context() as patch:
        patch.setattr(copy, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            copy_store(source, target)
    assert 0 < len(list(target.find("instance"))) < 30
    assert copy_store(source, target) == copy.survey(source)
    assert copy_store(source, target) == copy.survey(source)  # nothing left to do is fine


def test_a_target_with_something_else_is_refused(source: DocumentStore, target: DocumentStore) -> None:
    with target.transaction() as transaction:
        transaction.put("instance", "stranger", {}, expected=0)
    with pytest.raises(InputError, match="stranger"):
        copy_store(source, target)
    assert len(list(target.find("instance"))) == 1


def test_a_target_with_another_blob_is_refused(source: DocumentStore, target: DocumentStore) -> None:
    with target.transaction() as transaction:
        hash = transaction.put_blob(b"stranger")
    with pytest.raises(InputError, match=hash):
        copy_store(source, target)


def test_a_target_that_differs_in_content_alone_is_noticed(source: DocumentStore, target: DocumentStore) -> None:
    with target.transaction() as transaction:
        transaction.put("meta", "bare", {"other": True}, expected=0)
    with pytest.raises(StoreError, match="not equal"):
        copy_store(source, target)


def test_a_store_is_not_copied_to_itself(source: DocumentStore) -> None:
    with pytest.raises(InputError, match="itself"):
        copy_store(source, source)
    if source.url != "memory:":
        again = open_store(source.url)
        with pytest.raises(InputError, match="itself"):
            copy_store(source, again)
        again.close()


def test_an_empty_store_can_be_copied(target: DocumentStore) -> None:
    report = copy_store(open_store("memory:"), target)
    assert (sum(report.documents.values()), report.blobs, report.size) == (0, 0, 0)


def test_nobody_writes_to_the_source_while_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spiffcli.errors import BusyError
    from spiffcli.store.tinydb import TinyDbStore

    source = TinyDbStore.open(tmp_path / "source")
    fill(source)
    writer = TinyDbStore.open(tmp_path / "source", patience=0)
    busy = []

    def write(store: DocumentStore, batch: list[object]) -> None:
        with pytest.raises(BusyError), writer.transaction():
            raise AssertionError("not reached")
        busy.append(True)
        original(store, batch)  # type: ignore[arg-type]

    original = copy._write
    monkeypatch.setattr(copy, "_write", write)
    copy_store(source, open_store("memory:"))
    assert busy


def test_a_source_that_cannot_be_written_can_be_copied(tmp_path: Path, make_read_only: Callable[[Path], None]) -> None:
    fill(open_store(f"tinydb:{tmp_path}/source"))
    make_read_only(tmp_path / "source")
    target = open_store("memory:")
    copy_store(open_store(f"tinydb:{tmp_path}/source"), target)
    assert len(list(target.find("instance"))) == 30


def test_damage_in_the_source_stops_the_copy(tmp_path: Path) -> None:
    source = open_store(f"tinydb:{tmp_path}/source")
    fill(source)
    (tmp_path / "source" / address("instance", "é/7").document).write_bytes(b"rubbish")
    with pytest.raises(CorruptStoreError, match="é/7"):
        copy_store(source, open_store("memory:"))
    shutil.rmtree(tmp_path / "source")
