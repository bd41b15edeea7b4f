"""Every sentence of `spiffcli.store.protocol`, for every back-end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from spiffcli.errors import BusyError, ConflictError, CorruptStoreError, DataError
from spiffcli.store import DocumentStore, at_most, one_of, open_store
from spiffcli.values import digest

WORKER = Path(__file__).with_name("store_worker.py")
URLS = {"memory": "memory:", "tinydb": "tinydb:{}/store", "sqlite": "sqlite:{}/store.db"}


@pytest.fixture(params=URLS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return URLS[request.param].format(tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    store = open_store(url)
    yield store
    assert store.check() == []
    store.close()


@pytest.fixture(params=[name for name in URLS if name != "memory"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a store that several processes can open."""
    url = URLS[request.param].format(tmp_path)
    open_store(url).close()
    yield url
    store = open_store(url, create=False)
    assert store.check() == []
    store.close()


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    """Start a worker process; it is gone when the test ends."""
    processes = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(WORKER), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def finish(*processes: subprocess.Popen[str]) -> list[str]:
    outputs = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return outputs


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def put(store: DocumentStore, kind: str, id: str, fields: Any, body: bytes | None = None) -> int:
    """Write whatever is there now."""
    with store.transaction() as transaction:
        old = transaction.get(kind, id, body=False)
        return transaction.put(kind, id, fields, body, expected=old.revision if old else 0)


def ids(store: Any, kind: str, where: Any = None) -> list[str]:
    return [document.id for document in store.find(kind, where)]


# Documents


def test_a_document_comes_back_as_it_was_put(store: DocumentStore) -> None:
    fields = {"key": "order", "state": None, "due": 12.5, "events": ["a", "b"], "n": 3, "yes": True}
    put(store, "instance", "i", fields, b"\x00\xffbody\n")
    document = store.get("instance", "i")
    assert document is not None
    assert (document.kind, document.id, document.revision) == ("instance", "i", 1)
    assert document.fields == fields
    assert document.body == b"\x00\xffbody\n"


def test_key_order_inside_fields_is_kept(store: DocumentStore) -> None:
    names = ["z", "a", "m", "key", "B", "10", "9"]
    put(store, "instance", "i", dict.fromkeys(names, 1))
    document = store.get("instance", "i")
    assert document is not None
    assert list(document.fields) == names
    assert list(next(store.find("instance")).fields) == names


@pytest.mark.parametrize(
    "fields",
    [
        {"s": "ünïcode \u2028 \x00 \U0001f600", "long": "x" * 100_000},
        {"int": 2**63 - 1, "negative": -(2**63), "zero": 0},
        {"float": 0.1, "tiny": 5e-324, "big": 1.7976931348623157e308, "whole": 2.0, "minus": -0.0},
        {"list": [1, "a", None, True, 2.5], "empty": []},
        {"nested": {"b": [{"a": 1}], "a": {}}},
        {},
    ],
)
def test_json_values_keep_value_and_type(store: DocumentStore, fields: dict[str, Any]) -> None:
    put(store, "instance", "i", fields)
    for document in (store.get("instance", "i"), *store.find("instance")):
        assert document is not None
        assert repr(document.fields) == repr(fields)
    # A name that no document has, so that there are two and more.
    (selected,) = store.select("instance", [*fields, "absent", "missing"])
    assert repr(selected) == repr(("i", 1, *fields.values(), None, None))


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**63, b"bytes", date(2020, 1, 1), {1, 2}, {1: 2}, "\ud800", [1j]],
    ids=repr,
)
def test_what_is_not_json_is_refused_and_named(store: DocumentStore, value: Any) -> None:
    with store.transaction() as transaction:
        with pytest.raises(DataError, match="'i'"):
            transaction.put("instance", "i", {"odd": value}, expected=0)
        assert transaction.get("instance", "i") is None


def test_a_field_that_is_searched_holds_no_objects(store: DocumentStore) -> None:
    with store.transaction() as transaction, pytest.raises(DataError, match="events"):
        transaction.put("instance", "i", {"events": [{"name": "a"}]}, expected=0)


