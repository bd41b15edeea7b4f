"""Events whose model does not say what they wait for."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import World
from .small_models import flows, model, nodes, started


@pytest.mark.parametrize("event", ["messageEventDefinition", "signalEventDefinition"])
def test_an_event_without_a_name_is_shown(world: World, tmp_path: Path, event: str) -> None:
    catch = f'<intermediateCatchEvent id="c"><{event}/></intermediateCatchEvent>'
    body = nodes("startEvent", "s") + catch + nodes("endEvent", "e") + flows("s c e")
    running = world.reload(started(world, tmp_path, model(body)))
    assert [(each.task, each.name) for each in running.subscriptions()] == [(running.active_tasks()[0].task, "")]
    assert running.state == "running"
    assert running.situation()
