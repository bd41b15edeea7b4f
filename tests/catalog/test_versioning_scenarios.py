"""The scenarios W1 to W21 of versioning, as far as the catalog alone can show them."""

from __future__ import annotations

import pytest

from spiffcli.catalog import Catalog, Filter
from spiffcli.errors import InputError, ModelError, NotFoundError, StateError
from spiffcli.store import DocumentStore
from spiffcli.values import Definition, Resource

from .bench import Bench
from .models import bpmn, dmn, form, process

A = bpmn("order.bpmn", process("order", script="a = 1"))
B = bpmn("order.bpmn", process("order", script="b = 1"))
C = bpmn("order.bpmn", process("order", script="c = 1"))


def callee_of(bench: Bench, caller: Definition, key: str = "tax") -> Definition:
    return bench.catalog.resolve(caller, f"order_calls_{key}", "process", key).definition


def order(**options: object) -> Resource:
    return bpmn("order.bpmn", process("order", **{"calls": ("tax",), **options}))  # type: ignore[arg-type]


def tax(script: str = "t = 1") -> Resource:
    return bpmn("tax.bpmn", process("tax", script=script))


def test_w1_versions_are_numbered_per_key_and_tenant(bench: Bench, store: DocumentStore) -> None:
    other = Bench(store, tenant="acme")
    for file in (A, B, C):
        bench.add(file)
    other.add(B)
    bench.add(tax())
    assert bench.versions("order") == [1, 2, 3]
    assert bench.versions("tax") == [1]
    assert other.versions("order") == [1]
    bench.assert_sound()


def test_w2_an_identical_redeploy_makes_no_version_unless_forced(bench: Bench) -> None:
    bench.add(A)
    again = bench.add(A)
    assert [(each.version, each.new) for each in again.definitions] == [(1, False)]
    assert bench.notes("unchanged") == ["Process 'order' is unchanged since version 1."]
    forced = bench.add(A, force_new=True)
    assert [(each.version, each.new) for each in forced.definitions] == [(2, True)]
    assert bench.notes("same-as") == ["order@2 has the same content as version 1."]
    bench.assert_sound()


def test_w3_an_edit_of_nothing_but_layout_or_white_space_makes_no_version(bench: Bench) -> None:
    bench.add(A)
    moved = bpmn("order.bpmn", process("order", script="a = 1", x=500))
    deployment = bench.add(moved)
    assert bench.versions("order") == [1]
    assert bench.notes("layout-only") == [
        "Process 'order' differs from version 1 only in its drawing: no new version is made."
    ]
    definition = bench.catalog.find("order")
    assert bench.catalog.resources(definition) == (A,)
    assert bench.catalog.deployment_resources(deployment) == (moved,)
    spaced = Resource(A.name, "bpmn", A.content.replace(b"><", b">\n  <"))
    bench.add(spaced)
    assert bench.versions("order") == [1]
    assert bench.notes("unchanged") == ["Process 'order' is unchanged since version 1."]


def test_w4_going_back_to_an_earlier_content_makes_a_version_that_says_so(bench: Bench) -> None:
    for file in (A, B, A):
        bench.add(file)
    assert bench.versions("order") == [1, 2, 3]
    assert bench.notes("same-as") == ["order@3 has the same content as version 1."]
    assert bench.catalog.find("order@3").hash == bench.catalog.find("order@1").hash


def test_w5_only_the_changed_process_of_a_file_gets_a_version(bench: Bench) -> None:
    bench.add(bpmn("two.bpmn", process("order"), process("tax")))
    deployment = bench.add(bpmn("two.bpmn", process("order"), process("tax", script="t = 2")))
    assert [(each.key, each.version, each.new) for each in deployment.definitions] == [
        ("order", 1, False),
        ("tax", 2, True),
    ]
    first = bench.catalog.resources(bench.catalog.find("order"))
    assert b"t = 2" not in first[0].content


