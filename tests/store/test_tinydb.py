from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydb import TinyDB

from spiffcli.errors import BusyError, CorruptStoreError, StoreError, StoreFormatError
from spiffcli.store import DocumentStore, Transaction, open_store
from spiffcli.store.documents import STEPS
from spiffcli.store.protocol import FORMAT
from spiffcli.store.tinydb import TinyDbStore
from spiffcli.store.tinydb_files import address, blob_name, encode
from spiffcli.store.tinydb_index import Shard, ShardStorage, changed_shard
from spiffcli.values import digest


@pytest.fixture
def root_folder(tmp_path: Path) -> Path:
    return tmp_path / ".runner"


@pytest.fixture
def store(root_folder: Path) -> TinyDbStore:
    store = TinyDbStore.open(root_folder)
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"state": "running"}, b"body", expected=0)
        transaction.put("meta", "bare", {"n": 1}, expected=0)
        transaction.put_blob(b"blob")
    return store


def read_rows(shard: Path) -> dict[str, dict[str, object]]:
    return {row.doc_id: dict(row) for row in Shard(shard)}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# What lies where


def test_a_store_hides_itself_from_git(store: TinyDbStore, root_folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root_folder.parent)], check=True)
    status = subprocess.run(
        ["git", "-C", str(root_folder.parent), "status", "--porcelain"], capture_output=True, check=True
    )
    assert status.stdout == b""


def test_a_document_is_one_file_and_a_row(store: TinyDbStore, root_folder: Path) -> None:
    instance, bare = address("instance", "i"), address("meta", "bare")
    (hash,) = store.blobs()
    assert files(root_folder) == {
        "format.json",
        ".gitignore",
        "redo",
        "locks/store.lock",
        instance.document,
        instance.shard,
        bare.document,
        bare.shard,
        blob_name(hash),
    }
    assert (root_folder / "redo").read_bytes() == b""


def test_the_index_is_a_tinydb_database_of_small_rows(store: TinyDbStore, root_folder: Path) -> None:
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"state": "error"}, b"x" * 100_000, expected=1)
    with TinyDB(root_folder / address("instance", "i").shard) as database:
        (row,) = database.all()
        assert str(row.doc_id) == address("instance", "i").number
        assert (row["id"], row["revision"], row["size"]) == ("i", 2, 100_000)
        assert row["fields"] == {"state": "error"}
        assert len(json.dumps(row)) < 400


def test_rows_of_one_shard_are_changed_added_and_removed_together(tmp_path: Path) -> None:
    shard = tmp_path / "shard.json"
    for _ in range(2):
        shard.write_bytes(changed_shard(shard, {"1": {"id": "a"}, "2": {"id": "b"}, "3": None}))
        shard.write_bytes(changed_shard(shard, {"1": None, "2": {"id": "B"}, "3": {"id": "c"}, "4": None}))
        assert read_rows(shard) == {"2": {"id": "B"}, "3": {"id": "c"}}


def test_a_row_is_found_only_under_its_own_number(tmp_path: Path) -> None:
    shard = tmp_path / "shard.json"
    assert not Shard(shard).contains(doc_id="12")
    shard.write_bytes(changed_shard(shard, {"12": {"id": '"3"', "fields": {"a": "4", "b": ["12"]}}}))
    found = [Shard(shard).contains(doc_id=number) for number in ("12", "1", "2", "3", "4", "123")]
    assert found == [True, *[False] * 5]
    for damaged in (b"", b"{", shard.read_bytes()[:-1], shard.read_bytes()[1:], b'{"other":{}}'):
        shard.write_bytes(damaged)
        with pytest.raises(CorruptStoreError, match="is damaged"):
            Shard(shard).contains(doc_id="5")


