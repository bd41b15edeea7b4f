"""Small files written as text."""

from __future__ import annotations

from spiffcli.model import Model, Node, Process, load
from spiffcli.values import Resource

_XMLNS = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" '
    'xmlns:spiff="http://spiffworkflow.org/bpmn/schema/1.0/core" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'xmlns:flowable="http://flowable.org/bpmn" '
    'xmlns:other="http://example.com/other"'
)


def definitions(content: str) -> str:
    """A BPMN file around `content`."""
    return f'<definitions {_XMLNS} id="defs" targetNamespace="t">{content}</definitions>'


def process(content: str, *, beside: str = "", attributes: str = "") -> str:
    """A BPMN file with the process `proc` around `content`."""
    return definitions(f'{beside}<process id="proc" isExecutable="true" {attributes}>{content}</process>')


def read(content: str | bytes, name: str = "model.bpmn") -> Model:
    """The model of one file."""
    kind = {"dmn": "dmn", "json": "form", "form": "form"}.get(name.rpartition(".")[2], "bpmn")
    return load([Resource(name, kind, content.encode() if isinstance(content, str) else content)])


def read_process(content: str, **others: str) -> Process:
    """The process `proc` around `content`."""
    return read(process(content, **others)).processes["proc"]


def read_node(kind: str, inner: str = "", attributes: str = "", **others: str) -> Node:
    """A node `n` of a process."""
    return read_process(f'<{kind} id="n" {attributes}>{inner}</{kind}>', **others).nodes["n"]


def extended(inner: str) -> str:
    """`inner` as extension elements."""
    return f"<extensionElements>{inner}</extensionElements>"
