"""Gateways (G) and sub-processes (S), case by case. See `test_catalogue`."""

from __future__ import annotations

import pytest

from .bench import Bench
from .build import (
    by_message,
    event_sub,
    gateway,
    message,
    process,
    script,
    sub,
    user,
)

A, B, U, N = script("a"), script("b"), user("u"), script("n")


# G: gateways


def fork(*names: str, kind: str = "parallel", join: str = "g2", more: tuple[str, ...] = (), after: str = "b") -> str:
    """Branches of one user task each, between `g1` and a join, and a script behind it."""
    condition = ":True" if kind == "inclusive" else ""
    nodes = [gateway(kind, "g1"), *map(user, names), gateway(kind, join), script(after), *more]
    flows = " ".join(f"g1>{name}{condition} {name}>{join}" for name in names)
    return process(*nodes, flows=f"start>g1 {flows} {join}>{after} {after}>end")


@pytest.mark.parametrize("kind", ["parallel", "inclusive"])
def test_g1_g5_a_token_at_a_join_goes_on_waiting_there(bench: Bench, kind: str) -> None:
    bench.versions(fork("u", "v", kind=kind), fork("u", "v", kind=kind, after="n"))
    id = bench.start()
    bench.complete(id, "u")
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "U:v", "n"])


@pytest.mark.parametrize("arrived", ["u", "w"])
def test_g3_a_branch_is_removed(bench: Bench, arrived: str) -> None:
    """Its token at the join would count for nothing, and its open task has nowhere to go."""
    bench.versions(fork("u", "v", "w"), fork("u", "v"))
    id = bench.start()
    bench.complete(id, arrived)
    assert any(element in ("w", "g2") for _, element in bench.refused(id, force=True))


def test_g4_a_renamed_join_that_waits_needs_a_mapping(bench: Bench) -> None:
    bench.versions(fork("u", "v"), fork("u", "v", join="joined"))
    id = bench.start()
    bench.complete(id, "u")
    assert bench.proposals(id) == {"g2": "joined"}
    bench.moved(id, map={"g2": "joined"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "U:v", "b"])


def test_g6_a_parallel_gateway_never_becomes_an_inclusive_one_around_tokens(bench: Bench) -> None:
    bench.versions(fork("u", "v"), fork("u", "v", kind="inclusive"))
    assert bench.refused(bench.start(), force=True)


def test_g7_two_joins_do_not_become_one(bench: Bench) -> None:
    nodes = [gateway("parallel", "g1"), U, user("v"), user("w"), gateway("parallel", "j1"), gateway("parallel", "j2")]
    flows = "start>g1 g1>u g1>v g1>w {} j2>end"
    bench.versions(
        process(*nodes, flows=flows.format("u>j1 v>j1 j1>j2 w>j2")),
        process(*[n for n in nodes if '"j1"' not in n], flows=flows.format("u>j2 v>j2 w>j2")),
    )
    id = bench.start()
    bench.complete(id, "u")
    assert bench.refused(id, force=True)
    assert bench.refused(id, map={"j1": "j2"}, force=True)


@pytest.mark.parametrize("passed", [False, True])
def test_g8_a_changed_condition_decides_where_it_has_not_been_asked_yet(bench: Bench, passed: bool) -> None:
    def version(condition: str) -> str:
        nodes = [U, gateway("exclusive", "x", default="b"), user("v"), A, B]
        return process(*nodes, flows=f"start>u u>x x>v:{condition} x>b v>a a>end b>end")

    bench.versions(version("n==1"), version("n==2"))
    id = bench.start({"n": 1})
    if passed:
        bench.complete(id, "u")
    bench.moved(id)
    assert bench.drive(id) == "completed"
    assert bench.log == (["U:u", "U:v", "a"] if passed else ["U:u", "b"])


def test_g9_one_token_is_not_moved_into_a_fork(bench: Bench) -> None:
    bench.versions(process(U, B), fork("u", "v"))
    id = bench.start()
    assert {rule for rule, _ in bench.refused(id)} >= {"join-never-satisfied"}
    assert bench.forced(id) in ("completed", "refused")


