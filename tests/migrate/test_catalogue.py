"""What a migration can meet, case by case: plans and plain tasks (P, U), and what other engines got wrong (E1-E15).

Each case ends one of three ways: migrated, and then driven to its end; refused, naming rule and element; or asking for
a mapping. Further cases: events (B, C) in `test_catalogue_events`, event sub-processes (V) in
`test_catalogue_event_subprocesses`, gateways and scopes (G, S) in `test_catalogue_scopes` and `test_catalogue_wrapping`,
repetition, calls and the like (M, A, T) in `test_catalogue_repetition`; data, incidents and records (D, X, H) in
`test_catalogue_data`; many at once (L, X6) in `test_batch`.

Cases that are not here, and why:

- K1, K2, K3 (compensation): the engine cannot execute compensation events; `add` refuses such models.
- V6 for messages and signals: the engine never starts such event sub-processes inside a sub-process; with a timer it
  does, and that is tested.
- A7 (pins after a migration) is a matter of versions, and tested with the catalog.
- X5 (a value that cannot be stored): task data are refused by name when they are set, so no stored instance holds one.
"""

from __future__ import annotations

import pytest

from spiffcli.errors import ConflictError, NotFoundError, StateError

from .bench import Bench
from .build import boundary, call, duration, gateway, manual, process, repeated, script, sub, user

A, B, U, N = script("a"), script("b"), user("u"), script("n")


# P: plans


def test_p1_equal_models_leave_nothing_to_do(bench: Bench) -> None:
    model = process(A, U, B)
    bench.versions(model)
    bench.add(model, force_new=True)
    id = bench.start()
    assert bench.plan(id).verdict == "unchanged"
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "b"])


def test_p1_the_same_version_is_unchanged(bench: Bench) -> None:
    bench.versions(process(U))
    id = bench.start()
    before = bench.row(id)
    assert bench.migrate(id, "p@1").outcome == "unchanged"
    assert bench.row(id) == before


@pytest.mark.parametrize(("map", "element"), [({"nobody": "u"}, "nobody"), ({"u": "nobody"}, "nobody")])
def test_p2_a_mapping_of_an_unknown_node_is_refused(bench: Bench, map: dict[str, str], element: str) -> None:
    bench.versions(process(U), process(U, B))
    assert ("mapping-invalid", element) in bench.refused(bench.start(), map=map)


def test_p3_two_nodes_are_not_mapped_to_one(bench: Bench) -> None:
    fork = [gateway("parallel", "g1"), user("u"), user("v"), gateway("parallel", "g2")]
    bench.versions(process(*fork, flows="start>g1 g1>u g1>v u>g2 v>g2 g2>end"), process(user("w")))
    assert ("mapping-invalid", "w") in bench.refused(bench.start(), map={"u": "w", "v": "w"})


def test_p3_a_node_is_not_mapped_to_one_that_keeps_its_own_tasks(bench: Bench) -> None:
    fork = [gateway("parallel", "g1"), user("u"), user("v"), gateway("parallel", "g2")]
    bench.versions(
        process(*fork, flows="start>g1 g1>u g1>v u>g2 v>g2 g2>end"),
        process(gateway("parallel", "g1"), user("v"), gateway("parallel", "g2"), flows="start>g1 g1>v v>g2 g2>end"),
    )
    assert ("mapping-invalid", "v") in bench.refused(bench.start(), map={"u": "v"}, force=True)


def test_p4_a_mapping_to_another_kind_is_refused(bench: Bench) -> None:
    bench.versions(process(U), process(manual("m")))
    assert ("node-type-changed", "u") in bench.refused(bench.start(), map={"u": "m"})


def test_p5_an_instance_that_left_the_version_of_the_plan_is_refused(bench: Bench) -> None:
    bench.versions(process(U), process(U, B), process(U, B, N))
    id = bench.start()
    plan = bench.plan(id, "p@3")
    bench.moved(id)
    runner = bench.runner()
    with pytest.raises(ConflictError):
        runner.migrate(runner.target("p@3"), id, expected=plan.hash)


