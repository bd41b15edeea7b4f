"""Where the engine's own spec diff errs, and ours does not."""

from __future__ import annotations

from typing import Any

from spiffcli.diff import Diff, compare
from spiffcli.diff.align import align_processes

from .make import bpmn, ends, extension, found, model, task
from .oracle import Report, parse, report


def _engine(old: bytes, new: bytes) -> Report:
    return report(*(parse([("model.bpmn", content)], "proc")[""] for content in (old, new)))


def _ours(old: bytes, new: bytes) -> tuple[Diff, dict[str, str]]:
    sides: Any = model(old), model(new)
    return compare(*sides), align_processes(*(side.processes["proc"] for side in sides)).nodes


def test_a_task_of_another_type_is_another_task() -> None:
    old = bpmn(ends(task("approve", "userTask", "Approve")), "s>approve>e")
    new = bpmn(ends(task("wipe", "scriptTask", "Wipe", "<script>x = 1</script>")), "s>wipe>e")

    diff, pairs = _ours(old, new)

    assert _engine(old, new).paired == {"approve": "wipe"}  # and would move whoever waits for an approval
    assert "approve" not in pairs
    assert {("node-removed", "approve"), ("node-added", "wipe")} <= found(diff)


def test_two_branches_with_new_ids_are_both_found() -> None:
    def branches(a: str, b: str) -> bytes:
        inner = task("f", "parallelGateway"), task(a, "manualTask", "A"), task(b, "manualTask", "B")
        return bpmn(ends(*inner, task("j", "parallelGateway")), f"s>f>{a}>j>e; f>{b}>j")

    old, new = branches("a", "b"), branches("a2", "b2")
    said = _engine(old, new)
    diff, pairs = _ours(old, new)

    assert (said.paired.get("a"), said.removed, said.added) == ("b2", {"b"}, frozenset())  # a2 is nowhere
    assert (pairs["a"], pairs["b"]) == ("a2", "b2")
    assert {change.kind for change in diff.changes} == {"renamed"}


def test_a_cycle_with_new_ids_is_found() -> None:
    def cycle(end: str) -> bytes:
        gateways = f'<exclusiveGateway id="g{end}"/><exclusiveGateway id="c{end}" default="c{end}_e"/>'
        work = task(f"work{end}", "scriptTask", "Work", "<script>n = 1</script>")
        return bpmn(ends(gateways, work), f"s>g{end}>work{end}>c{end}>e; c{end}>g{end} [n < 3]")

    old, new = cycle(""), cycle("2")

    assert _engine(old, new).paired == {}
    assert _ours(old, new)[1] == {"s": "s", "e": "e", "g": "g2", "work": "work2", "c": "c2"}


def test_what_only_the_new_version_has_is_said_by_name() -> None:
    def service(retry: str) -> bytes:
        operator = f'<spiff:serviceTaskOperator id="a/B"><spiff:parameters/>{retry}</spiff:serviceTaskOperator>'
        return bpmn(ends(task("svc", "serviceTask", "Ask", extension(operator))), "s>svc>e")

    old, new = service(""), service('<spiff:retry retries="3" backoff_base="2"/>')

    assert _engine(old, new).changed == {"svc": {"extensions"}}
    assert found(_ours(old, new)[0]) == {("service-retries-changed", "svc")}


def test_the_neighbours_of_what_changed_did_not_change() -> None:
    old = bpmn(ends(task("a", "manualTask"), task("b", "manualTask")), "s>a>b>e")
    new = bpmn(ends(task("a", "manualTask"), task("x", "manualTask"), task("b", "manualTask")), "s>a>x>b>e")

    assert _engine(old, new).changed == {"a": {"outputs"}, "b": {"inputs"}}
    assert found(_ours(old, new)[0]) == {
        ("node-added", "x"),
        ("flow-added", "a_x"),
        ("flow-added", "x_b"),
        ("flow-removed", "a_b"),
    }


def test_an_id_of_the_engine_hides_nothing() -> None:
    def start(script: str) -> bytes:
        work = task("work", "scriptTask", "", f"<script>{script}</script>")
        return bpmn(task("Start", "startEvent") + work + task("e", "endEvent"), "Start>work>e")

    old, new = start("x = 1"), start("x = 2")

    assert _engine(old, new) == Report(frozenset(), frozenset(), {}, {})
    assert found(_ours(old, new)[0]) == {("script-changed", "work")}
