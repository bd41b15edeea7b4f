"""Beginning at one of several start events."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.engine import Event, Running
from spiffcli.errors import InputError

from ..instances.models import END, bpmn, correlated, manual, message, process, receive, script, signal
from .conftest import World

START = '<startEvent id="plain"/>'
DATE = '"2027-03-01T09:00:00+00:00"'


def at(id: str, kind: str, inside: str) -> str:
    return f'<startEvent id="{id}"><{kind}EventDefinition {inside}</{kind}EventDefinition></startEvent>'


def timer(id: str, what: str, expression: str) -> str:
    return (
        f'<startEvent id="{id}"><timerEventDefinition><{what} xsi:type="tFormalExpression">{expression}</{what}>'
        "</timerEventDefinition></startEvent>"
    )


PAID = (
    '<startEvent id="paid"><messageEventDefinition messageRef="paid"><extensionElements>'
    "<spiffworkflow:messageVariable>payment</spiffworkflow:messageVariable></extensionElements>"
    "</messageEventDefinition></startEvent>"
)
CALLED = '<startEvent id="called"><signalEventDefinition signalRef="called"/></startEvent>'

#: Three ways in, each with a script that says which it was.
MANY = process(
    "many",
    START,
    PAID,
    CALLED,
    timer("monthly", "timeCycle", '"R3/PT1H"'),
    script("by_hand", "way = 'by hand'"),
    script("by_message", "way = 'message'"),
    script("by_signal", "way = 'signal'"),
    script("by_timer", "way = 'timer'"),
    manual("look"),
    END,
    flows=(
        "plain by_hand",
        "paid by_message",
        "called by_signal",
        "monthly by_timer",
        "by_hand look",
        "by_message look",
        "by_signal look",
        "by_timer look",
        "look end",
    ),
)


def deploy(world: World, folder: Path, *parts: str) -> str:
    file = folder / "model.bpmn"
    file.write_text(bpmn(*parts))
    return world.deploy("v1", file)


def begin(world: World, definition: str) -> Running:
    return world.engine.start(definition, world.engine.cache(world))


@pytest.fixture
def many(world: World, tmp_path: Path) -> str:
    return deploy(world, tmp_path, message("paid"), signal("called"), MANY)


def finished(world: World, running: Running) -> str:
    running = world.reload(world.advance(running))
    assert [view.id for view in running.human_tasks()] == ["look"]
    assert running.subscriptions() == [], "nothing else starts it any more"
    running = world.complete(running, "look")
    assert running.state == "completed"
    return str(running.data["way"])


def test_by_hand_the_plain_start_event_is_taken(world: World, many: str) -> None:
    assert finished(world, begin(world, many)) == "by hand"


def test_a_message_starts_at_the_event_that_waits_for_it_and_no_other(world: World, many: str) -> None:
    running = begin(world, many)
    assert running.begin_with(Event("message", "paid", {"amount": 5}))
    running = world.advance(running)
    assert running.latest_data["payment"] == {"amount": 5}
    assert finished(world, running) == "message"


def test_a_signal_starts_too(world: World, many: str) -> None:
    running = begin(world, many)
    assert running.begin_with(Event("signal", "called"))
    assert finished(world, running) == "signal"


def test_what_starts_nothing_starts_nothing(world: World, many: str) -> None:
    assert not begin(world, many).begin_with(Event("message", "called"))
    assert not begin(world, many).begin_with(Event("signal", "other"))
    assert not begin(world, many).begin_at("paid_not")


def test_a_timer_that_came_starts_once_and_does_not_repeat_inside(world: World, many: str) -> None:
    running = begin(world, many)
    assert running.begin_at("monthly")
    running = world.advance(running)
    world.clock.advance(10_000)
    assert finished(world, running) == "timer"


def test_timers_tell_when_they_would_start(world: World, tmp_path: Path, many: str) -> None:
    (timer_,) = begin(world, many).start_timers()
    assert (timer_.element, timer_.cycles, timer_.period) == ("monthly", 3, 3600)
    assert timer_.due == world.clock.now() + 3600
    dated = deploy(
        world,
        tmp_path,
        process("dated", timer("at", "timeDate", DATE), manual("look"), END, flows=("at look", "look end")),
    )
    (timer_,) = begin(world, dated).start_timers()
    assert (timer_.due, timer_.cycles) == (1_803_891_600.0, 1)
    later = deploy(world, tmp_path, process("later", timer("in", "timeDuration", '"P2D"'), END, flows=("in end",)))
    (timer_,) = begin(world, later).start_timers()
    assert (timer_.due, timer_.cycles) == (world.clock.now() + 2 * 86_400, 1)
    plain = deploy(world, tmp_path, process("plain", manual("look")))
    assert begin(world, plain).start_timers() == []


def test_what_started_it_is_what_later_messages_are_correlated_with(world: World, tmp_path: Path) -> None:
    ordered = '<startEvent id="ordered"><messageEventDefinition messageRef="ordered"/></startEvent>'
    model = process("order", ordered, receive("wait", "paid"), END, flows=("ordered wait", "wait end"))
    definition = deploy(world, tmp_path, correlated("number", "ordered", "paid"), model)
    with pytest.raises(InputError, match="does not say whom the message 'ordered' is for"):
        begin(world, definition).begin_with(Event("message", "ordered", {}))
    running = begin(world, definition)
    assert running.begin_with(Event("message", "ordered", {"number": 7}))
    running = world.reload(world.advance(running))
    (subscription,) = running.subscriptions()
    assert subscription.correlation == {"the_number": 7}
    assert running.send(Event("message", "paid", {"number": 8})) == 0
    assert running.send(Event("message", "paid", {"number": 7})) == 1
