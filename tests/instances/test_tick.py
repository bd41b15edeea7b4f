"""Timers that are due fire, over all instances, and by the clock that was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.instances import dispatcher, start_events
from spiffcli.instances.start_events import TickResult

from .bench import Bench
from .models import echo, manual, message, process, receive, script, throw, timer

HOUR = 3600.0


def tick(bench: Bench) -> list[TickResult]:
    return bench.runner().tick()


def test_a_timer_fires_when_its_time_has_come_and_not_before(bench: Bench) -> None:
    bench.add("nap", process("nap", timer("sleep", '"PT1H"'), manual("get_up")))
    id = bench.start("nap")
    assert bench.row(id).due == bench.clock.now() + HOUR
    bench.clock.advance(HOUR - 1)
    assert tick(bench) == []
    bench.clock.advance(2)
    assert tick(bench) == [TickResult(id, "running")]
    assert bench.open_tasks(id) == ["get_up"]
    assert bench.row(id).due is None
    assert bench.happened(id) == ["started", "timer"]


def test_timers_that_follow_each_other_all_fire_in_one_tick(bench: Bench) -> None:
    bench.add("nap", process("nap", timer("sleep", '"PT0S"'), timer("doze", '"PT0S"'), script("wake", "x = 1")))
    id = bench.start("nap")
    bench.clock.advance(1)
    tick(bench)
    assert bench.row(id).state == "completed"


def test_every_instance_that_is_due_goes_on_whatever_fails_in_one(bench: Bench) -> None:
    bench.add("nap", process("nap", timer("sleep", '"PT1H"'), script("wake", "hour = 6 / count")))
    bad, good = bench.start("nap", {"count": 0}), bench.start("nap", {"count": 2})
    bench.clock.advance(HOUR + 9)
    done = {each.instance: each for each in tick(bench)}
    assert done[good] == TickResult(good, "completed")
    assert done[bad].state == "error"
    assert "ZeroDivisionError" in str(done[bad].reason)
    assert tick(bench) == []


def test_an_instance_another_command_holds_is_told_and_fires_at_the_next_tick(bench: Bench) -> None:
    bench.add("nap", process("nap", timer("sleep", '"PT1H"'), manual("get_up")))
    id = bench.start("nap")
    bench.clock.advance(HOUR + 1)
    with bench.runner().session(id, "something long"):
        (ticked,) = tick(bench)
        assert "something long" in str(ticked.reason)
    assert tick(bench) == [TickResult(id, "running")]
    assert bench.open_tasks(id) == ["get_up"]


def test_a_timer_on_a_boundary_ends_its_task(bench: Bench, tutorial: Path) -> None:
    bench.runner().add([tutorial / "timers.bpmn"], process="fire_kiln")
    id = bench.start("fire_kiln")
    plan = {"batch": "B7", "drying_time": "PT10S", "kiln_free_from": "2027-01-15T09:00:00+00:00"}
    bench.complete(id, "plan_firing", {**plan, "remind_every": "PT5M", "patience": "PT1H"})
    for seconds in (11, 24 * HOUR):
        bench.clock.advance(seconds)
        tick(bench)
    assert bench.open_tasks(id) == ["read_cones"]
    for _ in range(3):
        bench.clock.advance(301)
        tick(bench)
    assert bench.open_tasks(id) == ["read_cones"]
    bench.clock.advance(HOUR)
    tick(bench)
    assert bench.row(id).state == "completed"
    assert (bench.data(id)["firing"], bench.data(id)["reminder"]) == (
        "stopped unseen",
        "Kiln of B7: the cones want to be read.",
    )


def test_what_a_broken_off_command_left_goes_on_with_the_next_tick(bench: Bench) -> None:
    bench.add("shop", process("shop", script("one", "x = 1"), script("two", "y = x")))

    class BrokenOffError(Exception):
        pass

    def stop(view: object) -> None:
        raise BrokenOffError

    with pytest.raises(BrokenOffError), bench.runner().start("shop") as session:
        session.advance(stop, save_steps=True)
    id = bench.last().id
    assert bench.row(id).due == 0.0
    tick(bench)
    assert bench.row(id).state == "completed"
    assert bench.happened(id) == ["started", "completed"]


def test_instances_that_never_come_to_rest_do_not_hold_up_the_tick(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_events, "MOST_ROUNDS", 3)
    monkeypatch.setattr(dispatcher, "MOST_DELIVERIES", 10)
    for mine, theirs in (("ping", "pong"), ("pong", "ping")):
        bench.add(mine, *echo(mine, theirs))
    ids = [bench.start(key) for key in ("ping", "pong")]
    bench.runner().send("message", "ping")
    (stopped,) = (each for each in tick(bench) if each.reason is not None)
    assert stopped.instance in ids
    assert "does not come to rest: something was due 3 times" in str(stopped.reason)
    assert bench.problems() == []


def test_what_cannot_happen_yet_is_told_once_per_tick(bench: Bench) -> None:
    bench.add("hear", message("ping"), process("hear", receive("got", "ping")))
    bench.add("call", message("ping"), process("call", throw("say", "ping")))
    hears = bench.start("hear")
    with bench.runner().session(hears, "something long"):
        calls = bench.start("call")
        (ticked,) = tick(bench)
    assert ticked.instance == calls
    assert "cannot happen yet" in str(ticked.reason)


def test_a_suspended_instance_does_not_fire(bench: Bench) -> None:
    bench.add("nap", process("nap", timer("sleep", '"PT1H"')))
    id = bench.start("nap")
    bench.runner().catalog.suspend("nap", instances=True)
    bench.clock.advance(HOUR + 1)
    assert tick(bench) == []
    bench.runner().catalog.activate("nap", instances=True)
    tick(bench)
    assert bench.row(id).state == "completed"
