"""What goes wrong while an instance runs: said clearly, kept, and mended by a retry."""

from __future__ import annotations

from typing import Any

import pytest

from spiffcli.errors import IncidentError, StateError

from .bench import Bench
from .models import call, manual, process, script, service, timer, user


def fails(bench: Bench, ref: str, data: dict[str, Any] | None = None, **options: Any) -> IncidentError:
    with pytest.raises(IncidentError) as caught:
        bench.start(ref, data, **options)
    return caught.value


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("total = price * 2", "NameError: name 'price' is not defined (script line 1: total = price * 2)"),
        ("x = 1\nraise KeyError(5)", "KeyError: 5 (script line 2: raise KeyError(5))"),
        ("exit()", "NameError: name 'exit' is not defined (script line 1: exit())"),
        ("raise ValueError('no\\x1b[2Jscreen')", r"ValueError: no[2Jscreen (script line 1: "),
    ],
)
def test_a_script_that_fails_is_named_with_file_line_element_and_script_line(
    bench: Bench, code: str, message: str
) -> None:
    bench.add("shop", process("shop", manual("first"), script("sum_up", code)))
    id = bench.start("shop")
    with pytest.raises(IncidentError) as caught:
        bench.complete(id, "first")
    error = caught.value
    assert error.message.replace("\x1b", "").startswith(f"Script task 'Sum Up' failed: {message}"), error.message
    assert error.file is not None
    assert (error.file.rpartition("/")[2], error.line, error.element) == ("shop.bpmn", 5, "sum_up")
    assert error.data["instance"] == id
    assert f"runner retry -w {id}" in str(error.hint)
    row = bench.row(id)
    assert (row.state, row.incident) == ("error", error.message)
    assert [task.id for task in row.active] == ["sum_up"]
    assert bench.happened(id) == ["started", "completed-task", "error"]
    assert bench.problems() == []


def test_a_retry_with_the_right_data_goes_on_to_the_end(bench: Bench) -> None:
    bench.add("shop", process("shop", script("sum_up", "total = price * 2")))
    id = fails(bench, "shop").data["instance"]
    bench.retry(id, {"price": 4})
    row = bench.row(id)
    assert (row.state, row.incident) == ("completed", None)
    assert bench.data(id) == {"price": 4, "total": 8}
    assert bench.happened(id) == ["started", "error", "retried", "completed"]


def test_a_retry_that_fails_again_leaves_the_instance_in_error(bench: Bench) -> None:
    bench.add("shop", process("shop", script("sum_up", "total = price * rate")))
    id = fails(bench, "shop").data["instance"]
    with pytest.raises(IncidentError, match="name 'rate' is not defined"):
        bench.retry(id, {"price": 4})
    assert "'rate'" in str(bench.row(id).incident)
    bench.retry(id, {"rate": 2})
    assert bench.data(id) == {"price": 4, "rate": 2, "total": 8}


def test_only_failed_instances_can_be_retried(bench: Bench) -> None:
    bench.add("shop", process("shop", manual("wait")))
    id = bench.start("shop")
    with pytest.raises(StateError, match="nothing to retry"):
        bench.retry(id)


def test_a_service_that_fails_is_an_incident_until_it_works(bench: Bench) -> None:
    def broken(_data: Any) -> Any:
        raise ConnectionError("the line is dead")

    bench.service["pay"] = broken
    bench.add("shop", process("shop", service("pay_up", "pay")))
    error = fails(bench, "shop")
    assert error.message == "Service task 'Pay Up' failed: ConnectionError: the line is dead"
    bench.service["pay"] = lambda data: "paid"
    bench.retry(error.data["instance"])
    assert bench.data(error.data["instance"])["pay_up"] == "paid"


LOOP = process(
    "loop",
    '<startEvent id="start"/>',
    script("again", "n = n + 1"),
    '<exclusiveGateway id="enough" default="flow_2"/>',
    '<endEvent id="end"/>',
    flows=("start again", "again enough", "enough again", "enough end done"),
)


def test_an_endless_loop_is_stopped_and_can_be_mended(bench: Bench) -> None:
    bench.add("loop", LOOP)
    error = fails(bench, "loop", {"n": 0, "done": False}, max_steps=200)
    assert "200 steps without stopping" in error.message
    assert (error.line, error.element) in ((4, "again"), (5, "enough"))
    assert "--max-steps" in str(error.hint)
    id = error.data["instance"]
    assert bench.row(id).state == "error"
    with pytest.raises(IncidentError, match="200 steps"):
        bench.retry(id, max_steps=200)
    bench.retry(id, {"done": True})
    assert bench.row(id).state == "completed"


def test_an_endless_loop_can_be_given_more_steps(bench: Bench) -> None:
    loop = LOOP.replace("done", "n &gt; 100")
    bench.add("loop", loop)
    id = fails(bench, "loop", {"n": 0}, max_steps=100).data["instance"]
    bench.retry(id, max_steps=1000)
    assert bench.data(id)["n"] == 101