# S: sub-processes


def test_s1_a_task_is_added_inside_a_running_sub_process(bench: Bench) -> None:
    bench.versions(process(sub("sp", user("su")), B), process(sub("sp", user("su"), N), B))
    id = bench.start()
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["U:su", "n", "b"])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (process(sub("o", sub("i", U)), B), process(sub("i", sub("o", U)), B)),  # S7
        (process(sub("sp", U), B), process(sub("sp", U, tag="transaction"), B)),  # S8
        (process(sub("sp", U), user("v")), process(event_sub("sp", by_message("m"), U), user("v"))),
    ],
)
def test_s7_s8_a_token_never_leaves_or_enters_a_scope_of_another_kind(bench: Bench, one: str, two: str) -> None:
    bench.versions([message("m"), one], [message("m"), two])
    id = bench.start()
    for map in ({}, {"u": "u", "sp": "sp"} if "sp" in one else {"u": "u", "i": "i", "o": "o"}):
        found = bench.refused(id, map=map, force=True)
        assert any(element == "u" for _, element in found) or any(element == "sp" for _, element in found)


@pytest.mark.parametrize("map", [{}, {"sp": "other"}, {"u": "u"}])
def test_s6_a_token_does_not_move_sideways_between_scopes(bench: Bench, map: dict[str, str]) -> None:
    both = gateway("parallel", "g1"), gateway("parallel", "g2")
    flows = "start>g1 g1>sp g1>other sp>g2 other>g2 g2>end"
    bench.versions(
        process(*both, sub("sp", U), sub("other", user("v")), flows=flows),
        process(*both, sub("sp", user("w")), sub("other", U, user("v")), flows=flows),
    )
    assert bench.refused(bench.start(), map=map, force=True)


def test_s5_a_renamed_sub_process_moves_with_a_mapping(bench: Bench) -> None:
    bench.versions(process(sub("sp", user("su")), B), process(sub("sp2", user("su"), own="sp"), B))
    id = bench.start()
    assert bench.proposals(id) == {"sp": "sp2"}
    bench.moved(id, map={"sp": "sp2"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:su", "b"])


def test_s5_a_renamed_sub_process_with_a_renamed_task_inside(bench: Bench) -> None:
    bench.versions(
        process(sub("sp", user("su", name="Do")), B), process(sub("sp2", user("su2", name="Do"), own="sp"), B)
    )
    id = bench.start()
    assert bench.refused(id, map={"sp": "sp2"})
    bench.moved(id, map={"sp": "sp2", "su": "su2"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:su2", "b"])


def test_s5_an_outer_and_an_inner_sub_process_are_renamed_at_once(bench: Bench) -> None:
    bench.versions(
        process(sub("o", sub("i", user("su")), user("ou")), B),
        process(sub("o2", sub("i2", user("su"), own="i"), user("ou"), own="o"), B),
    )
    id = bench.start()
    assert bench.proposals(id) == {"o": "o2", "i": "i2"}
    bench.moved(id, map={"o": "o2", "i": "i2"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:su", "U:ou", "b"])


def test_s9_values_inside_a_sub_process_survive(bench: Bench) -> None:
    inner = script("set", "inside = 7")
    bench.versions(process(sub("sp", inner, user("su")), B), process(sub("sp", inner, user("su"), N), B))
    id = bench.start()
    bench.draft(id, "su", drafted=1)
    bench.moved(id)
    view = bench.tasks(id, "su")[0]
    assert (view.data["inside"], view.data["drafted"]) == (7, 1)
    assert bench.drive(id) == "completed"
    assert (bench.data(id)["inside"], bench.data(id)["drafted"]) == (7, 1)


def test_s1_a_sub_process_added_ahead_and_one_that_has_run_removed(bench: Bench) -> None:
    bench.versions(process(sub("old", A), U, B), process(U, sub("new", N), B))
    id = bench.start()
    bench.moved(id)
    assert [view.state for view in bench.tasks(id, "a")] == ["COMPLETED"]
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "n", "b"])
