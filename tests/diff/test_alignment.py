"""Which node is which when ids change."""

from __future__ import annotations

import sys

from spiffcli.diff import compare
from spiffcli.diff.align import align_processes
from spiffcli.model import Model

from .make import bpmn, ends, extension, found, model, task


def _nodes(old: Model, new: Model) -> dict[str, str]:
    return align_processes(old.processes["proc"], new.processes["proc"]).nodes


def _parallel(a: str, b: str) -> Model:
    body = ends(task("fork", "parallelGateway"), task(a, name="A"), task(b, name="B"), task("join", "parallelGateway"))
    return model(bpmn(body, f"s>fork>{a}>join>e; fork>{b}>join"))


def test_two_parallel_branches_both_renamed_are_each_found_again() -> None:
    assert _nodes(_parallel("a", "b"), _parallel("a2", "b2"))["a"] == "a2"
    assert _nodes(_parallel("a", "b"), _parallel("a2", "b2"))["b"] == "b2"


def test_branches_are_told_apart_by_name_even_when_their_order_changes() -> None:
    old = _parallel("a", "b")
    body = ends(
        task("fork", "parallelGateway"), task("b2", name="B"), task("a2", name="A"), task("join", "parallelGateway")
    )
    new = model(bpmn(body, "s>fork>b2>join>e; fork>a2>join"))

    assert {("a", "a2"), ("b", "b2")} <= set(_nodes(old, new).items())


def test_nameless_twins_are_paired_in_the_order_of_their_flows() -> None:
    old = model(bpmn(ends(task("g", "parallelGateway"), task("a"), task("b")), "s>g>a>e; g>b>e"))
    new = model(bpmn(ends(task("g", "parallelGateway"), task("y"), task("x")), "s>g>x>e; g>y>e"))

    assert {("a", "x"), ("b", "y")} <= set(_nodes(old, new).items())


def _cycle(suffix: str, name: str) -> Model:
    gateway, body, check = f"g{suffix}", f"work{suffix}", f"c{suffix}"
    nodes = (
        task(f"s{suffix}", "startEvent")
        + task(gateway, "exclusiveGateway")
        + task(body, "scriptTask", name, "<script>n += 1</script>")
        + task(check, "exclusiveGateway")
        + task(f"e{suffix}", "endEvent")
    )
    flows = f"s{suffix}>{gateway}>{body}>{check}>e{suffix}; {check}>{gateway} [n < 3]"
    return model(bpmn(nodes, flows))


def test_a_cycle_with_every_id_changed_is_found_again() -> None:
    pairs = _nodes(_cycle("", "Work"), _cycle("_new", "Work"))

    assert pairs == {id: f"{id}_new" for id in ("s", "g", "work", "c", "e")}


def test_a_cycle_with_every_id_and_label_changed_is_found_again() -> None:
    assert len(_nodes(_cycle("", "Work"), _cycle("_new", "Toil"))) == 5


def test_a_task_replaced_by_one_of_another_type_is_not_its_successor() -> None:
    old = model(bpmn(ends(task("approve", "userTask", "Approve")), "s>approve>e"))
    new = model(bpmn(ends(task("wipe", "scriptTask", "Wipe", "<script>x = 1</script>")), "s>wipe>e"))

    assert _nodes(old, new) == {"s": "s", "e": "e"}
    assert {("node-removed", "approve"), ("node-added", "wipe")} <= found(compare(old, new))


def test_another_type_under_the_same_id_is_said_in_so_many_words() -> None:
    old = model(bpmn(ends(task("t", "userTask", "Approve")), "s>t>e"))
    new = model(bpmn(ends(task("t", "scriptTask", "Approve", "<script>x = 1</script>")), "s>t>e"))

    changes = compare(old, new).changes

    assert {change.rule for change in changes} == {"node-type-changed", "script-changed"}
    assert next((c.old, c.new) for c in changes if c.rule == "node-type-changed") == ("userTask", "scriptTask")


def test_no_node_is_the_successor_of_two() -> None:
    old = model(bpmn(ends(task("a", name="Check"), task("b", name="Check")), "s>a>b>e"))
    new = model(bpmn(ends(task("c", name="Check")), "s>c>e"))

    pairs = _nodes(old, new)

    assert len(set(pairs.values())) == len(pairs)
    assert sorted(pairs.values()).count("c") == 1


def test_a_renamed_id_is_one_change_and_its_flows_none() -> None:
    old = model(bpmn(ends(task("a", name="Check")), "s>a>e"))
    new = model(bpmn(ends(task("b", name="Check")), "s>b>e"))

    diff = compare(old, new)

    assert ("node-id-changed", "b") in found(diff)
    assert {rule for rule, _ in found(diff)} == {"node-id-changed", "flow-id-changed"}


def test_the_evidence_for_a_rename_is_kept() -> None:
    old = model(bpmn(ends(task("a", name="Check")), "s>a>e"))
    new = model(bpmn(ends(task("b", name="Check")), "s>b>e"))

    why = align_processes(old.processes["proc"], new.processes["proc"]).why

    assert why == {"a": "same type, name, content and neighbours"}


def test_a_renamed_sub_process_keeps_its_content() -> None:
    def sub(id: str) -> Model:
        inner = task("si", "startEvent") + task("work", name="Work") + task("ei", "endEvent")
        return model(bpmn(ends(f'<subProcess id="{id}">{inner}<sequenceFlow id="f" sourceRef="si" '
                               f'targetRef="work"/></subProcess>'), f"s>{id}>e"))  # fmt: skip

    diff = compare(sub("collect"), sub("collect_data"))

    assert {("subprocess-id-changed", "collect_data")} <= found(diff)
    assert not {change for change in diff.changes if change.kind in ("added", "removed", "moved")}


