from __future__ import annotations

import pytest

from spiffcli.errors import NotFoundError, StateError
from spiffcli.store import DocumentStore

from .bench import Bench
from .models import bpmn, process


def add_caller(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order", calls=("tax",))), bpmn("t.bpmn", process("tax")))


def test_a_definition_others_are_bound_to_stays(bench: Bench) -> None:
    add_caller(bench)
    plan = bench.catalog.plan_deletion("tax@1")
    assert [each.label for each in plan.callers] == ["order@1"]
    for cascade in (False, True):
        with pytest.raises(StateError, match=r"order@1 is bound to it"):
            bench.catalog.delete(plan, cascade=cascade)
    gone = bench.catalog.delete(bench.catalog.plan_deletion("tax@1", "order@1"))
    assert len(gone.definitions) == 2
    bench.assert_sound()


def test_a_definition_an_instance_has_entered_stays(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")), bpmn("t.bpmn", process("tax")))
    tax = bench.catalog.find("tax")
    caller = bench.start("order", calls=(tax.id,))
    with pytest.raises(StateError, match="1 running instance uses it"):
        bench.catalog.delete(bench.catalog.plan_deletion("tax"))
    bench.catalog.delete_instance(caller.id)
    bench.catalog.delete(bench.catalog.plan_deletion("tax"))
    bench.assert_sound()


def test_a_refusal_about_many_definitions_names_the_first_of_them(bench: Bench) -> None:
    keys = [f"order_{number:02d}" for number in range(12)]
    deployment = bench.add(*(bpmn(f"{key}.bpmn", process(key)) for key in keys))
    bench.start(keys[0])
    plan = bench.catalog.plan_deployment_deletion(deployment.id)
    with pytest.raises(StateError, match=r"order_09@1 and 2 more cannot be deleted: 1 running instance"):
        bench.catalog.delete(plan)


def test_instances_of_other_tenants_forbid_it_without_being_shown(bench: Bench, store: DocumentStore) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    theirs = Bench(store, tenant="acme").start("order")
    with pytest.raises(StateError, match="1 running instance of another tenant uses it") as caught:
        bench.catalog.delete(bench.catalog.plan_deletion("order"), cascade=True)
    assert theirs.id not in str(caught.value.to_json())


def test_instances_that_have_ended_outlive_their_definition(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    ended = bench.start("order", state="completed")
    bench.catalog.delete(bench.catalog.plan_deletion("order"))
    assert bench.catalog.instance(ended.id).key == "order"
    assert bench.catalog.history(ended.id)[0].what == "started"
    bench.assert_sound()


def test_what_an_ended_instance_ran_can_still_be_read_but_not_found(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    ended = bench.start("order", state="completed")
    bench.catalog.delete(bench.catalog.plan_deletion("order"))
    kept = bench.catalog.definition(ended.definition)
    assert (kept.key, [each.name for each in bench.catalog.resources(kept)]) == ("order", ["o.bpmn"])
    assert bench.catalog.definitions("order") == []
    with pytest.raises(NotFoundError):
        bench.catalog.find("order")
    bench.catalog.delete_instance(ended.id)
    assert list(bench.store.find("retired")) == []
    bench.assert_sound()


@pytest.mark.parametrize("binding", ["version:1", "tag:stable"])
def test_a_version_that_a_caller_names_is_not_deleted(bench: Bench, binding: str) -> None:
    bench.add(bpmn("k.bpmn", process("kid")), tag="stable")
    bench.add(bpmn("c.bpmn", process("caller", calls=("kid",), binding=binding)))
    with pytest.raises(StateError, match=r"kid@1 cannot be deleted: caller@1 is bound to it"):
        bench.catalog.delete(bench.catalog.plan_deletion("kid@1"))


def test_what_another_deployment_still_needs_is_kept(bench: Bench) -> None:
    first = bench.add(bpmn("o.bpmn", process("order")), bpmn("t.bpmn", process("tax")))
    bench.add(bpmn("o.bpmn", process("order", script="y = 1")), bpmn("t.bpmn", process("tax")))
    bench.catalog.delete(bench.catalog.plan_deletion("order@1"))
    assert bench.catalog.deployment(first.id).definitions[0].key == "tax"
    assert len(bench.catalog.resources(bench.catalog.find("tax"))) == 2
    assert bench.catalog.resources(bench.catalog.find("order"))[1].name == "t.bpmn"
    bench.assert_sound()


def test_deleting_a_deployment_deletes_the_versions_it_made_and_no_others(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")), bpmn("t.bpmn", process("tax")))
    second = bench.add(bpmn("o.bpmn", process("order", script="y = 1")), bpmn("t.bpmn", process("tax")))
    gone = bench.catalog.delete(bench.catalog.plan_deployment_deletion(second.id))
    assert [each.label for each in gone.definitions] == ["order@2"]
    assert gone.deployments == (second.id,)
    assert bench.versions("order") == [1]
    assert bench.versions("tax") == [1]
    bench.assert_sound()


def test_a_deployment_that_made_nothing_can_be_deleted_too(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    again = bench.add(bpmn("o.bpmn", process("order", x=7)))
    bench.start("order")
    gone = bench.catalog.delete(bench.catalog.plan_deployment_deletion(again.id))
    assert gone.definitions == ()
    assert bench.versions("order") == [1]
    bench.assert_sound()


def test_deleting_the_last_definition_of_a_deployment_takes_its_files(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    bench.add(bpmn("o.bpmn", process("order", x=7)))
    gone = bench.catalog.delete(bench.catalog.plan_deletion("order"))
    assert len(gone.deployments) == 2
    assert list(bench.store.blobs()) == []
    bench.assert_sound()


def test_the_same_bytes_in_two_tenants_are_deleted_with_the_second(bench: Bench, store: DocumentStore) -> None:
    other = Bench(store, tenant="acme")
    for each in (bench, other):
        each.add(bpmn("o.bpmn", process("order")))
    bench.catalog.delete(bench.catalog.plan_deletion("order"))
    assert len(other.catalog.resources(other.catalog.find("order"))) == 1
    other.catalog.delete(other.catalog.plan_deletion("order"))
    assert list(store.blobs()) == []


def test_tags_of_a_deleted_version_are_free_again(bench: Bench) -> None:
    for script in ("a = 1", "b = 1"):
        bench.add(bpmn("o.bpmn", process("order", script=script)))
    bench.catalog.tag("order@1", "stable")
    bench.catalog.delete(bench.catalog.plan_deletion("order@1"))
    assert bench.catalog.tag("order@2", "stable").version == 2
    bench.assert_sound()


def test_instances_started_after_the_plan_are_seen(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    plan = bench.catalog.plan_deletion("order")
    bench.start("order")
    with pytest.raises(StateError):
        bench.catalog.delete(plan)


def test_situations_go_with_their_definition(bench: Bench) -> None:
    from spiffcli.catalog import Situation

    bench.add(bpmn("o.bpmn", process("order")))
    instance = bench.start("order")
    bench.catalog.save(instance, None, situation=Situation("z1", instance.definition, b"where"))
    assert bench.catalog.situation("z1") is not None
    bench.catalog.delete(bench.catalog.plan_deletion("order"), cascade=True)
    assert bench.catalog.situation("z1") is None


def test_what_is_not_there_cannot_be_deleted(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        bench.catalog.plan_deletion("order")
    with pytest.raises(NotFoundError):
        bench.catalog.plan_deployment_deletion("nothing")


def test_deleting_what_is_gone_already_changes_nothing(bench: Bench) -> None:
    bench.add(bpmn("o.bpmn", process("order")))
    plan = bench.catalog.plan_deletion("order")
    bench.catalog.delete(plan)
    bench.catalog.delete(plan)
    assert bench.catalog.definitions() == []
    bench.assert_sound()