def test_w6_the_same_key_twice_stores_nothing(bench: Bench) -> None:
    with pytest.raises(ModelError, match=r"one.bpmn.*two.bpmn"):
        bench.add(bpmn("one.bpmn", process("order")), bpmn("two.bpmn", process("order", script="x = 2")))
    assert bench.catalog.definitions() == []
    assert bench.catalog.deployments() == []


def test_w7_a_process_that_is_not_executable_is_reported(bench: Bench) -> None:
    deployment = bench.add(bpmn("two.bpmn", process("order"), process("sketch", executable=False)))
    assert [each.key for each in deployment.definitions] == ["order"]
    assert bench.notes("not-executable") == ["Process 'sketch' is not executable, so it becomes no definition."]


def test_w8_instances_start_by_key_version_id_and_tag(bench: Bench) -> None:
    for file in (A, B, C):
        bench.add(file)
    bench.catalog.tag("order@2", "stable")
    first = bench.catalog.find("order@1")
    assert bench.start("order").version == 3
    assert bench.start("order@1").version == 1
    assert bench.start("order@stable").version == 2
    assert bench.start(first.id).version == 1
    assert bench.start(first.id[:13]).version == 1
    assert bench.start("order@latest").version == 3
    bench.assert_sound()


def test_w9_a_suspended_latest_version_is_a_clear_error(bench: Bench) -> None:
    for file in (A, B, C):
        bench.add(file)
    bench.catalog.suspend("order@3")
    bench.catalog.suspend("order@2")
    with pytest.raises(StateError, match=r"order@3 is suspended") as caught:
        bench.start("order")
    assert caught.value.data["newest_active"] == 1
    assert caught.value.hint is not None
    assert "order@1" in caught.value.hint
    assert bench.start("order@1").version == 1


def test_w10_instances_stay_on_the_version_they_started_with(bench: Bench) -> None:
    bench.add(A)
    old = bench.start("order")
    bench.add(B)
    assert bench.catalog.instance(old.id).version == 1
    assert bench.start("order").version == 2


def test_w11_a_callee_is_found_in_the_deployment_as_the_latest_at_a_version_or_not_at_all(bench: Bench) -> None:
    bench.add(order(), tax())
    bench.add(tax("t = 2"))
    assert callee_of(bench, bench.catalog.find("order@1")).version == 1
    for binding, version in [("latest", 2), ("version:1", 1), ("version:2", 2)]:
        bench.add(order(binding=binding), tax("t = 2"))
        assert callee_of(bench, bench.catalog.find("order")).version == version
    with pytest.raises(ModelError, match=r"needs process 'freight'") as caught:
        bench.add(order(calls=("freight",)))
    assert caught.value.element == "order_calls_freight"
    assert caught.value.file == "order.bpmn"


def test_w12_a_hotfix_of_a_callee_reaches_callers_bound_to_the_latest_and_no_others(bench: Bench) -> None:
    bench.add(order(), tax())
    bench.add(bpmn("late.bpmn", process("late", calls=("tax",))), binding="latest")
    bench.add(tax("fixed = 1"))
    fixed = bench.catalog.find("tax")
    late = bench.catalog.find("late")
    assert bench.catalog.resolve(late, "late_calls_tax", "process", "tax").definition == fixed
    assert callee_of(bench, bench.catalog.find("order")).version == 1


def test_w13_forms_and_decisions_are_versioned_and_bound_the_same_way(bench: Bench) -> None:
    model = bpmn("order.bpmn", process("order", decisions=("price",), forms=("ask.json",)))
    bench.add(model, dmn("price.dmn", "price", "1"), form("ask.json", "Old"))
    bench.add(dmn("price.dmn", "price", "2"), form("ask.json", "New"))
    caller = bench.catalog.find("order")
    price = bench.catalog.resolve(caller, "order_decides_price", "decision", "price").definition
    ask = bench.catalog.resolve(caller, "order_asks_ask", "form", "ask.json").definition
    assert (price.version, ask.version) == (1, 1)
    assert [each.version for each in bench.catalog.definitions(kinds=("decision", "form"))] == [1, 2, 1, 2]
    bench.add(model, binding="latest")
    caller = bench.catalog.find("order")
    price = bench.catalog.resolve(caller, "order_decides_price", "decision", "price").definition
    ask = bench.catalog.resolve(caller, "order_asks_ask", "form", "ask.json").definition
    assert (price.version, ask.version) == (2, 2)


