"""Which repetitions are around a node, seen from the models: in its own process, and in those that call it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from spiffcli.model.details import Loop
from spiffcli.model.elements import Node
from spiffcli.services.wiring import Subject


class Repeated(Struct, frozen=True):
    """A multi-instance activity around a node.

    Attributes:
        element: Its BPMN id.
        process: Id of the process it is in.
    """

    element: str
    loop: Loop
    process: str


class Levels:
    """The repetitions of some processes."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._callers: dict[str, list[tuple[Subject, Node]]] = {}
        for subject in subjects:
            for node in subject.process.nodes.values():
                if node.call is not None and node.call.key:
                    self._callers.setdefault(node.call.key, []).append((subject, node))

    def around(self, subject: Subject, node: Node) -> list[tuple[Repeated, ...]]:
        """Each way in which a node can be repeated: the activities around it, outermost first."""
        return list(self._ways(subject, node, frozenset()))

    def _ways(self, subject: Subject, node: Node, seen: frozenset[str]) -> Iterator[tuple[Repeated, ...]]:
        own = tuple(reversed(list(_own(subject, node))))
        callers = self._callers.get(subject.key, []) if subject.key not in seen else []
        yield own
        for caller, call in callers:
            for outer in self._ways(caller, call, seen | {subject.key}):
                yield (*outer, *own)


def _own(subject: Subject, node: Node) -> Iterator[Repeated]:
    """The activities around a node within its process, innermost first; its own repetition first of all."""
    current: Node | None = node
    while current is not None:
        if current.loop is not None and current.loop.kind in ("parallel", "sequential"):
            yield Repeated(current.id, current.loop, subject.key)
        current = subject.process.nodes.get(current.attached_to or current.scope or "")
