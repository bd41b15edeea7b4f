from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spiffcli.catalog import Situation
from spiffcli.catalog.integrity import check
from spiffcli.catalog.keys import read_key
from spiffcli.store import DocumentStore, Transaction

from .bench import Bench
from .models import bpmn, dmn, form, process

Damage = Callable[[Transaction, Any], None]


@pytest.fixture
def full(bench: Bench) -> Bench:
    """Three versions, the highest deleted, a call, a tag, a start event, an instance with everything."""
    for script in ("a = 1", "b = 1"):
        bench.add(
            bpmn("o.bpmn", process("order", script=script, calls=("tax",), message="paid")),
            bpmn("t.bpmn", process("tax")),
        )
    bench.add(bpmn("t.bpmn", process("tax", script="c = 1")))
    bench.catalog.delete(bench.catalog.plan_deletion("tax@2"))
    bench.catalog.tag("order@1", "stable")
    instance = bench.start("order", "4711", situation="z1")
    bench.catalog.save(instance, None, situation=Situation("z1", instance.definition, b"where"), keep=[b"pre-image"])
    bench.assert_sound()
    return bench


def delete(kind: str) -> Damage:
    def damage(tx: Transaction, bench: Bench) -> None:
        row = next(iter(tx.find(kind)))
        tx.delete(kind, row.id, expected=row.revision)

    return damage


def change(kind: str, **fields: Any) -> Damage:
    def damage(tx: Transaction, bench: Bench) -> None:
        row = next(iter(tx.find(kind)))
        tx.put(kind, row.id, {**row.fields, **fields}, expected=row.revision)

    return damage


def change_body(kind: str, body: bytes) -> Damage:
    def damage(tx: Transaction, bench: Bench) -> None:
        row = next(iter(tx.find(kind)))
        tx.put(kind, row.id, row.fields, body, expected=row.revision)

    return damage


def delete_blob(tx: Transaction, bench: Bench) -> None:
    tx.delete_blob(next(iter(tx.blobs())))


def reserve_for_nobody(tx: Transaction, bench: Bench) -> None:
    tx.put("natural", "/order/4712", {"instance": "nobody"}, expected=0)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (delete("key"), "does not fit its definitions"),
        (change("key", latest=9), "does not fit its definitions"),
        (change("key", latest_id="nothing"), "does not fit its definitions"),
        (change("key", highest=0), "does not fit its definitions"),
        (change("key", starts=[]), "does not fit its definitions"),
        (change("key", deployment="nothing"), "does not fit its definitions"),
        (change_body("key", b'{"versions": [], "tags": {}}'), "does not fit its definitions"),
        (delete("natural"), "is not reserved for it"),
        (reserve_for_nobody, "is reserved for instance nobody"),
        (change("situation", definition="nothing"), "belongs to the definition nothing"),
    ],
)
def test_damage_with_one_right_answer_is_mended(full: Bench, damage: Damage, says: str) -> None:
    with full.store.transaction() as tx:
        damage(tx, full)
    (problem,) = check(full.store)
    assert says in problem.what
    assert not problem.repaired
    (mended,) = check(full.store, repair=True)
    assert mended.what == problem.what
    assert mended.repaired
    left = [each.what for each in check(full.store)]
    assert all("The situation z1" in what for what in left)
    assert full.catalog.find("order").version == 2
    assert full.catalog.find("order@stable").version == 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (delete_blob, "The blob "),
        (delete("deployment"), "belongs to the deployment"),
        (delete("history"), "A part of the history"),
        (delete("situation"), "The situation z1"),
        (change("instance", definition="nothing"), "runs on the definition nothing"),
        (change("instance", natural_id="4712"), "is not reserved for it"),
    ],
)
def test_damage_that_cannot_be_undone_is_named(full: Bench, damage: Damage, says: str) -> None:
    with full.store.transaction() as tx:
        damage(tx, full)
    found = check(full.store)
    assert any(says in problem.what for problem in found)


def test_a_missing_definition_is_named_by_all_who_need_it(full: Bench) -> None:
    tax = full.catalog.find("tax@1")
    with full.store.transaction() as tx:
        tx.delete("definition", tax.id, expected=tax.revision)
    text = "\n".join(problem.what for problem in check(full.store))
    assert text.count(f"is bound to the definition {tax.id}") == 2
    assert text.count(f"lists the definition {tax.id}") == 2


def test_a_rebuilt_key_never_forgets_the_highest_number(full: Bench, store: DocumentStore) -> None:
    row = store.get("key", "/process/tax")
    assert row is not None
    with store.transaction() as tx:
        tx.put("key", row.id, {**row.fields, "latest": 7, "latest_id": None}, expected=row.revision)
    check(store, repair=True)
    record = read_key(store, "", "process", "tax")
    assert (record.latest, record.highest) == (1, 2)
    full.add(bpmn("t.bpmn", process("tax", script="d = 1")))
    assert full.versions("tax") == [1, 3]


def test_a_history_without_an_instance_is_named_and_kept(full: Bench) -> None:
    with full.store.transaction() as tx:
        tx.put("history", "nobody", {}, b"", expected=0)
    (problem,) = check(full.store, repair=True)
    assert problem.what == "The history nobody belongs to no instance."
    assert not problem.repaired


def test_two_definitions_of_one_number_are_named(full: Bench) -> None:
    one, two = full.catalog.find("order@1"), full.catalog.find("order@2")
    row = full.store.get("definition", two.id)
    assert row is not None
    with full.store.transaction() as tx:
        tx.put("definition", two.id, {**row.fields, "version": 1}, expected=row.revision)
    text = "\n".join(problem.what for problem in check(full.store))
    assert "are both order@1" in text
    assert one.id in text


def test_a_natural_id_two_instances_claim_is_named_and_left_alone(full: Bench) -> None:
    holder = full.catalog.instance("4711")
    other = full.start("order")
    row = full.store.get("instance", other.id)
    assert row is not None
    with full.store.transaction() as tx:
        tx.put("instance", other.id, {**row.fields, "natural_id": "4711"}, expected=row.revision)
    (problem,) = check(full.store, repair=True)
    assert problem.what == f"The natural id '4711' of instance {other.id} is reserved for {holder.id}."
    assert not problem.repaired


def test_keys_of_decisions_and_forms_are_rebuilt_too(full: Bench) -> None:
    full.add(dmn("price.dmn", "price"), form("ask.json"))
    with full.store.transaction() as tx:
        for id in ("/decision/price", "/form/ask.json"):
            row = tx.get("key", id)
            assert row is not None
            tx.delete("key", id, expected=row.revision)
    assert [problem.repaired for problem in check(full.store, repair=True)] == [True, True]
    full.assert_sound()
    assert full.catalog.find("price").version == 1
