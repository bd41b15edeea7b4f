"""Which element of the old model is which of the new one: by id, and by evidence where ids changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

from spiffcli.diff.matching import Matcher
from spiffcli.diff.neighbours import graph_of
from spiffcli.model import Artifact, Collaboration, DataAssociation, DataItem, Decision, Flow, Lane, Process

_E = TypeVar("_E")
_Key = Callable[[_E], Hashable | None]


class Alignment(Struct):
    """Pairs of elements, as new id by old id for each kind of element.

    Attributes:
        nodes: Of a process. The types differ only where the id is the same.
        flows, data, associations, lanes, artifacts: The other elements of a process.
        participants, message_flows: Of a collaboration.
        columns, rows: Of a decision table.
        why: For nodes whose id changed: what spoke for it, by old id.
    """

    nodes: dict[str, str] = field(default_factory=dict)
    flows: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    associations: dict[str, str] = field(default_factory=dict)
    lanes: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    participants: dict[str, str] = field(default_factory=dict)
    message_flows: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)


class Translation:
    """Says what an id of the old model is called in the new one.

    Args:
        pairs: New id by old id, of every kind of element that references can name.
    """

    def __init__(self, *pairs: Mapping[str, str]) -> None:
        self._forth: dict[str, str] = {}
        for some in pairs:
            self._forth.update(some)
        self._back = {new: old for old, new in self._forth.items()}

    def __call__(self, id: str | None) -> str | None:
        """The new id of `id`; `id` itself where it was not paired."""
        if id is None:
            return None
        new = self._forth.get(id)
        if new is not None:
            return new
        # The id is free on the old side and somebody else's on the new one: not the same thing.
        return f"{id} (removed)" if id in self._back else id


def made_up(id: str) -> bool:
    """Whether an id was made up by the reader because the file has none, or has it twice."""
    return "~" in id


def align_processes(old: Process, new: Process) -> Alignment:
    """Pair the elements of two processes."""
    found = _align_nodes(old, new)
    _align_flows(old, new, found)
    _align_lanes(old, new, found)
    _align_data(old, new, found)
    _align_artifacts(old.artifacts, new.artifacts, found, found.nodes, found.data, found.flows)
    return found


def _align_nodes(old: Process, new: Process) -> Alignment:
    if all(id in new.nodes and not made_up(id) for id in old.nodes):
        return Alignment(nodes={id: id for id in old.nodes})
    if all(id in old.nodes and not made_up(id) for id in new.nodes):
        return Alignment(nodes={id: id for id in new.nodes})
    matcher = Matcher(graph_of(old), graph_of(new))
    matcher.run()
    return Alignment(nodes=matcher.pairs, why=matcher.why)


def _align_flows(old: Process, new: Process, found: Alignment) -> None:
    to_new = Translation(found.nodes)
    match = _Pairing(old.flows, new.flows, found.flows)
    match.by_id()
    match.by(
        lambda flow: (to_new(flow.source), to_new(flow.target), flow.name, flow.condition),
        lambda flow: (flow.source, flow.target, flow.name, flow.condition),
    )
    match.by(lambda flow: (to_new(flow.source), to_new(flow.target)), _ends)


def _ends(flow: Flow) -> Hashable:
    return flow.source, flow.target


def _align_lanes(old: Process, new: Process, found: Alignment) -> None:
    to_new = Translation(found.nodes)
    match = _Pairing(old.lanes, new.lanes, found.lanes)
    match.by_id()
    match.by(_lane_name, _lane_name, in_order=False)
    match.by(
        lambda lane: frozenset(to_new(id) for id in lane.nodes) or None,
        lambda lane: frozenset(lane.nodes) or None,
    )
    match.by(_lane_name, _lane_name)


def _lane_name(lane: Lane) -> Hashable | None:
    return lane.name


def _align_data(old: Process, new: Process, found: Alignment) -> None:
    items = _Pairing(old.data, new.data, found.data)
    items.by_id(same=lambda item: item.type)
    items.by(_data_name, _data_name, in_order=False)
    to_new = Translation(found.nodes, found.data)
    items.by(
        lambda item: (item.type, item.name, to_new(item.scope), to_new(item.object)) if item.object else None,
        lambda item: (item.type, item.name, item.scope, item.object) if item.object else None,
    )
    to_new = Translation(found.nodes, found.data)
    old_users, new_users = _users(old), _users(new)
    items.by(
        lambda item: _used(item, frozenset(to_new(id) for id in old_users.get(item.id, ()))),
        lambda item: _used(item, frozenset(new_users.get(item.id, ()))),
    )
    items.by(_data_name, _data_name)
    to_new = Translation(found.nodes, found.data)
    items.by(
        lambda item: (item.type, to_new(item.scope), item.item, item.name),
        lambda item: (item.type, item.scope, item.item, item.name),
        in_order=False,
    )
    to_new = Translation(found.nodes, found.data)
    links = _Pairing(old.associations, new.associations, found.associations)
    links.by_id(same=lambda link: link.type)
    links.by(
        lambda link: (link.type, to_new(link.node), to_new(link.source), to_new(link.target)),
        lambda link: (link.type, link.node, link.source, link.target),
    )
    links.by(lambda link: (link.type, to_new(link.node), to_new(_outer_end(link))), _outer_link)


def _users(process: Process) -> dict[str, set[str]]:
    """What refers to each data item: references to an object, nodes with an association to it."""
    found: dict[str, set[str]] = {}
    for item in process.data.values():
        if item.object:
            found.setdefault(item.object, set()).add(item.id)
    for link in process.associations.values():
        end = _outer_end(link)
        if end:
            found.setdefault(end, set()).add(f"{link.type} {link.node}")
    return found


def _used(item: DataItem, users: frozenset[str | None]) -> Hashable | None:
    """What tells nameless data apart: who uses it."""
    return (item.type, users) if users and not item.name else None


def _data_name(item: DataItem) -> Hashable | None:
    return (item.type, item.name) if item.name else None


def _outer_end(link: DataAssociation) -> str | None:
    """The end away from the node; the other one is a port or placeholder of the node."""
    return link.source if link.type == "dataInputAssociation" else link.target


def _outer_link(link: DataAssociation) -> Hashable:
    return link.type, link.node, _outer_end(link)


def _align_artifacts(
    old: Mapping[str, Artifact], new: Mapping[str, Artifact], found: Alignment, *others: Mapping[str, str]
) -> None:
    match = _Pairing(old, new, found.artifacts)
    match.by_id(same=lambda item: item.type)
    match.by(_artifact_text, _artifact_text)
    to_new = Translation(*others, found.artifacts)
    match.by(
        lambda item: _ends_of(item.type, to_new(item.source), to_new(item.target)),
        lambda item: _ends_of(item.type, item.source, item.target),
    )


def _artifact_text(item: Artifact) -> Hashable | None:
    return (item.type, item.text) if item.text else None


def _ends_of(kind: str, source: str | None, target: str | None) -> Hashable | None:
    return (kind, source, target) if source or target else None


def align_collaborations(old: Collaboration, new: Collaboration, elements: Mapping[str, str]) -> Alignment:
    """Pair the elements of two collaborations.

    Args:
        elements: New id by old id of the processes and all their elements.
    """
    found = Alignment()
    to_new = Translation(elements)
    pools = _Pairing(old.participants, new.participants, found.participants)
    pools.by_id()
    pools.by(lambda pool: to_new(pool.process), lambda pool: pool.process)
    pools.by(lambda pool: pool.name, lambda pool: pool.name)
    to_new = Translation(elements, found.participants)
    flows = _Pairing(old.message_flows, new.message_flows, found.message_flows)
    flows.by_id()
    flows.by(
        lambda flow: (to_new(flow.source), to_new(flow.target), flow.name, flow.message),
        lambda flow: (flow.source, flow.target, flow.name, flow.message),
    )
    flows.by(lambda flow: (to_new(flow.source), to_new(flow.target)), lambda flow: (flow.source, flow.target))
    _align_artifacts(old.artifacts, new.artifacts, found, elements, found.participants, found.message_flows)
    return found


def align_decisions(old: Decision, new: Decision) -> Alignment:
    """Pair the columns and rows of two decision tables."""
    found = Alignment()
    columns = _Pairing(old.columns, new.columns, found.columns)
    columns.by_id(same=lambda column: column.type)
    for key in (
        lambda column: (column.type, column.name, column.expression, column.data_type),
        lambda column: (column.type, column.expression or column.name),
    ):
        columns.by(key, key)
    _pair_same_place(old.columns, new.columns, found.columns)
    to_new = Translation(found.columns)
    rows = _Pairing(old.rules, new.rules, found.rows)
    rows.by_id()
    rows.by(
        lambda row: frozenset((to_new(column), cell) for column, cell in row.cells.items()),
        lambda row: frozenset(row.cells.items()),
    )
    inputs = {id for id, column in new.columns.items() if column.type == "input"}
    rows.by(
        lambda row: frozenset((to_new(c), cell) for c, cell in row.cells.items() if to_new(c) in inputs) or None,
        lambda row: frozenset((c, cell) for c, cell in row.cells.items() if c in inputs) or None,
        in_order=False,
    )
    _pair_same_place(old.rules, new.rules, found.rows)
    return found


def _pair_same_place(old: Mapping[str, object], new: Mapping[str, object], pairs: dict[str, str]) -> None:
    """Pair what has no id of its own and stands in the same place."""
    taken = set(pairs.values())
    for id in old:
        if made_up(id) and id in new and id not in pairs and id not in taken:
            pairs[id] = id


class _Pairing(Generic[_E]):
    """Pairs elements of one kind, by one kind of evidence after the other."""

    def __init__(self, old: Mapping[str, _E], new: Mapping[str, _E], pairs: dict[str, str]) -> None:
        self._old = dict(old)
        self._new = dict(new)
        self._pairs = pairs

    def by_id(self, same: _Key[_E] | None = None) -> None:
        """Pair elements of one id, if `same` gives the same for both."""
        shared = [id for id in self._old if id in self._new and not made_up(id)]
        if same is not None:
            shared = [id for id in shared if same(self._old[id]) == same(self._new[id])]
        self._pair((id, id) for id in shared)

    def by(self, old_key: _Key[_E], new_key: _Key[_E], *, in_order: bool = True) -> None:
        """Pair what is left and has the same key, in document order.

        Args:
            old_key, new_key: None for elements the evidence says nothing about.
            in_order: Whether to pair also where several elements have the key.
        """
        if not (self._old and self._new):
            return
        old, new = _buckets(self._old, old_key), _buckets(self._new, new_key)
        for key, ids in old.items():
            others = new.get(key, ())
            if in_order or len(ids) == len(others) == 1:
                self._pair(zip(ids, others, strict=False))

    def _pair(self, pairs: Iterable[tuple[str, str]]) -> None:
        for old, new in pairs:
            self._pairs[old] = new
            del self._old[old], self._new[new]


def _buckets(elements: Mapping[str, _E], key: _Key[_E]) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = {}
    for id, element in elements.items():
        value = key(element)
        if value is not None:
            found.setdefault(value, []).append(id)
    return found
