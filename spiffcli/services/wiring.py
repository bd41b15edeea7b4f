"""Wiring of a version of a process: which method does which task, which names expressions read, what repeats a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from spiffcli.model.details import Loop, is_time
from spiffcli.model.elements import Node, Process
from spiffcli.model.tables import Decision
from spiffcli.services.aggregates import AggregateType
from spiffcli.services.decorators import TaskMark
from spiffcli.services.markers import Wanted, type_name
from spiffcli.services.names import Naming, by_spelling, free_names, node_label, spellings, task_definition
from spiffcli.services.registry import Method, Registry

#: Types of nodes that a method can be wired to.
WIRABLE = frozenset(
    {
        "serviceTask",
        "sendTask",
        "businessRuleTask",
        "userTask",
        "manualTask",
        "receiveTask",
        "intermediateCatchEvent",
        "boundaryEvent",
        "startEvent",
        "callActivity",
    }
)


class Subject(Struct, frozen=True):
    """A version of a process, as it is wired and checked.

    Attributes:
        process: Its model.
        version: Its version.
        definition: Id of its definition.
        decisions: The decisions of its files, by key.
        newest: Whether it is the newest version of its key.
        instances: How many instances of it have not ended.
        called: Whether a version in use calls it.
        tenant: The tenant it belongs to, where that is not the one in use.
    """

    process: Process
    version: int
    definition: str = ""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    newest: bool = True
    instances: int = 0
    called: bool = False
    tenant: str | None = None

    @property
    def key(self) -> str:
        """Id of the process."""
        return self.process.id

    @property
    def in_use(self) -> bool:
        """Whether something can still happen in it: it is the newest, instances have not ended, or it is called."""
        return self.newest or self.instances > 0 or self.called


class Match(Struct, frozen=True):
    """A method that is wired to a node, and by which mark."""

    method: Method
    mark: TaskMark


class Wiring(Struct, frozen=True):
    """What does what in one version of a process.

    Attributes:
        aggregate: Type of its aggregate.
        tasks: Methods by BPMN id.
        values: Methods by the names that expressions call them by.
        fields: Fields and properties of the aggregate by the names that expressions call them by.
        starts: Start events by what starts them: kind of event, and name; for timers, their own id.
    """

    process: str
    version: int
    aggregate: AggregateType[Any]
    tasks: Mapping[str, Method]
    values: Mapping[str, Method]
    fields: Mapping[str, str]
    starts: Mapping[tuple[str, str], str] = field(default_factory=dict)


def matches(registry: Registry, subject: Subject) -> dict[str, list[Match]]:
    """The methods that are wired to each node, by BPMN id; two for a node are a fault."""
    found: dict[str, list[Match]] = {}
    for method, mark, naming in _task_marks(registry, subject):
        for node in subject.process.nodes.values():
            if node.type in WIRABLE and _fits(node, method, mark, naming):
                known = found.setdefault(node.id, [])
                if all(each.method is not method for each in known):
                    known.append(Match(method, mark))
    return found


def _task_marks(registry: Registry, subject: Subject) -> Iterator[tuple[Method, TaskMark, Naming]]:
    for entry, service in registry.serving(subject.key):
        for method in entry.methods:
            for mark in method.tasks:
                if subject.version in (mark.versions or service.versions):
                    yield method, mark, service.naming


def _fits(node: Node, method: Method, mark: TaskMark, naming: Naming) -> bool:
    if mark.id is not None:
        return node.id == mark.id
    definition = task_definition(node)
    if mark.task_definition is not None:
        return definition == mark.task_definition
    names = spellings(method.name, naming)
    return node.id in names or (definition is not None and definition in names)


def value_marks(registry: Registry, subject: Subject) -> Iterator[tuple[str, Method]]:
    """The values that methods calculate for a version, by every name they go by; two of one name are a fault."""
    for entry, service in registry.serving(subject.key):
        for method in entry.methods:
            for mark in method.values:
                if subject.version in (mark.versions or service.versions):
                    for name in spellings(mark.name or method.name, service.naming):
                        yield name, method


def naming_of(registry: Registry, subject: Subject) -> Naming:
    """How names are read in a process: as the most lenient of its services has it."""
    namings = {mark.naming for _, mark in registry.serving(subject.key)}
    return "camel" if "camel" in namings else "exact"


def is_covered(registry: Registry, subject: Subject) -> bool:
    """Whether some service or method is for this version."""
    if registry.serving(subject.key, subject.version):
        return True
    return any(True for _ in _task_marks(registry, subject)) or any(True for _ in value_marks(registry, subject))


def bind(registry: Registry, subject: Subject) -> Wiring | None:
    """The wiring of a version of a process; None where no service is for it.

    Faults are not looked for: where two methods fit, the first has it.

    Raises:
        ServiceError: Its aggregate cannot be used.
    """
    if not is_covered(registry, subject):
        return None
    services = registry.serving(subject.key, subject.version) or registry.serving(subject.key)
    aggregate = registry.aggregate_type(services[0][1].aggregate)
    values: dict[str, Method] = {}
    for name, method in value_marks(registry, subject):
        values.setdefault(name, method)
    return Wiring(
        subject.key,
        subject.version,
        aggregate,
        {element: found[0].method for element, found in matches(registry, subject).items()},
        values,
        by_spelling(aggregate.offered, naming_of(registry, subject)),
        dict(_starts(subject)),
    )


def _starts(subject: Subject) -> Iterator[tuple[tuple[str, str], str]]:
    for node in subject.process.nodes.values():
        if node.type == "startEvent" and node.scope is None:
            for event in node.events:
                yield (event.kind, node.id if event.kind == "timer" else event.name or ""), node.id


def needs_method(node: Node, *, connectors: bool = False) -> bool:
    """Whether nothing can do a task but a method.

    Args:
        connectors: Whether service tasks with an operator are left to the engine module.
    """
    if node.type == "serviceTask":
        return not (connectors and node.service is not None and node.service.kind == "operator")
    if node.type == "sendTask":
        return not any(event.kind == "message" and event.name for event in node.events)
    return node.type == "businessRuleTask" and (node.decision is None or not node.decision.key)


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
        if event.kind in ("timer", "conditional") and event.expression and not is_time(event.expression):
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
