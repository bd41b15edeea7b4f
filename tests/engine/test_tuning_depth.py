"""Processes of thousands of tasks in a row: nothing stops, fails or lies at a depth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from SpiffWorkflow.util.task import TaskState

from .generated_models import Ends, Scope, model_of
from .played_models import begin, complete, engine, name_of, parse, ready, reload

#: Deeper than the engine's own limit (1,000) and than the interpreter's (1,000 calls), several times over.
DEEP = 4000


@pytest.fixture(params=["fixes", "speed"])
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine with what makes it right, and fast too."""
    with engine(request.param):
        yield request.param


def _chain(count: int) -> bytes:
    def build(scope: Scope) -> Ends:
        steps = [scope.script("x = x + 1") for _ in range(count)]
        return scope.sequence(scope.script("x = 0", id="first"), *steps, scope.user("last"))

    return model_of(build)


def _loop(passes: int) -> bytes:
    return model_of(lambda scope: scope.sequence(scope.loop(scope.script("pass"), passes), scope.user("last")))


@pytest.mark.parametrize("count", [DEEP, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_long_chain_parses_runs_saves_and_loads(count: int) -> None:
    with engine("speed"):
        workflow = begin(_chain(count))
        workflow.do_engine_steps()
        workflow = reload(workflow)
        assert (ready(workflow), workflow.is_completed()) == (["last"], False)
        complete(workflow, "last")
        assert (workflow.is_completed(), workflow.data) == (True, {"x": count})


@pytest.mark.parametrize("passes", [DEEP // 3, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_long_loop_ends_when_it_should(passes: int) -> None:
    with engine("speed"):
        workflow = begin(_loop(passes))
        workflow.do_engine_steps()
        workflow = reload(workflow)
        assert (ready(workflow), workflow.is_completed()) == (["last"], False)
        complete(workflow, "last")
        assert workflow.is_completed()
        assert passes in workflow.data.values()


def test_a_loop_beyond_the_limit_is_not_called_complete(mode: str) -> None:
    workflow = begin(_loop(260))
    workflow.do_engine_steps()
    assert (ready(workflow), workflow.is_completed()) == (["last"], False)


def test_a_long_instance_can_be_cancelled(mode: str) -> None:
    workflow = begin(_chain(1200))
    workflow.task_tree.run()
    workflow.task_tree.cancel()
    assert all(not task.has_state(TaskState.NOT_FINISHED_MASK) for task in workflow.tasks.values())
    assert len(workflow.cancel()) == 0


def test_a_long_instance_can_be_reset_to_its_first_task() -> None:
    with engine("speed"):
        workflow = begin(_chain(DEEP))
        workflow.do_engine_steps()
        removed = workflow.reset_from_task_id(workflow.get_next_task(spec_name="first").id)
        assert len(removed) >= DEEP
        assert [name_of(task) for task in workflow.get_tasks(state=TaskState.READY)] == ["first"]
        workflow.do_engine_steps()
        assert ready(workflow) == ["last"]


def test_ancestors_are_found_at_any_distance(mode: str) -> None:
    workflow = begin(_chain(1200))
    tasks = list(workflow.tasks.values())
    if mode == "speed":
        workflow.do_engine_steps()
        tasks = list(workflow.tasks.values())
    last = tasks[-1]
    assert len(tasks) > 1200
    assert last.is_descendant_of(workflow.task_tree)
    assert not workflow.task_tree.is_descendant_of(last)
    assert not last.is_descendant_of(last)
    assert last.find_ancestor("Start") is workflow.task_tree
    assert last.find_ancestor("nowhere") is None
    assert len(last.task_spec.ancestors()) > 1200


def test_an_asked_for_depth_is_kept(mode: str) -> None:
    workflow = begin(_chain(5))
    assert [name_of(task) for task in workflow.get_tasks(max_depth=1)] == [
        "Start",
        name_of(workflow.task_tree.children[0]),
    ]


def test_a_cycle_of_flows_that_nothing_leaves_can_start(mode: str) -> None:
    def build(scope: Scope) -> Ends:
        scope.flow(scope.user("a")[0], scope.user("b")[0])
        scope.flow("b", "a")
        return "a", scope.script("never = 1")[0]

    workflow = begin(model_of(build))
    workflow.do_engine_steps()
    assert len(workflow.tasks) < 30
    complete(workflow, "a", "b", "a")
    assert ready(workflow) == ["b"]


def test_a_fault_deep_in_a_model_is_reported_as_such() -> None:
    model = _chain(DEEP).replace(b'<userTask id="last" ></userTask>', b'<complexGateway id="last"/>')
    with engine("fixes"), pytest.raises(Exception, match="no support implemented") as caught:
        parse(model)
    assert type(caught.value).__name__ == "ValidationException"
    assert caught.value.__cause__ is None