def test_the_storage_changes_no_file_by_itself(tmp_path: Path) -> None:
    storage = ShardStorage(tmp_path / "shard.json")
    with TinyDB(storage=lambda: storage) as database:
        database.insert({"a": 1})
        assert database.all() == [{"a": 1}]
    assert storage.content() == b'{"_default":{"1":{"a":1}}}'
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_is_none_is_a_damage_of_the_index(store: TinyDbStore, root_folder: Path) -> None:
    shard = root_folder / address("instance", "i").shard
    for content in (b'{"_default": {"1": 7}}', b'{"_default": {"1": null}}'):
        shard.write_bytes(content)
        with pytest.raises(CorruptStoreError, match=str(shard)):
            list(store.find("instance"))
    assert any(problem.repaired for problem in store.check(repair=True))
    assert [row.id for row in store.find("instance")] == ["i"]


def test_deleting_leaves_neither_document_nor_row_nor_blob(store: TinyDbStore, root_folder: Path) -> None:
    (hash,) = store.blobs()
    with store.transaction() as transaction:
        transaction.delete("instance", "i", expected=1)
        transaction.delete_blob(hash)
    left = files(root_folder)
    assert address("instance", "i").document not in left
    assert blob_name(hash) not in left
    assert read_rows(root_folder / address("instance", "i").shard) == {}


AUDIT = """
import sys
from spiffcli.store import open_store
opened = []
def hook(event, arguments):
    if event == "open" and str(arguments[0]).startswith(sys.argv[1]):
        opened.append(arguments[0])
store = open_store("tinydb:" + sys.argv[1], create=False)
with store.transaction() as transaction:
    transaction.get("meta", "x")
sys.addaudithook(hook)
assert store.get("instance", "10").body == b"body"
read = len(opened)
with store.transaction() as transaction:
    transaction.put("instance", "10", {"key": "new"}, b"body", expected=1)
print(read, len(opened) - read)
"""


def test_a_command_opens_as_many_files_in_a_large_store_as_in_a_small_one(root: Path, tmp_path: Path) -> None:
    counts = []
    for size in (20, 2000):
        folder = tmp_path / str(size)
        store = open_store(f"tinydb:{folder}")
        with store.transaction() as transaction:
            for number in range(size):
                transaction.put("instance", str(number), {"key": "old"}, b"body", expected=0)
        done = subprocess.run(
            [sys.executable, "-c", AUDIT, str(folder)], capture_output=True, text=True, check=True, cwd=root
        )
        counts.append(done.stdout.split())
    assert counts[0] == counts[1]
    assert counts[0][0] == "1"


def test_reading_a_document_needs_no_index(store: TinyDbStore, root_folder: Path) -> None:
    shutil.rmtree(root_folder / "index")
    document = store.get("instance", "i")
    assert document is not None
    assert (document.body, document.fields) == (b"body", {"state": "running"})


def test_a_blob_that_is_kept_already_is_not_written_again(store: TinyDbStore, root_folder: Path) -> None:
    (hash,) = store.blobs()
    before = (root_folder / blob_name(hash)).stat().st_ino
    with store.transaction() as transaction:
        transaction.put_blob(b"blob")
    assert (root_folder / blob_name(hash)).stat().st_ino == before


# Opening


def test_an_empty_folder_becomes_a_store(root_folder: Path) -> None:
    root_folder.mkdir()
    with pytest.raises(StoreError, match="no store at"):
        open_store(f"tinydb:{root_folder}", create=False)
    open_store(f"tinydb:{root_folder}")
    open_store(f"tinydb:{root_folder}", create=False)


def test_an_interrupted_creation_is_done_again(store: TinyDbStore, root_folder: Path) -> None:
    (root_folder / "format.json").unlink()
    (root_folder / "redo").unlink()
    shutil.rmtree(root_folder / "blobs")
    again = open_store(f"tinydb:{root_folder}")
    assert again.check() == []


def test_a_folder_with_something_else_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(StoreFormatError, match=str(tmp_path)):
        open_store(f"tinydb:{tmp_path}")
    assert files(tmp_path) == {"letter.txt"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b'{"store": "runner"}', b"\xff"])
