"""Work behind the token and work done twice, however the past of the token is drawn.

What has run is held against what lies ahead and what a fresh instance of the new version would have run. Every verdict
here was once a wrong "migratable".
"""

from __future__ import annotations

import pytest

from .bench import Bench
from .build import gateway, process, script, sub, user

U = [user(f"u{n}") for n in range(10)]
S1, S4, S5 = script("s1"), script("s4"), script("s5")


def test_a_node_before_work_that_changed_its_order(bench: Bench) -> None:
    bench.versions(process(U[1], U[2], U[3]), process(S4, U[2], U[1], U[3]))
    id = bench.start()
    bench.complete(id, "u1")
    bench.complete(id, "u2")
    assert bench.refused(id) == {("node-added-before-token", "s4")}
    bench.moved(id, allow=["node-added-before-token:s4"])
    assert (bench.drive(id), bench.log) == ("completed", ["U:u1", "U:u2", "U:u3"])


def test_nodes_before_a_sub_process_that_was_drawn_around_what_is_done(bench: Bench) -> None:
    nodes = [U[3], sub("sub", S1), gateway("exclusive", "x"), U[6], U[7], U[2]]
    flows = "start>u3 u3>sub sub>x x>u6:True x>u7:False u6>u2 u7>u2 u2>end"
    bench.versions(process(S1, U[2]), process(*nodes, flows=flows))
    refused = bench.refused(bench.start())
    assert ("node-added-before-token", "u3") in refused
    assert refused & {("node-added-before-token", "u6"), ("node-added-before-token", "u7")}


def test_a_branch_that_the_token_stands_behind_now(bench: Bench) -> None:
    nodes = [U[1], gateway("parallel", "fork"), U[2], U[3], gateway("parallel", "join"), U[4]]
    flows = "start>u1 u1>fork fork>u2 fork>u3 u2>join u3>join join>u4 u4>end"
    bench.versions(process(U[1], U[2], U[4]), process(*nodes, flows=flows))
    id = bench.start()
    bench.complete(id, "u1")
    bench.complete(id, "u2")
    assert ("node-added-before-token", "u3") in bench.refused(id)


def test_an_alternative_to_what_was_done_is_no_reason(bench: Bench) -> None:
    nodes = [gateway("exclusive", "x"), U[1], U[5], gateway("exclusive", "y"), U[2]]
    flows = "start>x x>u1:True x>u5:False u1>y u5>y y>u2 u2>end"
    bench.versions(process(U[1], U[2]), process(*nodes, flows=flows))
    id = bench.start()
    bench.complete(id, "u1")
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["U:u1", "U:u2"])


def _loop(*inside: str, after: str) -> str:
    nodes = [gateway("exclusive", "again"), *inside, gateway("exclusive", "more"), after]
    ids = [node.partition('id="')[2].partition('"')[0] for node in inside]
    last = after.partition('id="')[2].partition('"')[0]
    path = " ".join(f"{one}>{two}" for one, two in zip(["again", *ids], [*ids, "more"], strict=True))
    return process(
        *nodes, flows=f"start>again {path} more>again:n&lt;2 more>{last}:n>1 {last}>end".replace("n>1", "n&gt;1")
    )


def test_work_of_a_loop_that_lies_behind_it_now_would_run_again(bench: Bench) -> None:
    count = script("c", "n = n + 1; log('c')")
    bench.versions(
        _loop(count, U[4], S5, after=sub("sub", U[8])),
        _loop(count, U[4], after=sub("sub", U[8], S5)),
    )
    id = bench.start({"n": 0})
    bench.complete(id, "u4")
    assert ("node-repeated", "s5") in bench.refused(id)


def test_work_of_a_loop_that_stays_in_it_runs_again_as_before(bench: Bench) -> None:
    count = script("c", "n = n + 1; log('c')")
    bench.versions(_loop(count, U[4], S5, after=U[8]), _loop(count, U[4], S5, after=U[9]))
    id = bench.start({"n": 0})
    bench.complete(id, "u4")
    bench.moved(id)
    assert (bench.drive(id), bench.log) == ("completed", ["c", "U:u4", "s5", "c", "U:u4", "s5", "U:u9"])


_WRITES = (
    '<scriptTask id="w"><dataOutputAssociation id="out"><targetRef>{ref}</targetRef></dataOutputAssociation>'
    "<script>{name} = 7; log('w')</script></scriptTask>"
)
_READS = (
    '<scriptTask id="r"><dataInputAssociation id="in"><sourceRef>{ref}</sourceRef><targetRef>x</targetRef>'
    "</dataInputAssociation><script>log({name})</script></scriptTask>"
)


def _with_object(name: str) -> str:
    drawn = f'<dataObject id="{name}"/><dataObjectReference id="r_{name}" dataObjectRef="{name}"/>'
    parts = (text.format(ref=f"r_{name}", name=name) for text in (_WRITES, _READS))
    write, read = parts
    return process(drawn, write, U[1], read, flows="start>w w>u1 u1>r r>end")


def test_the_value_of_a_data_object_is_not_lost_when_its_id_changes(bench: Bench) -> None:
    bench.versions(_with_object("do1"), _with_object("do2"))
    assert ("data-object-lost", "do1") in bench.refused(bench.start())


def test_no_waiver_makes_a_join_ahead_wait_for_ever(bench: Bench) -> None:
    old = [gateway("parallel", "fork"), U[5], U[6], gateway("parallel", "join")]
    new = [*old, gateway("parallel", "fork2"), script("n"), gateway("parallel", "join2")]
    bench.versions(
        process(*old, flows="start>fork fork>u5 fork>u6 u5>join u6>join join>end"),
        process(
            *new,
            flows="start>fork fork>u5 fork>fork2 fork2>u6 fork2>n u6>join2 n>join2 u5>join join2>join join>end",
        ),
    )
    id = bench.start()
    outcome = bench.forced(id)
    assert outcome in ("refused", "completed")


@pytest.mark.parametrize("first", ["u2", "u3"])
def test_a_node_moved_behind_the_join_while_a_token_stands_on_it(bench: Bench, first: str) -> None:
    nodes = [gateway("parallel", "fork"), U[2], U[3], U[4], gateway("parallel", "join")]
    bench.versions(
        process(*nodes, flows="start>fork fork>u2 fork>u3 u2>join u3>u4 u4>join join>end"),
        process(*nodes, flows="start>fork fork>u2 fork>u4 u2>join u4>join join>u3 u3>end"),
    )
    id = bench.start()
    if first == "u2":
        bench.complete(id, "u2")
    assert bench.forced(id) in ("refused", "completed")