def test_w14_the_tenant_comes_first_and_the_default_tenant_last_if_at_all(store: DocumentStore) -> None:
    default, acme = Bench(store), Bench(store, tenant="acme")
    default.add(tax("default = 1"))
    special = Bench(store, tenant="special")
    special.add(tax("special = 1"))
    acme.add(order(), binding="latest")
    caller = acme.catalog.find("order")

    found = acme.catalog.resolve(caller, "order_calls_tax", "process", "tax")
    assert (found.definition.tenant, found.fallback) == ("", True)
    with pytest.raises(NotFoundError, match=r"order_calls_tax.*needs process 'tax'"):
        acme.catalog.resolve(caller, "order_calls_tax", "process", "tax", fallback=False)
    with pytest.raises(NotFoundError):
        Catalog(store, tenant="acme", fallback=False).find("tax")
    per_key = Catalog(store, tenant="acme", default_tenants={"tax": "special"})
    assert per_key.resolve(caller, "order_calls_tax", "process", "tax").definition.tenant == "special"

    acme.add(tax("acme = 1"))
    found = acme.catalog.resolve(caller, "order_calls_tax", "process", "tax")
    assert (found.definition.tenant, found.fallback) == ("acme", False)
    assert [each.key for each in acme.catalog.definitions()] == ["order", "tax"]


def test_w15_the_number_of_a_deleted_version_is_not_given_again(bench: Bench) -> None:
    for file in (A, B):
        bench.add(file)
    bench.catalog.delete(bench.catalog.plan_deletion("order@2"))
    assert bench.catalog.find("order").version == 1
    bench.add(B)
    assert bench.versions("order") == [1, 3]
    with pytest.raises(NotFoundError, match=r"Version 2 of 'order' was deleted"):
        bench.catalog.find("order@2")
    with pytest.raises(NotFoundError, match=r"There is no version 0 of 'order'"):
        bench.catalog.find("order@0")
    bench.catalog.delete(bench.catalog.plan_deletion("order@1", "order@3"))
    bench.add(A)
    assert bench.versions("order") == [4]
    bench.assert_sound()


def test_w16_a_definition_with_running_instances_is_deleted_only_with_them(bench: Bench) -> None:
    deployment = bench.add(A)
    running = [bench.start("order").id for _ in range(3)]
    ended = bench.start("order", state="completed").id
    plan = bench.catalog.plan_deployment_deletion(deployment.id)
    with pytest.raises(StateError, match=r"3 running instances use it") as caught:
        bench.catalog.delete(plan)
    assert caught.value.data["count"] == 3
    assert sorted(caught.value.data["instances"]) == sorted(running)
    assert bench.versions("order") == [1]
    assert {each.id for each in plan.running} == set(running)
    assert [each.id for each in plan.ended] == [ended]
    bench.catalog.delete(plan, cascade=True)
    assert bench.catalog.instances() == []
    assert bench.catalog.definitions() == []
    assert bench.catalog.deployments() == []
    assert list(bench.store.blobs()) == []
    bench.assert_sound()


def test_w17_deleting_or_suspending_the_latest_gives_its_start_events_back(bench: Bench) -> None:
    def started() -> list[str]:
        return [each.label for each in bench.catalog.started_by("message", "paid")]

    bench.add(bpmn("order.bpmn", process("order", message="paid")))
    assert started() == ["order@1"]
    bench.add(bpmn("order.bpmn", process("order", message="paid", script="b = 1")))
    assert started() == ["order@2"]
    bench.add(C)
    assert started() == []
    bench.catalog.delete(bench.catalog.plan_deletion("order@3"))
    assert started() == ["order@2"]
    bench.catalog.suspend("order@2")
    assert started() == ["order@1"]
    bench.catalog.activate("order@2")
    assert started() == ["order@2"]
    bench.assert_sound()


