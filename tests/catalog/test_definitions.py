from __future__ import annotations

import pytest

from spiffcli.errors import (
    AmbiguousError,
    CorruptStoreError,
    DuplicateError,
    InputError,
    NotFoundError,
    StateError,
)
from spiffcli.store import DocumentStore

from .bench import Bench
from .models import bpmn, dmn, form, process


def add_versions(bench: Bench, key: str, count: int) -> None:
    for number in range(1, count + 1):
        bench.add(bpmn(f"{key}.bpmn", process(key, script=f"x = {number}")))


def test_a_bare_key_is_its_latest_version_and_comes_whole(bench: Bench) -> None:
    add_versions(bench, "order", 3)
    found = bench.catalog.find("order")
    assert found.label == "order@3"
    assert list(found.specs) == ["order"]
    assert bench.catalog.blob(found.specs["order"]) == found.hash.encode()


def test_an_unknown_key_is_answered_with_near_ones(bench: Bench) -> None:
    add_versions(bench, "order_product", 1)
    add_versions(bench, "customize_product", 1)
    with pytest.raises(NotFoundError, match=r"no definition 'Order_Produkt'\.") as caught:
        bench.catalog.find("Order_Produkt")
    assert caught.value.data["candidates"][0] == "order_product"
    assert caught.value.hint is not None
    assert "order_product" in caught.value.hint


def test_an_unknown_version_or_tag_is_answered_with_those_there_are(bench: Bench) -> None:
    add_versions(bench, "order", 2)
    bench.catalog.tag("order@1", "stable")
    with pytest.raises(NotFoundError, match="no version 7") as caught:
        bench.catalog.find("order@7")
    assert caught.value.data["candidates"] == ["order@1", "order@2"]
    with pytest.raises(NotFoundError, match="has the tag 'beta'") as caught:
        bench.catalog.find("order@beta")
    assert caught.value.data["candidates"] == ["order@stable"]


def test_an_empty_catalog_says_how_to_begin(bench: Bench) -> None:
    with pytest.raises(NotFoundError) as caught:
        bench.catalog.find("order")
    assert caught.value.hint == "Nothing has been added yet: runner add -p PROCESS -b FILE"


def test_an_id_prefix_of_several_is_refused_with_their_ids(bench: Bench) -> None:
    add_versions(bench, "order", 40)
    ids = [each.id for each in bench.catalog.definitions("order")]
    prefix = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(AmbiguousError) as caught:
        bench.catalog.find(prefix)
    assert caught.value.data["candidates"] == sorted(id for id in ids if id.startswith(prefix))


def test_a_key_that_looks_like_an_id_prefix_is_a_key(bench: Bench) -> None:
    add_versions(bench, "abc", 2)
    assert bench.catalog.find("abc").label == "abc@2"


def test_a_key_with_an_at_sign_can_be_named(bench: Bench) -> None:
    bench.add(form("a@b.json"))
    assert bench.catalog.find("a@b.json").kind == "form"
    assert bench.catalog.find("a@b.json@1").kind == "form"


def test_a_process_goes_before_a_decision_of_the_same_key(bench: Bench) -> None:
    bench.add(dmn("order.dmn", "order"), bpmn("order.bpmn", process("order")))
    assert bench.catalog.find("order").kind == "process"
    assert bench.catalog.find("order", ("decision",)).kind == "decision"


def test_only_what_can_be_started_is_started(bench: Bench) -> None:
    bench.add(dmn("price.dmn", "price"))
    with pytest.raises(NotFoundError):
        bench.catalog.startable("price")
    with pytest.raises(NotFoundError):
        bench.catalog.startable(bench.catalog.find("price").id)


def test_lists_are_sorted_and_can_be_narrowed(bench: Bench) -> None:
    add_versions(bench, "b", 11)
    add_versions(bench, "a", 2)
    bench.add(dmn("price.dmn", "price"))
    listed = [each.label for each in bench.catalog.definitions()]
    assert listed == ["a@1", "a@2", *(f"b@{n}" for n in range(1, 12)), "price@1"]
    assert [each.label for each in bench.catalog.definitions(latest=True)] == ["a@2", "b@11", "price@1"]
    assert [each.label for each in bench.catalog.definitions("a")] == ["a@1", "a@2"]
    assert [each.label for each in bench.catalog.definitions(kinds=("decision",))] == ["price@1"]


def test_a_listed_definition_equals_the_whole_one_but_for_its_body(bench: Bench) -> None:
    add_versions(bench, "order", 1)
    (row,), whole = bench.catalog.definitions(), bench.catalog.find("order")
    assert (row.id, row.hash, row.created, row.revision) == (whole.id, whole.hash, whole.created, whole.revision)
    assert row.specs == {}


def test_a_tag_moves_only_when_told_to(bench: Bench) -> None:
    add_versions(bench, "order", 3)
    assert bench.catalog.tag("order@1", "stable").tags == ("stable",)
    assert bench.catalog.tag("order@1", "stable").tags == ("stable",)
    with pytest.raises(DuplicateError, match="'stable' is on order@1"):
        bench.catalog.tag("order@2", "stable")
    assert bench.catalog.tag("order@2", "stable", move=True).tags == ("stable",)
    assert bench.catalog.find("order@1").tags == ()
    assert bench.catalog.find("order@stable").version == 2
    bench.assert_sound()


