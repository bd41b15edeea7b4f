"""Small models written as text, for tests of the catalog."""

from __future__ import annotations

import itertools

from spiffcli.values import Resource

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" '
    'id="d" targetNamespace="urn:test">'
)


def process(
    key: str,
    *,
    script: str = "x = 1",
    calls: tuple[str, ...] = (),
    decisions: tuple[str, ...] = (),
    forms: tuple[str, ...] = (),
    binding: str | None = None,
    executable: bool = True,
    message: str | None = None,
    x: int = 100,
) -> str:
    """A process that runs a script, then calls, decides and asks what is named."""
    attribute = f' spiffworkflow:binding="{binding}"' if binding else ""
    start = f'<messageEventDefinition messageRef="m_{key}"/>' if message else ""
    nodes = [
        f'<startEvent id="{key}_start">{start}</startEvent>',
        f'<scriptTask id="{key}_script"><script>{script}</script></scriptTask>',
    ]
    for called in calls:
        nodes.append(f'<callActivity id="{key}_calls_{called}" calledElement="{called}"{attribute}/>')
    for decision in decisions:
        nodes.append(
            f'<businessRuleTask id="{key}_decides_{decision}"{attribute}><extensionElements>'
            f"<spiffworkflow:calledDecisionId>{decision}</spiffworkflow:calledDecisionId>"
            f"</extensionElements></businessRuleTask>"
        )
    for form in forms:
        nodes.append(
            f'<userTask id="{key}_asks_{form.partition(".")[0]}"><extensionElements><spiffworkflow:properties>'
            f'<spiffworkflow:property name="formJsonSchemaFilename" value="{form}"/>'
            f"</spiffworkflow:properties></extensionElements></userTask>"
        )
    nodes.append(f'<endEvent id="{key}_end"/>')
    ids = [node.partition('id="')[2].partition('"')[0] for node in nodes]
    flows = [
        f'<sequenceFlow id="{key}_f{n}" sourceRef="{a}" targetRef="{b}"/>'
        for n, (a, b) in enumerate(itertools.pairwise(ids))
    ]
    shape = (
        f'<bpmndi:BPMNShape id="{key}_shape" bpmnElement="{key}_script">'
        f'<dc:Bounds x="{x}" y="100" width="100" height="80"/></bpmndi:BPMNShape>'
    )
    declared = f'<message id="m_{key}" name="{message}"/>' if message else ""
    flag = "true" if executable else "false"
    return (
        f'{declared}<process id="{key}" name="The {key}" isExecutable="{flag}">{"".join(nodes + flows)}</process>'
        f'<bpmndi:BPMNDiagram id="{key}_d"><bpmndi:BPMNPlane id="{key}_p" bpmnElement="{key}">{shape}'
        f"</bpmndi:BPMNPlane></bpmndi:BPMNDiagram>"
    )


def bpmn(name: str, *processes: str) -> Resource:
    """A BPMN file of these processes."""
    # Messages come first, diagrams last, as the schema has it; readers do not mind, and neither do we.
    return Resource(name, "bpmn", f"{_HEAD}{''.join(processes)}</definitions>".encode())


def dmn(name: str, key: str, output: str = "1") -> Resource:
    """A decision table with one rule."""
    text = (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="dd" name="dd" namespace="urn:t">'
        f'<decision id="{key}" name="{key}"><decisionTable id="{key}_t">'
        '<input id="i1"><inputExpression id="ie"><text>x</text></inputExpression></input>'
        '<output id="o1" name="y"/>'
        '<rule id="r1"><inputEntry id="e1"><text>1</text></inputEntry>'
        f'<outputEntry id="e2"><text>{output}</text></outputEntry></rule>'
        "</decisionTable></decision></definitions>"
    )
    return Resource(name, "dmn", text.encode())


def form(name: str, title: str = "A form") -> Resource:
    """A JSON schema with one field."""
    return Resource(
        name, "form", f'{{"title": "{title}", "type": "object", "properties": {{"a": {{"type": "string"}}}}}}'.encode()
    )
