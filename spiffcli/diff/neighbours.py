"""The graph an alignment looks at: who is next to whom, and in which order a reader meets the nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from spiffcli.model import Node, Process

#: How one node can be near another: the other is behind it, before it, in it, around it ...
NEXT, PREVIOUS, INSIDE, AROUND, ATTACHED, HOST = range(6)

#: Stands for the process itself, around its outermost nodes. No element has this id.
ROOT = ""


class Graph(Struct):
    """A process as nodes and nearness.

    Attributes:
        near: For each node: (relation, text on the flow, other node), flows in their order.
        rank: Position of each node on a walk from the start along flows in their order. Where paths lead
            to the nodes, it does not depend on the order of elements in the file.
    """

    nodes: Mapping[str, Node]
    near: dict[str, list[tuple[int, str, str]]]
    rank: dict[str, int] = field(default_factory=dict)


def graph_of(process: Process) -> Graph:
    """The graph of a process with all its sub-processes."""
    nodes = process.nodes
    near: dict[str, list[tuple[int, str, str]]] = {id: [] for id in (ROOT, *nodes)}
    for node in nodes.values():
        for flow_id in node.outgoing:
            flow = process.flows[flow_id]
            if flow.target is not None and flow.target in nodes:
                text = f"{flow.name or ''}\n{flow.condition or ''}"
                near[node.id].append((NEXT, text, flow.target))
                near[flow.target].append((PREVIOUS, text, node.id))
        around = node.scope if node.scope is not None and node.scope in nodes else ROOT
        near[node.id].append((AROUND, "", around))
        near[around].append((INSIDE, "", node.id))
        if node.attached_to is not None and node.attached_to in nodes:
            near[node.id].append((HOST, "", node.attached_to))
            near[node.attached_to].append((ATTACHED, "", node.id))
    graph = Graph(nodes, near)
    graph.rank = _ranks(graph)
    return graph


def _ranks(graph: Graph) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for start in _beginnings(graph):
        if start in ranks:
            continue
        ranks[start] = len(ranks)
        pending = deque([start])
        while pending:
            for other in _following(pending.popleft(), graph):
                if other not in ranks:
                    ranks[other] = len(ranks)
                    pending.append(other)
    return ranks


def _following(id: str, graph: Graph) -> Iterator[str]:
    for relation, _text, other in graph.near[id]:
        if relation in (NEXT, ATTACHED) or (relation == INSIDE and not graph.nodes[other].incoming):
            yield other


def _beginnings(graph: Graph) -> Iterator[str]:
    """Start events first, then nodes nothing leads to, then whatever is left."""
    nodes = sorted(graph.nodes.values(), key=_by_name)
    yield from (node.id for node in nodes if node.type == "startEvent" and node.scope is None)
    yield from (node.id for node in nodes if not node.incoming and node.scope is None and not node.attached_to)
    yield from (node.id for node in nodes)


def _by_name(node: Node) -> tuple[str, str]:
    return node.type, node.name or ""