def test_w18_a_file_missing_in_a_redeployment_is_noticed(bench: Bench) -> None:
    bench.add(order(), tax(), main="order")
    bench.add(tax("t = 2"))
    assert bench.plan.removed == ()
    bench.add(order(), main="order")
    assert bench.plan.removed == ("tax.bpmn",)
    assert bench.notes("file-removed")[0].endswith("had files that this one has not: tax.bpmn.")
    bench.add(bpmn("all.bpmn", process("order", calls=("tax",)), process("tax")), main="order")
    assert bench.plan.removed == ()
    bench.add(order(), main="order")
    assert bench.plan.removed == ("all.bpmn",)
    bench.add(Resource("elsewhere/order.bpmn", "bpmn", order().content), main="order")
    assert bench.plan.removed == ()


def test_w19_a_plan_overtaken_by_another_deployment_is_made_anew(bench: Bench) -> None:
    from spiffcli.deployments.request import Deploy

    mine = bench.catalog.plan_deployment(Deploy((A,)))
    bench.add(B)
    deployment = bench.catalog.deploy(mine)
    assert [(each.version, each.new) for each in deployment.definitions] == [(2, True)]
    same = [bench.catalog.plan_deployment(Deploy((C,))) for _ in range(2)]
    made = [bench.catalog.deploy(plan) for plan in same]
    assert [(d.definitions[0].version, d.definitions[0].new) for d in made] == [(3, True), (3, False)]
    bench.assert_sound()


def test_w20_versions_and_keys_are_suspended_with_their_instances_and_at_a_date(bench: Bench) -> None:
    for file in (A, B):
        bench.add(file)
    old, new = bench.start("order@1"), bench.start("order@2")
    bench.catalog.suspend("order@1")
    assert [each.suspended for each in bench.catalog.definitions("order")] == [True, False]
    assert not bench.catalog.instance(old.id).suspended

    done = bench.catalog.suspend("order", whole_key=True, instances=True, user="ann")
    assert len(done.definitions) == 1
    assert set(done.instances) == {old.id, new.id}
    assert [each.suspended for each in bench.catalog.definitions("order")] == [True, True]
    assert bench.catalog.history(old.id)[-1].what == "suspended"
    assert bench.catalog.suspend("order", whole_key=True, instances=True) == type(done)((), ())

    bench.catalog.schedule("activate", "order", bench.time + 10, whole_key=True, instances=True)
    assert bench.catalog.run_scheduled() == []
    bench.time += 10
    assert len(bench.catalog.run_scheduled()) == 1
    assert bench.catalog.scheduled() == []
    assert not any(each.suspended for each in bench.catalog.definitions("order"))
    assert not any(each.suspended for each in bench.catalog.instances(Filter(key="order")))


def test_w21_a_partial_deployment_is_pinned_to_what_is_there(bench: Bench) -> None:
    bench.add(order(), tax())
    bench.add(order(), main="order")
    assert bench.versions("order") == [1]
    bench.add(tax("t = 2"))
    bench.add(order(), main="order")
    assert bench.versions("order") == [1, 2]
    assert bench.notes("pinned") == [
        "Process 'order' is bound to tax@2, the latest there is: the files given do not hold it."
    ]
    (reference,) = bench.catalog.find("order").references
    assert (reference.binding, reference.pinned) == ("deployment", True)
    bench.add(tax("t = 3"))
    assert callee_of(bench, bench.catalog.find("order@1")).version == 1
    assert callee_of(bench, bench.catalog.find("order@2")).version == 2


def test_w20_decisions_cannot_be_suspended(bench: Bench) -> None:
    bench.add(dmn("price.dmn", "price"))
    with pytest.raises(InputError, match="only processes and collaborations"):
        bench.catalog.suspend("price")