def test_a_sub_process_is_found_by_what_is_in_it() -> None:
    def sub(id: str, name: str, more: str) -> Model:
        inner = task("one", name="One") + task("two", name="Two") + more
        return model(bpmn(ends(task("x")) + f'<subProcess id="{id}" name="{name}">{inner}</subProcess>', "s>x>e"))

    pairs = _nodes(sub("old", "Collect", ""), sub("new", "Gather", task("three")))

    assert pairs["old"] == "new"


def test_a_sub_process_is_found_by_most_of_what_is_in_it() -> None:
    def sub(id: str, name: str, inside: str, outside: str) -> Model:
        return model(bpmn(ends() + outside + f'<subProcess id="{id}" name="{name}">{inside}</subProcess>'))

    one, two, three = (task(id, name=id) for id in ("one", "two", "three"))

    pairs = _nodes(sub("old", "Collect", one + two + three, ""), sub("new", "Gather", one + two, three))

    assert pairs["old"] == "new"


def test_a_sub_process_split_evenly_is_neither_half() -> None:
    one, two = (task(id, name=id) for id in ("one", "two"))
    old = model(bpmn(ends(f'<subProcess id="old" name="Old">{one}{two}</subProcess>')))
    halves = f'<subProcess id="a" name="A">{one}</subProcess><subProcess id="b" name="B">{two}</subProcess>'

    assert "old" not in _nodes(old, model(bpmn(ends(halves))))


def test_a_moved_node_is_a_move_and_not_a_loss() -> None:
    inner = task("si", "startEvent") + task("ei", "endEvent")
    old = model(bpmn(ends(task("a", name="Address"), f'<subProcess id="sub">{inner}</subProcess>'), "s>a>sub>e"))
    new = model(bpmn(ends(f'<subProcess id="sub">{inner}{task("a", name="Address")}</subProcess>'), "s>sub>e"))

    change = next(change for change in compare(old, new).changes if change.rule == "node-moved-scope")

    assert (change.element.id, change.kind, change.old, change.new) == ("a", "moved", None, "sub")


def test_a_node_moved_to_another_process_is_a_move() -> None:
    def two(first: str, second: str) -> Model:
        one = bpmn(ends(first), process="one").decode()
        other = bpmn(task("s2", "startEvent") + second, process="two").decode()
        inner = other.partition('targetNamespace="t">')[2]
        return model(one.replace("</definitions>", inner))

    diff = compare(two(task("a", name="Check"), ""), two("", task("a", name="Check")))

    (change,) = [change for change in diff.changes if change.element.id == "a"]
    assert (change.rule, change.path, change.old, change.new) == ("node-moved-scope", "process", "one", "two")
    assert (change.before.process, change.element.process) == ("one", "two")


def test_a_node_moved_to_another_process_is_drawn_at_another_place() -> None:
    def two(first: str, second: str, x: int) -> Model:
        shape = f'<di:BPMNShape id="d" bpmnElement="a"><dc:Bounds x="{x}" y="0" width="9" height="9"/></di:BPMNShape>'
        drawn = f'<di:BPMNDiagram id="x"><di:BPMNPlane id="p">{shape}</di:BPMNPlane></di:BPMNDiagram>'
        other = f'<process id="two">{second}</process>'
        return model(bpmn(ends(first), process="one", beside=other + drawn))

    diff = compare(two(task("a"), "", 1), two("", task("a"), 2))

    assert {change.rule for change in diff.changes if change.element.id == "a"} == {
        "node-moved-scope",
        "layout-changed",
    }
    assert diff.reversed().changes == compare(two("", task("a"), 2), two(task("a"), "", 1)).changes


def test_same_name_far_away_is_not_enough_with_other_content() -> None:
    one = task("a", "serviceTask", "Mail", extension('<spiff:serviceTaskOperator id="smtp/Send"/>'))
    other = task("z", "serviceTask", "Mail", extension('<spiff:serviceTaskOperator id="http/Post"/>'))
    old = model(bpmn(ends(one, task("m"), task("n")), "s>a>m>n>e"))
    new = model(bpmn(ends(task("m"), task("n"), other), "s>m>n>z>e"))

    assert "a" not in _nodes(old, new)


def test_a_node_is_found_again_at_another_place_by_its_script() -> None:
    script = "<script>total = price * quantity</script>"
    old = model(bpmn(ends(task("a", "scriptTask", "Sum", script), task("m"), task("n")), "s>a>m>n>e"))
    new = model(bpmn(ends(task("m"), task("n"), task("z", "scriptTask", "Total", script)), "s>m>n>z>e"))

    assert _nodes(old, new)["a"] == "z"


def _chain(n: int, prefix: str, name: str) -> Model:
    body = "".join(task(f"{prefix}{i}", name=name) for i in range(n))
    return model(bpmn(task("s", "startEvent") + body, ">".join(["s", *(f"{prefix}{i}" for i in range(n))])))


def test_thousands_of_equal_tasks_with_other_ids_and_labels_are_paired_in_order() -> None:
    n = 3 * sys.getrecursionlimit()

    pairs = _nodes(_chain(n, "a", "Do"), _chain(n, "b", "Act"))

    assert pairs == {"s": "s"} | {f"a{i}": f"b{i}" for i in range(n)}
