"""Repetition (M), calls (A), transactions (T), ad-hoc parts and participants, case by case. See `test_catalogue`."""

from __future__ import annotations

import pytest

from .bench import Bench
from .build import (
    boundary,
    by_message,
    call,
    catch,
    definitions,
    duration,
    end,
    gateway,
    message,
    process,
    repeated,
    script,
    sub,
    times,
    user,
)

A, B, U, N = script("a"), script("b"), user("u"), script("n")


# M: repetition

ITEMS = {"items": ["a", "b", "c"]}


def shout(view: object) -> dict[str, str]:
    return {"out": view.data["item"] + "!"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_m1_m2_progress_is_kept(bench: Bench, sequential: bool, done: int) -> None:
    many = user("m", loop=repeated(output="results", sequential=sequential))
    bench.versions(process(many, B), process(many, N))
    id = bench.start(ITEMS)
    for item in "abc"[:done]:
        bench.complete(id, "m", {"out": f"{item}!"})
    bench.moved(id)
    assert bench.drive(id, shout) == "completed"
    assert bench.data(id)["results"] == ["a!", "b!", "c!"]
    assert bench.log == ["U:m"] * 3 + ["n"]


def test_m4_parallel_never_becomes_sequential(bench: Bench) -> None:
    bench.versions(*(process(user("m", loop=repeated(sequential=each))) for each in (False, True)))
    id = bench.start(ITEMS)
    assert any(element == "m" for _, element in bench.refused(id, force=True))


def test_m5_m6_repetition_is_neither_added_to_nor_taken_from_an_open_task(bench: Bench) -> None:
    bench.versions(process(user("m")), process(user("m", loop=repeated())), process(user("m")))
    one, many = bench.start(ITEMS), bench.start(ITEMS, "p@2")
    assert any(element == "m" for _, element in bench.refused(one, force=True))
    assert any(element == "m" for _, element in bench.refused(many, "p@3", force=True))


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("what", ["sub", "call"])
def test_m7_a8_a_repeated_sub_process_or_call_keeps_its_progress(bench: Bench, what: str, sequential: bool) -> None:
    loop = repeated(output="results", sequential=sequential)
    inner = script("half", "half = item"), user("mu")
    callee = process(*inner, key="q") if what == "call" else ""
    many = call("m", "q", loop=loop) if what == "call" else sub("m", *inner, loop=loop)
    bench.versions([process(many, B), callee], [process(many, N), callee])
    id = bench.start(ITEMS)
    bench.complete(id, "mu", {"out": "a!"})
    bench.moved(id)
    assert bench.drive(id, shout) == "completed"
    assert bench.data(id)["results"] == ["a!", "b!", "c!"]
    assert bench.log[-1] == "n"


def test_m7_a_task_is_added_inside_a_repeated_sub_process(bench: Bench) -> None:
    loop = repeated(output="results")
    bench.versions(process(sub("m", user("mu"), loop=loop), B), process(sub("m", user("mu"), N, loop=loop), B))
    id = bench.start(ITEMS)
    bench.complete(id, "mu", {"out": "a!"})
    bench.moved(id, allow=["node-added-before-token:n"])
    assert bench.drive(id, shout) == "completed"
    assert bench.data(id)["results"] == ["a!", "b!", "c!"]
    assert bench.log.count("n") == 2


def test_m7_a_node_removed_inside_a_repeated_sub_process_is_refused_where_an_item_is_there(bench: Bench) -> None:
    """One item has done the task that is removed, the other two have it open."""
    loop = repeated(output="results")
    inner, less = [user("m1"), user("m2")], [user("m2")]
    bench.versions(process(sub("m", *inner, loop=loop)), process(sub("m", *less, loop=loop)))
    id = bench.start(ITEMS)
    bench.complete(id, "m1")
    assert ("node-removed", "m1") in bench.refused(id, force=True)


def test_m8_another_collection_is_refused_and_another_end_decides_from_now_on(bench: Bench) -> None:
    bench.versions(
        process(user("m", loop=repeated("items"))),
        process(user("m", loop=repeated("others"))),
        process(user("m", loop=repeated("items", until="True"))),
    )
    id = bench.start(ITEMS)
    assert any(element == "m" for _, element in bench.refused(id, force=True))
    bench.moved(id, "p@3")
    bench.complete(id, "m")
    assert bench.row(id).state == "completed"


def test_m9_a_repetition_inside_a_repetition(bench: Bench) -> None:
    inner = sub("i", user("mu"), loop=times(2))
    outer = sub("o", inner, loop=times(2, sequential=True))
    bench.versions(process(outer, B), process(outer, N))
    id = bench.start()
    bench.complete(id, "mu")
    bench.moved(id)
    assert bench.drive(id) == "completed"
    assert bench.log == ["U:mu"] * 4 + ["n"]


def test_m_a_standard_loop_keeps_its_passes(bench: Bench) -> None:
    loop = '<standardLoopCharacteristics testBefore="false" loopMaximum="3"/>'
    bench.versions(process(user("m", loop=loop), B), process(user("m", loop=loop), N))
    id = bench.start()
    bench.complete(id, "m")
    bench.moved(id)
    assert bench.drive(id) == "completed"
    assert bench.log == ["U:m"] * 3 + ["n"]


# A: called processes

CALLEE = process(user("cu"), A, key="q")
CALLEE2 = process(user("cu"), N, key="q")


@pytest.mark.parametrize(("parent", "child"), [("b", CALLEE2), ("n", CALLEE), ("n", CALLEE2)])
def test_a1_a2_a3_a_running_call_goes_on_in_its_version(bench: Bench, parent: str, child: str) -> None:
    bench.versions([process(call("c", "q"), script("b")), CALLEE], [process(call("c", "q"), script(parent)), child])
    id = bench.start()
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["U:cu", "a", parent])


