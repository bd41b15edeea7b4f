"""With the overrides instances go the same way as without them, in fewer steps."""

from __future__ import annotations

import cProfile
import logging
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import SpiffWorkflow.task
import SpiffWorkflow.workflow
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.event_definitions import timer
from SpiffWorkflow.bpmn.util.subworkflow import BpmnBaseWorkflow, BpmnSubWorkflow
from SpiffWorkflow.bpmn.util.task import BpmnTaskIterator
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.camunda.parser import CamundaParser
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from spiffcli.engine import patches

from .generated_models import Ends, Maker, Scope, model_of, random_graph
from .played_models import begin, complete, engine, name_of, play, ready, reload

_seeds = st.integers(0, 10**9)
_choices = st.lists(st.integers(0, 99), min_size=25, max_size=25)


# The same way as the engine


@settings(max_examples=40, deadline=None, derandomize=True)
@given(_seeds, _choices, st.booleans())
def test_what_the_engine_does_right_it_does_as_before(seed: int, choices: list[int], save: bool) -> None:
    model = Maker(seed, tame=True).model()
    assert play(model, "speed", choices, save=save) == play(model, "plain", choices, save=save)


@settings(max_examples=25, deadline=None)
@given(_seeds, _choices, st.booleans())
def test_speed_changes_neither_order_nor_states_nor_data(seed: int, choices: list[int], save: bool) -> None:
    model = Maker(seed).model()
    outcome = play(model, "fixes", choices, save=save)
    for mode in ("speed", "2", "mixed"):
        assert play(model, mode, choices, save=save) == outcome


@settings(max_examples=60, deadline=None)
@given(_seeds, _choices, st.booleans())
def test_nor_does_it_in_models_without_structure(seed: int, choices: list[int], save: bool) -> None:
    model = random_graph(seed)
    outcome = play(model, "fixes", choices, save=save)
    for mode in ("speed", "2", "mixed"):
        assert play(model, mode, choices, save=save) == outcome


@pytest.mark.parametrize("horizon", ["12", "16", "20", "30"])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_decided_does_not_depend_on_how_far_ahead_tasks_are_predicted(seed: int, horizon: str) -> None:
    model, choices = Maker(seed).model(), list(range(seed, seed + 25))
    assert play(model, horizon, choices) == play(model, "fixes", choices)


_MASKS = (
    TaskState.READY,
    TaskState.WAITING,
    TaskState.STARTED,
    TaskState.READY | TaskState.WAITING,
    TaskState.DEFINITE_MASK,
    TaskState.NOT_FINISHED_MASK,
)


@settings(max_examples=25, deadline=None)
@given(_seeds, _choices)
def test_searches_find_the_same_tasks_in_the_same_order(seed: int, choices: list[int]) -> None:
    with engine("speed"):
        workflow = begin(Maker(seed).model())
        workflow.do_engine_steps()
        for choice in choices:
            for current in (workflow, *workflow.subprocesses.values()):
                _compare_searches(current)
            open_tasks = ready(workflow)
            if not open_tasks:
                break
            complete(workflow, open_tasks[choice % len(open_tasks)])


def _compare_searches(workflow: BpmnBaseWorkflow) -> None:
    for mask in _MASKS:
        for skip in (True, False):
            walked = list(BpmnTaskIterator(workflow.task_tree, state=mask, skip_subprocesses=skip))
            assert workflow.get_tasks(state=mask, skip_subprocesses=skip) == walked
            found = workflow.get_next_task(state=mask, skip_subprocesses=skip)
            assert found is (walked[0] if walked else None)
    top = workflow.top_workflow
    assert top.get_active_subprocesses() == [sub for sub in top.subprocesses.values() if not sub.completed]
    unfinished = [task for task in workflow.tasks.values() if task.has_state(TaskState.NOT_FINISHED_MASK)]
    assert workflow.is_completed() == (workflow.completed or not unfinished)


# Models are read as before


