"""Changes between two versions of a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spiffcli.diff import classify
from spiffcli.diff.align import Alignment, Translation
from spiffcli.diff.changes import Change
from spiffcli.diff.collector import Collector, Sides, always, common_order, layout_changes
from spiffcli.diff.variables import variable_changes
from spiffcli.model import Node, Process

#: Gateways that wait for what comes in.
_JOINS = frozenset({"parallelGateway", "inclusiveGateway", "complexGateway"})


def compare_processes(old: Process, new: Process, found: Alignment, others: Mapping[str, str]) -> list[Change]:
    """Every change between two versions of a process.

    Args:
        found: Pairs of their elements.
        others: New id by old id of nodes that moved between processes, processes themselves included.
    """
    to_new = Translation(others, found.artifacts, found.associations, found.data, found.lanes, found.flows, found.nodes)
    collector = Collector(Sides(old.id, new.id, old.file, new.file, to_new))
    collector.pair(old, new, classify.name_process_change, always("process-id-changed"))
    collector.compare(
        old.nodes,
        new.nodes,
        found.nodes,
        naming=classify.name_node_change,
        added=lambda node: classify.node_rule(node, "added"),
        removed=lambda node: classify.node_rule(node, "removed"),
        renamed=lambda node: classify.node_rule(node, "id-changed"),
    )
    _compare_rest(collector, old, new, found)
    for before, after in _pairs(old.flows, new.flows, found.flows):
        # A flow that leaves another node now has a place among that node's flows.
        if to_new(before.source) != after.source and before.order != after.order:
            orders = before.order, after.order
            collector.note("flow-retargeted", "rewired", before, after, "order", orders)
    for before, after in _pairs(old.nodes, new.nodes, found.nodes):
        _order_and_joins(collector, before, after, found.flows)
    variable_changes(collector, old, new, found.nodes)
    layout_changes(collector, _everything(old, new, found), old.layout, new.layout)
    return collector.changes


def _compare_rest(collector: Collector, old: Process, new: Process, found: Alignment) -> None:
    collector.compare(
        old.flows,
        new.flows,
        found.flows,
        naming=classify.name_flow_change,
        added=always("flow-added"),
        removed=always("flow-removed"),
        renamed=always("flow-id-changed"),
    )
    collector.compare(
        old.data,
        new.data,
        found.data,
        naming=classify.name_data_change,
        added=always("data-object-added"),
        removed=always("data-object-removed"),
        renamed=always("data-id-changed"),
    )
    collector.compare(
        old.associations,
        new.associations,
        found.associations,
        naming=classify.name_association_change,
        added=always("data-association-added"),
        removed=always("data-association-removed"),
        renamed=always("data-association-id-changed"),
    )
    collector.compare(
        old.lanes,
        new.lanes,
        found.lanes,
        naming=classify.name_lane_change,
        added=always("lane-added"),
        removed=always("lane-removed"),
        renamed=always("lane-id-changed"),
    )
    compare_artifacts(collector, old.artifacts, new.artifacts, found)


def compare_artifacts(collector: Collector, old: Mapping[str, Any], new: Mapping[str, Any], found: Alignment) -> None:
    """Add the changes between annotations, groups and associations."""
    collector.compare(
        old,
        new,
        found.artifacts,
        naming=classify.name_artifact_change,
        added=always("annotation-added"),
        removed=always("annotation-removed"),
        renamed=always("annotation-id-changed"),
    )


def _order_and_joins(collector: Collector, old: Node, new: Node, flows: Mapping[str, str]) -> None:
    if len(old.outgoing) > 1 and len(new.outgoing) > 1:
        orders = common_order([flows.get(id, f"{id} (removed)") for id in old.outgoing], list(new.outgoing))
        if orders is not None:
            back = {flows[id]: id for id in old.outgoing if id in flows}
            before = [back[id] for id in orders[0]]
            collector.note("outgoing-order-changed", "changed", old, new, "outgoing", (before, orders[1]))
    counts = len(old.incoming), len(new.incoming)
    if new.type in _JOINS and old.type in _JOINS and counts[0] != counts[1] and max(counts) > 1:
        collector.note("join-incoming-count-changed", "rewired", old, new, "incoming", counts)


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any], pairs: Mapping[str, str]) -> Iterator[tuple[Any, Any]]:
    return ((old[before], new[after]) for before, after in pairs.items())


def _everything(old: Process, new: Process, found: Alignment) -> Iterator[tuple[Any, Any]]:
    yield from _pairs(old.nodes, new.nodes, found.nodes)
    yield from _pairs(old.flows, new.flows, found.flows)
    yield from _pairs(old.data, new.data, found.data)
    yield from _pairs(old.associations, new.associations, found.associations)
    yield from _pairs(old.lanes, new.lanes, found.lanes)
    yield from _pairs(old.artifacts, new.artifacts, found.artifacts)


def whole_process(process: Process, *, added: bool) -> list[Change]:
    """Changes for a process that came or went with everything in it."""
    collector = Collector(Sides(process.id, process.id, process.file, process.file, Translation()))
    put = collector.add if added else collector.remove
    what = "added" if added else "removed"
    put(f"process-{what}", process)
    for node in process.nodes.values():
        put(classify.node_rule(node, what), node)
    rules = (("flow", process.flows), ("data-object", process.data), ("data-association", process.associations))
    others: tuple[tuple[str, Mapping[str, Any]], ...] = (
        *rules,
        ("lane", process.lanes),
        ("annotation", process.artifacts),
    )
    for name, elements in others:
        for element in elements.values():
            put(f"{name}-{what}", element)
    return collector.changes
