"""Boundary events (B) and catching events (C), case by case. See `test_catalogue`."""

from __future__ import annotations

import pytest

from .bench import Bench
from .build import (
    boundary,
    by_error,
    by_message,
    by_signal,
    call,
    catch,
    cycle,
    date,
    duration,
    end,
    error,
    event_sub,
    gateway,
    message,
    on_condition,
    process,
    script,
    signal,
    sub,
    user,
)

A, B, U, N = script("a"), script("b"), user("u"), script("n")
HOUR, DAY = 3600, 24 * 3600
ROOTS = message("m"), signal("s"), error("e")


def with_boundary(definition: str, *, interrupting: bool = True, id: str = "x", host: str = U) -> list[str]:
    """`u` with an event that leads to the script `n`, and `b` after it."""
    node_id = host.partition('id="')[2].partition('"')[0]
    event = boundary(id, node_id, definition, interrupting=interrupting)
    flows = f"start>{node_id} {node_id}>b b>end {id}>n n>end_{id}"
    return [*ROOTS, process(host, B, N, event, flows=flows)]


PLAIN = [*ROOTS, process(U, B)]
TRIGGERS = {"message": by_message("m"), "signal": by_signal("s")}


# B: boundary events


@pytest.mark.parametrize("kind", TRIGGERS)
def test_b1_b2_an_added_message_or_signal_is_armed_and_can_come(bench: Bench, kind: str) -> None:
    bench.versions(PLAIN, with_boundary(TRIGGERS[kind]))
    id = bench.start()
    assert bench.moved(id).armed == ("x",)
    bench.send(id, kind[0], kind=kind)
    assert (bench.row(id).state, bench.log) == ("completed", ["n"])


@pytest.mark.parametrize("trigger", [*TRIGGERS.values(), duration("PT1H"), on_condition("False")])
def test_b1_to_b4_e4_a_task_with_an_added_event_can_be_completed(bench: Bench, trigger: str) -> None:
    bench.versions(PLAIN, with_boundary(trigger))
    id = bench.start()
    bench.moved(id)
    bench.complete(id, "u")
    assert (bench.row(id).state, bench.log, bench.waits(id)) == ("completed", ["U:u", "b"], [])


@pytest.mark.parametrize(("interrupting", "log"), [(True, ["n"]), (False, ["n", "U:u", "b"])])
def test_b3_an_added_timer_is_armed_and_fires(bench: Bench, interrupting: bool, log: list[str]) -> None:
    bench.versions(PLAIN, with_boundary(duration("PT1H"), interrupting=interrupting))
    id = bench.start()
    bench.moved(id)
    bench.wait(HOUR + 1)
    assert (bench.drive(id), bench.log) == ("completed", log)


def test_b4_an_added_error_event_catches_what_a_running_sub_process_throws(bench: Bench) -> None:
    inner = sub("sp", user("su"), end("bad", by_error("e")), flows="sp_start>su su>bad")
    bench.versions([*ROOTS, process(inner, B)], with_boundary(by_error("e"), host=inner))
    id = bench.start()
    bench.moved(id)
    bench.complete(id, "su")
    assert (bench.row(id).state, bench.log) == ("completed", ["U:su", "n"])


@pytest.mark.parametrize("trigger", [*TRIGGERS.values(), duration("PT1H")])
def test_b1_to_b3_an_event_is_added_to_a_running_sub_process(bench: Bench, trigger: str) -> None:
    inner = sub("sp", user("su"))
    bench.versions([*ROOTS, process(inner, B)], with_boundary(trigger, host=inner))
    id, other = bench.start(), bench.start()
    bench.moved(id)
    bench.moved(other)
    if "timer" in trigger:
        bench.wait(HOUR + 1)
    else:
        kind = "message" if "message" in trigger else "signal"
        bench.send(id, kind[0], kind=kind)
    assert (bench.row(id).state, bench.log[0]) == ("completed", "n")
    assert bench.tasks(id, "su")[0].state == "CANCELLED"
    if "timer" not in trigger and "signal" not in trigger:
        assert (bench.drive(other), bench.log) == ("completed", ["n", "U:su", "b"])