def _parsed(file: Path, parser_class: type, mode: str) -> dict[str, Any]:
    """Every process of a file as the engine's serializer writes it, or the error it meets."""
    found: dict[str, Any] = {}
    registry = BpmnWorkflowSerializer.configure(SPIFF_CONFIG)
    with engine(mode):
        try:
            parser = parser_class()
            parser.add_bpmn_xml(etree.parse(file).getroot(), filename=file.name)
        except Exception as error:
            return {"": re.sub(r" at 0x\w+", "", repr(error))}
        for key in parser.get_process_ids():
            try:
                spec = parser.get_spec(key)
                found[key] = [_plain(registry.convert(task)) for task in spec.task_specs.values()]
            except Exception as error:
                found[key] = (type(error).__name__, re.sub(r" at 0x\w+", "", str(error)))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _plain(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


@pytest.mark.parametrize("parser_class", [BpmnParser, SpiffBpmnParser, CamundaParser])
def test_models_are_parsed_as_before(root: Path, parser_class: type) -> None:
    files = [*root.glob("bpmn/**/*.bpmn"), *root.glob("tests/models/**/*.bpmn")]
    assert files
    for file in files:
        assert _parsed(file, parser_class, "fixes") == _parsed(file, parser_class, "plain"), file


def test_models_of_other_tools_are_parsed_or_refused_as_before(reference_models: Path) -> None:
    for file in reference_models.glob("**/*.bpmn"):
        assert _parsed(file, SpiffBpmnParser, "fixes") == _parsed(file, SpiffBpmnParser, "plain"), file


@pytest.mark.parametrize("seed", range(20))
def test_generated_models_are_parsed_as_before(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "model.bpmn"
    file.write_bytes(Maker(seed).model() if seed % 2 else random_graph(seed))
    assert _parsed(file, SpiffBpmnParser, "fixes") == _parsed(file, SpiffBpmnParser, "plain")


# In fewer steps


def _calls(model: bytes) -> int:
    """How many calls of functions it takes to run a model: its cost, on any machine."""
    with engine("speed"):
        workflow = begin(model)
        profile = cProfile.Profile()
        profile.runcall(workflow.do_engine_steps)
        return sum(entry.callcount for entry in profile.getstats())


def _chain(scope: Scope, count: int) -> Ends:
    return scope.sequence(*(scope.script(f"x = {n}") for n in range(count)))


def _loop(scope: Scope, count: int) -> Ends:
    return scope.loop(scope.script("x = 1"), count)


def _parallel_in_loop(scope: Scope, count: int) -> Ends:
    return scope.loop(scope.split("parallelGateway", [scope.script("x = 1"), scope.script("y = 1")]), count)


def _inclusive_in_loop(scope: Scope, count: int) -> Ends:
    branches = [scope.script("x = 1"), scope.script("y = 1"), scope.script("z = 1")]
    return scope.loop(scope.split("inclusiveGateway", branches, ["True", "True", ""]), count)


def _calls_in_loop(scope: Scope, count: int) -> Ends:
    return scope.loop(scope.call(lambda inner: inner.script("x = 1")), count)


def _boundary_in_loop(scope: Scope, count: int) -> Ends:
    host = scope.sub_process(lambda inner: inner.script("x = 1"))
    return scope.loop(scope.boundary(host, scope.script("y = 1"), "PT1H", interrupting=True), count)


def _loop_beside_waiting_branches(scope: Scope, count: int) -> Ends:
    return scope.split("parallelGateway", [scope.user(), scope.timer(), _loop(scope, count)])


def _parallel_blocks(scope: Scope, count: int) -> Ends:
    pairs = ([scope.script("x = 1"), scope.script("y = 1")] for _ in range(count))
    return scope.sequence(*(scope.split("parallelGateway", pair) for pair in pairs))


def _instances(scope: Scope, count: int) -> Ends:
    return scope.instances(count, sequential=False, user=False)


def _sub_processes_at_once(scope: Scope, count: int) -> Ends:
    repeat = f"<loopCardinality>{count}</loopCardinality>"
    repeat = f"<multiInstanceLoopCharacteristics>{repeat}</multiInstanceLoopCharacteristics>"
    return scope.sub_process(lambda inner: inner.script("x = 1"), repeat)


@pytest.mark.parametrize(
    "build",
    [
        _chain,
        _loop,
        _parallel_in_loop,
        _inclusive_in_loop,
        _calls_in_loop,
        _boundary_in_loop,
        _loop_beside_waiting_branches,
        _parallel_blocks,
        _instances,
        _sub_processes_at_once,
    ],
)
def test_twice_the_tasks_cost_twice_the_steps(build: Callable[[Scope, int], Ends]) -> None:
    once, twice = (_calls(model_of(lambda scope, n=n: build(scope, n))) for n in (60, 120))
    assert twice < 2.3 * once


def test_parallel_blocks_in_a_row_start_small() -> None:
    with engine("speed"):
        workflow = begin(model_of(lambda scope: _parallel_blocks(scope, 12)))
        serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))
        assert len(workflow.tasks) < 12 * 50
        assert len(serializer.serialize_json(workflow)) < 1_000_000
        workflow.do_engine_steps()
        assert workflow.is_completed()


# Switching


def _engine_classes() -> Iterator[Any]:
    yield from (Task, Workflow, BpmnBaseWorkflow, BpmnSubWorkflow, BpmnWorkflow, BpmnTaskIterator)
    yield from (SpiffWorkflow.task, SpiffWorkflow.workflow, timer)


