"""Small models written as text."""

from __future__ import annotations

import itertools
import re

from spiffcli.diff import Change, Diff
from spiffcli.model import Model, load
from spiffcli.values import Resource

_XMLNS = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:spiff="http://spiffworkflow.org/bpmn/schema/1.0/core" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'xmlns:flowable="http://flowable.org/bpmn" '
    'xmlns:other="http://example.com/other"'
)


def bpmn(body: str, flows: str = "", *, beside: str = "", process: str = "proc", attributes: str = "") -> bytes:
    """A BPMN file with one process.

    Args:
        body: XML inside the process.
        flows: Chains such as `s>a>b; g>c`; a flow is called `s_a`, and `g>c [x > 1]` has a condition.
        beside: XML beside the process (messages, collaborations, diagrams).
        attributes: Further attributes of the process.
    """
    return (
        f'<definitions {_XMLNS} id="defs" targetNamespace="t">{beside}'
        f'<process id="{process}" isExecutable="true" {attributes}>{body}{flows_of(flows)}</process></definitions>'
    ).encode()


def flows_of(flows: str) -> str:
    """Sequence flows written as chains."""
    found = []
    for chain in filter(None, (part.strip() for part in flows.split(";"))):
        steps, condition = re.fullmatch(r"(.*?)(?:\[(.*)\])?", chain).groups()
        ids = [step.strip() for step in steps.split(">")]
        inner = f"<conditionExpression><![CDATA[{condition}]]></conditionExpression>" if condition else ""
        found += [
            f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}">{inner}</sequenceFlow>'
            for a, b in itertools.pairwise(ids)
        ]
    return "".join(found)


def model(*files: bytes | str | tuple[str, bytes | str]) -> Model:
    """A model of files; those without a name are BPMN."""
    resources = []
    for n, file in enumerate(files):
        name, content = file if isinstance(file, tuple) else (f"model{n or ''}.bpmn", file)
        kind = {"dmn": "dmn", "json": "form"}.get(name.rpartition(".")[2], "bpmn")
        resources.append(Resource(name, kind, content.encode() if isinstance(content, str) else content))
    return load(resources)


def task(id: str, kind: str = "userTask", name: str = "", inner: str = "", attributes: str = "") -> str:
    """A node as XML."""
    named = f' name="{name}"' if name else ""
    return f'<{kind} id="{id}"{named} {attributes}>{inner}</{kind}>'


def extension(inner: str) -> str:
    """`inner` as extension elements."""
    return f"<extensionElements>{inner}</extensionElements>"


def ends(*between: str) -> str:
    """A start event `s`, what is between, and an end event `e`."""
    return task("s", "startEvent") + "".join(between) + task("e", "endEvent")


def found(diff: Diff) -> set[tuple[str, str]]:
    """Rule and element of every change that is not layout."""
    return {(change.rule, change.element.id) for change in diff.changes if change.kind != "layout"}


def only(diff: Diff, rule: str) -> Change:
    """The one change of a rule."""
    (change,) = [change for change in diff.changes if change.rule == rule]
    return change