def test_a_format_file_that_is_not_ours_is_refused(store: TinyDbStore, root_folder: Path, content: bytes) -> None:
    (root_folder / "format.json").write_bytes(content)
    with pytest.raises(StoreFormatError, match=str(root_folder)) as caught:
        open_store(f"tinydb:{root_folder}")
    told = re.search(r"write (\{.*\}) into the file", caught.value.hint or "")
    assert told is not None
    (root_folder / "format.json").write_text(told[1])
    assert open_store(f"tinydb:{root_folder}").check() == []


def test_a_newer_format_is_refused_naming_both(store: TinyDbStore, root_folder: Path) -> None:
    (root_folder / "format.json").write_text('{"store": "runner", "format": 99}')
    with pytest.raises(StoreFormatError, match=f"format 99.*up to {FORMAT}"):
        open_store(f"tinydb:{root_folder}")


def older(root_folder: Path) -> None:
    (root_folder / "format.json").write_text(json.dumps({"store": "runner", "format": FORMAT - 1}))


def test_an_older_format_is_migrated_in_one_transaction(
    store: TinyDbStore, root_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(transaction: Transaction) -> None:
        for row in transaction.find("instance"):
            transaction.put("instance", row.id, {**row.fields, "key": "new"}, expected=row.revision)

    monkeypatch.setitem(STEPS, FORMAT - 1, step)
    older(root_folder)
    for _ in range(2):
        again = open_store(f"tinydb:{root_folder}")
        document = again.get("instance", "i")
        assert document is not None
        assert (document.fields["key"], document.body, document.revision) == ("new", b"body", 2)
        assert again.check() == []


def test_a_migration_that_fails_leaves_the_old_format(
    store: TinyDbStore, root_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(transaction: Transaction) -> None:
        transaction.delete("instance", "i", expected=1)
        raise StoreError("no")

    monkeypatch.setitem(STEPS, FORMAT - 1, step)
    older(root_folder)
    with pytest.raises(StoreError, match="no"):
        open_store(f"tinydb:{root_folder}")
    assert json.loads((root_folder / "format.json").read_bytes())["format"] == FORMAT - 1
    assert store.get("instance", "i") is not None


def test_a_format_without_a_way_to_ours_is_refused(store: TinyDbStore, root_folder: Path) -> None:
    (root_folder / "format.json").write_text('{"store": "runner", "format": -5}')
    with pytest.raises(StoreFormatError, match="cannot read any more"):
        open_store(f"tinydb:{root_folder}")


# When something is wrong


def test_a_damaged_document_is_named(store: TinyDbStore, root_folder: Path) -> None:
    path = root_folder / address("instance", "i").document
    for content in (b"", b"x", path.read_bytes()[:-1], path.read_bytes() + b"x", os.urandom(500)):
        path.write_bytes(content)
        with pytest.raises(CorruptStoreError, match="instance 'i'"):
            store.get("instance", "i")
    assert [row.id for row in store.find("instance")] == ["i"]


def test_a_damaged_document_can_be_replaced_or_deleted_at_its_revision(store: TinyDbStore, root_folder: Path) -> None:
    path = root_folder / address("instance", "i").document
    path.write_bytes(b"damaged")
    with store.transaction() as transaction:
        with pytest.raises(CorruptStoreError):
            transaction.put("instance", "i", {}, expected=1)  # the body to keep cannot be read
        assert transaction.put("instance", "i", {}, b"new", expected=1) == 2
    assert store.check() == []
    path.write_bytes(b"damaged")
    with store.transaction() as transaction:
        transaction.delete("instance", "i", expected=2)
    assert store.check() == []
    assert store.get("instance", "i") is None


def test_a_missing_document_is_not_taken_for_one_that_never_was(store: TinyDbStore, root_folder: Path) -> None:
    (root_folder / address("instance", "i").document).unlink()
    with pytest.raises(CorruptStoreError, match="missing"):
        store.get("instance", "i")


def test_a_document_under_the_name_of_another_is_not_taken_for_it(store: TinyDbStore, root_folder: Path) -> None:
    other = root_folder / address("instance", "other").document
    other.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(root_folder / address("instance", "i").document, other)
    for body in (True, False):
        with pytest.raises(CorruptStoreError, match="that of instance 'i'"):
            store.get("instance", "other", body=body)


def test_a_damaged_shard_is_named_and_stops_writing(store: TinyDbStore, root_folder: Path) -> None:
    shard = root_folder / address("instance", "i").shard
    for content in (b"", b"{", b"[]", b'{"_default": 1}', b'{"other": {}}'):
        shard.write_bytes(content)
        with pytest.raises(CorruptStoreError, match=str(shard)) as caught:
            list(store.find("instance"))
        assert "--repair" in (caught.value.hint or "")
        with pytest.raises(CorruptStoreError), store.transaction() as transaction:
            transaction.put("instance", "i", {}, b"new", expected=1)
    document = store.get("instance", "i")
    assert document is not None
    assert (document.body, document.revision) == (b"body", 1)


def test_a_writer_that_waits_in_vain_is_told_by_whom(store: TinyDbStore, root_folder: Path) -> None:
    impatient = TinyDbStore.open(root_folder, patience=0.1)
    with store.transaction():
        with pytest.raises(BusyError, match=f"process {os.getpid()}") as caught, impatient.transaction():
            raise AssertionError("not reached")
        assert str(root_folder) in str(caught.value)
        assert impatient.get("instance", "i") is not None
    with impatient.transaction():
        pass


def test_a_read_only_store_can_be_read_and_says_that_it_cannot_be_written(
    store: TinyDbStore, root_folder: Path, make_read_only: Callable[[Path], None]
) -> None:
    make_read_only(root_folder)
    protected = open_store(f"tinydb:{root_folder}")
    document = protected.get("instance", "i")
    assert document is not None
    assert document.body == b"body"
    assert [row.id for row in protected.find("instance")] == ["i"]
    assert protected.check() == []
    with pytest.raises(StoreError, match=str(root_folder)), protected.transaction():
        raise AssertionError("not reached")
    with pytest.raises(StoreError, match=str(root_folder)), protected.lock("x"):
        raise AssertionError("not reached")
    with pytest.raises(StoreError, match=str(root_folder)):
        protected.check(repair=True)


def test_a_new_store_on_a_read_only_disk_is_refused(tmp_path: Path, make_read_only: Callable[[Path], None]) -> None:
    make_read_only(tmp_path)
    with pytest.raises(StoreError, match=str(tmp_path)) as caught:
        open_store(f"tinydb:{tmp_path}/deep/.runner")
    assert "read-only" in (caught.value.hint or "")


def test_a_full_disk_undoes_the_transaction(small_disk: Path) -> None:
    store = open_store(f"tinydb:{small_disk}/.runner")
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"n": 1}, b"body", expected=0)
    before = files(small_disk)
    for size in (1_000_000, 380_000):
        with pytest.raises(StoreError, match=str(small_disk)) as caught:
            write_much(store, size)
        assert "disk space" in (caught.value.hint or "")
        assert files(small_disk) == before
    document = store.get("instance", "i")
    assert document is not None
    assert (document.body, document.revision) == (b"body", 1)
    assert store.check() == []
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"n": 2}, b"fits", expected=1)