def test_a2_a_call_that_comes_after_the_move_enters_the_new_version(bench: Bench) -> None:
    bench.versions([process(U, call("c", "q")), CALLEE], [process(U, call("c", "q")), CALLEE2])
    id = bench.start()
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "U:cu", "n"])


def test_a4_a_running_call_does_not_change_what_it_calls(bench: Bench) -> None:
    other = CALLEE.replace('id="q"', 'id="r"')
    bench.versions([process(call("c", "q")), CALLEE], [process(call("c", "r")), other])
    id = bench.start()
    assert ("call-target-changed", "c") in bench.refused(id)


def test_a5_a_call_that_runs_is_not_removed(bench: Bench) -> None:
    bench.versions([process(call("c", "q"), B), CALLEE], process(B))
    id = bench.start()
    assert ("node-removed", "c") in bench.refused(id, force=True)


def test_a5_a_renamed_call_that_runs_moves_with_a_mapping(bench: Bench) -> None:
    one = call("c", "q")
    bench.versions([process(one, B), CALLEE], [process(one.replace('id="c"', 'id="d"'), B), CALLEE])
    id = bench.start()
    assert bench.proposals(id) == {"c": "d"}
    bench.moved(id, map={"c": "d"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:cu", "a", "b"])


def test_a6_what_is_called_does_not_move_into_the_caller_nor_back(bench: Bench) -> None:
    bench.versions([process(call("c", "q"), B), CALLEE], process(user("cu"), A, B))
    called, own = bench.start(), bench.start(ref="p@2")
    assert ("node-removed", "c") in bench.refused(called, force=True)
    assert ("node-removed", "cu") in bench.refused(own, "p@1", force=True)


def test_a_a_process_that_calls_itself_with_a_sub_process_inside(bench: Bench) -> None:
    def version(last: str) -> str:
        x, y = gateway("exclusive", "x", default="sp"), gateway("exclusive", "y")
        nodes = [script("down", "depth = depth - 1"), x, call("c", "p"), sub("sp", user("su")), y, script(last)]
        return process(*nodes, flows=f"start>down down>x x>c:depth&gt;0 x>sp c>y sp>y y>{last} {last}>end")

    bench.versions(version("b"), version("n"))
    id = bench.start({"depth": 2})
    assert bench.open(id) == ["su"]
    bench.moved(id)
    assert bench.drive(id) == "completed"
    assert bench.log == ["U:su", "b", "n"]


# T, ad-hoc, participants


def test_t1_a_running_transaction_goes_on_and_can_still_be_cancelled(bench: Bench) -> None:
    def version(after: str) -> str:
        cancelled = end("bad", "<cancelEventDefinition/>")
        choice = gateway("exclusive", "x", default="tx_end")
        flows = "tx_start>tu tu>x x>bad:cancelled x>tx_end"
        transaction = sub("tx", user("tu"), choice, cancelled, flows=flows, tag="transaction")
        event = boundary("undo", "tx", "<cancelEventDefinition/>")
        nodes = [transaction, event, script(after), script("undone")]
        return process(*nodes, flows=f"start>tx tx>{after} {after}>end undo>undone undone>end_undo")

    bench.versions(version("b"), version("n"))
    good, bad = bench.start({"cancelled": False}), bench.start({"cancelled": False})
    for id in (good, bad):
        bench.moved(id)
    assert (bench.drive(good), bench.log) == ("completed", ["U:tu", "n"])
    bench.complete(bad, "tu", {"cancelled": True})
    assert bench.drive(bad) == "completed"
    assert bench.log[-1] == "undone"


def test_an_ad_hoc_part_in_progress_goes_on(bench: Bench) -> None:
    def version(after: str) -> str:
        inside = f"{user('x')}<completionCondition>False</completionCondition>"
        part = f'<adHocSubProcess id="free" cancelRemainingInstances="false">{inside}</adHocSubProcess>'
        return process(part, script(after))

    bench.versions(version("b"), version("n"))
    id, fresh = bench.start(), bench.start(ref="p@2")
    bench.moved(id)
    assert bench.drive(id) == bench.drive(fresh) == "completed"
    assert bench.log.count("n") == 2


def test_a_collaboration_in_progress_goes_on(bench: Bench) -> None:
    def version(after: str) -> list[str]:
        pools = "".join(f'<participant id="pool_{key}" processRef="{key}"/>' for key in ("one", "two"))
        return [
            message("m"),
            f'<collaboration id="both">{pools}</collaboration>',
            process(user("ou"), script(after), key="one"),
            process(catch("c", by_message("m")), user("tu"), key="two"),
        ]

    for after in ("b", "n"):
        path = bench.folder / "both.bpmn"
        path.write_text(definitions(*version(after)))
        bench.runner().add([path], collaboration="both")
    id = bench.start(ref="both@1")
    bench.moved(id, "both@2")
    bench.send(id, "m")
    assert bench.drive(id) == "completed"
    assert sorted(map(str, bench.log))[0] == "U:ou"


def test_a_timer_of_a_boundary_on_a_running_call_keeps_its_deadline(bench: Bench) -> None:
    def version(after: str) -> list[str]:
        event = boundary("late", "c", duration("PT1H"))
        return [process(call("c", "q"), event, script(after), flows=f"start>c c>{after} {after}>end"), CALLEE]

    bench.versions(version("b"), version("n"))
    id = bench.start()
    due = bench.row(id).due
    bench.clock.advance(60)
    bench.moved(id)
    assert bench.row(id).due == due