def test_a_tag_can_be_taken_off(bench: Bench) -> None:
    add_versions(bench, "order", 2)
    bench.catalog.tag("order@1", "stable")
    with pytest.raises(NotFoundError):
        bench.catalog.untag("order@2", "stable")
    assert bench.catalog.untag("order@1", "stable").tags == ()
    with pytest.raises(NotFoundError):
        bench.catalog.find("order@stable")
    bench.assert_sound()


def test_numbers_are_no_tags(bench: Bench) -> None:
    add_versions(bench, "order", 1)
    with pytest.raises(InputError):
        bench.catalog.tag("order@1", "1")


def test_instances_are_counted_by_state_and_task(bench: Bench) -> None:
    from spiffcli.values import ActiveTask

    add_versions(bench, "order", 2)
    for task in ("ask", "ask", "pay"):
        bench.start("order@1", active=(ActiveTask("t", task, None, "READY"),))
    bench.start("order@2", state="completed")
    counts = bench.catalog.counts()
    first, second = (counts[bench.catalog.find(ref).id] for ref in ("order@1", "order@2"))
    assert (first.states, first.waiting_at) == ({"running": 3}, {"ask": 2, "pay": 1})
    assert (second.states, second.waiting_at) == ({"completed": 1}, {})


def test_the_model_of_a_definition_is_read_from_its_own_files(bench: Bench) -> None:
    add_versions(bench, "order", 2)
    model = bench.catalog.model(bench.catalog.find("order@1"))
    script = model.processes["order"].nodes["order_script"].script
    assert script is not None
    assert script.body == "x = 1"


def test_dependencies_are_everything_bound_nearest_first(bench: Bench) -> None:
    bench.add(
        bpmn("a.bpmn", process("a", calls=("b",), forms=("f.json",))),
        bpmn("b.bpmn", process("b", calls=("a",), decisions=("d",))),
        dmn("d.dmn", "d"),
        form("f.json"),
    )
    found = bench.catalog.dependencies(bench.catalog.find("a"))
    assert [each.label for each in found] == ["b@1", "f.json@1", "d@1"]


def test_another_tenants_definitions_cannot_be_named(bench: Bench, store: DocumentStore) -> None:
    other = Bench(store, tenant="acme")
    other.add(bpmn("order.bpmn", process("order")))
    id = other.catalog.find("order").id
    for ref in ("order", "order@1", id, id[:12]):
        with pytest.raises(NotFoundError):
            bench.catalog.find(ref)
    with pytest.raises(NotFoundError):
        bench.catalog.definition(id)


def test_what_is_seen_by_falling_back_cannot_be_changed(bench: Bench, store: DocumentStore) -> None:
    add_versions(bench, "order", 1)
    other = Bench(store, tenant="acme")
    assert other.catalog.find("order").tenant == ""
    assert other.start("order").tenant == "acme"
    for change in (
        lambda: other.catalog.tag("order", "mine"),
        lambda: other.catalog.suspend("order"),
        lambda: other.catalog.plan_deletion("order"),
    ):
        with pytest.raises(NotFoundError):
            change()


def test_suspending_everything_leaves_no_version_to_name(bench: Bench) -> None:
    add_versions(bench, "order", 2)
    bench.catalog.suspend("order", whole_key=True)
    with pytest.raises(StateError) as caught:
        bench.catalog.latest("order")
    assert caught.value.data["newest_active"] is None


def test_a_key_document_that_names_nothing_is_damage(bench: Bench, store: DocumentStore) -> None:
    add_versions(bench, "order", 1)
    definition = bench.catalog.find("order")
    with store.transaction() as tx:
        tx.delete("definition", definition.id, expected=definition.revision)
    with pytest.raises(CorruptStoreError, match=definition.id):
        bench.catalog.find("order")


def test_a_key_without_versions_has_no_latest(bench: Bench) -> None:
    add_versions(bench, "order", 1)
    bench.catalog.delete(bench.catalog.plan_deletion("order"))
    with pytest.raises(NotFoundError, match="no process 'order'"):
        bench.catalog.latest("order")


def test_what_runs_on_the_default_tenant_goes_on_without_falling_back(bench: Bench, store: DocumentStore) -> None:
    add_versions(bench, "order", 1)
    acme = Bench(store, tenant="acme")
    instance = acme.start("order")
    strict = acme.catalog.with_scope(fallback=False)
    assert strict.definition(instance.definition).label == "order@1"
    with pytest.raises(NotFoundError):
        strict.find("order")
    assert strict.with_scope(tenant="").find("order").label == "order@1"


def test_a_suspension_of_what_is_gone_by_then_does_nothing(bench: Bench) -> None:
    add_versions(bench, "order", 2)
    plan = bench.catalog.schedule("suspend", "order@2", bench.time)
    assert bench.catalog.scheduled() == [plan]
    bench.catalog.delete(bench.catalog.plan_deletion("order@2"))
    ((_, changed),) = bench.catalog.run_scheduled()
    assert changed.definitions == ()
    assert bench.catalog.scheduled() == []