def write_much(store: DocumentStore, size: int) -> None:
    with store.transaction() as transaction:
        for number in range(5):
            transaction.put("meta", str(number), {}, b"small", expected=0)
        transaction.put("instance", "i", {"n": 2}, b"x" * size, expected=1)


LIMITED = """
import resource, sys
from spiffcli.errors import StoreError
from spiffcli.store import open_store
store = open_store("tinydb:" + sys.argv[1], create=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with store.transaction() as transaction:
        transaction.put("meta", "small", {}, b"fits", expected=0)
        transaction.put("meta", "large", {}, b"x" * 5000, expected=0)
except StoreError as error:
    print(error)
"""


def test_a_limit_on_file_sizes_undoes_the_transaction(store: TinyDbStore, root_folder: Path, root: Path) -> None:
    before = files(root_folder)
    done = subprocess.run([sys.executable, "-c", LIMITED, str(root_folder)], capture_output=True, text=True, cwd=root)
    assert "File too large" in done.stdout
    assert str(root_folder) in done.stdout
    assert done.stderr == ""
    assert files(root_folder) == before
    assert store.get("meta", "small") is None


def test_a_file_where_a_folder_must_be_is_an_error_of_the_store(store: TinyDbStore, root_folder: Path) -> None:
    for folder in ("index/instance", "documents/instance", "blobs", "pending"):
        shutil.rmtree(root_folder / folder)
        (root_folder / folder).write_bytes(b"in the way")
    hash = digest(b"blob")
    for read in (
        lambda: store.get("instance", "i"),
        lambda: list(store.find("instance")),
        lambda: store.blob(hash),
        lambda: store.check(),
        lambda: store.transaction().__enter__(),
    ):
        with pytest.raises(StoreError, match=str(root_folder)):
            read()


