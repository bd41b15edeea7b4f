"""Gateways that join wait for what may still come, in every pass of a loop, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from SpiffWorkflow.bpmn import BpmnWorkflow

from .generated_models import Ends, Model, Scope, model_of
from .played_models import begin, complete, engine, parse, ready, reload

JOINS = ("parallelGateway", "inclusiveGateway")


@pytest.fixture(params=["fixes", "speed", "2"], autouse=True)
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    """With what makes the engine right; fast too; and with the least that can be predicted."""
    with engine(request.param):
        yield request.param


def _started(model: bytes) -> BpmnWorkflow:
    workflow = begin(model)
    workflow.do_engine_steps()
    return workflow


def _conditions(kind: str, count: int) -> list[str]:
    return ["True"] * count if kind == "inclusiveGateway" else []


def _looping(kind: str) -> bytes:
    """Branches a and b, joined before z, three times."""

    def build(scope: Scope) -> Ends:
        block = scope.split(kind, [scope.user("a"), scope.user("b")], _conditions(kind, 2))
        return scope.loop(scope.sequence(block, scope.user("z")), 3)

    return model_of(build)


@pytest.mark.parametrize("kind", JOINS)
@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_later_pass_waits_for_its_own_branches(kind: str, order: tuple[str, str]) -> None:
    workflow = _started(_looping(kind))
    complete(workflow, "a", "b", "z")
    first, second = order
    for _ in range(2):
        complete(workflow, first)
        assert ready(workflow) == [second]
        workflow = reload(workflow)
        complete(workflow, second)
        assert ready(workflow) == ["z"]
        complete(workflow, "z")
    assert workflow.is_completed()


@pytest.mark.parametrize("kind", JOINS)
def test_a_later_pass_takes_data_of_its_own_branches_only(kind: str) -> None:
    workflow = _started(_looping(kind))
    workflow.get_next_task(spec_name="a").data["note"] = "first pass"
    complete(workflow, "a", "b")
    task = workflow.get_next_task(spec_name="z")
    assert task.data["note"] == "first pass"
    del task.data["note"]
    complete(workflow, "z", "b", "a")
    assert "note" not in workflow.last_task.data


def test_an_inclusive_join_waits_for_a_branch_inside_a_sub_process() -> None:
    def build(scope: Scope) -> Ends:
        inner = scope.sub_process(lambda inner: inner.user("inside"))
        choice = scope.split("exclusiveGateway", [scope.user("c"), scope.user("d")], ["True", ""])
        return scope.sequence(
            scope.split("inclusiveGateway", [scope.user("a"), scope.sequence(inner, choice)], ["True", "True"]),
            scope.user("z"),
        )

    workflow = _started(model_of(build))
    complete(workflow, "a")
    assert ready(workflow) == ["inside"]
    complete(workflow, "inside")
    assert ready(workflow) == ["c"]
    complete(workflow, "c")
    assert ready(workflow) == ["z"]


def test_an_inclusive_join_looks_down_every_way_that_leads_to_it() -> None:
    """`w` can be reached from `never` and from `k`; only `k` has a token."""

    def build(scope: Scope) -> Ends:
        first, join = scope.node("inclusiveGateway"), scope.node("inclusiveGateway")
        merge = scope.node("exclusiveGateway")
        for name, taken in (("a", "True"), ("never", "False"), ("k", "True")):
            scope.flow(first, scope.user(name)[0], taken)
        scope.flow("never", merge)
        scope.flow("k", "choice")
        scope.flow("choice", merge, "True")
        default = scope.flow("choice", scope.user("other")[0])
        scope.node("exclusiveGateway", id="choice", attributes=f'default="{default}"')
        scope.flow(merge, scope.user("w")[0])
        scope.flow("a", join)
        scope.flow("w", join)
        scope.flow("other", scope.node("endEvent"))
        return first, scope.sequence((join, join), scope.user("z"))[1]

    workflow = _started(model_of(build))
    complete(workflow, "a")
    assert ready(workflow) == ["k"]
    complete(workflow, "k")
    assert ready(workflow) == ["w"]
    complete(workflow, "w")
    assert ready(workflow) == ["z"]


def test_an_inclusive_join_does_not_wait_for_who_may_come_the_way_somebody_came() -> None:
    """BPMN: a token does not hold up the gateway if it can also come to an input that has one already."""

    def build(scope: Scope) -> Ends:
        first, join = scope.node("parallelGateway"), scope.node("inclusiveGateway")
        scope.flow(first, scope.user("task")[0])
        scope.flow(first, scope.user("ask")[0])
        scope.flow("ask", "choice")
        scope.flow("choice", "task", "answer == 'yes'")
        default = scope.flow("choice", scope.user("other")[0])
        scope.node("exclusiveGateway", id="choice", attributes=f'default="{default}"')
        scope.flow("task", join)
        scope.flow("other", join)
        return first, scope.sequence((join, join), scope.user("z"))[1]

    model = model_of(build)
    workflow = _started(model)
    complete(workflow, "task")
    assert ready(workflow) == ["z", "ask"]

    workflow = _started(model)
    workflow.get_next_task(spec_name="ask").data["answer"] = "no"
    complete(workflow, "ask", "other")
    assert ready(workflow) == ["task"]
    complete(workflow, "task")
    assert ready(workflow) == ["z"]


@pytest.mark.parametrize("kind", JOINS)
@pytest.mark.parametrize("length", [1, 8, 14, 30])
def test_a_join_waits_for_a_branch_however_long_it_is(kind: str, length: int) -> None:
    def build(scope: Scope) -> Ends:
        long = scope.sequence(scope.user("b"), *(scope.script("pass") for _ in range(length)), scope.user("c"))
        return scope.sequence(scope.split(kind, [scope.user("a"), long], _conditions(kind, 2)), scope.user("z"))

    workflow = _started(model_of(build))
    complete(workflow, "a")
    assert ready(workflow) == ["b"]
    workflow = reload(workflow)
    complete(workflow, "b")
    assert ready(workflow) == ["c"]
    complete(workflow, "c")
    assert ready(workflow) == ["z"]


def _merging_into_parallel(back: int) -> bytes:
    """A parallel gateway j that a loop leads back to, with `back` scripts on the way."""

    def build(scope: Scope) -> Ends:
        scope.node("parallelGateway", id="j")
        start, _ = scope.script("n = 0")
        step, _ = scope.script("n = n + 1")
        way = scope.script("pass")
        scope.flow(start, "j")
        scope.flow("j", step)
        scope.flow(step, "g")
        out, _ = scope.user("z")
        default = scope.flow("g", out)
        scope.node("exclusiveGateway", id="g", attributes=f'default="{default}"')
        last = scope.sequence(way, *(scope.script("pass") for _ in range(back)))[1]
        scope.flow("g", way[0], "n &lt; 0")
        scope.flow(last, "j")
        return start, out

    return model_of(build)


@pytest.mark.parametrize("back", [1, 5, 20])
def test_a_parallel_gateway_does_not_wait_for_the_way_back_that_starts_behind_it(back: int) -> None:
    assert ready(_started(_merging_into_parallel(back))) == ["z"]


def _counting(ahead: str) -> bytes:
    """A task `ahead` and a parallel gateway behind it that a loop leads back to, from a task `again`."""

    def build(scope: Scope) -> Ends:
        scope.node("parallelGateway", id="j")
        start, _ = scope.script("x = 0")
        step, _ = scope.script("x = x + 1")
        before, _ = scope.user(ahead)
        scope.flow(start, before)
        scope.flow(before, "j")
        scope.flow("j", step)
        scope.flow(step, "g")
        again, _ = scope.user("again")
        out, _ = scope.user("z")
        default = scope.flow("g", out)
        scope.node("exclusiveGateway", id="g", attributes=f'default="{default}"')
        scope.flow("g", again, "x &lt; 3")
        scope.flow(again, "j")
        return start, out

    return model_of(build)


def test_a_parallel_gateway_does_not_wait_again_for_whom_no_token_follows() -> None:
    workflow = _started(_counting("first"))
    complete(workflow, "first", "again")
    assert ready(workflow) == ["again"]
    workflow = reload(workflow)
    complete(workflow, "again")
    assert ready(workflow) == ["z"]
    assert workflow.get_next_task(spec_name="z").data["x"] == 3


def test_a_parallel_gateway_in_a_loop_waits_for_what_a_choice_has_left_out() -> None:
    """Behind a choice it can never go on, in a later pass as little as in the first."""

    def build(scope: Scope) -> Ends:
        scope.node("parallelGateway", id="j")
        fork = scope.node("parallelGateway")
        choice, after = "c", "g"
        start, _ = scope.script("x = 0")
        scope.flow(start, choice)
        default = scope.flow(choice, fork)
        scope.node("exclusiveGateway", id=choice, attributes=f'default="{default}"')
        for name in ("a", "b"):
            scope.flow(fork, scope.user(name)[0])
            scope.flow(name, name + "2")
            scope.node("exclusiveGateway", id=name + "2")
            scope.flow(name + "2", "j")
        scope.flow(choice, "a2", "x &gt; 0")
        step, _ = scope.script("x = x + 1")
        scope.flow("j", step)
        scope.flow(step, after)
        out, _ = scope.user("z")
        default = scope.flow(after, out)
        scope.node("exclusiveGateway", id=after, attributes=f'default="{default}"')
        scope.flow(after, choice, "x &lt; 2")
        return start, out

    workflow = _started(model_of(build))
    complete(workflow, "a", "b")
    assert ready(workflow) == []
    assert not workflow.is_completed()


def test_a_parallel_gateway_waits_for_a_branch_that_shares_its_entry_with_the_way_back() -> None:
    def build(scope: Scope) -> Ends:
        first = scope.node("parallelGateway")
        merge = scope.node("exclusiveGateway", id="merge")
        scope.node("parallelGateway", id="j")
        scope.flow(first, scope.user("a")[0])
        scope.flow(first, scope.user("c")[0])
        scope.flow("c", merge)
        scope.flow(merge, "j")
        scope.flow("a", "j")
        out, _ = scope.user("z")
        default = scope.flow("g", out)
        scope.flow("g", merge, "False")
        scope.flow("j", "g")
        scope.node("exclusiveGateway", id="g", attributes=f'default="{default}"')
        return first, out

    workflow = _started(model_of(build))
    complete(workflow, "a")
    assert ready(workflow) == ["c"]
    complete(workflow, "c")
    assert ready(workflow) == ["z"]


def test_a_process_that_calls_itself_does_not_mix_up_its_levels() -> None:
    model = Model()

    def build(scope: Scope) -> Ends:
        again = scope.node("callActivity", attributes='calledElement="process0"')
        deeper = scope.sequence(scope.script("level = level + 1"), (again, again))
        nothing = scope.script("pass")
        branch = scope.split("exclusiveGateway", [deeper, nothing], ["level &lt; 1", ""])
        block = scope.split("parallelGateway", [scope.user("a"), scope.sequence(branch, scope.user("b"))])
        return scope.sequence(scope.script("level = globals().get('level', 0)"), block, scope.user("z"))

    model.add(build)
    workflow = BpmnWorkflow(*parse(model.xml()))
    workflow.do_engine_steps()
    inner = next(iter(workflow.subprocesses.values()))
    for name in ("a", "b", "z"):
        complete_in(inner, name)
        workflow.do_engine_steps()
    assert ready(workflow) == ["a", "b"]
    complete(workflow, "b")
    assert ready(workflow) == ["a"]
    complete(workflow, "a")
    assert ready(workflow) == ["z"]


def complete_in(workflow: BpmnWorkflow, name: str) -> None:
    """Run the first task of this name in one process, whatever the others do."""
    next(task for task in workflow.tasks.values() if task.task_spec.name == name).run()


def test_a_branch_that_is_reset_joins_again() -> None:
    def build(scope: Scope) -> Ends:
        block = scope.split("parallelGateway", [scope.user("a"), scope.user("b")])
        return scope.sequence(block, scope.user("z"))

    workflow = _started(model_of(build))
    complete(workflow, "a", "b")
    workflow.reset_from_task_id(workflow.get_next_task(spec_name="a").id)
    workflow.do_engine_steps()
    complete(workflow, "a")
    assert ready(workflow) == ["z"]
    complete(workflow, "z")
    assert workflow.is_completed()


def test_what_a_cancelled_task_had_started_is_not_run_in_the_same_round() -> None:
    def build(scope: Scope) -> Ends:
        stop = scope.sequence(scope.script("pass"), scope.stop("True"))
        long = scope.sequence(*(scope.script(f"x = {n}") for n in range(6)))
        return scope.split("parallelGateway", [stop, long])

    ran = []
    workflow = begin(model_of(build))
    workflow.do_engine_steps(did_complete_task=lambda task: ran.append(task))
    end = next(task for task in ran if type(task.task_spec).__name__ == "EndEvent")
    assert workflow.is_completed()
    assert ran.index(end) == len(ran) - 1


def test_a_removed_task_waits_for_nothing_and_leaves_no_process_behind() -> None:
    def build(scope: Scope) -> Ends:
        inner = scope.sub_process(lambda inner: inner.signal("hello"))
        return scope.sequence(scope.script("pass", id="first"), inner)

    workflow = _started(model_of(build))
    assert [event.name for event in workflow.waiting_events()] == ["hello"]
    workflow.get_next_task(spec_name="first")._drop_children(force=True)
    assert workflow.waiting_events() == []
    assert not workflow.subprocesses


def test_a_deleted_sub_process_waits_for_nothing() -> None:
    def build(scope: Scope) -> Ends:
        inner = scope.sub_process(lambda inner: inner.signal("hello"))
        return scope.sequence(scope.user("first"), inner)

    workflow = _started(model_of(build))
    complete(workflow, "first")
    workflow.reset_from_task_id(workflow.get_next_task(spec_name="first").id)
    assert workflow.waiting_events() == []
