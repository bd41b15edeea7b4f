from __future__ import annotations

from typing import Any

from spiffcli.catalog.clock import iso
from spiffcli.catalog.documents import (
    definition_body,
    definition_fields,
    definition_from,
    deployment_body,
    deployment_fields,
    deployment_from,
    document_id,
    history_from,
    history_lines,
    instance_fields,
    instance_from,
)
from spiffcli.store import Document, DocumentStore
from spiffcli.values import (
    ActiveTask,
    Definition,
    DeployedDefinition,
    Deployment,
    HistoryEntry,
    Instance,
    Reference,
    ResourceEntry,
    Source,
    Subscription,
)

SOURCE = Source(files=("a.bpmn", "b.dmn"), commit="c" * 40, branch="main", dirty=False)

DEPLOYMENT = Deployment(
    id="d1",
    tenant="acme",
    name="first",
    created="2026-01-01T00:00:00.000000Z",
    user="ann",
    source=SOURCE,
    resources=(ResourceEntry("a.bpmn", "bpmn", "h1"), ResourceEntry("b.dmn", "dmn", "h2")),
    definitions=(DeployedDefinition("p1", "process", "order", 3, True),),
)

DEFINITION = Definition(
    id="p1",
    tenant="acme",
    kind="process",
    key="order",
    version=3,
    name="The order",
    hash="c1:x",
    own_hash="m1:y",
    deployment="d1",
    file="a.bpmn",
    created="2026-01-01T00:00:00.000000Z",
    user="ann",
    source=SOURCE,
    specs={"order": "s1", "inner": "s2"},
    references=(
        Reference("call", "process", "tax", "deployment", "t1", pinned=True),
        Reference("decide", "decision", "price", "latest", None),
    ),
    tags=("stable",),
    suspended=True,
    revision=1,
)

INSTANCE = Instance(
    id="i1",
    tenant="acme",
    definition="p1",
    key="order",
    version=3,
    state="running",
    created="2026-01-01T00:00:00.000000Z",
    updated="2026-01-02T00:00:00.000000Z",
    natural_id="4711",
    user="ann",
    source=SOURCE,
    active=(ActiveTask("t-1", "ask", None, "READY"), ActiveTask("t-2", "wait", "Wait", "WAITING")),
    subscriptions=(
        Subscription("message", "paid", "t-2", "wait", {"order": 4711}),
        Subscription("timer", "", "t-2", "late", due=12.5),
    ),
    due=12.5,
    situation="z1",
    incident="it broke",
    suspended=True,
    calls=("t1",),
    revision=1,
)


def stored(store: DocumentStore, kind: str, id: str, fields: Any, body: bytes | None) -> Document:
    with store.transaction() as tx:
        tx.put(kind, id, fields, body, expected=0)
    document = store.get(kind, id)
    assert document is not None
    return document


def test_a_deployment_comes_back_as_it_was_stored(store: DocumentStore) -> None:
    fields, body = deployment_fields(DEPLOYMENT), deployment_body(DEPLOYMENT)
    assert deployment_from(stored(store, "deployment", "d1", fields, body)) == DEPLOYMENT


def test_a_definition_comes_back_as_it_was_stored(store: DocumentStore) -> None:
    fields, body = definition_fields(DEFINITION, "l1"), definition_body(DEFINITION, ["message:paid"])
    assert definition_from(stored(store, "definition", "p1", fields, body)) == DEFINITION


def test_an_instance_comes_back_from_its_row_alone(store: DocumentStore) -> None:
    stored(store, "instance", "i1", instance_fields(INSTANCE, history=2, blobs=["b1"]), b"state")
    (row,) = store.find("instance", {"events": "message:paid", "waiting_at": "wait", "tenant": "acme"})
    assert row.body is None
    assert instance_from(row) == INSTANCE


def test_what_holds_nothing_takes_no_room_in_a_row() -> None:
    bare = Instance("i", "", "p", "order", 1, "running", "2026", "2026")
    assert dict(instance_fields(bare)) == {
        "tenant": "",
        "key": "order",
        "definition": "p",
        "state": "running",
        "events": [],
        "due": None,
        "situation": "",
        "waiting_at": [],
        "version": 1,
        "created": "2026",
        "updated": "2026",
    }


def test_a_clean_work_tree_is_told_from_an_unknown_one(store: DocumentStore) -> None:
    for dirty in (True, False, None):
        deployment = Deployment("d", "", None, "2026", "", Source(dirty=dirty), (), ())
        document = Document("deployment", "d", 1, deployment_fields(deployment), deployment_body(deployment))
        assert deployment_from(document).source.dirty is dirty


def test_ids_made_of_parts_never_collide() -> None:
    parts = [("a", "b", "c"), ("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("", "a", "b"), ("a", "", "b")]
    assert len({document_id(*each) for each in parts}) == len(parts)


def test_history_comes_back_whatever_its_texts_hold() -> None:
    entries = (
        HistoryEntry("2026", "started", "ann", {}),
        HistoryEntry("2026", "completed-task", "Zoë\n\u2028", {"task": "a\nb", "list": [1, None, {"x": "\ud800"}]}),
    )
    assert history_from(history_lines(entries)) == entries
    assert history_from(history_lines(entries[:1]) + history_lines(entries[1:])) == entries


def test_times_sort_as_text() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000000Z"
    assert iso(1.5) == "1970-01-01T00:00:01.500000Z"
    assert iso(9.0) < iso(10.0) < iso(10.000001)
