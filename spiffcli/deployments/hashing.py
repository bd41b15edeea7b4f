"""The closure hash: one text that is equal for two definitions exactly when they mean the same.

It covers the definition itself and everything it is bound to, however far away: called processes, decisions,
forms. Each enters as (kind, key, own semantic hash), and each reference as one line between two of them, so
it does not matter in which deployment or file something lies, nor whether references run in circles. A
reference that is resolved only when its element is entered (`latest`, `version:N`, `tag:T`) counts by key and
binding: what it will find is not part of the definition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from msgspec import Struct

from spiffcli.values import DefinitionKind

#: Version of the algorithm. Stored hashes of another version are computed anew, never compared.
ALGORITHM = "c1"

Target = TypeVar("Target", bound=Hashable)


class Node(Struct, frozen=True):
    """A definition as the closure hash sees it."""

    kind: DefinitionKind
    key: str
    own_hash: str

    def line(self) -> str:
        """The node as text; no two nodes share one."""
        return f"{self.kind} {self.own_hash} {self.key!r}"


class Edge(Struct, Generic[Target], frozen=True):
    """A reference as the closure hash sees it.

    Attributes:
        binding: `deployment` for everything bound at `add`, pinned or not; else how it will be resolved.
        target: What it is bound to, in the caller's terms; None where it is resolved later or missing.
    """

    element: str
    kind: DefinitionKind
    key: str
    binding: str
    target: Target | None


def closure_hash(
    start: Target, node: Callable[[Target], Node], edges: Callable[[Target], Iterable[Edge[Target]]]
) -> str:
    """Hash of `start` and of everything it is bound to: the algorithm, a colon, 64 hex digits.

    Args:
        node: What a target is.
        edges: What a target refers to.
    """
    lines: set[str] = set()
    seen, waiting = {start}, [start]
    while waiting:
        current = waiting.pop()
        label = node(current).line()
        lines.add(label)
        for edge in edges(current):
            lines.add(f"{label} -> {edge.element!r} {_end(edge, node)}")
            if edge.target is not None and edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    # The start stands first: in a circle of calls every member reaches the same lines.
    text = "\n".join([node(start).line(), *sorted(lines)])
    return f"{ALGORITHM}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def is_current(hash: str) -> bool:
    """Whether `hash` was made by today's algorithm."""
    return hash.startswith(f"{ALGORITHM}:")


def _end(edge: Edge[Target], node: Callable[[Target], Node]) -> str:
    if edge.target is not None:
        return node(edge.target).line()
    return f"{edge.kind} {edge.key!r} {edge.binding}"
