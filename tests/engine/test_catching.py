"""An error is caught once, by the innermost scope that catches it, and nothing between goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.engine import Running
from spiffcli.errors import IncidentError

from .conftest import World
from .small_models import flows, model, nodes, open_nodes, started

_CODES = (
    '<error id="e1" name="one" errorCode="E1"/><error id="e2" name="two" errorCode="E2"/>'
    '<escalation id="x1" name="up" escalationCode="X1"/>'
)


def _failing(id: str, ref: str, kind: str = "error") -> str:
    """Start, then an end event that throws."""
    return (
        f'<startEvent id="{id}_s"/><endEvent id="{id}_e"><{kind}EventDefinition {kind}Ref="{ref}"/></endEvent>'
        f"{flows(f'{id}_s {id}_e')}"
    )


def _sub(id: str, content: str, attributes: str = "") -> str:
    return f'<subProcess id="{id}" {attributes}>{content}</subProcess>'


def _boundary(id: str, host: str, ref: str | None, kind: str = "error", cancel: str = "true") -> str:
    """A boundary event and a manual task `id_t` behind it."""
    named = f' {kind}Ref="{ref}"' if ref else ""
    return (
        f'<boundaryEvent id="{id}" attachedToRef="{host}" cancelActivity="{cancel}"><{kind}EventDefinition{named}/>'
        f"</boundaryEvent>{nodes('manualTask', id + '_t')}{nodes('endEvent', id + '_end')}{flows(f'{id} {id}_t {id}_end')}"
    )


def _around(host: str, content: str, after: str = "after") -> str:
    """Start, the activity `host`, and a manual task behind it."""
    return (
        f"{nodes('startEvent', host + '_in')}{nodes('manualTask', after)}{nodes('endEvent', host + '_out')}"
        f"{flows(f'{host}_in {host} {after} {host}_out')}{content}"
    )


def _run(world: World, folder: Path, body: str, after: str = "") -> Running:
    return started(world, folder, model(body, before=_CODES, after=after))


def test_what_is_caught_inside_is_not_caught_again_outside(world: World, tmp_path: Path) -> None:
    inner = _around("inner", _sub("inner", _failing("f", "e1")) + _boundary("near", "inner", "e1"), "inner_after")
    body = _around("outer", _sub("outer", inner) + _boundary("far", "outer", "e1"))
    running = _run(world, tmp_path, body)
    assert open_nodes(running) == ["near_t"]
    running = world.complete(world.reload(running), "near_t")
    assert open_nodes(running) == ["after"]


def test_a_scope_that_an_error_passes_is_over(world: World, tmp_path: Path) -> None:
    inner = _around("w", _sub("w", _failing("f", "e1")), "inside")
    running = _run(world, tmp_path, _around("u", _sub("u", inner) + _boundary("b", "u", "e1")))
    assert open_nodes(running) == ["b_t"]
    assert world.complete(running, "b_t").state == "completed"


def test_an_error_passes_called_processes(world: World, tmp_path: Path) -> None:
    def called(name: str, content: str) -> str:
        return f'<process id="{name}" isExecutable="true">{content}</process>'

    lower = called("lower", _around("w", _sub("w", _failing("f", "e1")), "inside"))
    call = '<callActivity id="deep" calledElement="lower"/>'
    upper = called("upper", _around("deep", call, "between"))
    body = _around("u", '<callActivity id="u" calledElement="upper"/>' + _boundary("b", "u", "e1"))
    running = _run(world, tmp_path, body, upper + lower)
    assert open_nodes(running) == ["b_t"]
    assert world.complete(running, "b_t").state == "completed"


@pytest.mark.parametrize(("thrown", "caught"), [("e1", "one_t"), ("e2", "all_t")])
def test_the_event_that_names_the_code_goes_before_the_one_for_all(
    world: World, tmp_path: Path, thrown: str, caught: str
) -> None:
    events = _boundary("all", "u", None) + _boundary("one", "u", "e1")
    running = _run(world, tmp_path, _around("u", _sub("u", _failing("f", thrown)) + events))
    assert open_nodes(running) == [caught]
    assert world.complete(running, caught).state == "completed"


def test_an_event_on_another_activity_catches_nothing(world: World, tmp_path: Path) -> None:
    body = (
        nodes("startEvent", "s")
        + nodes("parallelGateway", "f")
        + nodes("manualTask", "other")
        + nodes("endEvent", "oe", "ue")
        + flows("s f other oe", "f u ue")
        + _sub("u", _failing("x", "e1"))
        + _boundary("here", "u", None)
        + _boundary("there", "other", "e1")
    )
    assert open_nodes(_run(world, tmp_path, body)) == ["here_t", "other"]


@pytest.mark.parametrize("inside", [False, True])
def test_an_error_that_nobody_catches_is_an_incident(world: World, tmp_path: Path, inside: bool) -> None:
    failing = _failing("f", "e1")
    body = _around("u", _sub("u", failing) + _boundary("b", "u", "e2")) if inside else failing
    running = world.engine.start(_deployed(world, tmp_path, body), world.engine.cache(world))
    with pytest.raises(IncidentError, match="nothing in the model catches the error 'E1'"):
        world.advance(running)
    assert running.state == "error"
    assert [each.element for each in running.incidents()] == ["f_e"]


def _deployed(world: World, folder: Path, body: str) -> str:
    file = folder / "v1.bpmn"
    file.write_bytes(model(body, before=_CODES))
    return world.deploy("v1", file, key="p")


def test_an_escalation_that_nobody_catches_is_none(world: World, tmp_path: Path) -> None:
    running = _run(world, tmp_path, _failing("f", "x1", "escalation"))
    assert running.state == "completed"
    assert [event.kind for event in running.thrown()] == ["escalation"]


@pytest.mark.parametrize(("cancel", "open_then"), [("true", ["b_t"]), ("false", ["after", "b_t"])])
def test_an_escalation_ends_what_it_is_caught_on_if_that_interrupts(
    world: World, tmp_path: Path, cancel: str, open_then: list[str]
) -> None:
    boundary = _boundary("b", "u", "x1", "escalation", cancel)
    running = _run(world, tmp_path, _around("u", _sub("u", _failing("f", "x1", "escalation")) + boundary))
    assert open_nodes(running) == open_then
    for node in open_then:
        running = world.complete(world.reload(running), node)
    assert running.state == "completed"


def _handler(ref: str, kind: str = "error", interrupting: str = "true") -> str:
    start = (
        f'<startEvent id="h_s" isInterrupting="{interrupting}"><{kind}EventDefinition {kind}Ref="{ref}"/></startEvent>'
    )
    inside = f"{start}{nodes('manualTask', 'handle')}{nodes('endEvent', 'h_e')}{flows('h_s handle h_e')}"
    return _sub("h", inside, 'triggeredByEvent="true"')


def test_an_event_sub_process_that_catches_an_error_interrupts(world: World, tmp_path: Path) -> None:
    running = _run(world, tmp_path, _around("u", _sub("u", _failing("f", "e1"))) + _handler("e1"))
    assert open_nodes(running) == ["handle"]
    assert world.complete(world.reload(running), "handle").state == "completed"


def test_an_event_sub_process_does_not_begin_without_its_error(world: World, tmp_path: Path) -> None:
    body = _around("u", nodes("manualTask", "u")) + _handler("e1")
    running = _run(world, tmp_path, body)
    assert open_nodes(running) == ["u"]
    running = world.complete(world.complete(world.reload(running), "u"), "after")
    assert running.state == "completed"


def test_an_event_sub_process_that_does_not_interrupt_runs_beside(world: World, tmp_path: Path) -> None:
    body = _around("u", _sub("u", _failing("f", "x1", "escalation"))) + _handler("x1", "escalation", "false")
    running = _run(world, tmp_path, body)
    assert open_nodes(running) == ["after", "handle"]
    running = world.complete(world.complete(world.reload(running), "after"), "handle")
    assert running.state == "completed"


def test_a_cancelled_transaction_is_caught_on_itself_alone(world: World, tmp_path: Path) -> None:
    def transaction(id: str) -> str:
        ended = f'<endEvent id="{id}_e"><cancelEventDefinition/></endEvent>'
        inside = (
            f"{nodes('startEvent', id + '_s')}{nodes('manualTask', id + '_m')}{ended}{flows(f'{id}_s {id}_m {id}_e')}"
        )
        event = f'<boundaryEvent id="{id}_c" attachedToRef="{id}"><cancelEventDefinition/></boundaryEvent>'
        after = nodes("manualTask", f"{id}_t") + nodes("endEvent", f"{id}_end", f"{id}_ok")
        ways = flows(f"{id}_c {id}_t {id}_end", f"f {id} {id}_ok")
        return f'<transaction id="{id}">{inside}</transaction>{event}{after}{ways}'

    body = nodes("startEvent", "s") + nodes("parallelGateway", "f") + flows("s f") + transaction("a") + transaction("b")
    running = world.complete(_run(world, tmp_path, body), "a_m")
    assert open_nodes(running) == ["a_t", "b_m"]