def test_p6_an_unknown_or_finished_instance_is_refused(bench: Bench) -> None:
    bench.versions(process(U), process(U, B))
    id = bench.start()
    bench.drive(id)
    with pytest.raises(StateError, match="completed"):
        bench.migrate(id)
    with pytest.raises(NotFoundError):
        bench.migrate("nobody")


def test_p7_another_process_is_no_target(bench: Bench) -> None:
    bench.versions(process(U))
    bench.add(process(U, key="q"), key="q")
    with pytest.raises(StateError, match="runs 'p', not 'q'"):
        bench.migrate(bench.start(), "q@1")


def test_p8_a_plan_that_was_looked_at_is_applied(bench: Bench) -> None:
    bench.versions(process(U), process(U, B))
    id = bench.start()
    plan = bench.plan(id)
    runner = bench.runner()
    assert runner.migrate(runner.target("p@2"), id, expected=plan.hash).outcome == "migrated"
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "b"])


def test_p9_down_to_the_old_version_and_up_again(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(U, N, B))
    id = bench.start()
    bench.moved(id)
    assert [view.state for view in bench.tasks(id, "a")] == ["COMPLETED"]
    bench.moved(id, "p@1")
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "n", "b"])


# U: user tasks and plain flow


def test_u1_e1_a_task_added_after_the_token_runs(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(A, U, N, B))
    id = bench.start()
    assert bench.moved(id).pending == ("n",)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "n", "b"])


def test_u2_e2_a_renamed_task_needs_a_mapping_and_moves_with_it(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(A, user("u2", name="u"), B))
    id = bench.start()
    assert bench.proposals(id) == {"u": "u2"}
    bench.moved(id, map={"u": "u2"})
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u2", "b"])


def test_u3_e3_a_removed_task_with_a_token_is_refused(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(A, B))
    id = bench.start()
    assert ("node-removed", "u") in bench.refused(id)
    assert bench.forced(id) == "refused"


def test_u4_both_of_two_renamed_tasks_need_a_mapping(bench: Bench) -> None:
    def fork(one: str, two: str) -> str:
        nodes = [gateway("parallel", "g1"), user(one, name="one"), user(two, name="two"), gateway("parallel", "g2"), B]
        return process(*nodes, flows=f"start>g1 g1>{one} g1>{two} {one}>g2 {two}>g2 g2>b b>end")

    bench.versions(fork("u", "v"), fork("u2", "v2"))
    id = bench.start()
    assert bench.proposals(id) == {"u": "u2", "v": "v2"}
    assert bench.refused(id, map={"u": "u2"}) == {("node-removed", "v")}
    bench.moved(id, map={"u": "u2", "v": "v2"})
    assert (bench.drive(id), bench.log) == ("completed", ["U:u2", "U:v2", "b"])


def test_u5_e7_a_draft_survives(bench: Bench) -> None:
    bench.versions(process(U, B), process(U, N, B))
    id = bench.start()
    bench.draft(id, "u", colour="red")
    bench.moved(id)
    assert bench.tasks(id, "u")[0].data["colour"] == "red"
    assert bench.drive(id) == "completed"
    assert bench.data(id)["colour"] == "red"


@pytest.mark.parametrize("other", [manual("u"), script("u", "pass"), user("u", tag="task")])
def test_u6_e12_a_task_never_becomes_one_of_another_kind(bench: Bench, other: str) -> None:
    bench.versions(process(U, B), process(other, B))
    assert ("node-type-changed", "u") in bench.refused(bench.start(), force=True)


def test_u7_a_changed_form_and_title_show_on_the_open_task(bench: Bench) -> None:
    (bench.folder / "new.json").write_text('{"type": "object", "properties": {"x": {"type": "integer"}}}')
    bench.versions(process(U, B), process(user("u", name="Look closely", form="new.json"), B))
    id = bench.start()
    bench.moved(id)
    (view,) = bench.tasks(id, "u")
    assert (view.name, view.form) == ("Look closely", "new.json")
    assert bench.drive(id) == "completed"


def test_u7_a_changed_lane_shows_on_the_open_task(bench: Bench) -> None:
    def lanes(name: str) -> str:
        refs = "".join(f"<flowNodeRef>{node}</flowNodeRef>" for node in ("start", "u", "end"))
        return f'<laneSet id="ls"><lane id="l" name="{name}">{refs}</lane></laneSet>'

    bench.versions(process(U, lanes=lanes("clerk")), process(U, lanes=lanes("boss")))
    id = bench.start()
    bench.moved(id)
    assert bench.tasks(id, "u")[0].lane == "boss"


