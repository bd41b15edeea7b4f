"""Back-ends under random commands, compared with a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spiffcli.errors import ConflictError
from spiffcli.store import at_most, one_of, open_store
from spiffcli.values import digest

KINDS = st.sampled_from(["instance", "definition", "history"])
IDS = st.one_of(st.sampled_from(["a", "b", "c/d", "é"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(-2, 2),
    st.sampled_from(["", "1", "x", "running"]),
)
FIELDS = st.dictionaries(
    st.sampled_from(["tenant", "key", "state", "due", "events", "other"]),
    st.one_of(SCALARS, st.lists(SCALARS, max_size=3)),
    max_size=4,
)
BODIES = st.one_of(st.none(), st.binary(max_size=40))
CONDITIONS = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3).map(lambda values: one_of(*values)),
    st.floats(-2, 2).map(at_most),
)
BLOBS = st.sampled_from([b"", b"one", b"two", b"three"])

Row = tuple[int, dict[str, Any], bytes | None]


class UndoError(Exception):
    """Ends a transaction badly."""


def equal(value: Any, wanted: Any) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def meets(fields: dict[str, Any], name: str, condition: Any) -> bool:
    value = fields.get(name)
    values = value if isinstance(value, list) else [value]
    if hasattr(condition, "values"):
        return any(equal(v, wanted) for v in values for wanted in condition.values)
    if hasattr(condition, "value"):
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        return any(v <= condition.value for v in numbers)
    return any(equal(v, condition) for v in values)


class StoreMachine(RuleBasedStateMachine):
    """Every rule does the same to the store and to the model."""

    form: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.store = open_store(self.form.format(self.folder))
        self.documents: dict[tuple[str, str], Row] = {}
        self.blobs: dict[str, bytes] = {}
        self.reopens = self.form != "memory:"
        self.manager: Any = None
        self.transaction: Any = None
        self.saved: Any = None

    @initialize()
    def start(self) -> None:
        assert self.store.check() == []

    def teardown(self) -> None:
        if self.transaction is not None:
            self.commit()
        self.store.close()
        shutil.rmtree(self.folder)

    # Transactions

    @precondition(lambda self: self.transaction is None)
    @rule()
    def begin(self) -> None:
        self.manager = self.store.transaction()
        self.transaction = self.manager.__enter__()
        self.saved = (dict(self.documents), dict(self.blobs))

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def commit(self) -> None:
        self.manager.__exit__(None, None, None)
        self.transaction = None

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def roll_back(self) -> None:
        with suppress(UndoError):
            error = UndoError()
            self.manager.__exit__(UndoError, error, None)
        self.transaction = None
        self.documents, self.blobs = self.saved

    @precondition(lambda self: self.transaction is None and self.reopens)
    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(self.store.url, create=False)

    @precondition(lambda self: self.transaction is None)
    @rule(repair=st.booleans())
    def check(self, repair: bool) -> None:
        assert self.store.check(repair=repair) == []

    # Writes

    @precondition(lambda self: self.transaction is not None)
    @rule(kind=KINDS, id=IDS, fields=FIELDS, body=BODIES, off=st.sampled_from([0, 0, 0, 1, -1]))
    def put(self, kind: str, id: str, fields: dict[str, Any], body: bytes | None, off: int) -> None:
        revision, _, old = self.documents.get((kind, id), (0, {}, None))
        expected = max(revision + off, 0)
        if expected != revision:
            with pytest.raises(ConflictError):
                self.transaction.put(kind, id, fields, body, expected=expected)
            return
        assert self.transaction.put(kind, id, fields, body, expected=expected) == revision + 1
        self.documents[kind, id] = (revision + 1, fields, old if body is None else body)

    @precondition(lambda self: self.transaction is not None and self.documents)
    @rule(data=st.data(), off=st.sampled_from([0, 0, 1]))
    def delete(self, data: st.DataObject, off: int) -> None:
        kind, id = data.draw(st.sampled_from(sorted(self.documents)))
        revision = self.documents[kind, id][0]
        if off:
            with pytest.raises(ConflictError):
                self.transaction.delete(kind, id, expected=revision + off)
            return
        self.transaction.delete(kind, id, expected=revision)
        del self.documents[kind, id]

    @precondition(lambda self: self.transaction is not None)
    @rule(content=BLOBS)
    def put_blob(self, content: bytes) -> None:
        hash = self.transaction.put_blob(content)
        assert hash == digest(content)
        self.blobs[hash] = content

    @precondition(lambda self: self.transaction is not None)
    @rule(content=BLOBS)
    def delete_blob(self, content: bytes) -> None:
        self.transaction.delete_blob(digest(content))
        self.blobs.pop(digest(content), None)

    # Reads: inside a transaction its own writes, outside what is committed

    @rule(kind=KINDS, name=st.sampled_from(["tenant", "key"]), condition=CONDITIONS)
    def find_by_one(self, kind: str, name: str, condition: Any) -> None:
        if kind == "history":
            with pytest.raises(KeyError):
                (self.transaction or self.store).find(kind, {name: condition})
        else:
            self.compare_find(kind, {name: condition})

    @rule(where=st.dictionaries(st.sampled_from(["tenant", "state", "due", "events"]), CONDITIONS, max_size=2))
    def find_instances(self, where: dict[str, Any]) -> None:
        self.compare_find("instance", where)

    def compare_find(self, kind: str, where: dict[str, Any]) -> None:
        found = list((self.transaction or self.store).find(kind, where))
        wanted = sorted(
            id
            for (of, id), (_, fields, _) in self.documents.items()
            if of == kind and all(meets(fields, *condition) for condition in where.items())
        )
        assert [document.id for document in found] == wanted
        for document in found:
            revision, fields, _ = self.documents[kind, document.id]
            assert (document.revision, repr(document.fields)) == (revision, repr(fields))
            assert document.body is None

    @rule(kind=KINDS, id=IDS, body=st.booleans())
    def get(self, kind: str, id: str, body: bool) -> None:
        document = (self.transaction or self.store).get(kind, id, body=body)
        if (kind, id) not in self.documents:
            assert document is None
            return
        revision, fields, content = self.documents[kind, id]
        assert (document.revision, repr(document.fields)) == (revision, repr(fields))
        assert document.body == (content if body else None)

    @rule(content=BLOBS)
    def read_blob(self, content: bytes) -> None:
        reader = self.transaction or self.store
        assert reader.has_blob(digest(content)) == (digest(content) in self.blobs)
        if digest(content) in self.blobs:
            assert reader.blob(digest(content)) == content

    @invariant()
    def other_readers_see_what_is_committed(self) -> None:
        documents, blobs = self.saved if self.transaction is not None else (self.documents, self.blobs)
        assert list(self.store.blobs()) == sorted(blobs)
        for kind in ("instance", "history"):
            seen = {row.id: row.revision for row in self.store.find(kind)}
            assert seen == {id: row[0] for (of, id), row in documents.items() if of == kind}


def case(form: str) -> Any:
    machine = type("Machine", (StoreMachine,), {"form": form})
    test = machine.TestCase
    test.settings = settings(
        max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return test


TestMemory = case("memory:")
TestTinyDb = case("tinydb:{}/store")
TestSqlite = case("sqlite:{}/store.db")
