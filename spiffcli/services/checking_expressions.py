"""Faults of expressions: names that neither the aggregate nor a service offers, and names that both do."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct

from spiffcli.model.elements import Node
from spiffcli.sandbox.guards import BUILTINS
from spiffcli.services.faults import Fault
from spiffcli.services.levels import Levels
from spiffcli.services.names import free_names, nearest, node_label
from spiffcli.services.registry import Registry
from spiffcli.services.wiring import Subject, Wiring, value_marks
from spiffcli.text import unwrapped


class Expression(Struct, frozen=True):
    """An expression of a model.

    Attributes:
        text: As written.
        node: The node it belongs to; for a condition, the gateway.
        label: How messages name it.
        file, line: Where it stands.
        is_name: Whether it has to be a name alone: elements of a collection are fetched from it later.
    """

    text: str
    node: Node
    label: str
    file: str
    line: int
    is_name: bool = False


def expressions(subject: Subject) -> Iterator[Expression]:
    """Every expression of a process that is evaluated on its aggregate."""
    process = subject.process
    for node in process.nodes.values():
        for text, what in _of_node(node):
            is_name = what == "collection"
            yield Expression(text, node, f"{node_label(node)}, {what}", process.file, node.line, is_name)
        yield from _of_decision(subject, node)
    for flow in process.flows.values():
        source = process.nodes.get(flow.source or "")
        if source is not None and flow.condition and "Gateway" in source.type:
            yield Expression(flow.condition, source, f"{node_label(source)}, flow '{flow.id}'", process.file, flow.line)


def _of_node(node: Node) -> Iterator[tuple[str, str]]:
    for event in node.events:
        if event.kind in ("timer", "conditional") and event.expression:
            yield event.expression, "time" if event.kind == "timer" else "condition"
        if event.payload:
            yield event.payload, "payload"
    if node.loop is not None:
        if node.loop.cardinality:
            yield node.loop.cardinality, "loop cardinality"
        if node.loop.condition:
            yield node.loop.condition, "loop condition" if node.loop.kind == "standard" else "completion condition"
        if node.loop.input:
            yield node.loop.input, "collection"


def _of_decision(subject: Subject, node: Node) -> Iterator[Expression]:
    decision = subject.decisions.get(node.decision.key or "") if node.decision is not None else None
    if decision is None:
        return
    for column in decision.columns.values():
        if column.expression and column.expression.strip():
            label = f"{node_label(node)}, input '{column.name or column.id}' of decision '{decision.id}'"
            yield Expression(column.expression, node, label, decision.file, column.line or decision.line)


def expression_faults(
    registry: Registry, subject: Subject, wiring: Wiring, levels: Levels, functions: Collection[str]
) -> Iterator[Fault]:
    """What is wrong with the expressions of a process."""
    yield from _offered_twice(registry, subject, wiring)
    yield from _ignored(subject)
    known = {*wiring.fields, *wiring.values}
    for expression in expressions(subject):
        items = {each.loop.input_item for way in levels.around(subject, expression.node) for each in way}
        able = known | BUILTINS.keys() | set(functions) | {item for item in items if item}
        yield from _faults(subject, wiring, expression, able, known)


def _faults(
    subject: Subject, wiring: Wiring, expression: Expression, able: Collection[str], known: Collection[str]
) -> Iterator[Fault]:
    def fault(rule: str, message: str, fix: str) -> Fault:
        return Fault(
            rule, subject.key, subject.version, expression.node.id, expression.label, message, fix, expression.file,
            expression.line,
        )  # fmt: skip

    try:
        names = free_names(expression.text)
    except SyntaxError as error:
        yield fault(
            "expression", f"'{expression.text.strip()}' is no Python: {error.msg}",
            "Write it in Python, as in: days > 5 and not urgent. Operators of other languages are not known.",
        )  # fmt: skip
        return
    if expression.is_name and not unwrapped(expression.text).strip().isidentifier():
        yield fault(
            "no-collection-name", f"'{unwrapped(expression.text).strip()}' is no name of a collection",
            "Let a @workflow_value return it, and write its name.",
        )  # fmt: skip
        return
    for name in names:
        if name not in able:
            yield fault(
                "unknown-name",
                f"'{name}' is neither a field or property of {wiring.aggregate.name} nor a @workflow_value",
                f"{nearest(name, known)}Correct it, or add it to {wiring.aggregate.name} or as a @workflow_value.",
            )


def _ignored(subject: Subject) -> Iterator[Fault]:
    """Conditions that the engine does not look at: it follows the only flow that leaves a task whatever it says."""
    for flow in subject.process.flows.values():
        source = subject.process.nodes.get(flow.source or "")
        if source is not None and flow.condition and "Gateway" not in source.type:
            yield Fault(
                "condition-ignored", subject.key, subject.version, source.id, f"{node_label(source)}, flow '{flow.id}'",
                f"nobody looks at its condition '{flow.condition.strip()}', since only gateways decide",
                "Put an exclusive gateway in front of it.", subject.process.file, flow.line,
            )  # fmt: skip


def _offered_twice(registry: Registry, subject: Subject, wiring: Wiring) -> Iterator[Fault]:
    seen: dict[str, object] = {}
    for name, method in value_marks(registry, subject):
        other = seen.setdefault(name, method)
        if other is not method:
            yield _clash(subject, name, f"{other} and {method} both calculate it")
        elif name in wiring.fields:
            yield _clash(
                subject, name, f"{method} calculates it, and it is a field or property of {wiring.aggregate.name}"
            )


def _clash(subject: Subject, name: str, message: str) -> Fault:
    return Fault(
        "name-offered-twice", subject.key, subject.version, None, f"name '{name}'", message, "Rename one of them.",
        subject.process.file, subject.process.line,
    )  # fmt: skip