def test_u8_e15_a_task_inserted_behind_the_token_is_told_and_can_be_accepted(bench: Bench) -> None:
    bench.versions(process(A, U, B), process(A, N, U, B))
    id = bench.start()
    assert bench.refused(id) == {("node-added-before-token", "n")}
    assert bench.moved(id, allow=["node-added-before-token:n"]).skipped == ("n",)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "U:u", "b"])


def test_u9_two_tokens_on_one_task_stay_two(bench: Bench) -> None:
    nodes = [gateway("parallel", "g"), gateway("exclusive", "x"), U]
    flows = "start>g g>x g>x2 x2>x x>u u>{0}"
    nodes.append(gateway("exclusive", "x2"))
    bench.versions(
        process(*nodes, flows=flows.format("end")),
        process(*nodes, N, flows=flows.format("n") + " n>end"),
    )
    id = bench.start()
    assert bench.open(id) == ["u", "u"]
    assert len(bench.moved(id).moves) == 2
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "U:u", "n", "n"]) or bench.log.count("n") == 2


def test_u10_finished_tasks_that_changed_or_went_stay_as_history(bench: Bench) -> None:
    bench.versions(process(A, N, U, B), process(script("a", "log('other')"), U, B))
    id = bench.start()
    plan = bench.moved(id)
    assert plan.history == ("n",)
    assert {task.element for task in plan.tasks} >= {"a", "n"}
    assert [view.state for view in bench.tasks(id, "n")] == ["COMPLETED"]
    assert (bench.drive(id), bench.log) == ("completed", ["a", "n", "U:u", "b"])


def test_u10_a_node_that_is_gone_and_stands_twice_in_the_history_is_still_refused_where_it_is_open(
    bench: Bench,
) -> None:
    """The second pass of a loop: the task has finished once, and holds a token now."""
    nodes = [gateway("exclusive", "x"), user("u"), user("v"), gateway("exclusive", "y", default="end")]
    looped = process(*nodes, flows="start>x x>u u>v v>y y>x:again y>end")
    without = process(*[n for n in nodes if 'id="u"' not in n], flows="start>x x>v v>y y>x:again y>end")
    bench.versions(looped, without)
    id = bench.start({"again": True})
    bench.complete(id, "u")
    bench.complete(id, "v")
    assert bench.open(id) == ["u"]
    assert ("node-removed", "u") in bench.refused(id, force=True)


def test_u10_a_node_that_is_gone_does_not_come_again_in_the_next_pass_of_a_loop(bench: Bench) -> None:
    nodes = [gateway("exclusive", "x"), script("a"), user("v"), gateway("exclusive", "y", default="end")]
    looped = process(*nodes, flows="start>x x>a a>v v>y y>x:again y>end")
    without = process(*[n for n in nodes if 'id="a"' not in n], flows="start>x x>v v>y y>x:again y>end")
    bench.versions(looped, without)
    id = bench.start({"again": True})
    bench.moved(id)
    bench.complete(id, "v")
    bench.complete(id, "v", {"again": False})
    assert (bench.row(id).state, bench.log) == ("completed", ["a", "U:v", "U:v"])


def test_u11_a_task_split_in_two_and_two_made_one(bench: Bench) -> None:
    one, two = process(user("u", name="Pack"), B), process(user("u", name="Pack"), user("w", name="Weigh"), B)
    bench.versions(one, two, one)
    id = bench.start()
    bench.moved(id)
    assert bench.open(id) == ["u"]
    bench.complete(id, "u")
    assert ("node-removed", "w") in bench.refused(id, "p@3")
    assert (bench.drive(id), bench.log) == ("completed", ["U:u", "U:w", "b"])


# E: what the engine's own migration got wrong, where no other letter covers it


