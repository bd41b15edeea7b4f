"""Which process of the old model is which of the new one, when whole models are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from spiffcli.diff.align import Alignment, align_processes
from spiffcli.model import Collaboration, Model, Node, Process


class Move(Struct, frozen=True):
    """A node that went from one process to another."""

    old_process: Process
    old: Node
    new_process: Process
    new: Node


class Pairing(Struct):
    """Paired processes and collaborations of two models.

    Attributes:
        processes: Old and new process with the alignment of their elements.
        collaborations: Old and new collaboration.
        elements: New id by old id of all their elements, the processes included.
        moves: Nodes that went from one process to another.
    """

    processes: list[tuple[Process, Process, Alignment]] = field(default_factory=list)
    collaborations: list[tuple[Collaboration, Collaboration]] = field(default_factory=list)
    elements: dict[str, str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)

    def left(self, model: Model, side: int) -> list[Process]:
        """Processes of `model` without a partner; `side` is 0 for the old model, 1 for the new one."""
        taken = {(pair[1] if side else pair[0]).id for pair in self.processes}
        return [process for process in model.processes.values() if process.id not in taken]


def pair_models(old: Model, new: Model) -> Pairing:
    """Pair processes by id, and by content where ids changed; then collaborations by their processes."""
    found = Pairing()
    for id, process in old.processes.items():
        if id in new.processes:
            _pair(process, new.processes[id], found)
    _pair_renamed(found.left(old, 0), found.left(new, 1), found)
    _pair_collaborations(old, new, found)
    _find_moves(old, new, found)
    return found


def _pair(old: Process, new: Process, found: Pairing, alignment: Alignment | None = None) -> None:
    alignment = alignment or align_processes(old, new)
    found.processes.append((old, new, alignment))
    found.elements[old.id] = new.id
    for pairs in (alignment.nodes, alignment.data, alignment.flows, alignment.lanes):
        found.elements.update(pairs)


def _pair_renamed(old: list[Process], new: list[Process], found: Pairing) -> None:
    """Pair processes whose id changed, each with the one that has most of its nodes by name."""
    candidates = {(a.id, b.id): _alike(a, b) for a in old for b in new}
    for before in old:
        for after in new:
            alignment = candidates[before.id, after.id]
            if alignment is None:
                continue
            rivals = [pair for pair, other in candidates.items() if other is not None]
            # Where two could be meant, none is: a wrong guess would hide what really changed.
            if sum(before.id == a or after.id == b for a, b in rivals) == 1:
                _pair(before, after, found, alignment)


def _alike(old: Process, new: Process) -> Alignment | None:
    """How two processes align, if at least half of the named nodes of each are the other's, too."""
    names = [sorted((node.type, node.name) for node in side.nodes.values() if node.name) for side in (old, new)]
    if not all(names) or 2 * len(set(names[0]) & set(names[1])) < max(len(set(side)) for side in names):
        return None
    alignment = align_processes(old, new)
    same = sum(bool(old.nodes[a].name) and old.nodes[a].name == new.nodes[b].name for a, b in alignment.nodes.items())
    return alignment if 2 * same >= max(len(side) for side in names) else None


def _pair_collaborations(old: Model, new: Model, found: Pairing) -> None:
    left, come = dict(old.collaborations), dict(new.collaborations)
    for id in [id for id in left if id in come]:
        found.collaborations.append((left.pop(id), come.pop(id)))
    before = _by_processes(left.values(), found.elements)
    after = _by_processes(come.values(), {})
    for key, some in before.items():
        others = after.get(key, ())
        if len(some) == len(others) == 1:
            found.collaborations.append((some[0], others[0]))


def _by_processes(
    collaborations: Iterable[Collaboration], new_id: Mapping[str, str]
) -> dict[frozenset[str], list[Collaboration]]:
    """Collaborations that have processes, by the ids these have now."""
    found: dict[frozenset[str], list[Collaboration]] = {}
    for item in collaborations:
        pools = [pool.process for pool in item.participants.values() if pool.process]
        if pools:
            found.setdefault(frozenset(new_id.get(id, id) for id in pools), []).append(item)
    return found


def _find_moves(old: Model, new: Model, found: Pairing) -> None:
    come = _unpaired(new, found, 1)
    for id, (process, node) in _unpaired(old, found, 0).items():
        there = come.get(id)
        if there is not None and there[1].type == node.type and found.elements.get(process.id) != there[0].id:
            found.moves.append(Move(process, node, *there))
            found.elements[id] = id


def _unpaired(model: Model, found: Pairing, side: int) -> Mapping[str, tuple[Process, Node]]:
    """Nodes without a partner whose id only one process has."""
    paired: dict[str, Iterable[str]] = {}
    for before, after, alignment in found.processes:
        if side:
            paired[after.id] = set(alignment.nodes.values())
        else:
            paired[before.id] = alignment.nodes
    result: dict[str, tuple[Process, Node]] = {}
    several: set[str] = set()
    for process, node in _nodes(model):
        if node.id not in paired.get(process.id, ()):
            if node.id in result:
                several.add(node.id)
            result[node.id] = (process, node)
    return {id: value for id, value in result.items() if id not in several}


def _nodes(model: Model) -> Iterator[tuple[Process, Node]]:
    return ((process, node) for process in model.processes.values() for node in process.nodes.values())
