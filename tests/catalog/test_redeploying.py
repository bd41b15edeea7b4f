"""Going back to an earlier version, and saying what references mean in one version and in another."""

from __future__ import annotations

from spiffcli.deployments.rebinding import Rebound
from spiffcli.values import Deployment, Resource

from .bench import Bench, specs_of
from .models import bpmn, dmn, form, process


def order(script: str = "a = 1", **options: object) -> Resource:
    return bpmn("order.bpmn", process("order", script=script, **options))  # type: ignore[arg-type]


def tax(script: str = "t = 1") -> Resource:
    return bpmn("tax.bpmn", process("tax", script=script))


def again(bench: Bench, ref: str) -> Deployment:
    bench.plan = bench.catalog.plan_deployment(bench.catalog.deploy_again(ref))
    return bench.catalog.deploy(bench.plan, specs_of)


def test_an_earlier_version_comes_back_as_the_newest(bench: Bench) -> None:
    for script in ("a = 1", "b = 1"):
        bench.add(order(script))
    deployment = again(bench, "order@1")
    assert bench.versions("order") == [1, 2, 3]
    assert bench.notes("same-as") == ["order@3 has the same content as version 1."]
    assert bench.catalog.find("order").hash == bench.catalog.find("order@1").hash
    assert bench.catalog.deployment_resources(deployment) == (order("a = 1"),)
    bench.assert_sound()


def test_going_back_to_the_latest_changes_nothing(bench: Bench) -> None:
    bench.add(order())
    again(bench, "order@1")
    assert bench.versions("order") == [1]
    assert bench.notes("unchanged") == ["Process 'order' is unchanged since version 1."]


def test_what_the_earlier_version_called_stays_at_its_version(bench: Bench) -> None:
    parts = {"calls": ("tax",), "decisions": ("price",), "forms": ("ask.json",)}
    bench.add(order(**parts), tax(), dmn("p.dmn", "price", "1"), form("ask.json", "Old"))
    bench.add(order("b = 1", **parts), tax("t = 2"), dmn("p.dmn", "price", "2"), form("ask.json", "New"))
    deployment = again(bench, "order@1")
    assert [(each.key, each.version) for each in deployment.definitions] == [("order", 3)]
    assert bench.versions("tax") == [1, 2], "nothing else of its deployment comes back"
    references = bench.catalog.find("order").references
    assert {bench.catalog.definition(each.target or "").version for each in references} == {1}
    assert bench.catalog.find("order").hash == bench.catalog.find("order@1").hash
    assert bench.notes("pinned") == ["Process 'order' stays bound to tax@1, price@1, ask.json@1."]
    assert bench.notes("file-removed") == []
    bench.assert_sound()


def test_bindings_come_back_as_they_were(bench: Bench) -> None:
    bench.add(order(calls=("tax",)), tax(), binding="latest", fallbacks={"order_calls_tax": False})
    bench.add(order("b = 1", calls=("tax",)), tax())
    again(bench, "order@1")
    (reference,) = bench.catalog.find("order").references
    assert (reference.binding, reference.target, reference.fallback) == ("latest", None, False)
    assert bench.catalog.find("order").hash == bench.catalog.find("order@1").hash


def test_a_decision_and_a_collaboration_can_come_back_too(bench: Bench) -> None:
    for answer in ("1", "2"):
        bench.add(dmn("p.dmn", "price", answer))
    again(bench, "price@1")
    decisions = bench.catalog.definitions("price", ("decision",))
    assert [each.version for each in decisions] == [1, 2, 3]
    assert decisions[0].hash == decisions[2].hash


def test_what_references_mean_is_told_where_it_changed(bench: Bench) -> None:
    bench.add(order(calls=("tax",)), tax())
    bench.add(order("b = 1", calls=("tax",)), tax("t = 2"))
    bench.add(order("b = 1", calls=("tax",)), tax("t = 2"), binding="latest")
    bench.add(order("b = 1", calls=("tax",)), tax("t = 2"), bindings={"order_calls_tax": "tag:stable"})
    bench.add(order("c = 1", calls=("tax",)), tax("t = 2"), bindings={"order_calls_tax": "tag:stable"})

    def told(old: int, new: int) -> list[tuple[str, str]]:
        found = [bench.catalog.find(f"order@{version}") for version in (old, new)]
        return [(each.before, each.after) for each in bench.catalog.rebound(*found)]

    assert told(1, 2) == [("tax@1", "tax@2")]
    assert told(2, 3) == [("tax@2", "the latest tax")]
    assert told(3, 4) == [("the latest tax", "tax@stable")]
    assert told(4, 5) == []
    assert told(2, 1) == [("tax@2", "tax@1")]


def test_elements_that_were_renamed_are_followed(bench: Bench) -> None:
    bench.add(order(calls=("tax",)), tax())
    renamed = order(calls=("tax",)).content.replace(b"order_calls_tax", b"ask_tax")
    bench.add(Resource("order.bpmn", "bpmn", renamed), tax("t = 2"))
    old, new = bench.catalog.find("order@1"), bench.catalog.find("order@2")
    assert bench.catalog.rebound(old, new) == ()
    found = bench.catalog.rebound(old, new, {"order_calls_tax": "ask_tax"})
    assert found == (Rebound("ask_tax", "process", "tax", "tax@1", "tax@2"),)


def test_a_change_of_nothing_but_fallback_is_a_new_version(bench: Bench) -> None:
    bench.add(order(calls=("tax",)), binding="latest")
    bench.add(order(calls=("tax",)), binding="latest", fallbacks={"order#order_calls_tax": False})
    assert bench.versions("order") == [1, 2]
    bench.add(order(calls=("tax",)), binding="latest", fallbacks={"order_calls_tax": True})
    assert bench.versions("order") == [1, 2, 3]
    assert bench.notes("same-as") == ["order@3 has the same content as version 1."]
