from __future__ import annotations

import pytest

from spiffcli.catalog.resolving import Resolution
from spiffcli.errors import NotFoundError, StateError
from spiffcli.store import DocumentStore

from .bench import Bench
from .models import bpmn, process


def tax(script: str) -> object:
    return bpmn("t.bpmn", process("tax", script=script))


def enter(bench: Bench, ref: str = "order", key: str = "tax") -> Resolution:
    return bench.catalog.resolve(bench.catalog.find(ref), f"order_calls_{key}", "process", key)


@pytest.fixture
def two(bench: Bench) -> Bench:
    """`tax` at versions 1 and 2."""
    for script in ("a = 1", "b = 1"):
        bench.add(bpmn("t.bpmn", process("tax", script=script)))
    return bench


def add_order(bench: Bench, binding: str) -> None:
    bench.add(bpmn("o.bpmn", process("order", calls=("tax",))), binding=binding)


def test_what_was_found_can_be_recorded(two: Bench) -> None:
    add_order(two, "deployment")
    found = enter(two)
    assert found.to_json() == {
        "element": "order_calls_tax",
        "kind": "process",
        "key": "tax",
        "version": 2,
        "definition": two.catalog.find("tax").id,
        "tenant": "",
        "binding": "deployment",
        "pinned": True,
        "fallback": False,
    }


def test_a_tag_is_followed_wherever_it_moves(two: Bench) -> None:
    two.catalog.tag("tax@1", "stable")
    add_order(two, "tag:stable")
    assert enter(two).definition.version == 1
    two.catalog.tag("tax@2", "stable", move=True)
    assert enter(two).definition.version == 2
    two.catalog.untag("tax@2", "stable")
    with pytest.raises(NotFoundError, match=r"needs process 'tax' \(tag:stable\), which is not in the store"):
        enter(two)


def test_a_version_that_is_missing_is_found_once_it_is_there(two: Bench) -> None:
    add_order(two, "version:3")
    with pytest.raises(NotFoundError) as caught:
        enter(two)
    assert caught.value.hint == (
        "Add it (runner add -b FILE), or bind it to a version there is (runner show_spec tax) and migrate the instance."
    )
    assert caught.value.data["binding"] == "version:3"
    two.add(bpmn("t.bpmn", process("tax", script="c = 1")))
    assert enter(two).definition.version == 3


def test_a_suspended_callee_is_not_entered(two: Bench) -> None:
    add_order(two, "deployment")
    two.catalog.suspend("tax@2")
    with pytest.raises(StateError, match=r"'order_calls_tax' of order@1 calls tax@2, which is suspended"):
        enter(two)
    two.catalog.activate("tax@2")
    assert enter(two).definition.version == 2


def test_the_latest_is_not_passed_over_because_it_is_suspended(two: Bench) -> None:
    add_order(two, "latest")
    two.catalog.suspend("tax@2")
    with pytest.raises(StateError, match="tax@2"):
        enter(two)


def test_a_key_that_only_shows_at_run_time_means_the_latest(two: Bench) -> None:
    add_order(two, "deployment")
    two.add(bpmn("x.bpmn", process("other")))
    found = two.catalog.resolve(two.catalog.find("order"), "computed", "process", "other")
    assert found.definition.label == "other@1"
    assert found.reference.binding == "latest"


def test_two_elements_that_call_one_key_may_be_bound_differently(two: Bench) -> None:
    model = process("order", calls=("tax",)).replace(
        '<endEvent id="order_end"/>', '<callActivity id="again" calledElement="tax"/><endEvent id="order_end"/>'
    )
    two.add(bpmn("o.bpmn", model), bindings={"again": "version:1"})
    assert enter(two).definition.version == 2
    caller = two.catalog.find("order")
    assert two.catalog.resolve(caller, "again", "process", "tax").definition.version == 1


def test_the_instances_tenant_is_looked_in_first_whoever_owns_the_caller(two: Bench, store: DocumentStore) -> None:
    add_order(two, "latest")
    acme = Bench(store, tenant="acme")
    assert enter(acme).fallback
    acme.add(bpmn("t.bpmn", process("tax", script="acme = 1")))
    found = enter(acme)
    assert (found.definition.tenant, found.fallback) == ("acme", False)


def test_what_was_bound_when_added_does_not_depend_on_the_tenant(two: Bench, store: DocumentStore) -> None:
    add_order(two, "deployment")
    acme = Bench(store, tenant="acme")
    acme.add(bpmn("t.bpmn", process("tax", script="acme = 1")))
    found = enter(acme)
    assert (found.definition.tenant, found.definition.version, found.fallback) == ("", 2, False)


def test_a_tag_nobody_has_is_answered_with_how_to_give_it(two: Bench) -> None:
    add_order(two, "tag:stable")
    with pytest.raises(NotFoundError, match=r"needs process 'tax' \(tag:stable\)") as caught:
        enter(two)
    assert caught.value.hint == "Give a version of it the tag: runner tag tax@VERSION stable"
    two.catalog.tag("tax@1", "stable")
    assert enter(two).definition.version == 1