def test_b1_an_event_is_added_to_a_running_call(bench: Bench) -> None:
    called, callee = call("c", "q"), process(user("cu"), key="q")
    bench.versions([*ROOTS, process(called, B), callee], [*with_boundary(by_message("m"), host=called), callee])
    id, other = bench.start(), bench.start()
    bench.moved(id)
    bench.moved(other)
    bench.send(id, "m")
    assert (bench.row(id).state, bench.log) == ("completed", ["n"])
    assert (bench.drive(other), bench.log) == ("completed", ["n", "U:cu", "b"])


def test_b1_an_event_is_added_to_one_of_two_tasks_open_at_once(bench: Bench) -> None:
    fork = [gateway("parallel", "g1"), U, user("v"), gateway("exclusive", "x1"), gateway("parallel", "g2"), B]
    flows = "start>g1 g1>u g1>v u>x1 x1>g2 v>g2 g2>b b>end"
    event = [boundary("x", "u", by_message("m")), N]
    bench.versions([*ROOTS, process(*fork, flows=flows)], [*ROOTS, process(*fork, *event, flows=flows + " x>n n>x1")])
    id = bench.start()
    bench.moved(id)
    bench.send(id, "m")
    assert bench.open(id) == ["v"]
    assert bench.drive(id) == "completed"
    assert sorted(bench.log[:-1]) == ["U:v", "n"]


@pytest.mark.parametrize("trigger", [*TRIGGERS.values(), duration("PT1H"), by_error("e")])
def test_b5_e5_a_removed_event_is_disarmed(bench: Bench, trigger: str) -> None:
    inner = sub("sp", user("su"))
    bench.versions(with_boundary(trigger, host=inner), [*ROOTS, process(inner, B)])
    id = bench.start()
    assert bench.moved(id).disarmed == ("x",)
    assert bench.waits(id) == []
    assert (bench.drive(id), bench.log) == ("completed", ["U:su", "b"])


def test_b6_e6_an_unchanged_timer_keeps_its_deadline(bench: Bench) -> None:
    bench.versions(with_boundary(duration("PT1H")), [*with_boundary(duration("PT1H"))[:-1], _with_more("PT1H")])
    id = bench.start()
    due = bench.row(id).due
    bench.clock.advance(60)
    bench.moved(id)
    assert bench.row(id).due == due


def _with_more(time: str) -> str:
    event = boundary("x", "u", duration(time))
    return process(U, B, N, script("more"), event, flows="start>u u>b b>more more>end x>n n>end_x")


@pytest.mark.parametrize(("policy", "hours"), [("keep", 1), ("restart", 5)])
def test_b7_a_changed_duration_is_kept_or_started_anew(bench: Bench, policy: str, hours: int) -> None:
    bench.versions(with_boundary(duration("PT1H")), with_boundary(duration("PT5H")))
    id = bench.start()
    started = bench.clock.now()
    plan = bench.moved(id, timers=policy)
    assert bench.row(id).due == bench.clock.now() + hours * HOUR
    (told,) = plan.subscriptions
    assert (told.kind, told.before, told.after) == ("timer", started + HOUR, bench.row(id).due)


@pytest.mark.parametrize(("policy", "name"), [("keep", "paid"), ("update", "settled")])
def test_b8_a_changed_message_name_is_kept_or_updated_and_told(bench: Bench, policy: str, name: str) -> None:
    def version(name: str) -> list[str]:
        return [message("m", name), *with_boundary(by_message("m"))[1:]]

    bench.versions(version("paid"), version("settled"))
    id = bench.start()
    plan = bench.moved(id, events=policy)
    assert [(each.before, each.after) for each in plan.subscriptions] == [("paid", name)]
    assert bench.waits_for(id) == [name]
    bench.send(id, name)
    assert (bench.row(id).state, bench.log) == ("completed", ["n"])


@pytest.mark.parametrize("trigger", [by_message("m"), duration("PT1H"), cycle("R3/PT1H")])
@pytest.mark.parametrize("before", [True, False])
def test_b9_an_armed_event_may_begin_to_interrupt_or_stop_to(bench: Bench, before: bool, trigger: str) -> None:
    """What happens from now on is what happens to a new instance."""
    bench.versions(with_boundary(trigger, interrupting=before), with_boundary(trigger, interrupting=not before))
    logs = []
    for old in (True, False):
        bench.log.clear()
        id = bench.start(ref="p@1" if old else "p@2")
        waits = bench.waits(id)
        if old:
            bench.moved(id)
            assert bench.waits(id) == waits
        if "message" in trigger:
            bench.send(id, "m")
        else:
            bench.wait(HOUR + 1)
        logs.append((bench.drive(id), list(bench.log)))
    assert logs[0] == logs[1]
    assert logs[0][0] == "completed"


