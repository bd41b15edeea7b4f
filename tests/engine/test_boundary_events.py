"""A boundary event lives and dies with its activity."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.engine import Running
from spiffcli.errors import IncidentError, StateError

from .conftest import World
from .small_models import flows, model, nodes, open_nodes

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
