"""A boundary event lives and dies with its activity."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.engine import Running
from spiffcli.errors import IncidentError, StateError

from .conftest import World
from .small_models import flows, model, nodes, open_nodes, started

_TASK = nodes("startEvent", "s") + nodes("manualTask", "t", "after", "late") + nodes("endEvent", "e", "le")
_TASK += flows("s t after e", "b late le")


def _with(event: str, cancel: str = "true") -> bytes:
    """A task `t` with a boundary event that leads to `late`, and a task `after`."""
    return model(
        f'{_TASK}<boundaryEvent id="b" attachedToRef="t" cancelActivity="{cancel}">{event}</boundaryEvent>',
        before='<signal id="sig" name="sig"/><message id="msg" name="msg"/>',
    )


def _timer(kind: str, text: str) -> str:
    return f"<timerEventDefinition><{kind}>{text}</{kind}></timerEventDefinition>"


def _failed(world: World, folder: Path) -> Running:
    file = folder / "v1.bpmn"
    file.write_bytes(_with(_timer("timeDuration", "patience")))
    running = world.engine.start(world.deploy("v1", file), world.engine.cache(world))
    with pytest.raises(IncidentError, match="patience"):
        world.advance(running)
    return running


def test_an_event_that_could_not_be_armed_is_over_with_its_activity(world: World, tmp_path: Path) -> None:
    running = world.complete(_failed(world, tmp_path), "t")
    assert running.state == "running"
    assert running.incidents() == []
    running = world.reload(running)
    with pytest.raises(StateError):
        running.retry({"patience": "PT1S"})
    assert open_nodes(running) == ["after"]
    assert running.subscriptions() == []
    assert world.complete(running, "after").state == "completed"


def test_an_event_that_could_not_be_armed_can_be_while_its_activity_is_open(world: World, tmp_path: Path) -> None:
    running = world.reload(_failed(world, tmp_path))
    running.retry({"patience": "PT1S"})
    world.advance(running)
    world.clock.advance(2)
    assert open_nodes(world.advance(running)) == ["late"]


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("signal", '<signalEventDefinition signalRef="sig"/>'),
        ("message", '<messageEventDefinition messageRef="msg"/>'),
    ],
)
def test_an_event_that_does_not_interrupt_is_caught_each_time(
    world: World, tmp_path: Path, kind: str, event: str
) -> None:
    running = started(world, tmp_path, _with(event, cancel="false"))
    for times in (1, 2, 3):
        running = world.reload(world.send(running, kind, {"signal": "sig", "message": "msg"}[kind]))
        assert open_nodes(running) == ["late"] * times + ["t"]
    running = world.complete(running, "late")
    running = world.migrated(running, "v1")
    running = world.reload(world.complete(running, "t"))
    assert open_nodes(running) == ["after", "late", "late"]
    assert running.subscriptions() == []
    for node in ("late", "after", "late"):
        running = world.complete(running, node)
    assert running.state == "completed"


def test_a_cycle_that_interrupts_does_so_the_first_time(world: World, tmp_path: Path) -> None:
    running = started(world, tmp_path, _with(_timer("timeCycle", '"R2/PT1H"')))
    world.clock.advance(3601)
    running = world.reload(world.advance(running))
    assert open_nodes(running) == ["late"]
    world.clock.advance(36000)
    assert open_nodes(world.advance(running)) == ["late"]
    assert world.complete(running, "late").state == "completed"


def test_a_cycle_that_does_not_interrupt_fires_its_times(world: World, tmp_path: Path) -> None:
    running = started(world, tmp_path, _with(_timer("timeCycle", "R2/PT1H"), cancel="false"))
    for times in (1, 2, 2):
        world.clock.advance(3601)
        running = world.reload(world.advance(running))
        assert open_nodes(running) == ["late"] * times + ["t"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("timeDuration", "PT1H"),
        ("timeDuration", " P0DT1H "),
        ("timeDuration", "patience"),
        ("timeDate", "2027-01-15T09:00:00Z"),
        ("timeDate", "2027-01-15T10:00:00+01:00"),
        ("timeCycle", "R3/PT1H"),
        ("timeCycle", "R1/2027-01-15T09:00:00Z/PT1H"),
    ],
)
def test_times_are_written_as_they_are(world: World, tmp_path: Path, kind: str, text: str) -> None:
    """The world begins at 2027-01-15T08:00:00Z."""
    file = tmp_path / "v1.bpmn"
    file.write_bytes(_with(_timer(kind, text)))
    running = world.start(world.deploy("v1", file), {"patience": "PT1H"})
    world.clock.advance(3599)
    assert open_nodes(world.advance(running)) == ["t"]
    world.clock.advance(2)
    assert open_nodes(world.advance(running)) == ["late"]


def _handled(interrupting: str, time: str) -> bytes:
    """Tasks `t` and `after`, and an event sub-process that begins after an hour."""
    start = f'<startEvent id="hs" isInterrupting="{interrupting}">{_timer(*time.split())}</startEvent>'
    inside = start + nodes("manualTask", "handle") + nodes("endEvent", "he") + flows("hs handle he")
    main = nodes("startEvent", "s") + nodes("manualTask", "t", "after") + nodes("endEvent", "e") + flows("s t after e")
    return model(f'{main}<subProcess id="h" triggeredByEvent="true">{inside}</subProcess>')


_TIMES = pytest.mark.parametrize("time", ["timeDuration PT1H", "timeCycle R1/PT1H"])


@_TIMES
@pytest.mark.parametrize(("interrupting", "then"), [("true", ["handle"]), ("false", ["handle", "t"])])
def test_a_timer_begins_an_event_sub_process(
    world: World, tmp_path: Path, time: str, interrupting: str, then: list[str]
) -> None:
    running = started(world, tmp_path, _handled(interrupting, time))
    world.clock.advance(3599)
    assert open_nodes(world.advance(running)) == ["t"]
    world.clock.advance(2)
    running = world.advance(world.reload(running))
    assert open_nodes(running) == then
    for node in ("handle", *(["t", "after"] if len(then) > 1 else [])):
        running = world.complete(world.reload(running), node)
    assert running.state == "completed"


@_TIMES
@pytest.mark.parametrize("interrupting", ["true", "false"])
def test_a_process_does_not_wait_for_an_event_sub_process(
    world: World, tmp_path: Path, time: str, interrupting: str
) -> None:
    running = started(world, tmp_path, _handled(interrupting, time))
    running = world.complete(world.complete(world.reload(running), "t"), "after")
    assert running.state == "completed"
    assert running.subscriptions() == []