@pytest.mark.parametrize("trigger", [by_message("m"), duration("PT1H"), cycle("R3/PT1H")])
def test_b9_an_event_that_has_happened_does_not_interrupt_in_hindsight(bench: Bench, trigger: str) -> None:
    bench.versions(with_boundary(trigger, interrupting=False), with_boundary(trigger))
    id = bench.start()
    if "message" in trigger:
        bench.send(id, "m")
    else:
        bench.wait(HOUR + 1)
    assert bench.log == ["n"]
    assert ("boundary-interrupting-changed", "x") in bench.refused(id, force=True)
    assert (bench.drive(id), bench.log[-2:]) == ("completed", ["U:u", "b"])
    later = bench.start()
    bench.complete(later, "u")
    assert bench.row(later).state == "completed"


@pytest.mark.parametrize("interrupting", [True, False])
def test_b9_an_event_sub_process_does_not_change_whether_it_interrupts(bench: Bench, interrupting: bool) -> None:
    def version(interrupts: bool) -> str:
        return process(U, B, event_sub("es", duration("PT1H"), N, interrupting=interrupts))

    bench.versions(version(interrupting), version(not interrupting))
    assert bench.refused(bench.start(), force=True)


def test_b10_an_event_that_has_fired_does_not_fire_again(bench: Bench) -> None:
    model = with_boundary(duration("PT1H"), interrupting=False)
    changed = [*model[:-1], model[-1].replace("log('b')", "log('b2')")]
    bench.versions(model, changed)
    id = bench.start()
    bench.wait(HOUR + 1)
    assert bench.log == ["n"]
    assert bench.moved(id).armed == ()
    bench.wait(2 * HOUR)
    assert (bench.drive(id), bench.log) == ("completed", ["n", "U:u", "b2"])


def test_b11_two_timers_become_one_and_one_becomes_two(bench: Bench) -> None:
    def version(*events: str) -> str:
        nodes = [boundary(event, "u", duration(f"PT{n + 1}H")) for n, event in enumerate(events)]
        return process(U, B, *nodes, flows="start>u u>b b>end")

    bench.versions(version("x", "y"), version("x"), version("x", "z"))
    id = bench.start()
    assert bench.moved(id).disarmed == ("y",)
    assert len(bench.waits(id)) == 1
    assert bench.moved(id, "p@3").armed == ("z",)
    assert len(bench.waits(id)) == 2
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "b"])


def test_b12_a_cycle_keeps_its_count(bench: Bench) -> None:
    """R3: two firings before the move, one after it."""
    model = with_boundary(cycle("R3/PT1H"), interrupting=False)
    bench.versions(model, [*model[:-1], model[-1].replace("log('b')", "log('b2')")])
    id = bench.start()
    for _ in range(2):
        bench.wait(HOUR + 1)
    fired = bench.log.count("n")
    bench.moved(id)
    for _ in range(6):
        bench.wait(HOUR + 1)
    assert (fired, bench.log.count("n")) == (2, 3)
    assert bench.drive(id) == "completed"


def test_b13_a_renamed_armed_event_needs_a_mapping(bench: Bench) -> None:
    bench.versions(with_boundary(duration("PT1H")), with_boundary(duration("PT1H"), id="y"))
    id = bench.start()
    due = bench.row(id).due
    bench.clock.advance(60)
    assert bench.proposals(id) == {"x": "y"}
    bench.moved(id, map={"x": "y"})
    assert bench.row(id).due == due
    bench.wait(HOUR)
    assert (bench.drive(id), bench.log) == ("completed", ["n"])


# C: catching events


def catching(definition: str, *more: str, id: str = "c") -> list[str]:
    return [*ROOTS, message("m2"), signal("s2"), process(catch(id, definition), *more)]


CATCHES = {
    "message": (by_message("m"), by_message("m2"), "m", "m2"),
    "signal": (by_signal("s"), by_signal("s2"), "s", "s2"),
}


