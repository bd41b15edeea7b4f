"""Where the drawing and the document disagree about the order of flows."""

from __future__ import annotations

from collections.abc import Iterator

from spiffcli.model.elements import Node, Process

#: Nodes at which the order of the flows that leave them decides what happens.
_ORDERED = frozenset({"exclusiveGateway", "inclusiveGateway", "complexGateway"})


def order_notes(process: Process) -> tuple[str, ...]:
    """Sentences about gateways whose targets are drawn in another order than their flows are written.

    The engine by itself tries flows from the top of the drawing to the bottom; runner tries them in the
    order of the file, so that moving shapes never changes what a process does.
    """
    return tuple(_notes(process))


def _notes(process: Process) -> Iterator[str]:
    for node in process.nodes.values():
        if node.type in _ORDERED and len(node.outgoing) > 1:
            written = [flow for flow in node.outgoing if flow != node.default]
            drawn = sorted(written, key=lambda flow: _height(process, flow))
            if drawn != written:
                yield _note(node, written, drawn)


def _height(process: Process, flow: str) -> float:
    shapes = process.layout.get(process.flows[flow].target or "", ())
    return next((shape.points[1] for shape in shapes if not shape.edge and len(shape.points) > 1), 0.0)


def _note(node: Node, written: list[str], drawn: list[str]) -> str:
    return (
        f"{node.label} tries its flows in the order of the file ({', '.join(written)}); "
        f"the drawing shows them in another order ({', '.join(drawn)})."
    )
