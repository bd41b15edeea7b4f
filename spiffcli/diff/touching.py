"""Which nodes a change concerns beside the element it names: neighbours, members, users.

An engine keeps copies: a node of its predecessor's flows, of its lane's name, of the decision it asks. So a
change of one element shows at others there, and a check that compares the engine's forms has to know which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spiffcli.diff.changes import Change, ElementRef
from spiffcli.diff.classify import first_step
from spiffcli.model import Node, Process
from spiffcli.model.nodes import SCOPES

#: Parts of a node that its neighbours see.
_SEEN_AROUND = frozenset({"type", "loop", "events", "attached_to", "scope", "interrupting", "triggered_by_event"})
_DATA = frozenset({"dataObject", "dataObjectReference", "dataStoreReference", "property"})


def touched_nodes(changes: Iterable[Change], old: Process, new: Process) -> dict[str, set[str]]:
    """The rules that concern each node, by its id in the old and in the new process.

    Args:
        changes: Changes of the process and of what it calls.
        old, new: The two versions of the process.
    """
    found: dict[str, set[str]] = {}
    for change in changes:
        for side, element in ((old, change.before), (new, change.element)):
            for touched in _touched(change, element, side):
                found.setdefault(touched, set()).add(change.rule)
    return found


def _touched(change: Change, element: ElementRef, process: Process) -> Iterator[str]:
    kind, id = element.type, element.id
    if element.process != process.id:
        yield from _users(element.process or id, process)
    elif id in process.nodes:
        yield id
        if change.path == "lane":
            yield from _inside(id, process)
        if change.kind != "changed" or first_step(change.path) in _SEEN_AROUND:
            yield from _neighbours(process.nodes[id], process)
    elif id in process.flows:
        yield from _ends(process, id)
    elif kind == "lane" and id in process.lanes:
        for node in process.lanes[id].nodes:
            yield node
            yield from _inside(node, process)
    elif id in process.associations:
        yield process.associations[id].node
    elif kind in _DATA:
        yield from _data_users(id, process)


def _ends(process: Process, flow: str) -> Iterator[str]:
    yield from (id for id in (process.flows[flow].source, process.flows[flow].target) if id is not None)


def _neighbours(node: Node, process: Process) -> Iterator[str]:
    for flow in (*node.incoming, *node.outgoing):
        yield from _ends(process, flow)
    yield from node.boundary
    if node.attached_to is not None and node.attached_to in process.nodes:
        host = process.nodes[node.attached_to]
        yield host.id
        # A boundary event puts a split in front of its host and a join behind it.
        for flow in (*host.incoming, *host.outgoing):
            yield from _ends(process, flow)
    if node.scope is not None:
        yield node.scope


def _inside(scope: str, process: Process) -> Iterator[str]:
    """Nodes of a sub-process, which take its lane, at any depth."""
    pending = [scope]
    while pending:
        around = pending.pop()
        for node in process.nodes.values():
            if node.scope == around:
                yield node.id
                if node.type in SCOPES:
                    pending.append(node.id)


def _data_users(id: str, process: Process) -> Iterator[str]:
    references = {id, *(item.id for item in process.data.values() if item.object == id)}
    for link in process.associations.values():
        if link.source in references or link.target in references:
            yield link.node


def _users(key: str, process: Process) -> Iterator[str]:
    """Nodes that call a process, ask a decision or show a form."""
    return (reference.element for reference in process.references if reference.key == key)