@pytest.mark.parametrize("kind", CATCHES)
def test_c1_c2_a_waiting_event_goes_on_waiting(bench: Bench, kind: str) -> None:
    before, _, name, _ = CATCHES[kind]
    bench.versions(catching(before, A), catching(before, N))
    id = bench.start()
    bench.moved(id)
    bench.send(id, name, kind=kind)
    assert (bench.row(id).state, bench.log) == ("completed", ["n"])


@pytest.mark.parametrize("kind", CATCHES)
def test_c1_c2_a_waiting_event_with_a_new_id_needs_a_mapping(bench: Bench, kind: str) -> None:
    before, _, name, _ = CATCHES[kind]
    bench.versions(catching(before, A), catching(before, A, id="d"))
    id = bench.start()
    assert ("node-removed", "c") in bench.refused(id)
    bench.moved(id, map={"c": "d"})
    bench.send(id, name, kind=kind)
    assert (bench.row(id).state, bench.log) == ("completed", ["a"])


@pytest.mark.parametrize("policy", ["keep", "update"])
@pytest.mark.parametrize("kind", CATCHES)
def test_c1_c2_e13_a_waiting_event_keeps_or_updates_what_it_waits_for(bench: Bench, kind: str, policy: str) -> None:
    before, after, name, renamed = CATCHES[kind]
    bench.versions(catching(before, A), catching(after, A))
    id = bench.start()
    plan = bench.moved(id, events=policy)
    wanted = name if policy == "keep" else renamed
    assert [(each.before, each.after) for each in plan.subscriptions] == [(name, wanted)]
    bench.send(id, wanted, kind=kind)
    assert (bench.row(id).state, bench.log) == ("completed", ["a"])


def test_c1_to_c3_an_event_never_becomes_one_of_another_kind(bench: Bench) -> None:
    bench.versions(catching(by_message("m")), catching(by_signal("s")), catching(duration("PT1H")))
    id = bench.start()
    assert ("event-definition-type-changed", "c") in bench.refused(id, force=True)
    assert ("event-definition-type-changed", "c") in bench.refused(id, "p@3", force=True)


@pytest.mark.parametrize(("policy", "hours"), [("keep", 1), ("restart", 5)])
def test_c3_a_waiting_timer(bench: Bench, policy: str, hours: int) -> None:
    bench.versions(catching(duration("PT1H"), A), catching(duration("PT5H"), N))
    id = bench.start()
    bench.moved(id, timers=policy)
    assert bench.row(id).due == bench.clock.now() + hours * HOUR
    assert (bench.drive(id), bench.log) == ("completed", ["n"])


def test_c3_a_duration_never_becomes_a_date(bench: Bench) -> None:
    bench.versions(catching(duration("PT1H")), catching(date("2035-01-01T00:00:00+00:00")))
    assert {rule for rule, _ in bench.refused(bench.start())} == {"event-definition-type-changed"}


def test_c4_a_waiting_condition_goes_on_waiting(bench: Bench) -> None:
    bench.versions(catching(on_condition("False"), A), catching(on_condition("False"), N))
    id = bench.start()
    bench.moved(id)
    assert (bench.row(id).state, bench.tasks(id, "c")[0].state) == ("running", "WAITING")


def beside(condition: str) -> list[str]:
    """A condition that is waited for while a person works beside it."""
    nodes = [gateway("parallel", "g"), U, catch("c", on_condition(condition)), A]
    return [*ROOTS, process(*nodes, flows="start>g g>u g>c c>a a>end u>end")]


@pytest.mark.parametrize(
    ("policy", "condition", "state"), [("keep", "False", "running"), ("update", "True", "completed")]
)
def test_c4_a_changed_condition(bench: Bench, policy: str, condition: str, state: str) -> None:
    bench.versions(beside("False"), beside("True"))
    id = bench.start()
    (told,) = bench.moved(id, events=policy).subscriptions
    assert (told.element, told.kind, told.before, told.after) == ("c", "condition", "False", condition)
    bench.complete(id, "u")
    assert (bench.row(id).state, "a" in bench.log) == (state, state == "completed")


