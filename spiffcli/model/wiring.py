"""What follows from flows and lanes: neighbours, defaults, reachability, references, and what is amiss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from spiffcli.model.context import Context
from spiffcli.model.elements import CalledReference, Lane, Node, Process
from spiffcli.model.snapshot import Problem


def wire(process: Process, lane_of: Mapping[str, str], context: Context) -> None:
    """Fill in lanes, neighbours, reachability and references of a fresh `process`; faults go to `context`."""
    incoming: dict[str | None, list[str]] = {}
    outgoing: dict[str | None, list[str]] = {}
    boundary: dict[str, list[str]] = {}
    nodes = process.nodes.values()
    defaults = {node.default for node in nodes if node.default}
    for flow in process.flows.values():
        leaving = outgoing.setdefault(flow.source, [])
        incoming.setdefault(flow.target, []).append(flow.id)
        _fill(flow, order=len(leaving), is_default=flow.id in defaults)
        leaving.append(flow.id)
    for node in nodes:
        if node.attached_to:
            boundary.setdefault(node.attached_to, []).append(node.id)
    reached = _reachable(process, outgoing, boundary)
    for node in nodes:
        id = node.id
        _fill(
            node,
            lane=lane_of.get(id),
            incoming=tuple(incoming.get(id, ())),
            outgoing=tuple(outgoing.get(id, ())),
            boundary=tuple(boundary.get(id, ())),
            reachable=id in reached,
        )
    _fill_lanes(process.lanes, lane_of)
    _fill(process, references=tuple(_references(nodes)))
    context.problems += _lint(process, lane_of)


def _fill(value: Struct, **fields: Any) -> None:
    # Nobody else holds the value yet; copying every node would double the time of a load.
    for name, content in fields.items():
        force_setattr(value, name, content)


def _fill_lanes(lanes: Mapping[str, Lane], lane_of: Mapping[str, str]) -> None:
    members: dict[str, list[str]] = {}
    for node, lane in lane_of.items():
        members.setdefault(lane, []).append(node)
    for each in lanes.values():
        _fill(each, nodes=tuple(members.get(each.id, ())))


def _reachable(
    process: Process, outgoing: Mapping[str | None, list[str]], boundary: Mapping[str, list[str]]
) -> set[str]:
    nodes = process.nodes
    children: dict[str | None, list[Node]] = {}
    for node in nodes.values():
        children.setdefault(node.scope, []).append(node)
    targets = {flow.target for flow in process.flows.values() if flow.source in nodes}
    handlers = {artifact.target for artifact in process.artifacts.values()}
    pending = [node.id for node in _starts(children.get(None, ()), targets, handlers)]
    reached = set(pending)
    while pending:
        node = nodes[pending.pop()]
        following = [process.flows[flow].target for flow in outgoing.get(node.id, ())]
        following += boundary.get(node.id, ())
        following += [child.id for child in _starts(children.get(node.id, ()), targets, handlers)]
        for id in following:
            if id is not None and id in nodes and id not in reached:
                reached.add(id)
                pending.append(id)
    return reached


def _starts(nodes: Iterable[Node], targets: set[str | None], handlers: set[str | None]) -> Iterator[Node]:
    """Nodes of one scope at which something begins without a flow leading there."""
    nodes = list(nodes)
    explicit = any(node.type == "startEvent" for node in nodes)
    for node in nodes:
        if node.type == "startEvent" or node.triggered_by_event:
            yield node
        elif node.type == "boundaryEvent":
            continue
        elif not explicit and node.id not in targets:
            yield node  # the engine begins here too where there is no start event
        elif node.id in handlers or _is_link(node) or node.settings.get("isForCompensation"):
            yield node


def _is_link(node: Node) -> bool:
    return node.type == "intermediateCatchEvent" and any(event.kind == "link" for event in node.events)


def _references(nodes: Iterable[Node]) -> Iterator[CalledReference]:
    for node in nodes:
        fallback = _falls_back(node)
        if node.call is not None and node.call.key and _is_static(node.call.key):
            binding = node.call.binding or _SAME_DEPLOYMENT.get(node.call.options.get("sameDeployment", ""))
            yield CalledReference(node.id, "process", node.call.key, binding, fallback, node.line)
        if node.decision is not None and node.decision.key and _is_static(node.decision.key):
            yield CalledReference(node.id, "decision", node.decision.key, node.decision.binding, fallback, node.line)
        if node.form is not None:
            for file in (node.form.schema, node.form.ui, node.form.key):
                if file and _is_static(file):
                    yield CalledReference(node.id, "form", _form_key(file), node.form.binding, fallback, node.line)


#: Values of the attribute `sameDeployment`, and what they say about the version that is meant.
_SAME_DEPLOYMENT: Mapping[str, str] = {"true": "deployment", "false": "latest"}


def _falls_back(node: Node) -> bool | None:
    """Whether the default tenant may be looked in for what `node` refers to; None where the model says nothing."""
    said = [node.properties.get(_FALLBACK)]
    said += [value for name, value in node.settings.items() if name.endswith(f":{_FALLBACK}")]
    words = {text.strip().lower() for text in said if text is not None}
    return None if not words else "false" not in words


_FALLBACK = "fallbackToDefaultTenant"


def _is_static(key: str) -> bool:
    """Whether a name can be looked up before the process runs, and in what was deployed."""
    return not key.startswith(("=", "${", "#{")) and ":" not in key


def _form_key(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]


def _lint(process: Process, lane_of: Mapping[str, str]) -> Iterator[Problem]:
    yield from _dangling(process, lane_of)
    yield from _reserved(process)
    yield from _without_start(process)
    if process.executable:
        yield from _unreached(process)
        yield from _without_exit(process)


def _dangling(process: Process, lane_of: Mapping[str, str]) -> Iterator[Problem]:
    for flow in process.flows.values():
        for end, id in (("source", flow.source), ("target", flow.target)):
            if id not in process.nodes:
                what = f"{id}, which is not a node of the process" if id else "nothing"
                message = f"The {end} of the sequence flow {flow.id} is {what}."
                yield Problem("reference-dangling", message, process.file, flow.line, flow.id)
    for node in process.nodes.values():
        yield from _dangling_of(node, process)
    for id, lane in lane_of.items():
        if id not in process.nodes:
            message = f"The lane {lane} lists {id}, which is not a node of the process."
            yield Problem("reference-dangling", message, process.file, process.lanes[lane].line, lane)


def _dangling_of(node: Node, process: Process) -> Iterator[Problem]:
    if node.type == "boundaryEvent" and node.attached_to not in process.nodes:
        what = node.attached_to or "nothing"
        message = f"The boundary event {node.id} is attached to {what}, which is not a node of the process."
        yield Problem("reference-dangling", message, process.file, node.line, node.id)
    if node.default and node.default not in process.flows:
        message = f"The default flow of {node.id} is {node.default}, which is not a flow of the process."
        yield Problem("reference-dangling", message, process.file, node.line, node.id)
    for event in node.events:
        if event.reference and event.name is None and event.kind != "link":
            message = f"{node.id} refers to the {event.kind} {event.reference}, which has no name or is missing."
            yield Problem("reference-dangling", message, process.file, event.line or node.line, node.id)


_RESERVED = frozenset({"Start", "End", "StartEventSplit", "StartEventJoin"})
_RESERVED_ENDS = (" [child]", ".BoundaryEventSplit", ".BoundaryEventJoin", ".EndJoin")


def _reserved(process: Process) -> Iterator[Problem]:
    for node in process.nodes.values():
        if node.id in _RESERVED or node.id.endswith(_RESERVED_ENDS):
            message = (
                f"The engine uses the id {node.id} itself; a node of that id replaces its own and breaks the process."
            )
            yield Problem("id-reserved", message, process.file, node.line, node.id)


def _without_start(process: Process) -> Iterator[Problem]:
    if process.type != "process" or not process.nodes:
        return
    if not any(node.type == "startEvent" and node.scope is None for node in process.nodes.values()):
        message = f"The process {process.id} has no start event."
        yield Problem("start-missing", message, process.file, process.line, process.id)


def _unreached(process: Process) -> Iterator[Problem]:
    for node in process.nodes.values():
        if not node.reachable:
            message = f"No path leads to {node.id}, so it never runs."
            yield Problem("node-unreachable", message, process.file, node.line, node.id)


def _without_exit(process: Process) -> Iterator[Problem]:
    for node in process.nodes.values():
        if node.type in ("exclusiveGateway", "inclusiveGateway") and node.outgoing and not node.default:
            if all(process.flows[flow].condition for flow in node.outgoing):
                message = (
                    f"Every flow that leaves {node.id} has a condition and none is the default; "
                    "where no condition holds the instance stops."
                )
                yield Problem("gateway-no-exit", message, process.file, node.line, node.id)
