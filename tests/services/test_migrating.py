"""Moving instances that business code serves: what a move evaluates reads the aggregate, loops go on where they were."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest

from spiffcli.engine.retarget import Policies
from spiffcli.services import Element, TaskEvent, TaskException, TaskId, workflow_service, workflow_task, workflow_value
from spiffcli.testing import Workflow, WorkflowEnvironment

from .conftest import Make
from .models import boundary, many, process, service, sub, timer, user, write
from .shop import Item, Order


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_value
    def patience(self, order: Order) -> str:
        return f"P{order.days}D"

    @workflow_task(id="Late")
    def late(self, order: Order) -> None:
        order.log.append("late")

    @workflow_task(id="Pay")
    def pay(self, order: Order, task: TaskId, event: TaskEvent) -> None:
        order.log.append(event.value)

    @workflow_task(id="Each")
    def each(self, order: Order, item: Annotated[Item, Element("S")]) -> None:
        order.log.append(item.name)
        if item.name == "broken":
            raise TaskException("BROKEN")


def moved(env: WorkflowEnvironment, workflow: Workflow, tmp_path: Path, *processes: str, **policies: Any) -> None:
    env.add(write(tmp_path / "v2.bpmn", *processes))
    target = env.runner.target("p", policies=Policies(**policies))
    (plan,) = env.runner.diff_workflow(target, [workflow.id])
    assert plan.verdict == "migratable", plan.blockers
    assert env.runner.migrate(target, workflow.id).outcome == "migrated"


def test_a_new_boundary_timer_is_armed_by_the_aggregate(make: Make, tmp_path: Path) -> None:
    env = make(process("p", user("U")), services=Orders)
    workflow = env.start(Order("1", days=3))
    moved(
        env, workflow, tmp_path, process("p", user("U"), extra=boundary("T", "U", timer("patience"), service("Late")))
    )
    env.skip(timedelta(days=2, hours=23))
    workflow.assert_waiting_at("U")
    env.skip(timedelta(hours=2))
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["late"])


def test_two_instances_in_one_situation_have_their_own_deadlines(make: Make, tmp_path: Path) -> None:
    env = make(process("p", user("U")), services=Orders)
    short, long = env.start(Order("1", days=1)), env.start(Order("2", days=9))
    env.add(
        write(
            tmp_path / "v2.bpmn", process("p", user("U"), extra=boundary("T", "U", timer("patience"), service("Late")))
        )
    )
    target = env.runner.target("p@2")
    for workflow in (short, long):
        assert env.runner.migrate(target, workflow.id).outcome == "migrated"
    env.skip(timedelta(days=2))
    assert (short.state, long.state) == ("completed", "running")


@pytest.mark.parametrize("sequential", [False, True], ids=["parallel", "sequential"])
def test_a_loop_over_the_aggregate_goes_on_where_it_was(make: Make, tmp_path: Path, sequential: bool) -> None:
    loop = many(collection="items", item="item", sequential=sequential)
    env = make(process("p", sub("S", user("U"), service("Each"), inside=loop)), services=Orders)
    workflow = env.start(Order("1", items=[Item("a"), Item("b"), Item("c")]))
    workflow.complete(next(view.task for view in env.runner.look(workflow.id).open_tasks))
    moved(env, workflow, tmp_path, process("p", sub("S", user("U"), service("Each"), inside=loop), user("V")))
    while views := [view for view in env.runner.look(workflow.id).open_tasks if view.id == "U"]:
        workflow.complete(views[0].task)
    assert sorted(workflow.aggregate.log) == ["a", "b", "c"]
    workflow.assert_waiting_at("V")


def test_an_open_task_is_completed_after_the_move(make: Make, tmp_path: Path) -> None:
    env = make(process("p", service("Pay")), services=Orders)
    workflow = env.start(Order("1"))
    (task,) = (view.task for view in env.runner.look(workflow.id).open_tasks)
    moved(env, workflow, tmp_path, process("p", service("Pay"), user("U")))
    env.runner.service(Order).complete_task("1", task)
    workflow.assert_waiting_at("U")
    assert workflow.aggregate.log == ["created"]


def test_an_open_task_gets_into_a_sub_process_and_out_of_it(make: Make, tmp_path: Path) -> None:
    flat = process("p", service("Pay"), user("U"))
    late = boundary("T", "S", timer("patience"), service("Late"))
    around = process("p", sub("S", service("Pay")), user("U"), extra=late)
    for versions in ((flat, around), (around, flat)):
        env = make(versions[0], services=Orders)
        workflow = env.start(Order("1", days=3))
        (task,) = (view.task for view in env.runner.look(workflow.id).open_tasks)
        moved(env, workflow, tmp_path, versions[1], mapping={"Pay": "Pay"})
        env.skip(timedelta(days=2))
        env.runner.service(Order).complete_task("1", task)
        env.skip(timedelta(days=2))
        workflow.assert_waiting_at("U")
        assert workflow.aggregate.log == ["created"]


@pytest.mark.parametrize("with_services", [True, False])
def test_data_for_tasks_are_refused_where_an_aggregate_has_the_state(
    make: Make, tmp_path: Path, with_services: bool
) -> None:
    env = make(process("p", user("U")), services=Orders)
    workflow = env.start(Order("1"))
    env.add(write(tmp_path / "v2.bpmn", process("p", user("U"), user("V"))))
    runner = env.runner if with_services else WorkflowEnvironment(store=env.runner.store).runner
    result = runner.migrate(runner.target("p@2", policies=Policies(data={"days": 3})), workflow.id)
    assert result.outcome == "refused"
    assert "'U' reads an aggregate, and no data given with --data." in (result.reason or "")
    assert (workflow.instance.version, workflow.aggregate.days) == (1, 0)


def test_a_migration_taken_back_leaves_the_aggregate_as_it_is(make: Make, tmp_path: Path) -> None:
    from spiffcli.errors import StateError

    env = make(process("p", user("U")), services=Orders)
    workflow = env.start(Order("1", days=3))
    moved(env, workflow, tmp_path, process("p", user("U"), user("V")))
    env.runner.rollback(workflow.id)
    assert (workflow.instance.version, workflow.aggregate.days) == (1, 3)
    env.runner.migrate(env.runner.target("p@2"), workflow.id)
    env.runner.service(Order).change("1", lambda order: setattr(order, "days", 4))
    with pytest.raises(StateError, match="has moved on since it was migrated"):
        env.runner.rollback(workflow.id)
    assert workflow.aggregate.days == 4
