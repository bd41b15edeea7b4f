"""Small models as text, for tests of running instances."""

from __future__ import annotations

import itertools
from pathlib import Path

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" id="d" targetNamespace="urn:test">'
)

START, END = '<startEvent id="start"/>', '<endEvent id="end"/>'


def bpmn(*parts: str) -> str:
    """A file of processes, messages and signals, one to a line."""
    return "\n".join([_HEAD, *parts, "</definitions>"])


def process(key: str, *nodes: str, flows: tuple[str, ...] = ()) -> str:
    """A process; without `flows` its nodes follow each other from a start to an end."""
    if not flows:
        nodes = (START, *nodes, END)
        flows = tuple(f"{a} {b}" for a, b in itertools.pairwise(map(_id, nodes)))
    drawn = [_flow(number, *flow.split(" ", 2)) for number, flow in enumerate(flows)]
    return "\n".join([f'<process id="{key}" isExecutable="true">', *nodes, *drawn, "</process>"])


def _flow(number: int, source: str, target: str, condition: str = "") -> str:
    inside = f"<conditionExpression>{condition}</conditionExpression>" if condition else ""
    return f'<sequenceFlow id="flow_{number}" sourceRef="{source}" targetRef="{target}">{inside}</sequenceFlow>'


def _id(node: str) -> str:
    return node.partition('id="')[2].partition('"')[0]


def script(id: str, code: str) -> str:
    return f'<scriptTask id="{id}" name="{_name(id)}"><script>{code}</script></scriptTask>'


def user(id: str, *, form: str = "", post: str = "", pre: str = "") -> str:
    properties = f'<spiffworkflow:property name="formJsonSchemaFilename" value="{form}"/>' if form else ""
    return (
        f'<userTask id="{id}" name="{_name(id)}"><extensionElements>'
        f"<spiffworkflow:preScript>{pre}</spiffworkflow:preScript>"
        f"<spiffworkflow:postScript>{post}</spiffworkflow:postScript>"
        f"<spiffworkflow:properties>{properties}</spiffworkflow:properties></extensionElements></userTask>"
    )


def manual(id: str) -> str:
    return f'<manualTask id="{id}" name="{_name(id)}"/>'


def call(id: str, key: str) -> str:
    return f'<callActivity id="{id}" name="{_name(id)}" calledElement="{key}"/>'


def service(id: str, operator: str) -> str:
    return (
        f'<serviceTask id="{id}" name="{_name(id)}"><extensionElements>'
        f'<spiffworkflow:serviceTaskOperator id="{operator}" resultVariable="{id}"><spiffworkflow:parameters/>'
        "</spiffworkflow:serviceTaskOperator></extensionElements></serviceTask>"
    )


def timer(id: str, expression: str) -> str:
    return (
        f'<intermediateCatchEvent id="{id}" name="{_name(id)}"><timerEventDefinition>'
        f'<timeDuration xsi:type="tFormalExpression">{expression}</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>"
    )


def message(name: str, by: str = "") -> str:
    """Declares a message; `by` is the expression it is correlated by, over its payload."""
    if not by:
        return f'<message id="{name}" name="{name}"/>'
    return (
        f'<message id="{name}" name="{name}"/><correlationProperty id="{name}_{by}" name="{by}">'
        f'<correlationPropertyRetrievalExpression messageRef="{name}"><messagePath>{by}</messagePath>'
        "</correlationPropertyRetrievalExpression></correlationProperty>"
    )


def correlated(by: str, *names: str) -> str:
    """Declares messages that are correlated by the same property: a conversation."""
    paths = "".join(
        f'<correlationPropertyRetrievalExpression messageRef="{name}"><messagePath>{by}</messagePath>'
        "</correlationPropertyRetrievalExpression>"
        for name in names
    )
    declared = "".join(f'<message id="{name}" name="{name}"/>' for name in names)
    return (
        f'<collaboration id="talk"><correlationKey id="k" name="k"><correlationPropertyRef>the_{by}'
        f"</correlationPropertyRef></correlationKey></collaboration>{declared}"
        f'<correlationProperty id="the_{by}" name="the_{by}">{paths}</correlationProperty>'
    )


def signal(name: str) -> str:
    return f'<signal id="{name}" name="{name}"/>'


def receive(id: str, name: str, *, kind: str = "message") -> str:
    variable = (
        f"<extensionElements><spiffworkflow:messageVariable>{id}</spiffworkflow:messageVariable></extensionElements>"
    )
    inside = variable if kind == "message" else ""
    return (
        f'<intermediateCatchEvent id="{id}" name="{_name(id)}">'
        f'<{kind}EventDefinition {kind}Ref="{name}">{inside}</{kind}EventDefinition></intermediateCatchEvent>'
    )


def throw(id: str, name: str, payload: str = "{}", *, kind: str = "message") -> str:
    inside = ""
    if kind == "message":
        text = f"<spiffworkflow:messagePayload>{payload}</spiffworkflow:messagePayload>"
        inside = f"<extensionElements>{text}</extensionElements>"
    return (
        f'<intermediateThrowEvent id="{id}" name="{_name(id)}">'
        f'<{kind}EventDefinition {kind}Ref="{name}">{inside}</{kind}EventDefinition></intermediateThrowEvent>'
    )


def echo(mine: str, theirs: str) -> tuple[str, ...]:
    """A file in which the process `mine` answers every message `mine` with a message `theirs`, for ever."""
    answering = process(
        mine,
        START,
        '<exclusiveGateway id="again"/>',
        receive("got", mine),
        throw("say", theirs),
        END,
        flows=("start again", "again got True", "again end False", "got say", "say again"),
    )
    return message(mine), message(theirs), answering


def _name(id: str) -> str:
    return id.replace("_", " ").title()


def write(folder: Path, name: str, *parts: str) -> Path:
    """A file of these parts in `folder`."""
    path = folder / f"{name}.bpmn"
    path.write_text(bpmn(*parts))
    return path
