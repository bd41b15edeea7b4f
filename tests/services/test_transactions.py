"""Aggregate and instance are saved together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from spiffcli.errors import IncidentError, InputError, StoreError
from spiffcli.services import TaskException, workflow_service, workflow_task, workflow_value
from spiffcli.store import open_store
from spiffcli.testing import WorkflowEnvironment

from .conftest import Make
from .models import boundary, choice, error, many, process, service, sub, user, write
from .shop import Order

broken = {"mail": True}


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task
    def note(self, order: Order) -> None:
        order.log.append("noted")

    @workflow_task
    def mail(self, order: Order) -> None:
        order.log.append("mailed")
        if broken["mail"]:
            raise ConnectionError("the mail server is down")

    @workflow_task
    def refuse(self, order: Order) -> None:
        order.log.append("refused")
        raise TaskException("REFUSED", "not in stock")

    @workflow_task
    def handle(self, order: Order) -> None:
        order.log.append("handled")


def test_any_other_exception_rolls_back_makes_an_incident_and_retry_repeats(make: Make) -> None:
    broken["mail"] = True
    env = make(process("p", service("A", "note"), service("B", "mail")), services=Orders)
    with pytest.raises(IncidentError) as failed:
        env.start(Order("1"))
    assert "Service task 'B' failed: ConnectionError: the mail server is down (test_transactions.py:" in str(
        failed.value
    )
    workflow = env.workflow("1")
    assert (workflow.state, workflow.aggregate.log) == ("error", ["noted"])
    with pytest.raises(IncidentError):
        workflow.retry()
    assert workflow.aggregate.log == ["noted"]
    broken["mail"] = False
    workflow.retry()
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["noted", "mailed"])


def test_what_is_given_to_a_retry_goes_into_the_aggregate(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Strict:
        @workflow_task(id="A")
        def check(self, order: Order) -> None:
            if not order.days:
                raise LookupError

    env = make(process("p", service("A"), user("U")), services=Strict)
    with pytest.raises(IncidentError, match=r"Service task 'A' failed: LookupError \(test_transactions") as failed:
        env.start(Order("1"))
    assert "(--data goes into the aggregate)" in (failed.value.hint or "")
    workflow = env.workflow("1")
    for wrong, said in (({"nothing": 1}, "Order has no field 'nothing'"), ({"days": "x"}, "must be a whole number")):
        with pytest.raises(InputError, match=said), env.runner.session(workflow.id, "retry") as session:
            session.retry(wrong)
        assert (workflow.state, workflow.aggregate.days) == ("error", 0)
    with env.runner.session(workflow.id, "retry") as session:
        session.retry({"days": 3})
        session.advance()
        assert all(dict(view.data) == {} for view in session.running.tasks())
    assert (workflow.waiting_at, workflow.aggregate.days) == (["U"], 3)


def test_what_a_method_did_before_its_task_failed_otherwise_is_rolled_back_too(make: Make) -> None:
    """The method has succeeded, and what the task does after it has not."""
    broken["mail"] = False
    payload = (
        '<sendTask id="S" messageRef="m"><extensionElements><spiffworkflow:messagePayload>1 / days'
        "</spiffworkflow:messagePayload></extensionElements></sendTask>"
    )

    @workflow_service(aggregate=Order, process_id="p")
    class Sending:
        @workflow_task(id="S")
        def send(self, order: Order) -> None:
            order.log.append("sent")

    env = make('<message id="m" name="m"/>', process("p", payload), services=Sending)
    with pytest.raises(IncidentError, match="ZeroDivisionError"):
        env.start(Order("1"))
    assert env.workflow("1").aggregate.log == []


def test_a_boundary_event_without_an_error_catches_every_business_error(make: Make) -> None:
    catch_all = boundary("B", "A", "<errorEventDefinition/>", service("H", "handle"))
    env = make(process("p", service("A", "refuse"), extra=catch_all), services=Orders)
    workflow = env.start(Order("1"))
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["refused", "handled"])
    env.runner.tick()


def test_a_business_error_commits_and_takes_the_error_path(make: Make) -> None:
    env = make(
        process(
            "p", service("A", "refuse"), user("U"), extra=boundary("E", "A", error("REFUSED"), service("H", "handle"))
        ),
        services=Orders,
        errors=("REFUSED",),
    )
    workflow = env.start(Order("1"))
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["refused", "handled"])
    assert workflow.trace == ["p_start", "A", "E", "H", "E_end"]


def test_a_business_error_that_nothing_catches_is_an_incident_and_keeps_nothing(make: Make) -> None:
    env = make(
        process("p", service("A", "refuse"), extra=boundary("E", "A", error("OTHER"), service("H", "handle"))),
        services=Orders,
        errors=("OTHER",),
    )
    with pytest.raises(IncidentError) as failed:
        env.start(Order("1"))
    assert "its method raised the error 'REFUSED' (not in stock), which nothing in the model catches" in str(
        failed.value
    )
    assert "Put a boundary event for the error code 'REFUSED' on it" in (failed.value.hint or "")
    assert (env.workflow("1").state, env.workflow("1").aggregate.log) == ("error", [])


def test_the_error_path_is_taken_around_the_task_where_it_has_none_itself(make: Make) -> None:
    env = make(
        process(
            "p", sub("S", service("A", "refuse")), extra=boundary("E", "S", error("REFUSED"), service("H", "handle"))
        ),
        services=Orders,
        errors=("REFUSED",),
    )
    assert env.start(Order("1")).aggregate.log == ["refused", "handled"]


def test_only_the_branch_of_the_task_takes_its_error_path(make: Make) -> None:
    """Two sub-processes side by side have the same boundary event; the engine would fire both."""
    both = (
        '<parallelGateway id="fork"/><parallelGateway id="join"/>\n'
        + sub("S1", user("U1"), service("A", "refuse"))
        + sub("S2", user("U2"), service("B", "note"))
        + "".join(boundary(f"E{n}", f"S{n}", error("REFUSED"), service(f"H{n}", "handle")) for n in (1, 2))
    )
    flows = [("start", "fork"), ("fork", "S1"), ("fork", "S2"), ("S1", "join"), ("S2", "join"), ("join", "end")]
    model = (
        '<process id="p" isExecutable="true"><startEvent id="start"/><endEvent id="end"/>'
        + both
        + "".join(f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in flows)
        + "</process>"
    )
    env = make(model, services=Orders, errors=("REFUSED",))
    workflow = env.start(Order("1"))
    workflow.complete("U1")
    assert workflow.aggregate.log == ["refused", "handled"]
    assert "U2" in workflow.waiting_at
    workflow.complete("U2")
    assert workflow.aggregate.log == ["refused", "handled", "noted"]


def test_one_instance_that_raises_takes_the_whole_multi_instance_with_it(make: Make) -> None:
    env = make(
        process(
            "p",
            service("A", "refuse", many(cardinality="3", sequential=True)),
            user("U"),
            extra=boundary("E", "A", error("REFUSED"), service("H", "handle")),
        ),
        services=Orders,
        errors=("REFUSED",),
    )
    assert env.start(Order("1")).aggregate.log == ["refused", "handled"]


def test_an_error_inside_two_repetitions_ends_all_of_both_at_once(make: Make) -> None:
    inner = service("A", "refuse", many(cardinality="3"))
    env = make(
        process(
            "p",
            sub("S", inner, user("U"), inside=many(cardinality="2")),
            extra=boundary("E", "S", error("REFUSED"), service("H", "handle")),
        ),
        services=Orders,
        errors=("REFUSED",),
    )
    workflow = env.start(Order("1"))
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["refused", "handled"])


class Failing:
    """A store whose next commit fails, with everything that was written in it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.fail_at: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._store.transaction() as tx:
            yield tx
            if self.fail_at is not None:
                self.fail_at -= 1
                if self.fail_at == 0:
                    self.fail_at = None
                    raise StoreError("The disk is full.")