def test_a_document_without_a_body_has_none_and_an_empty_body_is_a_body(store: DocumentStore) -> None:
    put(store, "meta", "none", {})
    put(store, "meta", "empty", {}, b"")
    none, empty = store.get("meta", "none"), store.get("meta", "empty")
    assert none is not None
    assert empty is not None
    assert (none.body, empty.body) == (None, b"")


def test_a_body_is_left_out_unless_asked_for(store: DocumentStore) -> None:
    put(store, "meta", "m", {"a": 1}, b"body")
    document = store.get("meta", "m", body=False)
    assert document is not None
    assert (document.fields, document.body) == ({"a": 1}, None)
    assert next(store.find("meta")).body is None


def test_a_put_without_a_body_keeps_the_body(store: DocumentStore) -> None:
    put(store, "meta", "m", {"a": 1}, b"body")
    put(store, "meta", "m", {"a": 2})
    document = store.get("meta", "m")
    assert document is not None
    assert (document.fields, document.body, document.revision) == ({"a": 2}, b"body", 2)


def test_a_megabyte_of_body_comes_back(store: DocumentStore) -> None:
    body = random.Random(1).randbytes(1_000_000)
    put(store, "instance", "big", {}, body)
    document = store.get("instance", "big")
    assert document is not None
    assert document.body == body


def test_what_is_not_there_is_none(store: DocumentStore) -> None:
    assert store.get("meta", "nothing") is None
    assert list(store.find("meta")) == []


def test_documents_of_different_kinds_may_have_one_id(store: DocumentStore) -> None:
    put(store, "meta", "x", {"a": 1}, b"1")
    put(store, "history", "x", {"a": 2}, b"2")
    with store.transaction() as transaction:
        transaction.delete("meta", "x", expected=1)
    document = store.get("history", "x")
    assert store.get("meta", "x") is None
    assert document is not None
    assert (document.fields, document.body) == ({"a": 2}, b"2")


STRANGE_IDS = [
    "plain",
    "",
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "/absolute",
    "back\\slash",
    "a/b/c",
    "per%20cent",
    "UPPER",
    "upper",
    "nul\x00byte",
    "line\nbreak",
    "ünïcode",
    "u\u0308nicode",
    "\U0001f600",
    "x" * 300,
    "x" * 299 + "y",
    '"quote\'s"',
    "CON",
    "a:b*c?",
]


