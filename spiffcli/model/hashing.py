"""Hashes of what a definition says, and of how it is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from spiffcli.model.elements import Collaboration, Layout, Process
from spiffcli.model.facts import facts
from spiffcli.model.forms import form_key
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
    # A form is the same wherever it lies.
    id = form_key(thing.id) if isinstance(thing, Form) else thing.id
    yield repr((type(thing).__name__, id, _said(thing)))
    for kind, parts in _parts(thing):
        # Sorted as a whole: among elements without ids of their own only the content tells them apart.
        yield from sorted(repr((kind, _own(id), _said(part))) for id, part in parts.items())
    if isinstance(thing, Process):
        for id in sorted(thing.nodes):
            leaving = thing.nodes[id].outgoing
            if len(leaving) > 1:  # the order in which flows are tried is behaviour
                yield repr(("order", _own(id), [_own(flow) for flow in leaving]))
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


def _said(element: Any) -> list[tuple[str, Any]]:
    found = facts(element)
    return [(path, _own(fact.value) if fact.reference else fact.value) for path, fact in sorted(found.items())]


def _own(id: str) -> str:
    """An id as the file has it; of a made-up one only what it was made from."""
    return id.rpartition("~")[0] + "~" if "~" in id else id


def _layout_lines(layout: Layout) -> Iterator[str]:
    for id in sorted(layout):
        for shape in layout[id]:
            colours = sorted(shape.colours.items())
            flags = (shape.edge, shape.expanded, shape.horizontal)
            yield repr((id, shape.plane, shape.points, shape.label, flags, colours))
