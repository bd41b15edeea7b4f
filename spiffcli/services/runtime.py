"""Services ready to be called: which methods serve which definition, and the objects they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec.structs import replace

from spiffcli.engine.ports import CaseKey
from spiffcli.errors import NotFoundError
from spiffcli.services.aggregates import AggregateType
from spiffcli.services.decorators import Service
from spiffcli.services.errors import ServiceError
from spiffcli.services.markers import place_of_code, read_signature
from spiffcli.services.names import task_definition
from spiffcli.services.registry import Entry, Method, Registry
from spiffcli.services.repositories import AggregateKey
from spiffcli.services.unit import AggregateUnit
from spiffcli.services.wiring import WIRABLE, Subject, Wiring, bind
from spiffcli.values import AggregateRecord


class Source(Protocol):
    """Where services learn of definitions and stored aggregates. The catalog is behind it."""

    def subject(self, definition: str) -> Subject | None:
        """A version of a process by the id of its definition; None where that is no process."""
        ...

    def record(self, case: CaseKey) -> AggregateRecord | None:
        """A stored aggregate, or None."""
        ...

    @property
    def tenant(self) -> str:
        """Whose aggregates they are."""
        ...


class Services:
    """Business code, ready; see `spiffcli.engine.ports.Business`.

    Attributes:
        registry: The services.
        offered: What constructors may ask for besides what the registry provides, by type.
        stubs: Functions that stand in for methods, by task definition, BPMN id or name of the method; for tests.
    """

    def __init__(
        self, registry: Registry, source: Source, offered: Mapping[type[Any], Callable[[], Any]] | None = None
    ) -> None:
        self.registry = registry
        self.offered = dict(offered or {})
        self.stubs: dict[str, Callable[..., Any]] = {}
        self._source = source
        self._wirings: dict[str, Wiring | None] = {}
        self._objects: dict[int, Any] = {}
        self._resolvers: dict[type[Any], Any] = {}

    def serves(self, definition: str) -> bool:
        """Whether a definition is served."""
        return self.wiring(definition) is not None

    def is_served(self, process: str) -> bool:
        """Whether some version of a process is served, by its id."""
        return process in self.registry.processes

    def unit(self) -> AggregateUnit:
        """A unit for one instance."""
        return AggregateUnit(self)

    def wiring(self, definition: str) -> Wiring | None:
        """The wiring of a definition; None where it is not served."""
        if definition not in self._wirings:
            subject = self._source.subject(definition)
            found = bind(self.registry, subject) if subject is not None else None
            self._wirings[definition] = found if found is None or subject is None else self._stubbed(found, subject)
        return self._wirings[definition]

    def stub(self, name: str, function: Callable[..., Any]) -> None:
        """Let a function stand in for the method of a task."""
        self.stubs[name] = function
        self._wirings.clear()

    def _stubbed(self, wiring: Wiring, subject: Subject) -> Wiring:
        tasks = dict(wiring.tasks)
        for node in subject.process.nodes.values():
            own = tasks.get(node.id)
            for name in (node.id, task_definition(node), own.name if own is not None else None):
                if name is not None and name in self.stubs and node.type in WIRABLE:
                    tasks[node.id] = _method(self.stubs[name], wiring.aggregate)
                    break
        return replace(wiring, tasks=tasks)

    def aggregate_of(self, process: str) -> AggregateType[Any]:
        """The type of the aggregates of a process.

        Raises:
            ServiceError: No service is wired to it any more.
        """
        services = self.registry.serving(process)
        if not services:
            raise ServiceError(f"No service is wired to the process '{process}', whose aggregate is needed.")
        return self.registry.aggregate_type(services[0][1].aggregate)

    def find(self, case: CaseKey) -> AggregateRecord | None:
        """A stored aggregate, or None."""
        return self._source.record(case)

    def record(self, case: CaseKey) -> AggregateRecord:
        """A stored aggregate.

        Raises:
            NotFoundError: There is none.
        """
        found = self.find(case)
        if found is None:
            raise NotFoundError(f"There is no aggregate '{case.id}' of the process '{case.process}'.", candidates=[])
        return found

    def key(self, case: CaseKey) -> AggregateKey:
        """How a repository knows an aggregate."""
        return AggregateKey(self._source.tenant, case.process, case.id)

    def object_of(self, entry: Entry) -> Any:
        """The object of a service, made once.

        Raises:
            ServiceError: It cannot be made.
        """
        if id(entry) not in self._objects:
            self._objects[id(entry)] = self.registry.make(entry, self.offered)
        return self._objects[id(entry)]

    def resolver(self, cls: type[Any]) -> Any:
        """The resolver of a class, made once.

        Raises:
            ServiceError: It cannot be made.
        """
        if cls not in self._resolvers:
            self._resolvers[cls] = self.registry.construct(cls, self.offered)
        return self._resolvers[cls]


def _method(function: Callable[..., Any], aggregate: AggregateType[Any]) -> Method:
    owner = Entry(Service(aggregate.cls), "", ())
    signature = read_signature(function, aggregate.cls, bound=False)
    bare = [each for each in signature.parameters if each.role == "unknown" and each.annotation is None]
    # A lambda has no annotations; what else could its parameter be.
    given = tuple(replace(each, role="aggregate") if each in bare[:1] else each for each in signature.parameters)
    signature = replace(signature, parameters=given)
    name = getattr(function, "__name__", "stub")
    return Method(name, function, owner, False, (), (), signature, *place_of_code(function))