def test_an_id_may_hold_any_characters(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        for number, id in enumerate(STRANGE_IDS):
            transaction.put("meta", id, {"n": number}, str(number).encode(), expected=0)
    for number, id in enumerate(STRANGE_IDS):
        document = store.get("meta", id)
        assert document is not None
        assert (document.id, document.fields, document.body) == (id, {"n": number}, str(number).encode())
    assert ids(store, "meta") == sorted(STRANGE_IDS)


def test_an_unknown_kind_is_a_bug_of_the_caller(store: DocumentStore) -> None:
    with pytest.raises(KeyError):
        store.get("unheard-of", "x")
    with pytest.raises(KeyError):
        store.find("unheard-of")
    with store.transaction() as transaction, pytest.raises(KeyError):
        transaction.put("unheard-of", "x", {}, expected=0)


def test_changing_what_was_read_or_put_does_not_change_what_is_stored(store: DocumentStore) -> None:
    given: dict[str, Any] = {"events": ["a"]}
    with store.transaction() as transaction:
        transaction.put("instance", "i", given, expected=0)
        given["events"].append("b")
        for reader in (transaction, store):
            read = reader.get("instance", "i") if reader is transaction else None
            if read is not None:
                read.fields["events"].append("c")
    for _ in range(2):
        document = store.get("instance", "i")
        assert document is not None
        assert document.fields == {"events": ["a"]}
        document.fields["events"].append("d")
        for row in store.find("instance"):
            row.fields["events"].append("e")


# Revisions


def test_revisions_grow_by_one_with_every_put(store: DocumentStore) -> None:
    assert [put(store, "meta", "m", {"n": n}) for n in range(5)] == [1, 2, 3, 4, 5]
    document = store.get("meta", "m")
    assert document is not None
    assert document.revision == 5


def test_the_revision_alone_can_be_asked_for(store: DocumentStore) -> None:
    put(store, "instance", "i", {})
    put(store, "instance", "i", {}, b"body")
    assert (store.revision("instance", "i"), store.revision("instance", "j"), store.revision("meta", "i")) == (2, 0, 0)
    with store.transaction() as transaction:
        transaction.put("instance", "j", {}, expected=0)
        transaction.delete("instance", "i", expected=2)
        assert (transaction.revision("instance", "i"), transaction.revision("instance", "j")) == (0, 1)
    assert (store.revision("instance", "i"), store.revision("instance", "j")) == (0, 1)


def test_several_puts_of_one_document_in_one_transaction_count_one_each(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        assert transaction.put("meta", "m", {"n": 1}, b"1", expected=0) == 1
        assert transaction.put("meta", "m", {"n": 2}, expected=1) == 2
    document = store.get("meta", "m")
    assert document is not None
    assert (document.revision, document.fields, document.body) == (2, {"n": 2}, b"1")


@pytest.mark.parametrize("expected", [0, 1, 3, 99])
def test_a_put_with_another_revision_conflicts_and_changes_nothing(store: DocumentStore, expected: int) -> None:
    put(store, "meta", "m", {"n": 1}, b"1")
    put(store, "meta", "m", {"n": 2}, b"2")
    with store.transaction() as transaction:
        with pytest.raises(ConflictError) as caught:
            transaction.put("meta", "m", {"n": 3}, b"3", expected=expected)
        with pytest.raises(ConflictError):
            transaction.delete("meta", "m", expected=expected)
    document = store.get("meta", "m")
    assert document is not None
    assert (document.revision, document.fields, document.body) == (2, {"n": 2}, b"2")
    assert caught.value.data == {"kind": "meta", "id": "m", "expected": expected, "found": 2}


def test_a_document_that_must_exist_and_does_not_is_a_conflict(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        with pytest.raises(ConflictError, match="gone"):
            transaction.put("meta", "m", {}, expected=1)
        with pytest.raises(ConflictError, match="gone"):
            transaction.delete("meta", "m", expected=1)
    assert store.get("meta", "m") is None


def test_a_conflict_that_escapes_undoes_the_whole_transaction(store: DocumentStore) -> None:
    put(store, "meta", "m", {})

    def attempt() -> None:
        with store.transaction() as transaction:
            transaction.put("meta", "other", {}, expected=0)
            transaction.put("meta", "m", {}, expected=0)

    with pytest.raises(ConflictError, match="already"):
        attempt()
    assert ids(store, "meta") == ["m"]


def test_a_deleted_document_is_gone_with_its_body_and_starts_again_at_one(store: DocumentStore) -> None:
    put(store, "instance", "i", {"key": "a"}, b"first")
    put(store, "instance", "i", {"key": "a"})
    with store.transaction() as transaction:
        transaction.delete("instance", "i", expected=2)
    assert store.get("instance", "i") is None
    assert ids(store, "instance", {"key": "a"}) == []
    assert put(store, "instance", "i", {"key": "b"}) == 1
    document = store.get("instance", "i")
    assert document is not None
    assert document.body is None


def test_a_document_can_be_deleted_and_made_again_in_one_transaction(store: DocumentStore) -> None:
    put(store, "instance", "i", {"key": "a"}, b"old")
    with store.transaction() as transaction:
        transaction.delete("instance", "i", expected=1)
        assert transaction.get("instance", "i") is None
        assert transaction.put("instance", "i", {"key": "b"}, expected=0) == 1
    document = store.get("instance", "i")
    assert document is not None
    assert (document.revision, document.body) == (1, None)
    assert ids(store, "instance", {"key": "b"}) == ["i"]
    assert ids(store, "instance", {"key": "a"}) == []


# Finding


def test_find_yields_by_id_ascending_as_text(store: DocumentStore) -> None:
    names = ["10", "9", "a", "B", "ä", "b", "z", "\uffff", "\U0001f600", "aa", ""]
    with store.transaction() as transaction:
        for name in random.Random(2).sample(names, len(names)):
            transaction.put("meta", name, {}, expected=0)
        assert ids(transaction, "meta") == sorted(names)
    assert ids(store, "meta") == sorted(names)


def test_find_meets_every_condition(store: DocumentStore) -> None:
    put(store, "instance", "1", {"tenant": "a", "state": "running"})
    put(store, "instance", "2", {"tenant": "a", "state": "error"})
    put(store, "instance", "3", {"tenant": "b", "state": "running"})
    assert ids(store, "instance", {"tenant": "a", "state": "running"}) == ["1"]
    assert ids(store, "instance", {"tenant": "a"}) == ["1", "2"]
    assert ids(store, "instance", {}) == ["1", "2", "3"]
    assert ids(store, "instance", {"tenant": "c"}) == []


def test_a_list_meets_a_condition_with_any_item_and_an_empty_list_meets_none(store: DocumentStore) -> None:
    put(store, "instance", "1", {"events": ["a", "b"]})
    put(store, "instance", "2", {"events": ["b", "b", None]})
    put(store, "instance", "3", {"events": []})
    put(store, "instance", "4", {"events": "a"})
    assert ids(store, "instance", {"events": "a"}) == ["1", "4"]
    assert ids(store, "instance", {"events": "b"}) == ["1", "2"]
    assert ids(store, "instance", {"events": None}) == ["2"]
    assert ids(store, "instance", {"events": one_of("a", None, "z")}) == ["1", "2", "4"]
    assert "3" not in ids(store, "instance", {"events": at_most(10)})


def test_a_field_a_document_lacks_counts_as_none(store: DocumentStore) -> None:
    put(store, "instance", "lacks", {})
    put(store, "instance", "none", {"due": None})
    put(store, "instance", "has", {"due": 1})
    assert ids(store, "instance", {"due": None}) == ["lacks", "none"]


VALUES: list[Any] = [None, True, False, 0, 1, 1.0, 1.5, -1, 2**53 + 1, float(2**53), "", "1", "true", "None"]


@pytest.mark.parametrize("wanted", VALUES, ids=repr)
def test_values_are_equal_when_json_calls_them_equal(store: DocumentStore, wanted: Any) -> None:
    """1 equals 1.0; neither equals true, "1" or null."""
    with store.transaction() as transaction:
        for number, value in enumerate(VALUES):
            transaction.put("instance", f"{number:02}", {"due": value}, expected=0)
    equal = [
        f"{number:02}"
        for number, value in enumerate(VALUES)
        if value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
    ]
    assert equal
    assert ids(store, "instance", {"due": wanted}) == equal
    assert ids(store, "instance", {"due": one_of(wanted)}) == equal


def test_one_of_nothing_matches_nothing_and_one_of_many_matches_each(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        for number in range(20):
            transaction.put("instance", f"{number:02}", {"definition": f"d{number}"}, expected=0)
    assert ids(store, "instance", {"definition": one_of()}) == []
    many = one_of(*(f"d{number}" for number in range(5, 50_000)))
    assert ids(store, "instance", {"definition": many}) == [f"{number:02}" for number in range(5, 20)]


def test_at_most_compares_numbers_and_nothing_else(store: DocumentStore) -> None:
    for number, value in enumerate([1, 1.5, 2, -3.25, None, True, "0", [9, 1], [9], []]):
        put(store, "instance", str(number), {"due": value})
    assert ids(store, "instance", {"due": at_most(1.5)}) == ["0", "1", "3", "7"]
    assert ids(store, "instance", {"due": at_most(float("inf"))}) == ["0", "1", "2", "3", "7", "8"]
    assert ids(store, "instance", {"due": at_most(float("-inf"))}) == []


@pytest.mark.parametrize("odd", [2**70, "\ud800", float("nan")], ids=repr)
def test_a_value_that_no_field_can_hold_matches_nothing(store: DocumentStore, odd: Any) -> None:
    put(store, "instance", "i", {"due": 1, "key": None})
    for name in ("due", "key"):
        assert ids(store, "instance", {name: odd}) == []
        assert ids(store, "instance", {name: one_of(odd)}) == []


def test_select_reads_some_fields_of_what_find_yields(store: DocumentStore) -> None:
    put(store, "instance", "2", {"key": "a", "state": "running", "due": 1.5, 'odd "name"': [1]}, b"body")
    put(store, "instance", "1", {"key": "a", "state": "error", "events": ["x", "y"]})
    put(store, "instance", "3", {"key": "b", "state": "running", "due": None})
    put(store, "instance", "3", {"key": "b", "state": "running", "due": None})
    assert store.select("instance", ("state", "due"), {"key": "a"}) == [
        ("1", 1, "error", None),
        ("2", 1, "running", 1.5),
    ]
    assert store.select("instance", ("events",), {"key": "a"}) == [("1", 1, ["x", "y"]), ("2", 1, None)]
    assert store.select("instance", ("state", 'odd "name"'), {"due": 1.5}) == [("2", 1, "running", [1])]
    assert store.select("instance", ()) == [("1", 1), ("2", 1), ("3", 2)]
    assert store.select("instance", ("key", "state"), {"key": "c"}) == []


def test_select_in_a_transaction_sees_its_writes(store: DocumentStore) -> None:
    put(store, "instance", "1", {"key": "a", "state": "running"})
    with store.transaction() as transaction:
        transaction.put("instance", "1", {"key": "a", "state": "error"}, expected=1)
        transaction.put("instance", "2", {"key": "a"}, expected=0)
        assert transaction.select("instance", ("key", "state")) == [("1", 2, "a", "error"), ("2", 1, "a", None)]


def test_select_refuses_what_find_refuses(store: DocumentStore) -> None:
    with pytest.raises(KeyError, match="name"):
        store.select("instance", ("key", "state"), {"name": "x"})


def test_only_indexed_fields_can_be_searched(store: DocumentStore) -> None:
    put(store, "instance", "i", {"name": "x"})
    with pytest.raises(KeyError, match="name"):
        store.find("instance", {"name": "x"})
    with store.transaction() as transaction, pytest.raises(KeyError, match="name"):
        transaction.find("instance", {"name": "x"})


def test_a_changed_field_is_found_by_its_new_value_only(store: DocumentStore) -> None:
    put(store, "instance", "i", {"state": "running", "events": ["a", "b"]}, b"body")
    put(store, "instance", "i", {"state": "completed", "events": []})
    assert ids(store, "instance", {"state": "running"}) == []
    assert ids(store, "instance", {"events": "a"}) == []
    assert ids(store, "instance", {"state": "completed"}) == ["i"]


def test_documents_can_be_changed_while_they_are_listed(store: DocumentStore) -> None:
    for number in range(5):
        put(store, "meta", str(number), {"n": number})
    for document in store.find("meta"):
        put(store, "meta", document.id, {"n": -1})
        put(store, "meta", "new" + document.id, {})
    with store.transaction() as transaction:
        for document in transaction.find("meta"):
            transaction.delete("meta", document.id, expected=document.revision)
    assert ids(store, "meta") == []


# Blobs


def test_a_blob_is_bytes_under_their_hash(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        hash = transaction.put_blob(b"content")
        empty = transaction.put_blob(b"")
    assert hash == digest(b"content")
    assert store.blob(hash) == b"content"
    assert store.blob(empty) == b""
    assert store.has_blob(hash)
    assert not store.has_blob(digest(b"other"))
    assert list(store.blobs()) == sorted([hash, empty])


def test_a_blob_kept_twice_is_kept_once(store: DocumentStore) -> None:
    for _ in range(2):
        with store.transaction() as transaction:
            hash = transaction.put_blob(b"content")
    assert list(store.blobs()) == [hash]


def test_a_blob_can_be_forgotten_and_kept_again(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        hash = transaction.put_blob(b"content")
    with store.transaction() as transaction:
        transaction.delete_blob(hash)
        transaction.delete_blob(digest(b"never there"))
        assert not transaction.has_blob(hash)
        assert list(transaction.blobs()) == []
        with pytest.raises(CorruptStoreError, match=hash):
            transaction.blob(hash)
    assert not store.has_blob(hash)
    with store.transaction() as transaction:
        transaction.delete_blob(hash)
        transaction.put_blob(b"content")
        assert transaction.blob(hash) == b"content"
    assert store.blob(hash) == b"content"


@pytest.mark.parametrize("hash", [digest(b"missing"), "", "x", "../../format.json", "\x00", "é" * 64])
def test_a_blob_that_is_not_there_is_corruption(store: DocumentStore, hash: str) -> None:
    assert not store.has_blob(hash)
    with pytest.raises(CorruptStoreError):
        store.blob(hash)


# Transactions


def test_a_transaction_reads_its_own_writes_and_nobody_else_does(store: DocumentStore) -> None:
    put(store, "instance", "old", {"state": "running"}, b"old")
    with store.transaction() as transaction:
        transaction.put("instance", "new", {"state": "running"}, b"new", expected=0)
        transaction.put("instance", "old", {"state": "error"}, expected=1)
        hash = transaction.put_blob(b"blob")
        new, old = transaction.get("instance", "new"), transaction.get("instance", "old")
        assert new is not None
        assert old is not None
        assert (new.body, old.body, old.revision) == (b"new", b"old", 2)
        assert ids(transaction, "instance", {"state": "running"}) == ["new"]
        assert transaction.blob(hash) == b"blob"
        assert list(transaction.blobs()) == [hash]
        assert store.get("instance", "new") is None
        assert ids(store, "instance", {"state": "running"}) == ["old"]
        assert not store.has_blob(hash)
    assert ids(store, "instance", {"state": "running"}) == ["new"]
    assert store.has_blob(hash)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_transaction_that_ends_with_an_exception_leaves_nothing(
    store: DocumentStore, failure: type[BaseException]
) -> None:
    put(store, "meta", "kept", {"n": 1}, b"1")

    def attempt() -> None:
        with store.transaction() as transaction:
            transaction.put("meta", "kept", {"n": 2}, b"2", expected=1)
            transaction.put("meta", "new", {}, expected=0)
            transaction.put_blob(b"blob")
            raise failure

    with pytest.raises(failure):
        attempt()
    document = store.get("meta", "kept")
    assert document is not None
    assert (document.revision, document.body) == (1, b"1")
    assert ids(store, "meta") == ["kept"]
    assert list(store.blobs()) == []
    assert put(store, "meta", "new", {}) == 1


def test_a_transaction_without_writes_changes_nothing(store: DocumentStore) -> None:
    put(store, "meta", "m", {}, b"body")
    with store.transaction() as transaction:
        assert transaction.get("meta", "m") is not None
    document = store.get("meta", "m")
    assert document is not None
    assert document.revision == 1


def test_a_transaction_cannot_be_used_after_its_end(store: DocumentStore) -> None:
    with store.transaction() as transaction:
        pass
    with pytest.raises(RuntimeError, match="over"):
        transaction.put("meta", "m", {}, expected=0)
    with pytest.raises(RuntimeError, match="over"):
        transaction.put_blob(b"x")
    with pytest.raises(RuntimeError, match="over"):
        transaction.get("meta", "m")


def test_a_transaction_inside_a_transaction_is_a_bug_of_the_caller(store: DocumentStore) -> None:
    with store.transaction() as outer:
        with pytest.raises(RuntimeError, match="already"), store.transaction():
            raise AssertionError("not reached")
        outer.put("meta", "m", {}, expected=0)
    assert ids(store, "meta") == ["m"]


def test_transactions_of_threads_happen_one_after_the_other(store: DocumentStore) -> None:
    put(store, "meta", "counter", {"n": 0}, b"0")

    def count() -> None:
        for _ in range(20):
            with store.transaction() as transaction:
                document = transaction.get("meta", "counter")
                assert document is not None
                number = document.fields["n"] + 1
                transaction.put("meta", "counter", {"n": number}, str(number).encode(), expected=document.revision)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    document = store.get("meta", "counter")
    assert document is not None
    assert (document.fields, document.body, document.revision) == ({"n": 80}, b"80", 81)


def test_readers_see_each_document_whole_while_threads_write(store: DocumentStore) -> None:
    put(store, "instance", "busy", {"key": "0"}, b"0" * 3000)
    seen, stop = [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            document = store.get("instance", "busy")
            assert document is not None
            assert document.body == document.fields["key"].encode() * 3000
            seen.append(document.revision)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        put(store, "instance", "busy", {"key": str(number % 10)}, str(number % 10).encode() * 3000)
    stop.set()
    reader.join()
    assert seen
    assert seen == sorted(seen)


# Locks


def test_a_lock_taken_twice_is_busy_and_names_its_holder(store: DocumentStore) -> None:
    with store.lock("instance/4af0", holder="complete on instance 4af0"):
        began = time.monotonic()
        with (
            pytest.raises(BusyError, match="complete on instance 4af0") as caught,
            store.lock("instance/4af0", wait=0.2),
        ):
            raise AssertionError("not reached")
        assert time.monotonic() - began >= 0.2
    assert caught.value.data["holder"]["pid"] == os.getpid()
    assert caught.value.data["holder"]["what"] == "complete on instance 4af0"
    with store.lock("instance/4af0", wait=0):
        pass


def test_locks_of_different_names_do_not_meet(store: DocumentStore) -> None:
    with (
        store.lock("a"),
        store.lock("b", wait=0),
        store.lock("a/../b", wait=0),
        store.lock("x" * 500, wait=0),
    ):
        pass


def test_a_lock_is_released_by_an_exception(store: DocumentStore) -> None:
    with pytest.raises(ValueError, match="boom"), store.lock("a"):
        raise ValueError("boom")
    with store.lock("a", wait=0):
        pass


def test_locks_are_independent_of_transactions(store: DocumentStore) -> None:
    with store.lock("a"), store.transaction() as transaction:
        transaction.put("meta", "m", {}, expected=0)
        with store.lock("b", wait=0):
            pass
    with store.transaction(), store.lock("a", wait=0):
        pass
    assert ids(store, "meta") == ["m"]


def test_a_lock_waits_for_a_thread_that_lets_go(store: DocumentStore) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.lock("a"):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    threading.Timer(0.1, release.set).start()
    with store.lock("a", wait=10):
        assert release.is_set()
    thread.join()


def test_many_locks_are_held_at_once_but_those_that_somebody_holds(store: DocumentStore) -> None:
    with store.lock("b", holder="complete on b"):
        with store.lock_each(["a", "b", "c", "a"], holder="migrate") as held:
            assert set(held) == {"b"}
            assert "complete on b" in held["b"].message
            for name in ("a", "c"):
                with pytest.raises(BusyError, match="migrate"), store.lock(name, wait=0):
                    raise AssertionError("not reached")
        with store.lock("a", wait=0), store.lock("c", wait=0):
            pass
        with pytest.raises(BusyError, match="complete on b"), store.lock("b", wait=0):
            raise AssertionError("not reached")
    with store.lock_each(["b"], holder="migrate") as held, store.transaction():
        assert held == {}


def test_many_locks_are_released_by_an_exception(store: DocumentStore) -> None:
    with pytest.raises(ValueError, match="boom"), store.lock_each(["a", "b"]):
        raise ValueError("boom")
    with store.lock("a", wait=0), store.lock_each(["b"]) as held:
        assert held == {}


# The store itself


def test_the_url_opens_the_store_again(url: str, store: DocumentStore) -> None:
    put(store, "meta", "m", {"n": 1}, b"body")
    again = open_store(store.url)
    assert again.url == store.url
    if url != "memory:":
        assert ids(again, "meta") == ["m"]
    again.close()


def test_closing_twice_is_fine(url: str) -> None:
    store = open_store(url)
    put(store, "meta", "m", {})
    store.close()
    store.close()


# Several processes


def test_transactions_of_processes_happen_one_after_the_other(shared: str, start: Start) -> None:
    finish(*(start("add_many", shared, name, 25) for name in "abc"))
    store = open_store(shared, create=False)
    counter = store.get("meta", "shared")
    assert counter is not None
    assert (counter.fields, counter.revision) == ({"count": 75}, 75)
    assert len(ids(store, "instance")) == 75
    assert len(ids(store, "instance", {"key": "b"})) == 25
    store.close()


def test_processes_that_create_the_store_together_do_not_collide(shared: str, start: Start, tmp_path: Path) -> None:
    new = shared.replace("store", "new/store")
    finish(*(start("add_many", new, name, 3) for name in "abcd"))
    store = open_store(new, create=False)
    assert len(ids(store, "instance")) == 12
    assert store.check() == []
    store.close()


def test_of_processes_that_claim_one_id_exactly_one_wins(shared: str, start: Start) -> None:
    outputs = finish(*(start("claim", shared, "order-1") for _ in range(4)))
    assert sorted(outputs) == ["lost", "lost", "lost", "won"]


def test_a_lock_keeps_other_processes_out(shared: str, start: Start, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("")
    finish(*(start("exclusive", shared, "counter", counter, 40) for _ in range(3)))
    assert counter.read_text() == "120"


def test_a_busy_lock_names_the_process_that_holds_it(shared: str, start: Start) -> None:
    process = start("hold", shared, "instance/1", "migrate of instance 1")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    store = open_store(shared)
    with pytest.raises(BusyError, match="migrate of instance 1") as caught, store.lock("instance/1", wait=0):
        raise AssertionError("not reached")
    assert caught.value.data["holder"]["pid"] == process.pid
    assert str(process.pid) in str(caught.value)
    finish(process)
    with store.lock("instance/1", wait=0):
        pass
    store.close()


def test_a_lock_is_released_when_its_process_is_killed(shared: str, start: Start) -> None:
    process = start("hold", shared, "instance/1", "run")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    kill(process)
    store = open_store(shared)
    with (
        store.lock("instance/1", wait=0, holder="a new one"),
        pytest.raises(BusyError, match="a new one"),
        store.lock("instance/1", wait=0),
    ):
        raise AssertionError("not reached")
    store.close()


def test_many_locks_heed_other_processes(shared: str, start: Start) -> None:
    process = start("hold", shared, "instance/1", "run of instance 1")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    store = open_store(shared)
    with store.lock_each(["instance/1", "instance/2"]) as held:
        assert list(held) == ["instance/1"]
        assert str(process.pid) in held["instance/1"].message
    kill(process)
    with store.lock_each(["instance/1", "instance/2"]) as held:
        assert held == {}
    store.close()


def test_reading_goes_on_while_another_process_is_in_a_transaction(shared: str, start: Start) -> None:
    store = open_store(shared)
    put(store, "meta", "m", {"n": 1}, b"body")
    process = start("stay", shared)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    document = store.get("meta", "m")
    assert document is not None
    assert document.body == b"body"
    assert ids(store, "meta") == ["m"]
    kill(process)
    store.close()


def test_a_killed_transaction_leaves_nothing_and_blocks_nobody(shared: str, start: Start) -> None:
    process = start("stay", shared)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    kill(process)
    store = open_store(shared)
    assert ids(store, "meta") == []
    assert list(store.blobs()) == []
    assert put(store, "meta", "unfinished", {}) == 1
    store.close()


def test_readers_see_each_document_whole_while_another_process_writes(shared: str, start: Start) -> None:
    store = open_store(shared)
    put(store, "instance", "busy", {"key": "1"}, b"1" * 2000)
    process = start("rewrite", shared, 1.0)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    seen = []
    while process.poll() is None:
        document = store.get("instance", "busy")
        assert document is not None
        assert document.body == document.fields["key"].encode() * 2000
        assert document.fields["key"] == str(document.revision)
        row = next(store.find("instance"))
        assert row.fields["key"] == str(row.revision)
        seen.append(document.revision)
    assert seen == sorted(seen)
    assert len(set(seen)) > 1
    finish(process)
    store.close()
