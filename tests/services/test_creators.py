"""Methods that make the aggregate of a called process, and end with an outcome that the model handles."""

from __future__ import annotations

import pytest

from spiffcli.errors import IncidentError
from spiffcli.services import TaskException, workflow_service, workflow_task

from .conftest import Make
from .models import boundary, call, error, many, process, service, sub, user
from .shop import Order, Parcel

REFUSED = error("REFUSED")

#: What the method of the call raises; None for nothing.
raised: dict[str, Exception | None] = {}


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task(id="C")
    def parcel(self, order: Order) -> Parcel:
        order.log.append("asked")
        problem = raised["C"]
        if problem is not None:
            raise problem
        return Parcel(f"{order.order_id}-{len(order.log)}", order.order_id)

    @workflow_task(id="D")
    def another(self, order: Order) -> Parcel:
        return Parcel(f"{order.order_id}-D")

    @workflow_task(id="H")
    def handle(self, order: Order) -> None:
        order.log.append("handled")


@workflow_service(aggregate=Parcel, process_id="q")
class Parcels:
    pass


CALLED = process("q", user("Q"))
SERVICES = [Orders, Parcels]


@pytest.fixture(autouse=True)
def _refused() -> None:
    raised["C"] = TaskException("REFUSED", "not in stock")


def test_it_commits_and_takes_the_error_path_of_its_call(make: Make) -> None:
    env = make(
        process("p", call("C", "q"), user("U"), extra=boundary("E", "C", REFUSED, service("H"))),
        CALLED, services=SERVICES, errors=("REFUSED",),
    )  # fmt: skip
    workflow = env.start(Order("1"))
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["asked", "handled"])
    assert workflow.trace == ["p_start", "E", "H", "E_end"]
    # Nothing of the called process was begun.
    assert [each.natural_id for each in env.runner.catalog.aggregates_of(workflow.id)] == ["1"]


def test_it_survives_being_saved_and_loaded_at_once(make: Make) -> None:
    """Reached from a person's task, with a task of a person on the error path."""
    env = make(
        process("p", user("S"), call("C", "q"), extra=boundary("E", "C", REFUSED, user("V"))),
        CALLED, services=SERVICES, errors=("REFUSED",),
    )  # fmt: skip
    workflow = env.start(Order("1"))
    workflow.complete("S")
    assert (workflow.waiting_at, workflow.aggregate.log) == (["V"], ["asked"])
    workflow.complete("V")
    assert workflow.state == "completed"


def test_other_calls_go_on(make: Make) -> None:
    """Two calls of one process side by side, each with an event for the same code."""
    split = "".join(
        f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>'
        for a, b in [("start", "fork"), ("fork", "D"), ("fork", "C"), ("D", "join"), ("C", "join"), ("join", "end")]
    )
    model = (
        '<process id="p" isExecutable="true"><startEvent id="start"/><endEvent id="end"/>'
        '<parallelGateway id="fork"/><parallelGateway id="join"/>' + call("D", "q") + call("C", "q") + split
        + boundary("ED", "D", REFUSED, user("VD")) + boundary("EC", "C", REFUSED, user("VC")) + "</process>"
    )  # fmt: skip
    workflow = make(model, CALLED, services=SERVICES, errors=("REFUSED",)).start(Order("1"))
    assert workflow.waiting_at == ["Q", "VC"]


def test_what_is_around_the_call_may_catch_it(make: Make) -> None:
    env = make(
        process("p", sub("S", call("C", "q")), user("U"), extra=boundary("E", "S", REFUSED, service("H"))),
        CALLED, services=SERVICES, errors=("REFUSED",),
    )  # fmt: skip
    assert env.start(Order("1")).aggregate.log == ["asked", "handled"]


@pytest.mark.parametrize("sequential", [True, False])
def test_one_instance_ends_the_whole_repetition_and_no_other_is_asked(make: Make, sequential: bool) -> None:
    repeated = call("C", "q", many(cardinality="3", sequential=sequential))
    env = make(
        process("p", repeated, user("U"), extra=boundary("E", "C", REFUSED, service("H"))),
        CALLED, services=SERVICES, errors=("REFUSED",),
    )  # fmt: skip
    workflow = env.start(Order("1"))
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["asked", "handled"])


def test_one_of_a_later_instance_ends_those_that_run_already(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Later:
        @workflow_task(id="C")
        def parcel(self, order: Order) -> Parcel:
            order.log.append("asked")
            if len(order.log) == 3:
                raise TaskException("REFUSED")
            return Parcel(f"{order.order_id}-{len(order.log)}", order.order_id)

    env = make(
        process("p", call("C", "q", many(cardinality="5")), extra=boundary("E", "C", REFUSED, user("V"))),
        CALLED, services=[Later, Parcels], errors=("REFUSED",),
    )  # fmt: skip
    workflow = env.start(Order("1"))
    assert (workflow.waiting_at, workflow.aggregate.log) == (["V"], ["asked"] * 3)


def test_nothing_is_kept_where_nothing_catches_it_and_retry_asks_again(make: Make) -> None:
    env = make(
        process("p", call("C", "q"), user("U"), extra=boundary("E", "C", error("OTHER"), service("H"))),
        CALLED, services=SERVICES, errors=("OTHER",),
    )  # fmt: skip
    with pytest.raises(
        IncidentError, match=r"its method raised the error .REFUSED. \(not in stock\), which nothing in"
    ):
        env.start(Order("1"))
    workflow = env.workflow("1")
    assert (workflow.state, workflow.aggregate.log) == ("error", [])
    raised["C"] = None
    workflow.retry()
    assert (workflow.waiting_at, workflow.aggregate.log) == (["Q"], ["asked"])


def test_an_incident_may_be_followed_by_an_outcome(make: Make) -> None:
    """A repeated call takes its error path as a first one does."""
    raised["C"] = ValueError("no")
    env = make(
        process("p", call("C", "q"), extra=boundary("E", "C", REFUSED, service("H"))),
        CALLED, services=SERVICES, errors=("REFUSED",),
    )  # fmt: skip
    with pytest.raises(IncidentError, match="ValueError: no"):
        env.start(Order("1"))
    workflow = env.workflow("1")
    assert workflow.aggregate.log == []
    raised["C"] = TaskException("REFUSED")
    workflow.retry()
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["asked", "handled"])
