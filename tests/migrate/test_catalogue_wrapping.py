"""Sub-processes that are drawn around tokens, or taken away around them (S2, S3, S4, E10, E11). See `test_catalogue`.

What a migrated instance is, and what it comes to, is compared with a new instance of the new version that has come as
far under the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from .bench import Bench
from .build import (
    boundary,
    by_message,
    call,
    catch,
    duration,
    event_sub,
    gateway,
    manual,
    message,
    process,
    repeated,
    script,
    sub,
    times,
    user,
)

A, B, U, V, N = script("a"), script("b"), user("u"), user("v"), script("n")
HERE = {"u": "u"}
FORK, JOIN = gateway("parallel", "g1"), gateway("parallel", "g2")
BOTH = "g1>u g1>v u>g2 v>g2"


def shape(bench: Bench, id: str, without: Sequence[str] = ()) -> list[tuple[str, str, int, Mapping[str, Any]]]:
    """Every task with its state, depth and data; whether what lies ahead is likely or not is left out."""
    ahead = {"LIKELY": "FUTURE", "MAYBE": "FUTURE"}
    return [
        (view.id, ahead.get(view.state, view.state), view.depth, view.data)
        for view in bench.runner().look(id).tasks
        if view.id not in without
    ]


def like_new(bench: Bench, id: str, done: Sequence[str] = (), without: Sequence[str] = ()) -> None:
    """A moved instance is, and ends, as a new one that came as far, but for history in `without`."""
    new = bench.start({"k": [1]}, "p@2")
    for node in done:
        bench.complete(new, node, {f"by_{node}": 1})
    assert shape(bench, id, without) == shape(bench, new)
    bench.log.clear()
    assert bench.drive(id) == "completed"
    mine = list(bench.log)
    bench.log.clear()
    assert bench.drive(new) == "completed"
    assert (mine, bench.data(id)) == (bench.log, bench.data(new))


def begun(bench: Bench, done: Sequence[str] = ()) -> str:
    id = bench.start({"k": [1]})
    for node in done:
        bench.complete(id, node, {f"by_{node}": 1})
    return id


WRAPPED = {
    "alone": (process(U, B), process(sub("sp", U), B), HERE, ()),
    "with what is done": (process(A, U, B), process(sub("sp", A, U), B), HERE, ()),
    "with a task that set data": (process(V, U, B), process(sub("sp", V, U), B), HERE, ("v",)),
    "with what follows": (process(A, U, B), process(A, sub("sp", U, B)), HERE, ()),
    "the whole process": (process(A, U, B), process(sub("sp", A, U, B)), HERE, ()),
    "two levels": (process(U, B), process(sub("o", sub("i", U)), B), HERE, ()),
    "two levels and what is done": (process(A, U, B), process(sub("o", A, sub("i", U)), B), HERE, ()),
    "under another id": (process(U, B), process(sub("sp", user("w", name="Other")), B), {"u": "w"}, ()),
    "into one that stood behind it": (process(U, sub("sp", V), B), process(sub("sp", U, V), B), HERE, ()),
    "a running sub-process": (process(sub("i", U), B), process(sub("o", sub("i", U)), B), {"i": "i"}, ()),
    "both branches": (
        process(FORK, U, V, JOIN, B, flows=f"start>g1 {BOTH} g2>b b>end"),
        process(sub("sp", FORK, U, V, JOIN, flows=f"sp_start>g1 {BOTH} g2>sp_end"), B),
        {"v": "v", "g2": "g2"},
        ("u",),
    ),
    "one of two branches": (
        process(FORK, U, V, JOIN, B, flows=f"start>g1 {BOTH} g2>b b>end"),
        process(FORK, sub("sp", U), V, JOIN, B, flows="start>g1 g1>sp g1>v sp>g2 v>g2 g2>b b>end"),
        HERE,
        ("v",),
    ),
}


@pytest.mark.parametrize(("one", "two", "map", "done"), WRAPPED.values(), ids=WRAPPED)
def test_s2_s4_a_sub_process_is_drawn_around_a_token(
    bench: Bench, one: str, two: str, map: dict[str, str], done: Sequence[str]
) -> None:
    bench.versions(one, two)
    id = begun(bench, done)
    if map == {"u": "w"}:
        assert ("node-removed", "u") in bench.refused(id)
    else:
        assert bench.proposals(id) == map
    bench.moved(id, map=map)
    like_new(bench, id, done)


UNWRAPPED = {
    "alone": (process(sub("sp", U), B), process(U, B), HERE, (), ["sp_start"]),
    "with what is done": (process(sub("sp", A, U), B), process(A, U, B), HERE, (), ["sp_start"]),
    "with a task that set data": (process(sub("sp", V, U), B), process(V, U, B), HERE, ("v",), ["sp_start"]),
    "with what follows": (process(A, sub("sp", U, B)), process(A, U, B), HERE, (), ["sp_start"]),
    "two levels": (process(sub("o", sub("i", U)), B), process(U, B), HERE, (), ["o_start", "i_start"]),
    "the inner one": (process(sub("o", sub("i", U)), B), process(sub("o", U), B), HERE, (), ["i_start"]),
    "the outer one": (process(sub("o", sub("i", U)), B), process(sub("i", U), B), {"i": "i"}, (), ["o_start"]),
    "under another id": (process(sub("sp", U), B), process(user("w", name="X"), B), {"u": "w"}, (), ["sp_start"]),
    "out of one that stays": (process(sub("sp", U, V), B), process(U, sub("sp", V), B), HERE, (), ["sp_start"]),
    "both branches": (
        process(sub("sp", FORK, U, V, JOIN, flows=f"sp_start>g1 {BOTH} g2>sp_end"), B),
        process(FORK, U, V, JOIN, B, flows=f"start>g1 {BOTH} g2>b b>end"),
        {"v": "v", "g2": "g2"},
        ("u",),
        ["sp_start"],
    ),
}


@pytest.mark.parametrize(("one", "two", "map", "done", "history"), UNWRAPPED.values(), ids=UNWRAPPED)
def test_s3_s4_a_sub_process_is_taken_away_around_a_token(
    bench: Bench, one: str, two: str, map: dict[str, str], done: Sequence[str], history: list[str]
) -> None:
    bench.versions(one, two)
    id = begun(bench, done)
    if map != {"u": "w"}:
        assert bench.proposals(id) == map
    assert [node for node in bench.moved(id, map=map).history if node in history] == history
    like_new(bench, id, done, history)


def test_each_item_of_a_repetition_gets_a_sub_process_of_its_own(bench: Bench) -> None:
    repetition = times(2)
    bench.versions(process(sub("mi", U, loop=repetition), B), process(sub("mi", sub("sp", U), loop=repetition), B))
    id = begun(bench)
    plan = bench.plan(id)
    assert [(each.old, each.new) for each in plan.proposals] == [("u", "u")]
    bench.moved(id, map=HERE)
    like_new(bench, id)


def test_e10_e11_there_and_back_again(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(sub("sp", A, U), B), process(A, U, B))
    id = begun(bench)
    bench.draft(id, "u", drafted=[1])
    task = bench.tasks(id, "u")[0]
    for to in ("p@2", "p@3", "p@2"):
        bench.moved(id, to, map=HERE)
        moved = bench.tasks(id, "u")[0]
        assert (moved.task, moved.data, moved.changed) == (task.task, task.data, task.changed)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "b"])
    assert bench.data(id) == {"k": [1], "drafted": [1]}


def test_a_wrapped_instance_goes_back_with_rollback(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(sub("sp", A, U), B))
    id = begun(bench)
    before = shape(bench, id)
    bench.moved(id, map=HERE)
    bench.runner().rollback(id)
    assert (bench.row(id).version, shape(bench, id)) == (1, before)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "b"])


WAITING = {
    "timer": (catch("c", duration("PT1H")), "timer"),
    "message": (catch("c", by_message("m")), "m"),
    "task with a timer": (user("c") + boundary("x", "c", duration("PT1H"), interrupting=False), "timer"),
    "call": (call("c", "q"), None),
    "items": (user("c", loop=repeated("k", output="outs")), None),
}


@pytest.mark.parametrize("way", ["in", "out"])
@pytest.mark.parametrize(("waiting", "name"), WAITING.values(), ids=WAITING)
def test_what_waits_goes_on_waiting_there(bench: Bench, waiting: str, name: str | None, way: str) -> None:
    node, _, event = waiting.partition("<boundaryEvent")
    nodes = [node, *(["<boundaryEvent" + event] if event else [])]
    versions = process(*nodes, B), process(sub("sp", *nodes, own="own"), B)
    roots = [message("m"), process(user("w"), key="q")]
    bench.versions(*([*roots, version] for version in (versions if way == "in" else versions[::-1])))
    id = bench.start({"k": [7, 8]})
    if "multiInstance" in waiting:
        bench.complete(id, "c", {"out": 1})
    before = [(each.task, each.kind, each.name, each.due) for each in bench.waits(id)]
    assert len(before) == (1 if name else 0)
    bench.clock.advance(60)
    bench.moved(id, map={"c": "c"})
    assert [(each.task, each.kind, each.name, each.due) for each in bench.waits(id)] == before
    if name == "m":
        bench.send(id, "m", {"paid": 3})
    assert (bench.drive(id, lambda task: {"out": 1}), bench.log[-1]) == ("completed", "b")


def test_a_failed_task_is_retried_in_its_sub_process(bench: Bench) -> None:
    bench.versions(process(script("s", "1 / 0"), B), process(sub("sp", script("s", "log('s')")), B))
    id = begun_with_failure(bench)
    bench.moved(id, map={"s": "s"})
    bench.retry(id)
    assert (bench.row(id).state, bench.log) == ("completed", ["s", "b"])


def begun_with_failure(bench: Bench) -> str:
    from spiffcli.errors import IncidentError

    with bench.runner().start("p@1", {}) as session, pytest.raises(IncidentError):
        session.advance()
    return session.instance.id


def test_boundary_events_of_the_new_sub_process_are_armed_and_can_come(bench: Bench) -> None:
    late = boundary("late", "sp", duration("PT1H"))
    bench.versions(process(U, B), process(sub("sp", U), late, B))
    for come in (False, True):
        id = bench.start()
        moved = bench.moved(id, map=HERE)
        assert (moved.armed, moved.wrapped, moved.skipped) == (("late",), ("sp",), ())
        assert bench.waits_for(id) == ["timer"]
        if come:
            bench.wait(3700)
            assert (bench.row(id).state, bench.open(id)) == ("completed", [])
        else:
            assert (bench.drive(id), bench.row(id).due) == ("completed", None)
    assert bench.log == ["U:u", "b"]


def test_boundary_events_of_a_sub_process_that_is_gone_wait_no_more(bench: Bench) -> None:
    late = boundary("late", "sp", duration("PT1H"))
    bench.versions(process(sub("sp", A, U), late, B), process(A, U, B))
    id = bench.start()
    moved = bench.moved(id, map=HERE)
    assert (moved.disarmed, moved.unwrapped) == (("late",), ("sp",))
    assert bench.waits_for(id) == []
    bench.wait(7200)
    assert (bench.open(id), bench.drive(id), bench.log) == (["u"], "completed", ["a", "U:u", "b"])


def test_an_event_sub_process_inside_begins_to_wait(bench: Bench) -> None:
    watching = event_sub("es", duration("PT1H"), N, interrupting=False)
    bench.versions(process(U, B), process(sub("sp", U, watching), B))
    id = bench.start()
    moved = bench.moved(id, map=HERE)
    assert (moved.armed, bench.waits_for(id)) == (("es",), ["timer"])
    bench.wait(3700)
    assert (bench.drive(id), bench.log) == ("completed", ["n", "U:u", "b"])


def test_each_pass_of_a_loop_is_one_of_the_sub_process(bench: Bench) -> None:
    def loop(*nodes: str, first: str) -> str:
        split = gateway("exclusive", "g", "b")
        inner = "start>a a>u u>g" if first == "a" else "start>sp sp>g"
        return process(*nodes, split, B, flows=f"{inner} g>{first}:again g>b b>end")

    bench.versions(loop(A, U, first="a"), loop(sub("sp", A, U), first="sp"))
    id = bench.start()
    bench.complete(id, "u", {"again": True})
    bench.moved(id, map=HERE)
    bench.complete(id, "u", {"again": True})
    bench.complete(id, "u", {"again": False})
    assert bench.row(id).state == "completed"
    assert bench.log == ["a", "U:u", "a", "U:u", "a", "U:u", "b"]


def test_a_tasks_kind_still_counts(bench: Bench) -> None:
    bench.versions(process(U, B), process(sub("sp", manual("u")), B), process(sub("sp", manual("m")), B))
    id = bench.start()
    assert ("node-type-changed", "u") in bench.refused(id, map=HERE, force=True)
    assert ("node-type-changed", "u") in bench.refused(id, "p@3", map={"u": "m"}, force=True)


NOT_SIMPLE = {
    "repeated": sub("sp", U, loop=times(2)),
    "a transaction": sub("sp", U, tag="transaction"),
    "an event sub-process": event_sub("sp", by_message("m"), U),
    "data objects of its own": sub("sp", U).replace("<startEvent", '<dataObject id="d"/><startEvent', 1),
    "does not simply begin": sub("sp", U).replace(
        '<startEvent id="sp_start"/>', f'<startEvent id="sp_start">{duration("PT1H")}</startEvent>'
    ),
}


@pytest.mark.parametrize(("reason", "around"), NOT_SIMPLE.items(), ids=NOT_SIMPLE)
def test_a_token_gets_only_into_a_sub_process_that_does_nothing_else(bench: Bench, reason: str, around: str) -> None:
    after = [V, B] if "event sub-process" in reason else [B]
    bench.versions([message("m"), process(U, *after)], [message("m"), process(around, *after)])
    id = bench.start()
    assert ("node-moved-scope", "u") in bench.refused(id, map=HERE, force=True)
    blocker = next(each for each in bench.plan(id, map=HERE).blockers if each.element == "u")
    assert reason in blocker.reason


@pytest.mark.parametrize("reason", ["repeated", "a transaction", "data objects of its own"])
def test_a_token_gets_only_out_of_a_sub_process_that_does_nothing_else(bench: Bench, reason: str) -> None:
    bench.versions(process(NOT_SIMPLE[reason], B), process(U, B))
    id = bench.start()
    assert bench.refused(id, map=HERE, force=True)


NOT_THERE = {
    "before it inside": (process(U, B), process(sub("sp", N, U), B), ("node-added-before-token", "n")),
    "before it outside": (process(U, B), process(N, sub("sp", U), B), ("node-added-before-token", "n")),
    "done, and ahead of it inside": (process(A, V, U, B), process(V, sub("sp", U, A), B), ("node-repeated", "a")),
    "skipped in a sub-process": (process(sub("sp", U, V), B), process(sub("sp", V), U, B), ("node-added-before-token", "sp")),
}  # fmt: skip


@pytest.mark.parametrize(("one", "two", "found"), NOT_THERE.values(), ids=NOT_THERE)
def test_nothing_is_left_out_or_done_twice_on_the_way(bench: Bench, one: str, two: str, found: tuple[str, str]) -> None:
    bench.versions(one, two)
    id = bench.start()
    while bench.open(id) != ["u"]:
        bench.complete(id, bench.open(id)[0])
    assert found in bench.refused(id, map=HERE)
    assert bench.moved(id, map=HERE, force=True).overridden
    assert bench.drive(id) == "completed"


def test_tokens_that_stay_outside_hold_the_others_back(bench: Bench) -> None:
    flat = process(FORK, U, V, JOIN, B, flows=f"start>g1 {BOTH} g2>b b>end")
    inner = sub("sp", gateway("parallel", "g1"), U, N, flows="sp_start>g1 g1>u g1>n u>sp_end n>sp_end")
    bench.versions(flat, process(inner, V, B))
    id = bench.start()
    assert {("node-moved-scope", "v"), ("node-moved-scope", "u")} <= bench.refused(id, map=HERE, force=True)


def test_a_token_that_has_come_to_the_end_of_the_sub_process_holds_the_others_back(bench: Bench) -> None:
    flows = "g1>u g1>v"
    inner = sub("sp", FORK, U, V, '<endEvent id="e2"/>', flows=f"sp_start>g1 {flows} u>e2 v>sp_end")
    bench.versions(process(inner, B), process(FORK, U, V, B, flows=f"start>g1 {flows} u>b v>b b>end"))
    id = bench.start()
    bench.complete(id, "u")
    assert ("node-moved-scope", "v") in bench.refused(id, map={"v": "v"}, force=True)
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "U:v", "b"])


def test_a_pre_script_of_the_new_sub_process_is_not_run_in_silence(bench: Bench) -> None:
    extension = "<extensionElements><s:preScript>log('pre')</s:preScript></extensionElements>"
    around = sub("sp", U, loop=extension)
    bench.versions(process(U, B), process(around, B))
    id = bench.start()
    assert bench.refused(id, map=HERE) == {("entry-not-repeated", "sp")}
    bench.moved(id, map=HERE, allow=["entry-not-repeated:sp"])
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "b"])


def test_work_that_is_done_counts_wherever_it_lies_now(bench: Bench) -> None:
    """Drawn around, or taken out: behind the token it is done, ahead of it would be done again."""
    bench.versions(process(A, U, B), process(sub("sp", A), U, B), process(A, U, B), process(U, sub("sp", A), B))
    id = bench.start()
    bench.moved(id)
    bench.moved(id, "p@3")
    assert bench.refused(id, "p@4") == {("node-repeated", "a")}
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "b"])
    bench.log.clear()
    inside = bench.start(ref="p@2")
    bench.moved(inside, "p@3")
    assert (bench.drive(inside), bench.log) == ("completed", ["a", "U:u", "b"])


def test_work_that_was_done_in_a_sub_process_is_not_done_again_outside(bench: Bench) -> None:
    bench.versions(process(sub("sp", A), U, B), process(U, A, B))
    assert bench.refused(bench.start()) == {("node-repeated", "a")}


def test_what_an_earlier_pass_did_does_not_count_for_this_one(bench: Bench) -> None:
    def loop(one: str, two: str) -> str:
        split = gateway("exclusive", "g", "b")
        return process(U, A, split, B, flows=f"start>{one} {one}>{two} {two}>g g>{one}:again g>b b>end")

    bench.versions(loop("u", "a"), loop("a", "u"))
    id = bench.start()
    bench.complete(id, "u", {"again": True})
    assert bench.refused(id) == {("node-added-before-token", "a")}


def test_a6_what_a_called_process_did_is_not_done_again_in_its_place(bench: Bench) -> None:
    called = process(A, key="q")
    bench.versions([called, process(call("ca", "q"), U, B)], [called, process(U, A, B)])
    assert bench.refused(bench.start()) == {("node-repeated", "a")}


@pytest.mark.parametrize("map", [{}, {"u": "u"}, {"ca": "u"}])
def test_a6_a_running_call_keeps_its_process(bench: Bench, map: dict[str, str]) -> None:
    called = process(U, key="q")
    bench.versions(
        [called, process(call("ca", "q"), B)], [called, process(U, B)], [called, process(call("ca", "q"), B)]
    )
    assert bench.refused(bench.start(), map=map, force=True)
    back = {"u": "ca"} if "ca" in map else map
    assert bench.refused(bench.start(ref="p@2"), "p@3", map=back, force=True)