def test_an_error_of_the_caller_is_not_taken_for_one_of_the_store(store: TinyDbStore) -> None:
    with pytest.raises(FileNotFoundError), store.transaction():
        Path("/nowhere/at/all").read_bytes()


def test_a_reader_that_races_with_deletes_and_creations_never_sees_half(store: TinyDbStore) -> None:
    stop = threading.Event()
    faults: list[str] = []

    def read() -> None:
        while not stop.is_set():
            document = store.get("instance", "flicker")
            if document is not None and document.body != document.fields["key"].encode() * 500:
                faults.append(repr(document))
            faults.extend(row.id for row in store.find("instance") if row.id not in ("i", "flicker"))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        with store.transaction() as transaction:
            name = str(number)
            transaction.put("instance", "flicker", {"key": name}, name.encode() * 500, expected=0)
        with store.transaction() as transaction:
            transaction.delete("instance", "flicker", expected=1)
    stop.set()
    reader.join()
    assert faults == []


# Verifying and repairing


def told(store: TinyDbStore, *, repair: bool = False) -> list[tuple[str, bool]]:
    return [(problem.what, problem.repaired) for problem in store.check(repair=repair)]


def repaired(store: TinyDbStore, *words: str) -> None:
    """The faults are found, repaired once, and gone."""
    found = told(store)
    assert found
    assert told(store) == found  # looking changes nothing
    for word in words:
        assert any(word in what for what, _ in found), (word, found)
    assert told(store, repair=True) == [(what, True) for what, _ in found]
    assert told(store) == []
    assert [row.id for row in store.find("instance", {"state": "running"})] == ["i"]
    bare = store.get("meta", "bare")
    assert bare is not None
    assert (bare.fields, bare.body, bare.revision) == ({"n": 1}, None, 1)


@pytest.mark.parametrize("content", [b"", b'{"_default":{"1":', b"[]", b"\x00" * 100])
def test_an_unreadable_shard_is_rebuilt_from_its_documents(
    store: TinyDbStore, root_folder: Path, content: bytes
) -> None:
    shard = root_folder / address("instance", "i").shard
    before = shard.read_bytes()
    shard.write_bytes(content)
    repaired(store, "is damaged")
    assert shard.read_bytes() == before


def test_a_lost_index_is_rebuilt(store: TinyDbStore, root_folder: Path) -> None:
    with store.transaction() as transaction:
        for number in range(200):
            transaction.put("history", str(number), {"z": number, "a": [None, "b"]}, expected=0)
    before = [(row.id, row.revision, list(row.fields.items())) for row in store.find("history")]
    shutil.rmtree(root_folder / "index")
    repaired(store, "history '17' is missing in the index")
    assert [(row.id, row.revision, list(row.fields.items())) for row in store.find("history")] == before


