"""Turns resources into a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Protocol, TypeVar

from lxml import etree

from spiffcli.errors import ModelError
from spiffcli.model.bpmn import check_bpmn, read_processes
from spiffcli.model.collaborations import read_collaborations
from spiffcli.model.context import Context, index, read_roots
from spiffcli.model.elements import Collaboration, Layout, Process, Shape
from spiffcli.model.layout import read_layout
from spiffcli.model.snapshot import Model, RootElement
from spiffcli.model.tables import Decision, Form
from spiffcli.model.xml import read_xml
from spiffcli.records import workspace
from spiffcli.values import Resource


class _Defined(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...


_D = TypeVar("_D", bound=_Defined)


@workspace
class _Building:
    processes: dict[str, Process] = field(default_factory=dict)
    collaborations: dict[str, Collaboration] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    roots: dict[tuple[str, str], RootElement] = field(default_factory=dict)


def load(resources: Sequence[Resource]) -> Model:
    """Read resources into one model. Resources of kind `other` are only listed.

    Raises:
        ModelError: A resource cannot be read, or two define the same thing.
    """
    building = _Building()
    contexts: list[Context] = []
    documents: list[tuple[etree._Element, Context]] = []
    for resource in resources:
        if resource.kind == "bpmn":
            root = read_xml(resource.content, resource.name)
            check_bpmn(root, resource.name)
            documents.append((root, index(root, resource.name)))
            contexts.append(documents[-1][1])
        elif resource.kind == "dmn":
            contexts.append(_add_dmn(resource, building))
        elif resource.kind == "form":
            _add_form(resource, building)
    _share([context for _, context in documents])
    for root, context in documents:
        _add_bpmn(root, context, building)
    for _, context in documents:
        for (kind, id), element in read_roots(context).items():
            _add_root(building.roots, kind, id, element)
    problems = tuple(problem for context in contexts for problem in context.problems)
    return Model(
        processes=building.processes,
        collaborations=building.collaborations,
        decisions=building.decisions,
        forms=building.forms,
        roots=building.roots,
        resources=tuple(resource.name for resource in resources),
        problems=problems,
    )


def _share(contexts: list[Context]) -> None:
    """Let a file refer to messages and the like that only another file defines."""
    for context in contexts:
        context.others = [other for other in contexts if other is not context]


def _add(into: dict[str, _D], thing: _D, what: str) -> None:
    earlier = into.get(thing.id)
    if earlier is None:
        into[thing.id] = thing
        return
    if earlier.file == thing.file:
        message = f"The {what} {thing.id} is defined twice in this file (first in line {earlier.line})."
    else:
        message = f"The {what} {thing.id} is defined in {earlier.file} and in {thing.file}."
    raise ModelError(
        message,
        hint=f"Give one {what} another {'file name' if what == 'form' else 'id'}, or leave one of them out.",
        file=thing.file,
        line=thing.line or None,
        element=thing.id,
    )


def _add_bpmn(root: etree._Element, context: Context, building: _Building) -> None:
    layout = read_layout(root)
    for process in read_processes(root, context):
        inner = (process.nodes, process.flows, process.data, process.associations)
        _place(process, layout, (*inner, process.lanes, process.artifacts))
        _add(building.processes, process, process.type)
    for collaboration in read_collaborations(root, context):
        parts = (collaboration.participants, collaboration.message_flows, collaboration.artifacts)
        _place(collaboration, layout, parts)
        _add(building.collaborations, collaboration, collaboration.type)


def _add_root(into: dict[tuple[str, str], RootElement], kind: str, id: str, root: RootElement) -> None:
    # Files number their messages alike; the second `Message_1` stays apart unless it says the same.
    n = 1
    name = id
    while (kind, name) in into:
        if into[kind, name] == root:
            return
        n += 1
        name = f"{id}~{n}"
    into[kind, name] = root


def _place(thing: object, layout: Mapping[str, tuple[Shape, ...]], parts: Iterable[Mapping[str, object]]) -> None:
    found: dict[str, tuple[Shape, ...]] = {}
    for part in parts:
        for id in part:
            shapes = layout.get(id)
            if shapes is not None:
                found[id] = shapes
    object.__setattr__(thing, "layout", found)  # the value is fresh: nobody else holds it yet


# Most comparisons are of processes alone and need no reader of anything else.


def _add_form(resource: Resource, building: _Building) -> None:
    from spiffcli.model.forms import read_form

    _add(building.forms, read_form(resource.content, resource.name), "form")


def _add_dmn(resource: Resource, building: _Building) -> Context:
    from spiffcli.model.dmn import check_dmn, read_decisions

    root = read_xml(resource.content, resource.name)
    check_dmn(root, resource.name)
    context = Context(resource.name)
    layout: Layout = read_layout(root)
    for decision in read_decisions(root, context):
        shapes = layout.get(decision.id)
        if shapes is not None:
            object.__setattr__(decision, "layout", {decision.id: shapes})
        _add(building.decisions, decision, "decision")
    return context
