"""The wiring of a process as a value that reports read: each task with its method, each expression with its names."""

from __future__ import annotations

from msgspec import Struct

from spiffcli.model.elements import Node
from spiffcli.services.checking import needs_method
from spiffcli.services.checking_expressions import expressions
from spiffcli.services.names import free_names, task_definition
from spiffcli.services.registry import Method, Registry
from spiffcli.services.signatures import Wanted, type_name
from spiffcli.services.wiring import Subject, bind


class WiredTask(Struct, frozen=True):
    """A task, and what does it.

    Attributes:
        method: The method, or None.
        needed: Whether nothing but a method can do it.
    """

    node: Node
    definition: str | None
    method: Method | None
    needed: bool

    @property
    def asynchronous(self) -> bool:
        """Whether it stays open until somebody completes it."""
        return self.method is not None and self.method.signature.wants("task-id")


class WiredExpression(Struct, frozen=True):
    """An expression, and who offers the names in it.

    Attributes:
        names: `aggregate`, the label of a method, or the empty string, by name.
    """

    element: str
    label: str
    text: str
    names: dict[str, str]


class Described(Struct, frozen=True):
    """The wiring of one version of a process.

    Attributes:
        aggregate: Name of the type of its aggregate.
    """

    subject: Subject
    aggregate: str
    tasks: tuple[WiredTask, ...]
    expressions: tuple[WiredExpression, ...]


def describe(registry: Registry, subject: Subject) -> Described | None:
    """The wiring of a version of a process; None where no service is for it."""
    wiring = bind(registry, subject)
    if wiring is None:
        return None
    tasks = []
    for node in subject.process.nodes.values():
        method, needed = wiring.tasks.get(node.id), needs_method(node, connectors=registry.connectors)
        if method is not None or needed:
            tasks.append(WiredTask(node, task_definition(node), method, needed))
    found = []
    for each in expressions(subject):
        try:
            names = free_names(each.text)
        except SyntaxError:
            names = []
        offered = {
            name: wiring.values[name].label if name in wiring.values else "aggregate"
            for name in names
            if name in wiring.values or name in wiring.fields
        }
        found.append(WiredExpression(each.node.id, each.label, each.text.strip(), offered))
    return Described(subject, wiring.aggregate.name, tuple(tasks), tuple(found))


def parameter_text(wanted: Wanted) -> str:
    """A parameter as lists show it: `index of Activity_Ask`."""
    if wanted.role == "unknown":
        return f"{wanted.name}: {type_name(wanted.annotation)}"
    by = f" by {wanted.resolver.__name__}" if wanted.resolver is not None else ""
    of = f" of {wanted.scope}" if wanted.scope else ""
    return f"{wanted.role}{of}{by}"