@pytest.mark.parametrize("at", range(1, 4))
def test_a_commit_that_fails_leaves_both_as_they_were(tmp_path: Any, at: int) -> None:
    """However many commits succeed before, log and finished tasks tell the same story."""
    broken["mail"] = False
    model = write(tmp_path / "m.bpmn", process("p", user("U"), service("A", "note"), service("B", "mail")))
    store = Failing(open_store("memory:"))
    env = WorkflowEnvironment(model, services=Orders, store=store)  # type: ignore[arg-type]
    workflow = env.start(Order("1"))
    store.fail_at = at
    with pytest.raises(StoreError):
        workflow.complete("U")
    done = {view.id for view in env.runner.look(workflow.id).tasks if view.state == "COMPLETED"}
    assert workflow.aggregate.log == [word for id, word in (("A", "noted"), ("B", "mailed")) if id in done]
    while workflow.state == "running":
        views = env.runner.look(workflow.id).open_tasks
        if views:
            workflow.complete(views[0].task)
        else:
            with env.runner.session(workflow.id, "run") as session:
                session.advance()
    assert workflow.aggregate.log == ["noted", "mailed"]


def test_a_value_that_cannot_be_calculated_says_which_and_why(make: Make) -> None:
    problems: list[BaseException] = [
        ValueError("no"),
        SystemExit(3),
        TaskException("LATE"),
        InputError("none", hint="x"),
    ]

    @workflow_service(aggregate=Order, process_id="p")
    class Values:
        @workflow_value
        def soon(self, order: Order) -> bool:
            raise problems.pop(0)

    env = make(choice("p", "soon", user("U"), user("V")), services=Values)
    for id, said in enumerate(
        [
            r"the value 'soon' \(Values\.soon\) cannot be calculated: ValueError: no \(test_transactions\.py:\d+\)",
            r"the value 'soon' \(Values\.soon\) cannot be calculated: SystemExit: 3 \(test_transactions\.py:\d+\)",
            r"the value 'soon' \(Values\.soon\) cannot be calculated: TaskException: LATE \(test_transactions\.py:\d+\)",
            "none",
        ]
    ):
        with pytest.raises(IncidentError, match=f"Exclusive gateway 'G' failed: {said}"):
            env.start(Order(str(id)))


