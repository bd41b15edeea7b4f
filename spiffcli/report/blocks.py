"""Changes as a person looks at them: by definition, then by element, with flows told at the nodes they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from spiffcli.diff import Change, ElementRef

SIGNS: Mapping[str, str] = {"added": "+", "removed": "-", "moved": ">", "layout": "="}

_NODES = frozenset(f"{kind}-{what}" for kind in ("node", "subprocess", "boundary") for what in ("added", "removed"))
_ASSOCIATIONS = frozenset({"data-association-added", "data-association-removed"})
_WHOLE = frozenset({"process", "collaboration", "decision", "form"})

#: What the owner of an element is, by types that only such owners have.
_OWNERS: Mapping[str, str] = {
    "participant": "collaboration",
    "messageFlow": "collaboration",
    "rule": "decision",
    "input": "decision",
    "output": "decision",
    "annotation": "decision",
    "field": "form",
}


class Block(Struct):
    """An element with everything that changed about it.

    Attributes:
        changes: Changes of the element itself.
        flows: Changes of flows and data associations that are told here.
        parts: For a definition that came or went as a whole: its elements.
        left: For nodes that went to another definition, which is then `element`: those nodes, as they are told
            there.
    """

    element: ElementRef
    before: ElementRef
    changes: list[Change] = field(default_factory=list)
    flows: list[Change] = field(default_factory=list)
    parts: list[Change] = field(default_factory=list)
    left: list[Change] = field(default_factory=list)

    @property
    def sign(self) -> str:
        """`+` came, `-` went, `>` moved, `=` only drawn differently, `~` changed."""
        kinds = [change.kind for change in self.changes or self.left]
        for kind in ("added", "removed"):
            if kind in kinds:
                return SIGNS[kind]
        if all(kind == "layout" for kind in kinds):
            return SIGNS["layout"]
        return SIGNS["moved"] if "moved" in kinds else "~"

    @property
    def all_changes(self) -> tuple[Change, ...]:
        """The changes of the element, and those that are told at it."""
        return (*self.changes, *self.flows, *self.parts)


class Section(Struct, frozen=True):
    """What changed in one definition.

    Attributes:
        key: Its id; empty for messages, signals and the like, which belong to none.
        kind: `process`, `collaboration`, `decision`, `form`, or empty.
        name: Its display name, where a change tells it.
    """

    key: str
    kind: str
    name: str | None
    blocks: tuple[Block, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes in it."""
        return tuple(change for block in self.blocks for change in block.all_changes)


def sections(changes: Iterable[Change]) -> tuple[Section, ...]:
    """The changes by definition, in the order in which they come."""
    owners: dict[str, list[Change]] = {}
    left: dict[str, list[Change]] = {}
    for change in changes:
        owners.setdefault(change.element.process or "", []).append(change)
        if change.rule == "node-moved-scope" and change.path == "process":
            left.setdefault(str(change.old), []).append(change)
    return tuple(_section(key, found, left.get(key, ())) for key, found in owners.items())


def _section(key: str, changes: Sequence[Change], left: Sequence[Change]) -> Section:
    itself = next((change.element for change in changes if change.element.id == key), None)
    whole = next((c for c in changes if c.element.id == key and c.rule in _whole_rules()), None)
    if whole is None:
        blocks = _blocks(changes, left)
    else:
        parts = [change for change in changes if change.kind == whole.kind and change is not whole]
        others = [change for change in changes if change.kind != whole.kind]
        blocks = (Block(whole.element, whole.before, [whole], parts=parts), *_blocks(others, left))
    return Section(key, _kind(key, itself, changes), itself.name if itself else None, blocks)


def _whole_rules() -> frozenset[str]:
    return frozenset(f"{kind}-{what}" for kind in _WHOLE for what in ("added", "removed"))


def _kind(key: str, itself: ElementRef | None, changes: Sequence[Change]) -> str:
    if not key:
        return ""
    if itself is not None and itself.type in _WHOLE:
        return itself.type
    return next((_OWNERS[change.element.type] for change in changes if change.element.type in _OWNERS), "process")