def test_everything_can_be_taken_back() -> None:
    with engine("fixes"):
        patches.uninstall()
        before = [dict(vars(owner)) for owner in _engine_classes()]
        defaults = BpmnTaskIterator.__init__.__defaults__
        patches.install()
        patches.install()
        assert [dict(vars(owner)) for owner in _engine_classes()] != before
        patches.uninstall()
        assert [dict(vars(owner)) for owner in _engine_classes()] == before
        assert BpmnTaskIterator.__init__.__defaults__ == defaults


def test_the_switch_leaves_what_makes_the_engine_right() -> None:
    with engine("speed"):
        patches.install(enabled=False)
        assert "_state" not in vars(Task)
        assert Task.cancel is patches.trees.cancel
        workflow = begin(model_of(lambda scope: _parallel_blocks(scope, 6)))
        assert len(workflow.tasks) > 2**6


# The index is right whatever is done to the tasks


@pytest.fixture
def branches() -> Iterator[BpmnWorkflow]:
    """Two tasks that wait for people, in parallel."""
    with engine("speed"):
        model = model_of(lambda scope: scope.split("parallelGateway", [scope.user("a"), scope.user("b")]))
        workflow = begin(model)
        workflow.do_engine_steps()
        assert ready(workflow) == ["a", "b"]
        yield workflow


def test_a_state_that_is_written_directly_is_seen(branches: BpmnWorkflow) -> None:
    first = branches.get_next_task(spec_name="a")
    first._state = TaskState.STARTED
    assert ready(branches) == ["b"]
    assert branches.get_tasks(state=TaskState.STARTED) == [first]


def test_a_task_that_is_dropped_without_a_word_is_not_found(branches: BpmnWorkflow) -> None:
    del branches.tasks[branches.get_next_task(spec_name="a").id]
    assert ready(branches) == ["b"]


def test_tasks_found_follow_the_tree_as_it_is(branches: BpmnWorkflow) -> None:
    parent = branches.get_next_task(spec_name="a").parent
    parent._children.reverse()
    assert ready(branches) == ["b", "a"]


def test_a_task_that_moves_is_found_in_its_new_place() -> None:
    def build(scope: Scope) -> Ends:
        inner = scope.split("parallelGateway", [scope.user("b"), scope.user("c")])
        return scope.split("parallelGateway", [scope.user("a"), inner, *(_chain(scope, 60) for _ in range(3))])

    with engine("speed"):
        workflow = begin(model_of(build))
        workflow.do_engine_steps()
        assert ready(workflow) == ["a", "b", "c"]
        task = workflow.get_next_task(spec_name="a")
        task.parent._children.remove(task.id)
        task._parent = workflow.get_next_task(spec_name="b").parent.id
        task.parent._children.insert(1, task.id)
        assert ready(workflow) == ["b", "a", "c"]


def test_a_copy_of_an_instance_goes_its_own_way(branches: BpmnWorkflow) -> None:
    long = model_of(lambda scope: scope.split("parallelGateway", [scope.user("a"), _loop(scope, 300)]))
    original = begin(long)
    original.do_engine_steps()
    twin = deepcopy(original)
    complete(twin, "a")
    assert (twin.is_completed(), original.is_completed()) == (True, False)
    assert ready(original) == ["a"]


def test_an_instance_that_is_loaded_has_its_index(branches: BpmnWorkflow) -> None:
    workflow = reload(branches)
    complete(workflow, "b", "a")
    assert workflow.is_completed()


def test_instances_of_a_task_may_end_in_any_order_and_begin_again() -> None:
    with engine("speed"):
        workflow = begin(model_of(lambda scope: scope.instances(3, sequential=False, user=True)))
        workflow.do_engine_steps()
        instances = workflow.get_tasks(state=TaskState.READY)
        result = instances[0].parent.task_spec.output_item
        for task in (instances[2], instances[0]):
            task.data[result.bpmn_id] = name_of(task)
            task.run()
        again = instances[2]
        again.reset_branch(None)
        assert again.state == TaskState.READY
        instances[1].data[result.bpmn_id] = "last"
        instances[1].run()
        assert again.parent.state == TaskState.STARTED
        again.data[result.bpmn_id] = "again"
        again.run()
        assert again.parent.state == TaskState.READY


# Logging


def test_nothing_is_told_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    with engine("speed"):
        task = begin(model_of(lambda scope: scope.user())).task_tree
        assert task.collect_log_extras() == {}
        assert task.workflow.collect_log_extras() == {}
        with caplog.at_level(logging.INFO, "spiff"):
            task.run()
    assert [record.task_spec for record in caplog.records if record.message == "State changed to COMPLETED"] == [
        "Start"
    ]
