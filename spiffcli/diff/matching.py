"""Finds nodes again whose ids changed: by what they are, what they say and what is around them.

Everything here looks at both sides alike, so that matching new with old gives the inverse of matching old
with new. Nothing is recursive, and the work grows with the number of nodes and flows, not with their
product: candidates are found in buckets of equal keys, which are kept up to date while pairs are found.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from msgspec import Struct, field

from spiffcli.diff.neighbours import INSIDE, ROOT, Graph
from spiffcli.model import Node
from spiffcli.model.facts import facts
from spiffcli.model.nodes import SCOPES

_Key = Hashable

#: What of a node is not its content: where it is, and what it is called.
_PLACE = frozenset({"name", "scope", "lane", "default", "attached_to", "type"})

#: Nodes with more neighbours than this are not looked up by each of them.
_MANY = 64

_MARKS = frozenset({"startEvent", "endEvent"})


class _Buckets(Struct):
    """Unmatched nodes of both sides by a key. `ready` are the keys to look at again."""

    table: dict[_Key, tuple[dict[str, None], dict[str, None]]] = field(default_factory=dict)
    ready: dict[_Key, None] = field(default_factory=dict)

    def add(self, side: int, key: _Key, id: str) -> None:
        sides = self.table.setdefault(key, ({}, {}))
        sides[side][id] = None
        if sides[0] and sides[1]:
            self.ready[key] = None

    def drop(self, side: int, key: _Key, id: str) -> None:
        sides = self.table[key]
        sides[side].pop(id, None)
        if sides[0] and sides[1]:
            self.ready[key] = None
        elif not (sides[0] or sides[1]):
            del self.table[key]

    def take(self) -> Iterator[tuple[list[str], list[str]]]:
        """Candidates of both sides under every key that changed since the last look."""
        keys, self.ready = self.ready, {}
        for key in keys:
            sides = self.table.get(key)
            if sides and sides[0] and sides[1]:
                yield list(sides[0]), list(sides[1])


class _Side(Struct):
    """What is known of the unmatched nodes of one graph."""

    graph: Graph
    body: dict[str, int] = field(default_factory=dict)
    plain: dict[str, bool] = field(default_factory=dict)
    around: dict[str, int] = field(default_factory=dict)
    placed: dict[str, int] = field(default_factory=dict)
    anchors: dict[str, dict[tuple[int, int], None]] = field(default_factory=dict)
    keys: dict[str, list[tuple[int, _Key]]] = field(default_factory=dict)
    dirty: dict[str, None] = field(default_factory=dict)

    def learn(self, node: Node) -> None:
        content = [(path, repr(fact.value)) for path, fact in facts(node).items() if path not in _PLACE]
        self.body[node.id] = hash(tuple(sorted(content)))
        self.plain[node.id] = not content
        self.around[node.id] = 0
        self.placed[node.id] = 0
        self.anchors[node.id] = {}
        self.dirty[node.id] = None


class _Stage(Struct, frozen=True):
    """One kind of evidence.

    Attributes:
        why: The evidence in words.
        in_order: Whether several candidates on both sides are paired in the order they are met;
            otherwise only a single one on each side is taken.
    """

    why: str
    in_order: bool


_STAGES = (
    _Stage("same type, name, content and neighbours", in_order=False),
    _Stage("same type, name, content and neighbours, in the same order", in_order=True),
    _Stage("same type, name and neighbours", in_order=True),
    _Stage("same type, content and neighbours", in_order=True),
    _Stage("same type and name, beside the same neighbour", in_order=True),
    _Stage("the only one of its type, name and content", in_order=False),
    _Stage("the only one of its type and content", in_order=False),
    _Stage("same type, name and content, in the same order", in_order=True),
)
_SAME, _SAME_ORDERED, _NAMED, _BUILT, _BESIDE, _ONLY_NAMED, _ONLY_BUILT, _LAST = range(len(_STAGES))
_CONTENTS = "holds the same nodes"


class Matcher:
    """Pairs the nodes of two graphs.

    Attributes:
        pairs: New id by old id.
        why: For nodes whose id changed: what spoke for it, by old id.
    """

    def __init__(self, old: Graph, new: Graph) -> None:
        self.pairs: dict[str, str] = {}
        self.why: dict[str, str] = {}
        self._sides = (_Side(old), _Side(new))
        self._matched: tuple[set[str], set[str]] = (set(), set())
        self._buckets = tuple(_Buckets() for _ in _STAGES)
        self._count = 0

    def run(self) -> None:
        """Find every pair there is evidence for."""
        old, new = (side.graph.nodes for side in self._sides)
        shared = [id for id in old if id in new and "~" not in id]
        for side, nodes in zip(self._sides, (old, new), strict=True):
            taken = set(shared)
            for node in nodes.values():
                if node.id not in taken:
                    side.learn(node)
        for id in shared:
            self._accept(id, id, None)
        if self._sides[0].body and self._sides[1].body:
            self._accept(ROOT, ROOT, None)
            self._search()
        self.pairs.pop(ROOT, None)

    def _search(self) -> None:
        stage = 0
        while stage < len(_STAGES):
            found = self._step(stage)
            if found or (stage == _BESIDE and self._match_contents()):
                stage = 0
            else:
                stage += 1

    def _step(self, stage: int) -> bool:
        self._refresh()
        candidates: list[tuple[int, str, str]] = []
        ranks = self._sides[0].graph.rank, self._sides[1].graph.rank
        for old, new in self._buckets[stage].take():
            if len(old) == len(new) == 1 or _STAGES[stage].in_order:
                old.sort(key=ranks[0].__getitem__)
                new.sort(key=ranks[1].__getitem__)
                candidates += [(ranks[0][a] + ranks[1][b], a, b) for a, b in zip(old, new, strict=False)]
        # Two candidates that share a node never have the same sum, so this order is the same both ways.
        candidates.sort(key=lambda item: item[0])
        found = False
        for _sum, old_id, new_id in candidates:
            if old_id not in self._matched[0] and new_id not in self._matched[1]:
                self._accept(old_id, new_id, _STAGES[stage].why)
                found = True
        return found

    def _accept(self, old: str, new: str, why: str | None) -> None:
        self.pairs[old] = new
        if why is not None:
            self.why[old] = why
        self._count += 1
        for side, id in enumerate((old, new)):
            self._matched[side].add(id)
            self._forget(side, id)
            self._tell_neighbours(side, id)

    def _forget(self, side: int, id: str) -> None:
        known = self._sides[side]
        known.dirty.pop(id, None)
        for stage, key in known.keys.pop(id, ()):
            self._buckets[stage].drop(side, key, id)

    def _tell_neighbours(self, side: int, id: str) -> None:
        known, matched = self._sides[side], self._matched[side]
        for relation, text, other in known.graph.near[id]:
            if other in known.body and other not in matched:
                # A sum does not depend on the order in which neighbours are matched.
                known.around[other] += hash((relation, text, self._count))
                known.dirty[other] = None
                if relation != INSIDE:  # being somewhere in the same scope does not say where
                    known.placed[other] += 1
                    known.anchors[other][relation, self._count] = None

    def _refresh(self) -> None:
        for side, known in enumerate(self._sides):
            dirty, known.dirty = known.dirty, {}
            for id in dirty:
                fresh = list(self._keys(known, id))
                stale = known.keys.get(id, [])
                known.keys[id] = fresh
                for stage, key in stale:
                    self._buckets[stage].drop(side, key, id)
                for stage, key in fresh:
                    self._buckets[stage].add(side, key, id)

    def _keys(self, known: _Side, id: str) -> Iterator[tuple[int, _Key]]:
        node = known.graph.nodes[id]
        kind, name, body, around = node.type, node.name, known.body[id], known.around[id]
        placed, telling = known.placed[id] > 0, bool(name) or not known.plain[id]
        if placed or telling or kind in _MARKS:
            yield _SAME, (kind, name, body, around)
        if placed:
            yield _SAME_ORDERED, (kind, name, body, around)
            yield _BUILT, (kind, body, around)
        if placed and name:
            yield _NAMED, (kind, name, around)
            for anchor in known.anchors[id] if len(known.anchors[id]) <= _MANY else ():
                yield _BESIDE, (kind, name, anchor)
        if telling:
            yield _ONLY_NAMED, (kind, name, body)
            yield _LAST, (kind, name, body, around)
        if not known.plain[id]:
            yield _ONLY_BUILT, (kind, body)

    def _match_contents(self) -> bool:
        """Pair sub-processes whose inner nodes are mostly each other's."""
        forth, back = self._votes(0, self.pairs), self._votes(1, {b: a for a, b in self.pairs.items()})
        found = False
        for old, new in sorted(forth.items()):
            if back.get(new) == old:
                self._accept(old, new, _CONTENTS)
                found = True
        return found

    def _votes(self, side: int, pairs: dict[str, str]) -> dict[str, str]:
        """For each unmatched sub-process: the one of the other side that has most of its inner nodes."""
        here, there = self._sides[side], self._sides[1 - side]
        best: dict[str, str] = {}
        for id in here.body:
            node = here.graph.nodes[id]
            if node.type not in SCOPES or id in self._matched[side]:
                continue
            counts: dict[str, int] = {}
            for relation, _text, inner in here.graph.near[id]:
                other = pairs.get(inner) if relation == INSIDE else None
                scope = there.graph.nodes[other].scope if other is not None else None
                if scope in there.body and scope not in self._matched[1 - side]:
                    counts[scope] = counts.get(scope, 0) + 1
            alike = {k: n for k, n in counts.items() if there.graph.nodes[k].type == node.type}
            winner = _clear_winner(alike)
            if winner is not None:
                best[id] = winner
        return best


def _clear_winner(counts: dict[str, int]) -> str | None:
    most = max(counts.values(), default=0)
    winners = [id for id, n in counts.items() if n == most]
    return winners[0] if len(winners) == 1 else None
