"""Which sub-processes tokens get into, and where the nodes of a version lie."""

from __future__ import annotations

from typing import Any

import pytest

from spiffcli.engine.retarget.places import Places, start_event, unfit


def node(name: str, kind: str, *outputs: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "typename": kind, "inputs": ["before"], "outputs": list(outputs), **more}


def spec(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    begin = node("begin", "StartEvent", event_definition={"typename": "NoneEventDefinition"})
    every = [node("Start", "BpmnStartTask", "begin"), begin, *nodes]
    return {"task_specs": {each["name"]: each for each in every}, "io_specification": None, "data_objects": {}, **more}


def held(**more: Any) -> dict[str, Any]:
    return {**node("sp", "SubWorkflowTask", spec="sp"), **more}


CORRELATED = {"typename": "MessageEventDefinition", "correlation_properties": [{"name": "number"}]}
TIMED = node("begin", "StartEvent", event_definition={"typename": "DurationTimerEventDefinition"})


@pytest.mark.parametrize(
    ("holder", "inside", "reason"),
    [
        (held(), spec(), None),
        (held(name="sp [child]"), spec(), "is repeated"),
        (held(typename="TransactionSubprocess"), spec(), "is a transaction"),
        (held(typename="AdHocSubprocess"), spec(), "is an ad-hoc sub-process"),
        (held(typename="EventSubprocess"), spec(), "is an event sub-process"),
        (held(typename="SomethingNew"), spec(), "is of another kind"),
        (held(inputs=["Start"]), spec(), "is an event sub-process"),
        (held(inputs=[]), spec(), "is an event sub-process"),
        (held(io_specification={"data_inputs": []}), spec(), "says which data get in and out"),
        (held(data_output_associations=[{}]), spec(), "says which data get in and out"),
        (held(), spec(io_specification={"data_inputs": []}), "says which data get in and out"),
        (held(), spec(data_objects={"d": {}}), "has data objects of its own"),
        (held(), spec(node("c", "CatchEvent", event_definition=CORRELATED)), "waits for messages that are correlated"),
        (
            held(),
            spec(node("g", "EventBasedGateway", event_definition={"event_definitions": [CORRELATED]})),
            "waits for messages that are correlated",
        ),
        (held(), spec(TIMED), "does not simply begin at one start event"),
    ],
)
def test_only_a_sub_process_that_does_nothing_else_takes_tokens(
    holder: dict[str, Any], inside: dict[str, Any], reason: str | None
) -> None:
    found = unfit(holder, inside)
    assert found == reason if reason is None else found is not None and found.startswith(reason)


def test_event_sub_processes_begin_beside_the_start_event() -> None:
    inside = spec(node("es", "SubWorkflowTask"))
    inside["task_specs"]["Start"]["outputs"].append("es")
    assert start_event(inside) == "begin"
    inside["task_specs"]["Start"]["outputs"].append("c")
    inside["task_specs"]["c"] = node("c", "StartEvent")
    assert start_event(inside) is None


def test_nodes_and_what_the_engine_puts_around_them_lie_where_the_model_has_them() -> None:
    inner = spec(node("u", "UserTask"))
    middle = spec(held(name="i", spec="i"), node("v", "UserTask"))
    places = Places({"p": spec(held(name="o", spec="o"), node("w", "UserTask")), "o": middle, "i": inner}, "p")
    assert [places.around(name, "p") for name in ("u", "v", "i", "w", "x")] == ["o", "o", "o", None, None]
    assert [places.around(name, "o") for name in ("u", "v", "w")] == ["i", None, None]
    assert places.around("u.BoundaryEventSplit", "o") == "i"
    assert places.knows("w [child]")
    assert not places.knows("x")
    assert places.spec_in("i", "o") == "i"
    assert [places.label(name) for name in ("u", "w")] == ["the sub-process 'i'", "the process itself"]