def _blocks(changes: Sequence[Change], left: Sequence[Change]) -> tuple[Block, ...]:
    hosts = _Hosts(changes, left)
    blocks: dict[tuple[str, str], Block] = {}
    told: list[tuple[tuple[str, str], Change]] = []
    for change in changes:
        host = hosts.of(change)
        if host is not None:
            told.append((host, change))
            continue
        name = (_side(change), change.element.id)
        block = blocks.setdefault(name, Block(change.element, change.before))
        block.changes.append(change)
    for change in left:
        goal = ElementRef(str(change.new), "process")
        blocks.setdefault(("left", goal.id), Block(goal, goal)).left.append(change)
    for host, change in told:
        blocks[host].flows.append(change)
    return tuple(blocks.values())


def _side(change: Change) -> str:
    # An element that went and another that came under the same id are two.
    return change.kind if change.kind in ("added", "removed") else ""


class _Hosts:
    """Finds the node at which a change of a flow is told."""

    def __init__(self, changes: Sequence[Change], left: Sequence[Change]) -> None:
        self.left = {change.before.id: str(change.new) for change in left}
        self.arrived = {c.element.id for c in changes if c.rule == "node-moved-scope" and c.path == "process"}
        self.added = {c.element.id for c in changes if c.rule in _NODES and c.kind == "added"}
        self.removed = {c.element.id for c in changes if c.rule in _NODES and c.kind == "removed"}
        self._around_added = _detours(changes, "flow-added", self.added)
        self._around_removed = _detours(changes, "flow-removed", self.removed)

    def of(self, change: Change) -> tuple[str, str] | None:
        """Side and id of the node, or None for a change that stands for itself."""
        if change.rule == "flow-added" or (change.rule in _ASSOCIATIONS and change.kind == "added"):
            host = self._of_flow(change, "added", self.added, self._around_removed, "removed")
            return host or self._of_moved(change, {id: id for id in self.arrived}, "")
        if change.rule == "flow-removed" or change.rule in _ASSOCIATIONS:
            host = self._of_flow(change, "removed", self.removed, self._around_added, "added")
            return host or self._of_moved(change, self.left, "left")
        if change.rule == "flow-retargeted" and change.path in ("source", "target"):
            if change.new in self.added:
                return "added", change.new
            if change.old in self.removed:
                return "removed", change.old
        return None

    @staticmethod
    def _of_moved(change: Change, moved: Mapping[str, str], side: str) -> tuple[str, str] | None:
        """The block of a node that came from another definition, or that of the one nodes went to."""
        return next(((side, moved[node]) for node in ends(change) if node in moved), None)

    @staticmethod
    def _of_flow(
        change: Change, side: str, nodes: set[str], detours: Mapping[tuple[str, str], str], other: str
    ) -> tuple[str, str] | None:
        source, target = ends(change)
        for node in (source, target, str(_said(change).get("node"))):
            if node in nodes:
                return side, node
        return (other, detours[source, target]) if (source, target) in detours else None


def _detours(changes: Sequence[Change], rule: str, nodes: set[str]) -> dict[tuple[str, str], str]:
    """First node of a path over `nodes`, by the two nodes around it that stayed."""
    following: dict[str, list[str]] = {}
    for change in changes:
        if change.rule == rule:
            source, target = ends(change)
            following.setdefault(source, []).append(target)
    found: dict[tuple[str, str], str] = {}
    for source, targets in following.items():
        for first in targets:
            if source not in nodes and first in nodes:
                for end in _ends_of(first, following, nodes):
                    found.setdefault((source, end), first)
    return found


def _ends_of(first: str, following: Mapping[str, list[str]], nodes: set[str]) -> set[str]:
    """Where paths from `first` over `nodes` come back to what stayed."""
    stack, seen, found = [first], {first}, set()
    while stack:
        for target in following.get(stack.pop(), ()):
            if target not in nodes:
                found.add(target)
            elif target not in seen:
                seen.add(target)
                stack.append(target)
    return found


def ends(change: Change) -> tuple[str, str]:
    """Source and target of a flow that came or went; empty where it has none."""
    said = _said(change)
    return str(said.get("source") or ""), str(said.get("target") or "")


def _said(change: Change) -> Mapping[str, Any]:
    value = change.new if change.kind == "added" else change.old
    return value if isinstance(value, dict) else {}
