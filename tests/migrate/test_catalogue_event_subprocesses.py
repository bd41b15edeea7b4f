"""Event sub-processes (V), case by case. See `test_catalogue`."""

from __future__ import annotations

import pytest

from .bench import Bench
from .build import (
    by_message,
    by_signal,
    duration,
    error,
    event_sub,
    message,
    process,
    script,
    signal,
    sub,
    user,
)

A, B, U, N = script("a"), script("b"), user("u"), script("n")
HOUR, DAY = 3600, 24 * 3600
ROOTS = message("m"), signal("s"), error("e")


PLAIN = [*ROOTS, process(U, B)]
TRIGGERS = {"message": by_message("m"), "signal": by_signal("s")}


# V: event sub-processes


def with_event_sub(trigger: str, *inner: str, interrupting: bool = True) -> list[str]:
    return [*ROOTS, process(U, B, event_sub("es", trigger, *(inner or (user("eu"),)), interrupting=interrupting))]


@pytest.mark.parametrize("interrupting", [True, False])
@pytest.mark.parametrize("kind", TRIGGERS)
def test_v1_an_added_event_sub_process_is_armed_and_starts(bench: Bench, kind: str, interrupting: bool) -> None:
    bench.versions(PLAIN, with_event_sub(TRIGGERS[kind], interrupting=interrupting))
    id = bench.start()
    bench.moved(id)
    bench.send(id, kind[0], kind=kind)
    assert bench.open(id) == (["eu"] if interrupting else ["u", "eu"])
    assert bench.drive(id) == "completed"
    assert bench.log == (["U:eu"] if interrupting else ["U:u", "b", "U:eu"])


def test_v1_an_added_event_sub_process_with_a_timer_is_armed_and_starts(bench: Bench) -> None:
    bench.versions(PLAIN, with_event_sub(duration("PT1H"), script("es_done"), interrupting=False))
    id = bench.start()
    bench.moved(id)
    assert bench.waits_for(id) == ["timer"]
    bench.wait(HOUR + 1)
    assert bench.log == ["es_done"]
    assert (bench.drive(id), bench.log) == ("completed", ["es_done", "U:u", "b"])


def test_v2_a_running_event_sub_process_goes_on(bench: Bench) -> None:
    bench.versions(
        with_event_sub(by_signal("s")), with_event_sub(by_signal("s"), user("eu"), script("more"), interrupting=True)
    )
    id = bench.start()
    bench.send(id, "s")
    bench.moved(id)
    assert bench.open(id) == ["eu"]
    assert (bench.drive(id), bench.log) == ("completed", ["U:eu", "more"])


@pytest.mark.parametrize("trigger", [*TRIGGERS.values(), duration("PT1H")])
def test_v3_a_removed_event_sub_process_that_waits_is_disarmed(bench: Bench, trigger: str) -> None:
    bench.versions(with_event_sub(trigger), PLAIN)
    id = bench.start()
    bench.moved(id)
    assert bench.waits(id) == []
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "b"])


def test_v3_a_removed_event_sub_process_that_runs_is_refused(bench: Bench) -> None:
    bench.versions(with_event_sub(by_signal("s"), interrupting=False), PLAIN)
    id = bench.start()
    bench.send(id, "s")
    assert {"es", "eu"} <= {element for _, element in bench.refused(id, force=True)}


def test_v4_another_trigger_of_an_event_sub_process(bench: Bench) -> None:
    bench.versions(with_event_sub(by_message("m")), with_event_sub(by_signal("s")))
    waiting, running = bench.start(), bench.start()
    bench.send(running, "m")
    for id in (waiting, running):
        bench.moved(id)
    bench.send(waiting, "s")
    for id in (waiting, running):
        assert bench.open(id) == ["eu"]
        assert bench.drive(id) == "completed"


def test_v5_two_running_copies_of_an_event_sub_process(bench: Bench) -> None:
    first = with_event_sub(by_signal("s"), interrupting=False)
    bench.versions(first, with_event_sub(by_signal("s"), user("eu"), script("more"), interrupting=False))
    id = bench.start()
    bench.send(id, "s")
    bench.send(id, "s")
    assert bench.open(id) == ["u", "eu", "eu"]
    bench.moved(id)
    assert bench.drive(id) == "completed"
    assert bench.log.count("more") == bench.log.count("U:eu") == 2


def test_v2_a_running_event_sub_process_that_was_renamed_moves_with_a_mapping(bench: Bench) -> None:
    model = with_event_sub(by_signal("s"))
    renamed = [part.replace('id="es"', 'id="other"') for part in model]
    bench.versions(model, renamed)
    id = bench.start()
    bench.send(id, "s")
    assert bench.proposals(id) == {"es": "other"}
    bench.moved(id, map={"es": "other"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:eu"])


def test_v6_a_timer_event_sub_process_inside_a_running_sub_process(bench: Bench) -> None:
    def version(*more: str) -> list[str]:
        inner = sub("sp", user("su"), *more)
        return [*ROOTS, process(inner, B)]

    nested = event_sub("es", duration("PT1H"), script("late"), interrupting=False)
    bench.versions(version(), version(nested), version())
    id = bench.start()
    bench.moved(id)
    assert bench.waits_for(id) == ["timer"]
    bench.moved(id, "p@3")
    assert bench.waits(id) == []
    bench.moved(id)
    bench.wait(HOUR + 1)
    assert (bench.drive(id), bench.log) == ("completed", ["late", "U:su", "b"])