def test_a_called_process_that_is_missing_is_an_incident_until_it_is_added(bench: Bench) -> None:
    bench.add("shop", process("shop", call("tax", "tax")), process("tax", script("add", "tax = 1")), binding="latest")
    bench.runner().catalog.delete(bench.runner().catalog.plan_deletion("tax"))
    error = fails(bench, "shop")
    assert "Call activity 'Tax' could not be reached: 'tax' of shop@1 needs process 'tax'" in error.message
    id = error.data["instance"]
    assert bench.row(id).state == "error"
    bench.add("tax", process("tax", script("add", "tax = 2")))
    bench.retry(id)
    assert bench.data(id) == {"tax": 2}


def test_a_failure_in_a_called_process_is_placed_in_its_own_file(bench: Bench) -> None:
    bench.add("tax", process("tax", script("add", "tax = price / 0")))
    bench.add("shop", process("shop", call("tax", "tax")))
    error = fails(bench, "shop", {"price": 3})
    assert (str(error.file).rpartition("/")[2], error.line, error.element) == ("tax.bpmn", 4, "add")


def test_a_post_script_that_fails_leaves_the_task_open(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask", post="total = 2 * price")))
    id = bench.start("shop")
    with pytest.raises(IncidentError, match="'Ask' failed: NameError") as caught:
        bench.complete(id, "ask", {"colour": "red"})
    assert "open as before" in str(caught.value.hint)
    assert "retry" not in str(caught.value.hint)
    assert (bench.row(id).state, bench.row(id).revision) == ("running", 2)
    bench.complete(id, "ask", {"price": 2})
    assert bench.data(id)["total"] == 4


def test_a_session_goes_on_after_a_completion_that_failed(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask", post="total = 2 * price")))
    id = bench.start("shop")
    with bench.runner().session(id, "test") as session:
        (view,) = session.running.human_tasks()
        with pytest.raises(IncidentError):
            session.complete(view.task, {})
        session.complete(view.task, {"price": 2})
        session.advance()
    assert bench.row(id).state == "completed"


def test_a_pre_script_that_fails_is_an_incident_from_which_a_retry_opens_the_task(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask", pre="half = price / 2")))
    id = fails(bench, "shop").data["instance"]
    assert bench.open_tasks(id) == []
    bench.retry(id, {"price": 6})
    assert bench.task(id, "ask").data["half"] == 3


FORK = process(
    "fork",
    '<startEvent id="start"/>',
    '<parallelGateway id="split"/>',
    script("bad", "x = missing"),
    manual("good"),
    manual("better"),
    '<parallelGateway id="join"/>',
    '<endEvent id="end"/>',
    flows=("start split", "split bad", "split good", "good better", "bad join", "better join", "join end"),
)


def test_other_branches_go_on_while_one_has_failed_and_the_instance_stays_in_error(bench: Bench) -> None:
    bench.add("fork", FORK)
    id = fails(bench, "fork").data["instance"]
    incident = bench.row(id).incident
    bench.complete(id, "good")
    assert bench.open_tasks(id) == ["better"]
    assert (bench.row(id).state, bench.row(id).incident) == ("error", incident)
    bench.retry(id, {"missing": 1})
    bench.complete(id, "better")
    assert bench.row(id).state == "completed"


def test_an_instance_in_error_can_be_cancelled(bench: Bench) -> None:
    bench.add("fork", FORK)
    id = fails(bench, "fork").data["instance"]
    with bench.runner().session(id, "cancel") as session:
        session.cancel("not needed any more")
    row = bench.row(id)
    assert (row.state, row.incident, row.active, row.due) == ("cancelled", None, (), None)
    with pytest.raises(StateError, match="was cancelled at"):
        bench.retry(id)


def test_cancelling_reaches_what_is_called(bench: Bench) -> None:
    bench.add("shop", process("shop", call("tax", "tax")), process("tax", timer("wait", '"PT1H"')))
    id = bench.start("shop")
    assert bench.row(id).due is not None
    with bench.runner().session(id, "cancel") as session:
        session.cancel()
    assert {view.state for view in bench.runner().look(id).tasks} <= {"COMPLETED", "CANCELLED"}
    assert bench.row(id).subscriptions == ()
    assert bench.row(id).due is None


def test_a_condition_that_fails_names_the_gateway(bench: Bench) -> None:
    bench.add("loop", LOOP)
    error = fails(bench, "loop", {"n": 0})
    assert error.message.startswith("Exclusive gateway 'enough' failed: NameError: name 'done' is not defined")
    bench.retry(error.data["instance"], {"done": True})
    assert bench.row(error.data["instance"]).state == "completed"


def test_a_value_that_cannot_be_stored_is_refused_by_name(bench: Bench) -> None:
    bench.service["pay"] = lambda data: object()
    bench.add("shop", process("shop", service("pay_up", "pay")))
    assert "not JSON serializable" in fails(bench, "shop").message
