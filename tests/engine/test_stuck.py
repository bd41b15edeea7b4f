"""An instance that waits where nothing can come any more says so."""

from __future__ import annotations

from pathlib import Path

from .conftest import World
from .small_models import choice, flows, model, nodes, open_nodes, script, started

_CHOSEN = (
    nodes("startEvent", "s")
    + nodes("userTask", "a", "b")
    + nodes("parallelGateway", "j")
    + nodes("endEvent", "e")
    + choice("x", "s", "False", "a", "b")
    + flows("a j", "b j e")
)


def test_a_join_behind_a_choice_is_told(world: World, tmp_path: Path) -> None:
    running = started(world, tmp_path, model(_CHOSEN))
    assert running.stuck() is None
    running = world.reload(world.complete(running, "b"))
    assert running.state == "running"
    assert running.stuck() == "The join 'j' waits for ever: no token can come from 'a' any more."


def test_a_join_that_something_may_still_come_to_is_not(world: World, tmp_path: Path) -> None:
    body = (
        nodes("startEvent", "s")
        + nodes("userTask", "a", "b")
        + nodes("parallelGateway", "f", "j")
        + nodes("endEvent", "e")
        + flows("s f a j e", "f b j")
    )
    running = world.complete(started(world, tmp_path, model(body)), "a")
    assert running.stuck() is None
    assert world.complete(running, "b").state == "completed"


def test_a_join_that_is_stuck_inside_of_a_sub_process_is_told(world: World, tmp_path: Path) -> None:
    outer = nodes("startEvent", "o") + nodes("endEvent", "oe") + flows("o sub oe")
    running = started(world, tmp_path, model(f'{outer}<subProcess id="sub">{_CHOSEN}</subProcess>'))
    assert "'j' waits for ever" in str(world.complete(running, "b").stuck())


def test_a_way_back_does_not_make_an_instance_stuck(world: World, tmp_path: Path) -> None:
    body = (
        nodes("startEvent", "s")
        + script("zero", "x = 0")
        + nodes("parallelGateway", "j")
        + script("step", "x = x + 1")
        + nodes("userTask", "t")
        + nodes("endEvent", "e")
        + flows("s zero j step", "t j")
        + choice("g", "step", "x &lt; 3", "t", "e")
    )
    running = started(world, tmp_path, model(body))
    for _ in range(2):
        assert running.stuck() is None
        assert open_nodes(running) == ["t"]
        running = world.reload(world.complete(running, "t"))
    assert running.state == "completed"
    assert running.data["x"] == 3