@pytest.mark.parametrize("problem", [ValueError("no"), SystemExit(3), TaskException("LATE")])
def test_a_start_whose_aggregate_cannot_be_made_starts_nothing_and_says_why(make: Make, problem: BaseException) -> None:
    raising = [problem]

    @workflow_service(aggregate=Order, process_id="p")
    class Starting:
        @workflow_task(id="p_start")
        def tonight(self) -> Order:
            if raising:
                raise raising[0]
            return Order("1")

    @workflow_service(aggregate=Order, process_id="q")
    class Other:
        @workflow_task(id="q_start")
        def tonight(self) -> Order:
            return Order("2")

    cycle = '<timerEventDefinition><timeCycle>"R3/PT1H"</timeCycle></timerEventDefinition>'
    env = make(process("p", user("U"), start=cycle), process("q", user("V"), start=cycle), services=[Starting, Other])
    env.run_until_idle()
    with pytest.raises(AssertionError) as told:
        env.skip(timedelta(hours=1))
    assert f"starts nothing: Starting.tonight could not make the Order of 'p': {type(problem).__name__}: " in str(
        told.value
    )
    # It keeps nothing else from starting, and its own start is made up for.
    assert [each.natural_id for each in env.runner.instances()] == ["2"]
    raising.clear()
    env.run_until_idle()
    assert sorted(each.natural_id or "" for each in env.runner.instances()) == ["1", "2"]
