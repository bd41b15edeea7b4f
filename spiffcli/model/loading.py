"""Turns resources into a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from lxml import etree
from msgspec import Struct
from msgspec.structs import force_setattr, replace

from spiffcli.errors import ModelError
from spiffcli.model.bpmn import check_bpmn, read_processes
from spiffcli.model.collaborations import read_collaborations
from spiffcli.model.context import Context, index, read_roots
from spiffcli.model.elements import CalledReference, Collaboration, Layout, Process, Shape
from spiffcli.model.layout import read_layout
from spiffcli.model.snapshot import Model, RootElement
from spiffcli.model.tables import Decision, Form
from spiffcli.model.xml import read_xml
from spiffcli.values import GROUP_FILE, Resource


class _Defined(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...


_D = TypeVar("_D", bound=_Defined)


class _Building(Struct):
    processes: dict[str, Process] = {}
    collaborations: dict[str, Collaboration] = {}
    decisions: dict[str, Decision] = {}
    forms: dict[str, Form] = {}
    roots: dict[tuple[str, str], RootElement] = {}


def load(resources: Sequence[Resource]) -> Model:
    """Read resources into one model. Of kind `other` those count that describe groups; the rest is only listed.

    Raises:
        ModelError: A resource cannot be read, or two define the same thing.
    """
    building = _Building()
    contexts: list[Context] = []
    trees: list[tuple[str, etree._Element]] = []
    for resource in resources:
        if resource.kind == "bpmn":
            root = read_xml(resource.content, resource.name)
            check_bpmn(root, resource.name)
            trees.append((resource.name, root))
        elif resource.kind == "dmn":
            contexts.append(_add_dmn(resource, building))
    if any(PurePosixPath(resource.name).name == GROUP_FILE for resource in resources):
        from spiffcli.model.groups import Groups, complete

        complete(trees, Groups(resources))
    documents = [(root, index(root, name)) for name, root in trees]
    contexts = [*(context for _, context in documents), *contexts]
    forms = [resource for resource in resources if resource.kind == "form"]
    if forms:
        building.forms = _forms(forms)
    _share([context for _, context in documents])
    for root, context in documents:
        _add_bpmn(root, context, building)
    for _, context in documents:
        for (kind, id), element in read_roots(context).items():
            _add_root(building.roots, kind, id, element)
    if forms:
        _choose_forms(building)
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


def _choose_forms(building: _Building) -> None:
    """Let references to a name that several forms have mean the one that lies nearest to the model.

    Raises:
        ModelError: None lies in the folder of the model, in `forms` there, or above.
    """
    from spiffcli.model.forms import form_key

    alike: dict[str, list[str]] = {}
    for key, form in building.forms.items():
        alike.setdefault(form_key(form.file), []).append(key)
    for process in building.processes.values():
        if any(len(alike.get(each.key, ())) > 1 for each in process.references if each.kind == "form"):
            chosen = tuple(_chosen(process, each, alike) for each in process.references)
            force_setattr(process, "references", chosen)  # the value is fresh: nobody else holds it yet


def _chosen(process: Process, reference: CalledReference, alike: Mapping[str, list[str]]) -> CalledReference:
    keys = alike.get(reference.key, ())
    if reference.kind != "form" or len(keys) < 2:
        return reference
    for folder in PurePosixPath(process.file).parents:
        for beside in (folder / "forms" / reference.key, folder / reference.key):
            if str(beside) in keys:
                return replace(reference, key=str(beside))
    raise ModelError(
        f"The form {reference.key} is in {' and '.join(keys)}, and none lies beside it.",
        hint="Put the one you mean beside the model, or leave the others out.",
        file=process.file,
        line=reference.line or None,
        element=reference.element,
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
        hint=f"Give one {what} another id, or leave one of them out.",
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


def _place(thing: Struct, layout: Mapping[str, tuple[Shape, ...]], parts: Iterable[Mapping[str, object]]) -> None:
    found: dict[str, tuple[Shape, ...]] = {}
    for part in parts:
        for id in part:
            shapes = layout.get(id)
            if shapes is not None:
                found[id] = shapes
    force_setattr(thing, "layout", found)  # the value is fresh: nobody else holds it yet


# Most comparisons are of processes alone and need no reader of anything else.


def _forms(resources: Sequence[Resource]) -> dict[str, Form]:
    """Forms by key: the file name, or the whole path where different ones have that name."""
    from spiffcli.model.forms import form_key, read_form

    alike: dict[str, dict[str, list[Resource]]] = {}
    for resource in resources:
        same = alike.setdefault(form_key(resource.name), {})
        same.setdefault(resource.hash, []).append(resource)
    found: dict[str, Form] = {}
    for name, contents in alike.items():
        if len(contents) == 1:
            ((first, *_),) = contents.values()
            found[name] = read_form(first.content, first.name)
            continue
        for resource in (each for same in contents.values() for each in same):
            found[resource.name] = replace(read_form(resource.content, resource.name), key=resource.name)
    return found


def _add_dmn(resource: Resource, building: _Building) -> Context:
    from spiffcli.model.dmn import check_dmn, read_decisions

    root = read_xml(resource.content, resource.name)
    check_dmn(root, resource.name)
    context = Context(resource.name)
    layout: Layout = read_layout(root)
    for decision in read_decisions(root, context):
        shapes = layout.get(decision.id)
        if shapes is not None:
            force_setattr(decision, "layout", {decision.id: shapes})
        _add(building.decisions, decision, "decision")
    return context
