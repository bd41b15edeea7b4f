"""Which method does which task of which version of a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from spiffcli.model.elements import Node, Process
from spiffcli.model.tables import Decision
from spiffcli.services.aggregates import AggregateType
from spiffcli.services.decorators import Naming, TaskMark
from spiffcli.services.names import by_spelling, spellings, task_definition
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
