"""Which version a call, decision or form means when it is entered, in instances that run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from spiffcli.errors import IncidentError, StateError

from ..catalog.models import dmn
from .bench import Bench
from .models import END, START, bpmn, call, manual, process, script, user

TWO_CALLS = process(
    "order",
    START,
    '<parallelGateway id="fork"/>',
    call("first", "tax"),
    manual("later"),
    call("second", "tax"),
    '<parallelGateway id="join"/>',
    END,
    flows=("start fork", "fork first", "fork later", "later second", "first join", "second join", "join end"),
)


def decide(id: str, key: str) -> str:
    called = f"<spiffworkflow:calledDecisionId>{key}</spiffworkflow:calledDecisionId>"
    return f'<businessRuleTask id="{id}"><extensionElements>{called}</extensionElements></businessRuleTask>'


def tax(bench: Bench, version: int, *nodes: str) -> None:
    """A process `tax` that says which version it is, after `nodes`."""
    bench.add("tax", process("tax", *nodes, script("rate", f"rate = {version}")))


def price(bench: Bench, answer: str) -> None:
    """A decision `price` in a deployment of its own."""
    path = bench.folder / "price.dmn"
    path.write_bytes(dmn("price.dmn", "price", answer).content)
    bench.runner().add([path])


def resolved(bench: Bench, id: str) -> list[Mapping[str, Any]]:
    return [entry.details for entry in bench.history(id) if entry.what == "resolved"]


def labels(bench: Bench, id: str) -> list[str]:
    return [f"{each['element']}: {each['key']}@{each['version']} ({each['binding']})" for each in resolved(bench, id)]


def work_as(bench: Bench, tenant: str) -> None:
    """Let the next commands be those of a tenant."""
    (bench.folder / "runner.toml").write_text(f'tenant = "{tenant}"\n')


def test_a_hotfix_reaches_callers_bound_to_the_latest_and_no_others(bench: Bench) -> None:
    tax(bench, 1)
    bench.add("bound", process("bound", manual("wait"), call("calc", "tax")))
    bench.add("free", process("free", manual("wait"), call("calc", "tax")), binding="latest")
    bound, free = bench.start("bound"), bench.start("free")
    tax(bench, 2)
    for id in (bound, free):
        bench.complete(id, "wait")
    assert [bench.data(id)["rate"] for id in (bound, free)] == [1, 2]
    assert labels(bench, bound) == ["calc: tax@1 (deployment)"]
    assert labels(bench, free) == ["calc: tax@2 (latest)"]
    assert resolved(bench, bound)[0]["pinned"] is True
    assert bench.problems() == []


def test_two_versions_of_one_callee_run_in_one_instance(bench: Bench) -> None:
    tax(bench, 1, manual("ask"))
    bench.add("order", TWO_CALLS, binding="latest")
    id = bench.start("order")
    tax(bench, 2, manual("ask"))
    bench.complete(id, "later")
    assert sorted(bench.open_tasks(id)) == ["ask", "ask"]
    assert labels(bench, id) == ["first: tax@1 (latest)", "second: tax@2 (latest)"]
    versions = [definition.version for definition in map(bench.runner().catalog.definition, bench.row(id).calls)]
    assert versions == [1, 2]
    bench.add("order", TWO_CALLS.replace('name="Later"', 'name="Later on"'), binding="latest")
    target = bench.runner().target("order@2")
    assert bench.runner().migrate(target, id).outcome == "migrated"
    assert bench.row(id).version == 2
    assert sorted(bench.open_tasks(id)) == ["ask", "ask"]
    bench.complete(id, "ask")
    bench.complete(id, "ask")
    assert bench.row(id).state == "completed"
    assert bench.data(id)["rate"] in (1, 2)
    assert bench.problems() == []


def test_a_version_that_an_instance_has_entered_is_not_deleted(bench: Bench) -> None:
    tax(bench, 1, manual("ask"))
    bench.add("order", process("order", call("calc", "tax")), binding="latest")
    id = bench.start("order")
    catalog = bench.runner().catalog
    with pytest.raises(StateError, match=r"tax@1 cannot be deleted: 1 running instance uses it") as caught:
        catalog.delete(catalog.plan_deletion("tax@1"))
    assert caught.value.data["instances"] == [id]


def test_calls_and_decisions_of_a_loop_are_noted_once(bench: Bench) -> None:
    tax(bench, 1)
    looped = call("calc", "tax").replace(
        "/>",
        '><multiInstanceLoopCharacteristics isSequential="true"><loopCardinality>3</loopCardinality>'
        "</multiInstanceLoopCharacteristics></callActivity>",
    )
    bench.add("order", process("order", looped))
    id = bench.start("order")
    assert bench.row(id).state == "completed"
    assert labels(bench, id) == ["calc: tax@1 (deployment)"]


def test_a_decision_bound_to_the_latest_is_the_latest_when_it_is_asked(bench: Bench) -> None:
    price(bench, "1")
    bench.add("order", process("order", manual("wait"), decide("ask", "price")), binding="latest")
    old, new = bench.start("order", {"x": 1}), bench.start("order", {"x": 1})
    bench.complete(old, "wait")
    price(bench, "2")
    bench.complete(new, "wait")
    assert [bench.data(id)["y"] for id in (old, new)] == [1, 2]
    assert labels(bench, new) == ["ask: price@2 (latest)"]


def test_a_decision_of_an_earlier_deployment_stays_as_it_was(bench: Bench) -> None:
    price(bench, "1")
    bench.add("order", process("order", decide("ask", "price")))
    price(bench, "2")
    id = bench.start("order", {"x": 1})
    assert bench.data(id)["y"] == 1
    assert resolved(bench, id) == [], "it is part of the model"


def test_a_decision_among_the_files_does_not_count_where_the_latest_is_meant(bench: Bench) -> None:
    path = bench.folder / "price.dmn"
    path.write_bytes(dmn("price.dmn", "price", "1").content)
    (bench.folder / "order.bpmn").write_text(_order_that_asks())
    bench.runner().add([bench.folder / "order.bpmn", path], binding="latest")
    price(bench, "2")
    assert bench.data(bench.start("order", {"x": 1}))["y"] == 2


def _order_that_asks() -> str:
    return bpmn(process("order", decide("ask", "price")))


@pytest.mark.parametrize(
    ("node", "missing"), [(call("calc", "tax"), "process 'tax'"), (decide("calc", "price"), "decision 'price'")]
)
def test_what_is_missing_when_it_is_entered_is_an_incident_that_retry_mends(
    bench: Bench, node: str, missing: str
) -> None:
    bench.add("order", process("order", manual("wait"), node), binding="latest")
    id = bench.start("order", {"x": 1})
    with pytest.raises(IncidentError) as caught:
        bench.complete(id, "wait")
    assert f"'calc' of order@1 needs {missing} (latest), which is not in the store." in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.hint.splitlines()[0] in ("Add it: runner add -b FILE", "Add it: runner add -d FILE")
    assert f"Then run: runner retry -w {id}" in caught.value.hint
    assert caught.value.element == "calc"
    row = bench.row(id)
    assert (row.state, row.active[0].id) == ("error", "calc")
    with pytest.raises(IncidentError) as again:
        bench.retry(id)
    assert again.value.message == caught.value.message
    assert again.value.hint == caught.value.hint
    tax(bench, 1)
    price(bench, "5")
    bench.retry(id)
    assert bench.row(id).state == "completed"
    assert len(labels(bench, id)) == 1
    assert bench.problems() == []


def test_a_suspended_callee_is_an_incident_until_it_is_activated(bench: Bench) -> None:
    tax(bench, 1)
    bench.add("order", process("order", manual("wait"), call("calc", "tax")))
    id = bench.start("order")
    bench.runner().catalog.suspend("tax@1")
    with pytest.raises(IncidentError, match=r"'calc' of order@1 calls tax@1, which is suspended") as caught:
        bench.complete(id, "wait")
    assert "runner activate tax@1" in (caught.value.hint or "")
    bench.runner().catalog.activate("tax@1")
    bench.retry(id)
    assert bench.row(id).state == "completed"


def test_falling_back_to_the_default_tenant_is_recorded(bench: Bench) -> None:
    tax(bench, 1)
    work_as(bench, "acme")
    bench.add("order", process("order", manual("wait"), call("calc", "tax")), binding="latest")
    first, second = bench.start("order"), bench.start("order")
    bench.complete(first, "wait")
    assert [(each["version"], each["fallback"]) for each in resolved(bench, first)] == [(1, True)]
    assert bench.row(first).tenant == "acme"
    tax(bench, 7)
    bench.complete(second, "wait")
    assert [(each["version"], each["fallback"]) for each in resolved(bench, second)] == [(1, False)]
    assert [bench.data(id)["rate"] for id in (first, second)] == [1, 7]
    assert bench.problems() == []


def test_without_falling_back_the_default_tenant_has_nothing(bench: Bench) -> None:
    tax(bench, 1)
    (bench.folder / "runner.toml").write_text('tenant = "acme"\nfallback_default_tenant = false\n')
    bench.add("order", process("order", manual("wait"), call("calc", "tax")), binding="latest")
    id = bench.start("order")
    with pytest.raises(IncidentError, match=r"needs process 'tax' \(latest\), which is not in tenant 'acme'"):
        bench.complete(id, "wait")


def test_a_form_bound_to_the_latest_is_noted_with_the_answers(bench: Bench) -> None:
    bench.form("ask.json", colour={"type": "string"})
    bench.add("order", process("order", user("ask", form="ask.json")), binding="latest")
    id = bench.start("order")
    bench.form("ask.json", colour={"type": "string"}, size={"type": "integer"})
    bench.runner().add([bench.folder / "ask.json"])
    bench.complete(id, "ask", {"colour": "red", "size": 3})
    assert labels(bench, id) == ["ask: ask.json@2 (latest)"]


# Migration


def order_of(*nodes: str) -> str:
    return process("order", manual("wait"), *nodes)


def moved(bench: Bench, id: str, ref: str) -> list[tuple[str, str, str]]:
    """Migrate; what the plan said about references, before it was applied."""
    runner = bench.runner()
    target = runner.target(ref)
    (plan,) = runner.diff_workflow(target, [id])
    assert runner.migrate(target, id).outcome == "migrated"
    return [(each.element, each.before, each.after) for each in plan.rebound]


def add_together(bench: Bench, version: int, *nodes: str) -> None:
    """`order` and `tax` in one deployment; `tax` says which version it is, and waits first where `nodes` say so."""
    path = bench.folder / "both.bpmn"
    path.write_text(bpmn(order_of(call("calc", "tax")), process("tax", *nodes, script("rate", f"rate = {version}"))))
    bench.runner().add([path])


def test_after_a_migration_calls_follow_the_new_deployment(bench: Bench) -> None:
    add_together(bench, 1)
    stays, goes = bench.start("order"), bench.start("order")
    add_together(bench, 2)
    assert bench.runner().diff_workflow(bench.runner().target("order@2"), [goes])[0].verdict == "migratable"
    assert moved(bench, goes, "order@2") == [("calc", "tax@1", "tax@2")]
    (entry,) = [entry for entry in bench.history(goes) if entry.what == "migrated"]
    assert [each["after"] for each in entry.details["rebound"]] == ["tax@2"]
    for id in (stays, goes):
        bench.complete(id, "wait")
    assert [bench.data(id)["rate"] for id in (stays, goes)] == [1, 2]
    assert labels(bench, goes) == ["calc: tax@2 (deployment)"]


def test_a_call_that_runs_goes_on_with_the_version_it_entered(bench: Bench) -> None:
    add_together(bench, 1, manual("ask"))
    id = bench.start("order")
    bench.complete(id, "wait")
    add_together(bench, 2, manual("other"))
    (plan,) = bench.runner().diff_workflow(bench.runner().target("order@2"), [id])
    assert plan.tasks == (), "nothing of what runs there is exchanged, so nothing of it changes"
    assert [(each.element, each.after) for each in plan.entered] == [("calc", "tax@2")]
    assert moved(bench, id, "order@2") == []
    bench.complete(id, "ask")
    assert bench.data(id)["rate"] == 1


def test_what_changed_in_a_called_process_does_not_stop_a_call_that_runs(bench: Bench) -> None:
    def add(collection: str) -> None:
        loop = f'<multiInstanceLoopCharacteristics><loopDataInputRef>{collection}</loopDataInputRef><inputDataItem id="i"/></multiInstanceLoopCharacteristics>'
        each = f'<manualTask id="each">{loop}</manualTask>'
        path = bench.folder / "both.bpmn"
        path.write_text(bpmn(order_of(call("calc", "tax")), process("tax", script("a", "a = b = [1, 2]"), each)))
        bench.runner().add([path])

    add("a")
    id = bench.start("order")
    bench.complete(id, "wait")
    add("b")
    assert moved(bench, id, "order@2") == []


def test_all_tasks_but_those_of_called_processes_belong_to_the_version_of_the_instance(bench: Bench) -> None:
    def add(version: int) -> None:
        inner = f'<startEvent id="s"/>{manual("inner")}<endEvent id="e"/>'
        flows = '<sequenceFlow id="i1" sourceRef="s" targetRef="inner"/><sequenceFlow id="i2" sourceRef="inner" targetRef="e"/>'
        nodes = (
            script("a", f"a = {version}"),
            call("calc", "tax"),
            f'<subProcess id="sub">{inner}{flows}</subProcess>',
        )
        path = bench.folder / "both.bpmn"
        path.write_text(bpmn(process("order", *nodes), process("tax", manual("ask"))))
        bench.runner().add([path])

    def owners(id: str) -> set[tuple[str, bool]]:
        with bench.runner().session(id, "look") as session:
            own = session.instance.definition
            return {(view.process, view.definition == own) for view in session.running.tasks()}

    add(1)
    id = bench.start("order")
    add(2)
    entered = {("order", True), ("tax", False)}
    assert owners(id) == entered
    assert moved(bench, id, "order@2") == []
    assert owners(id) == entered
    bench.runner().rollback(id)
    assert owners(id) == entered
    moved(bench, id, "order@2")
    bench.complete(id, "ask")
    assert owners(id) == {*entered, ("sub", True)}


def test_a_node_that_a_called_process_has_too_did_not_change(bench: Bench) -> None:
    path = bench.folder / "both.bpmn"
    for number in (1, 2):
        path.write_text(
            bpmn(
                process("order", script("same", "x = 1"), manual("wait"), call("calc", "tax")),
                process("tax", script("same", f"x = {number}")),
            )
        )
        bench.runner().add([path])
        if number == 1:
            id = bench.start("order")
    (plan,) = bench.runner().diff_workflow(bench.runner().target("order"), [id])
    assert plan.tasks == ()
    assert [each.element for each in plan.rebound] == ["calc"]


def test_what_lies_behind_an_instance_is_not_told(bench: Bench) -> None:
    both = process("order", call("calc", "tax"), manual("wait"))
    for version in (1, 2):
        tax = process("tax", script("rate", f"rate = {version}"))
        (bench.folder / "both.bpmn").write_text(bpmn(both, tax))
        bench.runner().add([bench.folder / "both.bpmn"])
        if version == 1:
            id = bench.start("order")
    assert moved(bench, id, "order@2") == []


def test_a_change_of_nothing_but_a_binding_is_a_change(bench: Bench) -> None:
    add_together(bench, 1)
    id = bench.start("order")
    bench.runner().add([bench.folder / "both.bpmn"], binding="latest")
    (plan,) = bench.runner().diff_workflow(bench.runner().target("order@2"), [id])
    assert plan.verdict == "migratable"
    assert [(each.before, each.after) for each in plan.rebound] == [("tax@1", "the latest tax")]


def test_going_back_binds_to_the_older_version_again(bench: Bench) -> None:
    add_together(bench, 1)
    id = bench.start("order")
    add_together(bench, 2)
    moved(bench, id, "order@2")
    bench.runner().rollback(id)
    bench.complete(id, "wait")
    assert bench.data(id)["rate"] == 1