def test_e8_a_branch_added_while_another_waits_at_the_join(bench: Bench) -> None:
    def fork(*names: str) -> str:
        nodes = [gateway("parallel", "g1"), *map(user, names), gateway("parallel", "g2"), B]
        flows = " ".join(f"g1>{name} {name}>g2" for name in names)
        return process(*nodes, flows=f"start>g1 {flows} g2>b b>end")

    bench.versions(fork("u", "v"), fork("u", "v", "w"))
    id = bench.start()
    bench.complete(id, "u")
    assert {rule for rule, _ in bench.refused(id)} == {"join-never-satisfied", "node-added-before-token"}
    plan = bench.moved(id, force=True)
    assert (plan.started, [(each.rule, each.element) for each in plan.overridden]) == (
        ("w",),
        [("join-never-satisfied", "g2")],
    )
    assert [each["rule"] for each in bench.runner().history(id)[-1].details["overridden"]] == ["join-never-satisfied"]
    assert bench.drive(id) == "completed"
    assert sorted(bench.log[1:3]) == ["U:v", "U:w"]
    assert bench.log[-1] == "b"


def test_e8_no_second_token_starts_what_was_inserted_before_the_fork(bench: Bench) -> None:
    def fork(first: str, *names: str) -> str:
        flows = " ".join(f"g1>{name} {name}>g2" for name in names)
        nodes = [A, *([N] if first == "n" else []), gateway("parallel", "g1"), *map(user, names)]
        way = "start>a a>n n>g1" if first == "n" else "start>a a>g1"
        return process(*nodes, gateway("parallel", "g2"), B, flows=f"{way} {flows} g2>b b>end")

    bench.versions(fork("a", "u", "v"), fork("n", "u", "v", "w"))
    id = bench.start()
    bench.complete(id, "u")
    plan = bench.moved(id, force=True)
    assert (plan.started, plan.skipped) == (("w",), ("n",))
    assert bench.drive(id) == "completed"
    assert (sorted(bench.log[:-1]), bench.log[-1]) == (["U:u", "U:v", "U:w", "a"], "b")


def test_e9_m3_a_task_added_behind_a_running_repetition(bench: Bench) -> None:
    many = user("m", loop=repeated(output="results"))
    bench.versions(process(many, B), process(many, N, B))
    id = bench.start({"items": ["a", "b", "c"]})
    bench.complete(id, "m", {"out": "a!"})
    bench.moved(id)
    assert bench.drive(id, lambda view: {"out": view.data["item"] + "!"}) == "completed"
    assert bench.data(id)["results"] == ["a!", "b!", "c!"]
    assert bench.log[-2:] == ["n", "b"]


def test_e14_a2_a_called_process_that_changed_leaves_running_calls_as_they_are(bench: Bench) -> None:
    callee = process(user("cu"), key="q")
    changed = process(user("cu"), script("cn"), key="q")
    bench.versions([process(call("c", "q"), B), callee], [process(call("c", "q"), B), changed])
    id = bench.start()
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["U:cu", "b"])


@pytest.mark.parametrize(
    "changed",
    [
        process(A, B),
        process(A, manual("u"), B),
        process(A, N, U, B),
        process(A, sub("s", U), B),
        process(A, U, boundary("t", "u", duration("PT1H")), B),
        process(U, A, B),
        process(A, user("u", loop=repeated()), B),
        process(gateway("parallel", "g"), A, U, B, flows="start>g g>a a>u u>b b>end g>end"),
    ],
)
def test_force_loses_no_token_and_leaves_nothing_that_cannot_be_loaded(bench: Bench, changed: str) -> None:
    bench.versions(process(A, U, B), changed)
    assert bench.forced(bench.start({"items": [1]})) in ("refused", "completed")


def test_a_join_that_misses_an_empty_branch_cannot_be_forced_since_nothing_could_be_started(bench: Bench) -> None:
    """The task of a finished branch is gone, and with it the way by which its token came to the join."""
    split, join = gateway("parallel", "split"), gateway("parallel", "join")
    bench.versions(
        process(split, A, U, join, flows="start>split split>a split>u a>join u>join join>end"),
        process(split, U, join, flows="start>split split>join split>u u>join join>end"),
    )
    id = bench.start()
    assert bench.refused(id, force=True) == {("join-never-satisfied", "join")}
    (blocker,) = bench.plan(id, force=True).blockers
    assert not blocker.waivable
    assert "--allow" not in blocker.fix
    assert bench.drive(id) == "completed"
