"""Instances and models in Git: what a new commit means for them, and how they get there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from spiffcli.errors import StateError
from spiffcli.migrate.apply import planned
from spiffcli.migrate.fleet import judge
from spiffcli.repo.deploy import sync
from spiffcli.report.impact import fleet_document, plan_json
from spiffcli.runner import Runner

from .places import Desk


@pytest.fixture
def asking(desk: Desk) -> Iterator[tuple[Desk, Runner]]:
    """A model that asks, deployed, with a runner."""
    desk.model("shop/ask", forms=("ask.json",))
    desk.write("shop/ask/ask.json", "{}")
    desk.commit("ask")
    with desk.runner() as runner:
        sync(runner.workspace, repository=desk.repository())
        yield desk, runner


def begun(runner: Runner, key: str = "ask") -> str:
    with runner.start(key) as session:
        session.advance()
        return session.instance.id


def new_commit(desk: Desk, runner: Runner) -> None:
    desk.commit("a change")
    sync(runner.workspace, repository=desk.repository())


def test_n16_a_change_of_nothing_but_a_form_is_told_and_can_be_moved_to(asking: tuple[Desk, Runner]) -> None:
    desk, runner = asking
    instance = begun(runner)
    desk.write("shop/ask/ask.json", json.dumps({"title": "New", "properties": {"a": {"type": "string"}}}))
    new_commit(desk, runner)
    diff = runner.diff_spec("ask@1", "ask@2", dependencies=True)
    assert diff.dependencies["form:ask.json"].status == "changed"
    (plan,) = runner.diff_workflow(runner.target("ask@2"), [instance])
    assert plan.verdict == "migratable"
    assert runner.migrate(runner.target("ask@2"), instance).outcome == "migrated"


def test_n16_a_change_of_the_process_alone_is_told_and_can_be_moved_to(asking: tuple[Desk, Runner]) -> None:
    desk, runner = asking
    instance = begun(runner)
    file = desk.folder / "shop/ask/ask.bpmn"
    file.write_text(file.read_text().replace('name="The ask"', 'name="Another name"'))
    new_commit(desk, runner)
    diff = runner.diff_spec("ask@1", "ask@2")
    assert [each.element.id for each in diff.changes] == ["ask"]
    (plan,) = runner.diff_workflow(runner.target("ask@2"), [instance])
    assert plan.verdict == "migratable"


def test_n17_a_refusal_names_task_rule_and_way_out(asking: tuple[Desk, Runner]) -> None:
    desk, runner = asking
    instance = begun(runner)
    file = desk.folder / "shop/ask/ask.bpmn"
    file.write_text(file.read_text().replace("userTask", "manualTask"))
    new_commit(desk, runner)
    (plan,) = runner.diff_workflow(runner.target("ask@2"), [instance])
    told = plan_json(plan)
    assert told["verdict"] == "blocked"
    (reason,) = told["blockers"]
    assert (reason["element"], reason["state"], reason["rule"]) == ("ask_asks_ask", "READY", "node-type-changed")
    assert "has a ManualTask in its place, not a UserTask" in reason["reason"]
    assert "Complete the task first" in reason["fix"]
    assert [(task["id"], task["state"], task["task"]) for task in told["tasks"]] == [
        ("ask_asks_ask", "READY", reason["task"])
    ]
    with desk.runner() as again:  # and the instance stands as it stood
        assert again.migrate(again.target("ask@2"), instance).outcome == "refused"
        assert again.catalog.instance(instance).version == 1


def test_n18_many_are_judged_without_a_change(asking: tuple[Desk, Runner]) -> None:
    desk, runner = asking
    ids = {begun(runner) for _ in range(5)}
    desk.write("shop/ask/ask.json", '{"title": "New"}')
    new_commit(desk, runner)
    target = runner.target("ask@2")
    before = [row.revision for row in runner.instances()]
    document = fleet_document(judge(runner.workspace, target, runner.catalog.standings()))
    assert {each["id"] for each in document["instances"]} == ids
    assert document["totals"]["migratable"] == 5
    assert {planned(plan).outcome for plan in runner.diff_workflow(target, sorted(ids))} == {"planned"}
    assert [row.revision for row in runner.instances()] == before


def test_n20_an_instance_is_not_moved_to_another_model(asking: tuple[Desk, Runner]) -> None:
    _, runner = asking
    instance = begun(runner)
    with pytest.raises(StateError, match="runs"):
        runner.migrate(runner.target("tax"), instance)
    assert runner.catalog.instance(instance).key == "ask"
