"""Hashes of what a definition says, and of how it is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from spiffcli.model.elements import Collaboration, Layout, Process
from spiffcli.model.facts import texts
from spiffcli.model.snapshot import Model
from spiffcli.model.tables import Decision, Form

Definition: TypeAlias = Process | Collaboration | Decision | Form

#: Prefix of every hash: another way of computing them gets another one.
ALGORITHM = "m1"


def semantic_hash(thing: Definition, model: Model) -> str:
    """Hash of everything about `thing` that is not layout: `m1:` and 64 hex digits.

    Two definitions have the same hash exactly when their diff shows nothing but layout. What they call
    counts by key only.

    Args:
        model: The model `thing` belongs to. Everything that counts is in `thing` itself; messages and the
            like were resolved when it was read.
    """
    return _digest(_lines(thing))


def layout_hash(thing: Process | Collaboration | Decision, model: Model) -> str:
    """Hash of how `thing` is drawn, as of `semantic_hash`."""
    return _digest(_layout_lines(thing.layout))


def _digest(lines: Iterable[str]) -> str:
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(line.encode("utf-8", "surrogatepass"))
        hasher.update(b"\n")
    return f"{ALGORITHM}:{hasher.hexdigest()}"


def _lines(thing: Definition) -> Iterator[str]:
    yield from _element(type(thing).__name__, thing.id, thing)
    for kind, parts in _parts(thing):
        for id in sorted(parts):
            yield from _element(kind, id, parts[id])
    if isinstance(thing, Process):
        for id in sorted(thing.nodes):
            leaving = thing.nodes[id].outgoing
            if len(leaving) > 1:  # the order in which flows are tried is behaviour
                yield repr(("order", id, leaving))
    elif isinstance(thing, Decision):
        yield repr(("order", tuple(thing.rules)))
    elif isinstance(thing, Form):
        yield repr(("order", tuple(thing.fields)))


def _parts(thing: Definition) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names: tuple[str, ...]
    if isinstance(thing, Process):
        names = ("nodes", "flows", "data", "associations", "lanes", "artifacts")
    elif isinstance(thing, Collaboration):
        names = ("participants", "message_flows", "artifacts")
    elif isinstance(thing, Decision):
        names = ("columns", "rules")
    else:
        names = ("fields",)
    for name in names:
        yield name, getattr(thing, name)


def _element(kind: str, id: str, element: Any) -> Iterator[str]:
    yield repr((kind, id))
    for path, value in texts(element):
        yield f"{path}={value}"


def _layout_lines(layout: Layout) -> Iterator[str]:
    for id in sorted(layout):
        for shape in layout[id]:
            colours = sorted(shape.colours.items())
            flags = (shape.edge, shape.expanded, shape.horizontal)
            yield repr((id, shape.plane, shape.points, shape.label, flags, colours))
