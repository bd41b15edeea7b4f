"""Tasks that stay open: completed from code, given up, told of cancellations."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import pytest

from spiffcli.errors import IncidentError, NotFoundError, StateError
from spiffcli.services import Payload, TaskEvent, TaskId, workflow_service, workflow_task, workflow_value

from .conftest import Make
from .models import boundary, error, many, message, process, service, sub, timer, user
from .shop import Item, Order, Parcel

asked: list[str] = []


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task(id="Pay")
    def pay(self, order: Order, task_id: TaskId, event: TaskEvent) -> None:
        order.log.append(f"pay {event.value}")
        if event is TaskEvent.CREATED:
            asked.append(task_id)

    @workflow_task(id="Ship")
    def ship(self, order: Order) -> None:
        order.log.append("shipped")

    @workflow_task(id="Remind")
    def remind(self, order: Order) -> None:
        order.log.append("reminded")


MODEL = process(
    "p",
    service("Pay"),
    service("Ship"),
    extra=boundary("E", "Pay", error("DECLINED"), service("Remind"))
    + boundary("T", "Pay", timer('"P3D"'), user("Call")),
)


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    asked.clear()


def test_a_task_stays_open_until_it_is_completed_by_its_id(make: Make) -> None:
    env = make(MODEL, services=Orders, errors=("DECLINED",))
    workflow = env.start(Order("1"))
    workflow.assert_waiting_at("Pay")
    orders = env.runner.service(Order)
    orders.complete_task("1", asked[0], change=lambda order: setattr(order, "paid", True))
    assert (workflow.state, workflow.aggregate.paid) == ("completed", True)
    assert workflow.aggregate.log == ["pay created", "shipped"]
    with pytest.raises(StateError, match="was completed"):
        orders.complete_task("1", asked[0])


def test_it_is_given_up_by_an_error_that_the_model_handles(make: Make) -> None:
    env = make(MODEL, services=Orders, errors=("DECLINED",))
    workflow = env.start(Order("1"))
    orders = env.runner.service(Order)
    with pytest.raises(StateError, match="Nothing in the model catches the error 'OTHER' at 'Pay'"):
        orders.cancel_task("1", asked[0], "OTHER", change=lambda order: setattr(order, "paid", True))
    assert not workflow.aggregate.paid
    orders.cancel_task("1", asked[0], "DECLINED")
    # Whoever gives a task up is not told of it.
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["pay created", "reminded"])


def test_a_completion_that_fails_leaves_it_open_and_tells_nobody(make: Make) -> None:
    told: list[str] = []

    @workflow_service(aggregate=Order, process_id="p")
    class Told(Orders):
        @workflow_task(id="Pay")
        def pay(self, order: Order, task_id: TaskId, event: TaskEvent) -> None:
            told.append(event.value)

    env = make(MODEL, services=Told, errors=("DECLINED",))
    workflow = env.start(Order("1"))
    for wrong in ({"days": "many"}, {"nothing": 1}):
        with pytest.raises(IncidentError, match="Service task 'Pay' failed: "):
            workflow.complete("Pay", wrong)
    assert told == ["created"]
    workflow.complete("Pay", {"days": 3})
    assert (workflow.state, workflow.aggregate.days, told) == ("completed", 3, ["created"])


def test_a_method_is_told_when_a_timer_takes_its_task_away(make: Make) -> None:
    env = make(MODEL, services=Orders, errors=("DECLINED",))
    workflow = env.start(Order("1"))
    env.skip(timedelta(days=4))
    workflow.assert_waiting_at("Call")
    assert workflow.aggregate.log == ["pay created", "pay cancelled"]
    with pytest.raises(StateError, match="'Pay' is CANCELLED"):
        env.runner.service(Order).complete_task("1", asked[0])


def test_and_when_the_instance_is_cancelled(make: Make) -> None:
    env = make(MODEL, services=Orders, errors=("DECLINED",))
    workflow = env.start(Order("1"))
    workflow.cancel()
    assert (workflow.state, workflow.aggregate.log) == ("cancelled", ["pay created", "pay cancelled"])


def test_and_when_a_multi_instance_is_over_before_all_have_answered(make: Make) -> None:
    repeated = many(cardinality="3", condition="paid")
    env = make(process("p", service("Pay", inside=repeated), service("Ship")), services=Orders)
    workflow = env.start(Order("1"))
    assert len(asked) == 3
    orders = env.runner.service(Order)
    orders.complete_task("1", asked[0])
    orders.complete_task("1", asked[1], change=lambda order: setattr(order, "paid", True))
    assert workflow.state == "completed"
    assert workflow.aggregate.log == ["pay created"] * 3 + ["pay cancelled", "shipped"]


def test_and_when_the_sub_process_around_it_is_left(make: Make) -> None:
    env = make(
        process(
            "p",
            sub("S", service("Pay"), inside=many(cardinality="2")),
            user("U"),
            extra=boundary("T", "S", timer('"PT1H"'), user("Call")),
        ),
        services=Orders,
    )
    workflow = env.start(Order("1"))
    env.skip(timedelta(hours=2))
    assert workflow.aggregate.log == ["pay created"] * 2 + ["pay cancelled"] * 2
    workflow.assert_waiting_at("Call")


def test_a_method_that_cannot_be_told_does_not_stop_the_instance_and_is_noted(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Deaf:
        @workflow_task(id="Pay")
        def pay(self, order: Order, task_id: TaskId, event: TaskEvent) -> None:
            order.log.append(event.value)
            if event is TaskEvent.CANCELED:
                raise ConnectionError("nobody there")

    env = make(process("p", service("Pay"), extra=boundary("T", "Pay", timer('"PT1H"'), user("Call"))), services=Deaf)
    workflow = env.start(Order("1"))
    env.skip(timedelta(hours=2))
    workflow.assert_waiting_at("Call")
    assert workflow.aggregate.log == ["created"]
    (entry,) = [entry for entry in env.runner.history(workflow.id) if entry.what == "not-told"]
    assert entry.details == {"task": "Pay", "reason": "ConnectionError: nobody there"}


def test_an_unknown_task_or_workflow_is_told(make: Make) -> None:
    env = make(MODEL, services=Orders, errors=("DECLINED",))
    env.start(Order("1"))
    orders = env.runner.service(Order)
    with pytest.raises(NotFoundError, match="has no task 4711"):
        orders.complete_task("1", "4711")
    with pytest.raises(NotFoundError, match="There is no Order '2'"):
        orders.complete_task("2", asked[0])


@workflow_service(aggregate=Order, process_id="p")
class Forms:
    @workflow_task(id="Decide")
    def decide(self, order: Order, answers: Annotated[dict[str, Any], Payload()]) -> None:
        order.log.append(f"decided {answers}")

    @workflow_task(id="Got")
    def got(self, order: Order, said: Annotated[dict[str, Any], Payload]) -> None:
        order.log.append(f"got {said}")


def test_what_a_form_gives_goes_to_the_method_that_takes_it(make: Make) -> None:
    env = make(process("p", user("Decide")), services=Forms)
    workflow = env.start(Order("1"))
    workflow.complete("Decide", {"approved": True})
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["decided {'approved': True}"])


def test_or_into_the_fields_of_the_same_names(make: Make) -> None:
    from spiffcli.errors import IncidentError

    env = make(process("p", user("U")), services=Forms)
    workflow = env.start(Order("1"))
    for answers, wrong in (
        ({"colour": "red"}, "Order has no field 'colour' for what was given; its fields are days, items, log"),
        ({"days": "many"}, "Order.days must be a whole number, not 'many'"),
        ({"order_id": "2"}, "Order has no field 'order_id' for what was given"),
    ):
        with pytest.raises(IncidentError, match=wrong):
            workflow.complete("U", answers)
        workflow.assert_waiting_at("U")
    workflow.complete("U", {"days": 3, "items": [{"name": "cup"}]})
    assert (workflow.aggregate.days, workflow.aggregate.items) == (3, [Item("cup")])


def test_messages_are_delivered_to_one_workflow_and_what_they_say_goes_into_its_aggregate(make: Make) -> None:
    catch = f'<intermediateCatchEvent id="Wait">{message("paid")}</intermediateCatchEvent>'
    env = make(process("p", catch, user("U")), services=Forms, messages=("paid",))
    one, two = env.start(Order("1")), env.start(Order("2"))
    orders = env.runner.service(Order)
    orders.correlate_message("1", "paid", change=lambda order: setattr(order, "paid", True))
    assert (one.aggregate.paid, one.waiting_at, two.waiting_at) == (True, ["U"], ["Wait"])
    with pytest.raises(NotFoundError, match="The workflow '1' does not wait for the message 'paid'"):
        orders.correlate_message("1", "paid", change=lambda order: setattr(order, "paid", False))
    assert one.aggregate.paid
    with pytest.raises(NotFoundError, match="There is no Order '3'"):
        orders.correlate_message("3", "paid")


def test_a_message_may_start_a_workflow(make: Make) -> None:
    env = make(process("p", user("U"), start=message("ordered")), services=Forms, messages=("ordered",))
    workflow = env.start_by_message(Order("1", days=2), "ordered")
    workflow.assert_waiting_at("U")
    assert workflow.aggregate.days == 2
    with pytest.raises(NotFoundError, match="No start event of p waits for the message 'other'"):
        env.start_by_message(Order("2"), "other")
    # From outside, its payload makes the aggregate.
    delivered = env.runner.send("message", "ordered", {"order_id": "3", "days": 4})
    assert env.workflow(delivered.instances[0].id).aggregate.days == 4


def test_a_message_that_starts_what_there_is_already_does_not_stop_its_sender(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Senders:
        @workflow_task(id="A")
        def note(self, order: Order) -> None:
            order.log.append("noted")

        @workflow_value
        def parcel(self, order: Order) -> dict[str, str]:
            return {"parcel_id": "X"}

    @workflow_service(aggregate=Parcel, process_id="q")
    class Parcels:
        pass

    send = (
        '<sendTask id="S" messageRef="message_go"><extensionElements><spiffworkflow:messagePayload>parcel'
        "</spiffworkflow:messagePayload></extensionElements></sendTask>"
    )
    env = make(
        process("p", service("A"), send, user("U")), process("q", user("V"), start=message("go")),
        services=[Senders, Parcels], messages=("go",),
    )  # fmt: skip
    first, second = env.start(Order("1")), env.start(Order("2"))
    assert (second.waiting_at, second.aggregate.log) == (["U"], ["noted"])
    (note,) = [each for each in env.runner.catalog.history(second.id) if each.what == "not-delivered-yet"]
    assert note.details["reason"].startswith("There is an instance of 'q' with the natural id 'X' already: ")
    # Once the id is free it arrives.
    env.runner.delete_instance("X")
    env.run_until_idle()
    assert env.workflow("X").waiting_at == ["V"]
    assert first.waiting_at == ["U"]


def test_signals_reach_everybody_who_waits(make: Make) -> None:
    signal = '<signalEventDefinition signalRef="s"/>'
    catch = f'<intermediateCatchEvent id="Wait">{signal}</intermediateCatchEvent>'
    env = make('<signal id="s" name="open"/>', process("p", catch, user("U")), services=Forms)
    one, two = env.start(Order("1")), env.start(Order("2"))
    assert len(env.runner.service(Order).send_signal("open")) == 2
    assert one.waiting_at == two.waiting_at == ["U"]


def test_a_timer_starts_a_workflow_whose_aggregate_a_method_makes(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Nightly:
        @workflow_task(id="p_start")
        def tonight(self) -> Order:
            return Order("tonight", days=1)

    cycle = '<timerEventDefinition><timeCycle>"R/PT1H"</timeCycle></timerEventDefinition>'
    env = make(process("p", user("U"), start=cycle), services=Nightly)
    env.run_until_idle()
    env.skip(timedelta(hours=1, minutes=1))
    assert env.workflow("tonight").aggregate.days == 1


def test_an_aggregate_is_changed_from_outside_with_its_workflow(make: Make) -> None:
    env = make(MODEL, services=Orders, errors=("DECLINED",))
    workflow = env.start(Order("1"))
    revision = workflow.instance.revision
    orders = env.runner.service(Order)
    orders.change("1", lambda order: order.names.append("ann"))
    assert (orders.load("1").names, workflow.instance.revision) == (["ann"], revision + 2)
    with pytest.raises(ZeroDivisionError):
        orders.change("1", lambda order: order.names.append(str(1 / 0)))
    assert orders.load("1").names == ["ann"]