def test_c4_a_changed_condition_that_holds_lets_the_event_happen(bench: Bench) -> None:
    """Nothing else moves that would make the engine look at it."""
    bench.versions(catching(on_condition("n > 1"), A), catching(on_condition("n > 0"), A))
    holds, other = bench.start({"n": 1}), bench.start({"n": 0})
    for id in (holds, other):
        bench.moved(id, events="update")
    bench.runner().tick()
    assert (bench.row(holds).state, bench.row(other).state, bench.log) == ("completed", "running", ["a"])


def test_c4_a_changed_condition_that_fails_leaves_the_instance_as_it_was(bench: Bench) -> None:
    bench.versions(catching(on_condition("n > 1"), A), catching(on_condition("missing > 0"), A))
    id = bench.start({"n": 1})
    assert {rule for rule, _ in bench.refused(id, events="update", force=True)} == {"script-failed"}


@pytest.mark.parametrize("interrupting", [True, False])
def test_c4_a_changed_condition_of_a_boundary_event(bench: Bench, interrupting: bool) -> None:
    conditions = (on_condition("n > 1"), on_condition("n > 0"))
    bench.versions(*(with_boundary(each, interrupting=interrupting) for each in conditions))
    id = bench.start({"n": 1})
    bench.moved(id, events="update")
    bench.runner().tick()
    assert (bench.drive(id), bench.log) == ("completed", ["n"] if interrupting else ["n", "U:u", "b"])


def test_c1_a_waiting_event_gets_into_a_scope_with_a_mapping(bench: Bench) -> None:
    waiting = catch("c", by_message("m"))
    bench.versions(catching(by_message("m"), A), [*ROOTS, process(sub("sp", waiting), A)])
    id = bench.start()
    assert bench.proposals(id) == {"c": "c"}
    bench.moved(id, map={"c": "c"})
    bench.send(id, "m")
    assert (bench.row(id).state, bench.log) == ("completed", ["a"])


def event_gateway(*names: str, first: str = "c1") -> list[str]:
    """An event gateway that waits for messages of these names."""
    roots = [message(name) for name in ("m1", "m2", "m3")]
    catches = [catch(f"c{name[1]}" if name != "m1" else first, by_message(name)) for name in names]
    ids = [f"c{name[1]}" if name != "m1" else first for name in names]
    nodes = [gateway("eventBased", "g"), *catches, *(script(f"got_{name}") for name in names)]
    flows = " ".join(f"g>{id} {id}>got_{name} got_{name}>end" for id, name in zip(ids, names, strict=True))
    return [*roots, process(*nodes, flows=f"start>g {flows}")]


@pytest.mark.parametrize("sent", ["m1", "m2", "m3"])
def test_c5_an_event_added_to_a_waiting_gateway(bench: Bench, sent: str) -> None:
    bench.versions(event_gateway("m1", "m2"), event_gateway("m3", "m1", "m2"))
    id = bench.start()
    bench.moved(id)
    assert bench.waits_for(id) == ["m1", "m2", "m3"]
    bench.send(id, sent)
    assert (bench.row(id).state, bench.log) == ("completed", [f"got_{sent}"])


@pytest.mark.parametrize("sent", ["m1", "m3"])
def test_c5_an_event_taken_from_a_waiting_gateway(bench: Bench, sent: str) -> None:
    bench.versions(event_gateway("m1", "m2", "m3"), event_gateway("m1", "m3"))
    id = bench.start()
    bench.moved(id)
    assert bench.waits_for(id) == ["m1", "m3"]
    bench.send(id, sent)
    assert (bench.row(id).state, bench.log) == ("completed", [f"got_{sent}"])


def test_c5_a_renamed_event_of_a_waiting_gateway(bench: Bench) -> None:
    bench.versions(event_gateway("m1", "m2"), event_gateway("m1", "m2", first="first"))
    id = bench.start()
    bench.moved(id)
    assert bench.waits_for(id) == ["m1", "m2"]
    bench.send(id, "m1")
    assert (bench.row(id).state, bench.log) == ("completed", ["got_m1"])


def test_c6_a_waiting_receive_task_goes_on_waiting(bench: Bench) -> None:
    task = '<receiveTask id="r" name="r" messageRef="m"/>'
    bench.versions([*ROOTS, process(task, A)], [*ROOTS, process(task, N)])
    id = bench.start()
    bench.moved(id)
    bench.send(id, "m")
    assert (bench.row(id).state, bench.log) == ("completed", ["n"])
