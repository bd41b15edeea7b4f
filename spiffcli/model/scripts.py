"""The code in a model: scripts and conditions, as they are written."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from spiffcli.model.elements import Node, Process
from spiffcli.model.snapshot import Model


class ModelScript(Struct, frozen=True):
    """A piece of code in a model.

    Attributes:
        what: `script`, `pre-script`, `post-script` or `condition`.
        line: Line of the element in `file`.
    """

    source: str
    what: str
    element: str
    label: str
    file: str
    line: int

    @property
    def is_expression(self) -> bool:
        """Whether it is an expression and not a script."""
        return self.what == "condition"


def model_scripts(model: Model) -> Iterator[ModelScript]:
    """Every script and condition of the executable processes of a model."""
    for process in model.processes.values():
        if process.executable:
            yield from process_scripts(process)


def process_scripts(process: Process) -> Iterator[ModelScript]:
    """Every script and condition of a process."""
    for node in process.nodes.values():
        yield from _node_scripts(process, node)
    for flow in process.flows.values():
        if flow.condition and not _is_default_anyway(process, flow.source):
            yield ModelScript(flow.condition, "condition", flow.id, flow.name or flow.id, process.file, flow.line)


def _is_default_anyway(process: Process, source: str | None) -> bool:
    node = process.nodes.get(source or "")
    return node is None or "Gateway" not in node.type


def _node_scripts(process: Process, node: Node) -> Iterator[ModelScript]:
    texts = (
        ("script", node.script.body if node.script else None),
        ("pre-script", node.pre_script),
        ("post-script", node.post_script),
    )
    for what, source in texts:
        if source and source.strip():
            yield ModelScript(source, what, node.id, node.label, process.file, node.line)
