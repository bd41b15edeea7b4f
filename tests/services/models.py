"""Small models for tests of services, written as text; every element stands on a line of its own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="d" targetNamespace="urn:test">'
)


def service(id: str, definition: str | None = None, inside: str = "") -> str:
    """A service task."""
    operator = f'<extensionElements><spiffworkflow:serviceTaskOperator id="{definition}"/></extensionElements>'
    return f'<serviceTask id="{id}">{operator if definition else ""}{inside}</serviceTask>'


def user(id: str) -> str:
    return f'<userTask id="{id}"/>'


def many(
    *,
    cardinality: str | None = None,
    collection: str | None = None,
    item: str | None = None,
    condition: str | None = None,
    sequential: bool = False,
) -> str:
    """Multi-instance characteristics."""
    parts = [
        f"<loopCardinality>{cardinality}</loopCardinality>" if cardinality else "",
        f"<loopDataInputRef>{collection}</loopDataInputRef>" if collection else "",
        f'<inputDataItem id="{item}" name="{item}"/>' if item else "",
        f"<completionCondition>{condition}</completionCondition>" if condition else "",
    ]
    flag = "true" if sequential else "false"
    return (
        f'<multiInstanceLoopCharacteristics isSequential="{flag}">{"".join(parts)}</multiInstanceLoopCharacteristics>'
    )


def call(id: str, called: str, inside: str = "") -> str:
    return f'<callActivity id="{id}" calledElement="{called}">{inside}</callActivity>'


def sub(id: str, *nodes: str, inside: str = "") -> str:
    """An embedded sub-process."""
    return f'<subProcess id="{id}">\n{inside}\n{chain(id, *nodes)}</subProcess>'


def chain(key: str, *nodes: str, start: str = "") -> str:
    """Nodes one after the other, between a start and an end."""
    every = [f'<startEvent id="{key}_start">{start}</startEvent>', *nodes, f'<endEvent id="{key}_end"/>']
    ids = [node.partition('id="')[2].partition('"')[0] for node in every]
    flows = [f'<sequenceFlow id="{a}_to_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in pairwise(ids)]
    return "\n".join([*every, *flows]) + "\n"


def process(key: str, *nodes: str, extra: str = "", start: str = "") -> str:
    """A process whose nodes stand one after the other.

    Args:
        extra: Further elements: boundary events, branches ...
    """
    return f'<process id="{key}" isExecutable="true">\n{chain(key, *nodes, start=start)}{extra}</process>\n'


def choice(key: str, condition: str, yes: str, no: str, *, gateway: str = "G") -> str:
    """A process with one decision: `yes` where the condition holds, else `no`."""
    first, second = (node.partition('id="')[2].partition('"')[0] for node in (yes, no))
    return (
        f'<process id="{key}" isExecutable="true">\n<startEvent id="{key}_start"/>\n'
        f'<exclusiveGateway id="{gateway}" default="to_no"/>\n{yes}\n{no}\n<endEvent id="{key}_end"/>\n'
        f'<sequenceFlow id="f1" sourceRef="{key}_start" targetRef="{gateway}"/>\n'
        f'<sequenceFlow id="to_yes" sourceRef="{gateway}" targetRef="{first}">'
        f"<conditionExpression>{condition}</conditionExpression></sequenceFlow>\n"
        f'<sequenceFlow id="to_no" sourceRef="{gateway}" targetRef="{second}"/>\n'
        f'<sequenceFlow id="f4" sourceRef="{first}" targetRef="{key}_end"/>\n'
        f'<sequenceFlow id="f5" sourceRef="{second}" targetRef="{key}_end"/>\n</process>\n'
    )


def boundary(id: str, attached: str, event: str, target: str, *, interrupting: bool = True) -> str:
    """A boundary event with the task it leads to, which leads to an end of its own."""
    to = target.partition('id="')[2].partition('"')[0]
    flag = "true" if interrupting else "false"
    return (
        f'<boundaryEvent id="{id}" attachedToRef="{attached}" cancelActivity="{flag}">{event}</boundaryEvent>\n'
        f'{target}\n<endEvent id="{id}_end"/>\n'
        f'<sequenceFlow id="{id}_1" sourceRef="{id}" targetRef="{to}"/>\n'
        f'<sequenceFlow id="{id}_2" sourceRef="{to}" targetRef="{id}_end"/>\n'
    )


def error(code: str) -> str:
    return f'<errorEventDefinition errorRef="error_{code}"/>'


def timer(expression: str) -> str:
    return f"<timerEventDefinition><timeDuration>{expression}</timeDuration></timerEventDefinition>"


def message(name: str) -> str:
    return f'<messageEventDefinition messageRef="message_{name}"/>'


def document(*processes: str, errors: tuple[str, ...] = (), messages: tuple[str, ...] = ()) -> str:
    """A file of processes."""
    roots = [f'<error id="error_{code}" name="{code}" errorCode="{code}"/>' for code in errors]
    roots += [f'<message id="message_{name}" name="{name}"/>' for name in messages]
    return HEAD + "\n" + "\n".join([*roots, *processes]) + "</definitions>\n"


def write(path: Path, *processes: str, errors: tuple[str, ...] = (), messages: tuple[str, ...] = ()) -> Path:
    """A file of processes, written."""
    path.write_text(document(*processes, errors=errors, messages=messages))
    return path