@pytest.mark.parametrize(
    "change",
    [{"revision": 7}, {"fields": {"state": "error"}}, {"size": 1}, {"seal": "0" * 64}, {"fields": None}, {"id": "?"}],
    ids=str,
)
def test_a_row_that_tells_something_else_than_its_document_is_mended(
    store: TinyDbStore, root_folder: Path, change: dict[str, object]
) -> None:
    shard = root_folder / address("instance", "i").shard
    rows = read_rows(shard)
    rows[address("instance", "i").number].update(change)
    shard.write_text(json.dumps({"_default": rows}))
    repaired(store)


def test_a_row_under_a_wrong_number_is_mended(store: TinyDbStore, root_folder: Path) -> None:
    shard = root_folder / address("instance", "i").shard
    (row,) = read_rows(shard).values()
    shard.write_text(json.dumps({"_default": {"12345": row, "7": "not a row"}}))
    repaired(store, "row 12345", "row 7", "missing in the index")


def test_a_document_without_a_body_is_mended_from_its_row(store: TinyDbStore, root_folder: Path) -> None:
    path = root_folder / address("meta", "bare").document
    before = path.read_bytes()
    path.unlink()
    repaired(store, "meta 'bare' is missing")
    assert path.read_bytes() == before


def test_a_lost_body_stays_lost_and_its_row_stays(store: TinyDbStore, root_folder: Path) -> None:
    path = root_folder / address("instance", "i").document
    path.unlink()
    assert told(store, repair=True) == [("the body of instance 'i' is missing", False)]
    path.write_bytes(b"rubbish")
    assert told(store, repair=True) == [("the body of instance 'i' does not match its hash", False)]
    assert [row.id for row in store.find("instance")] == ["i"]


def test_a_damaged_document_without_a_row_is_told(store: TinyDbStore, root_folder: Path) -> None:
    place = address("instance", "i")
    (root_folder / place.document).write_bytes(b"rubbish")
    (root_folder / place.shard).unlink()
    ((what, mended),) = told(store, repair=True)
    assert place.document in what
    assert not mended


def test_files_that_do_not_belong_there_are_told_and_left(store: TinyDbStore, root_folder: Path) -> None:
    place = address("instance", "i")
    (hash,) = store.blobs()
    strays = {
        (root_folder / place.document).with_name("notes.txt"): b"mine",
        (root_folder / place.document).with_name("0" * 64): encode(store.get("instance", "i"))[0],  # type: ignore[arg-type]
        (root_folder / blob_name(hash)).with_name("f" * 64): b"no such hash",
        root_folder / "blobs" / "README": b"about blobs",
        root_folder / "documents" / "instance" / "README": b"about instances",
    }
    for path, content in strays.items():
        path.write_bytes(content)
    assert len(told(store, repair=True)) == len(strays)
    assert all(path.read_bytes() == content for path, content in strays.items())


def test_a_damaged_blob_is_found_and_mended_by_keeping_it_again(store: TinyDbStore, root_folder: Path) -> None:
    (hash,) = store.blobs()
    for content in (b"", b"blub"):
        (root_folder / blob_name(hash)).write_bytes(content)
        with pytest.raises(CorruptStoreError, match=hash):
            store.blob(hash)
        assert told(store) == [(f"blob {hash} does not match its hash", False)]
        with store.transaction() as transaction:
            transaction.put_blob(b"blob")
        assert told(store) == []


def test_pending_leftovers_are_no_fault_and_are_cleared(store: TinyDbStore, root_folder: Path) -> None:
    (root_folder / "pending" / "abc-0").write_bytes(b"half a docum")
    assert told(store) == []
    assert list((root_folder / "pending").iterdir()) == []


def test_a_torn_record_is_ignored(store: TinyDbStore, root_folder: Path) -> None:
    (root_folder / "pending" / "abc-0").write_bytes(b"new")
    (root_folder / "redo").write_bytes(b"0" * 64 + b'\n{"moves":[["abc-0","format.json"]],"removals":[]')
    again = open_store(f"tinydb:{root_folder}", create=False)
    assert again.get("instance", "i") is not None
    assert (root_folder / "redo").read_bytes() == b""
    assert again.check() == []
