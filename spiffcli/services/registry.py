"""Which services there are, and how they and what they need are made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar, get_type_hints

from spiffcli.services.aggregates import AggregateType, aggregate_type
from spiffcli.services.codecs import AggregateCodec
from spiffcli.services.decorators import SERVICE, TASK, VALUE, Service, ServiceMark, TaskMark, ValueMark
from spiffcli.services.errors import ServiceError
from spiffcli.services.markers import Signature, place_of_code, read_signature
from spiffcli.services.repositories import AggregateRepository

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Method:
    """A method or function that does tasks or calculates values.

    Attributes:
        name: Its name.
        function: It itself, not bound.
        owner: The service it belongs to.
        bound: Whether it takes the service as its first argument.
        file, line: Where it stands.
    """

    name: str
    function: Callable[..., Any] = field(repr=False)
    owner: Entry = field(repr=False)
    bound: bool
    tasks: tuple[TaskMark, ...]
    values: tuple[ValueMark, ...]
    signature: Signature
    file: str
    line: int

    @property
    def label(self) -> str:
        """`Service.method`, as messages name it."""
        return f"{self.owner.name}.{self.name}" if self.owner.name else self.name

    def where(self) -> str:
        """`file:line`, or the empty string."""
        return f"{self.file}:{self.line}" if self.file else ""

    def __str__(self) -> str:
        return f"{self.label} ({self.where()})" if self.file else self.label


@dataclass(eq=False)
class Entry:
    """A registered service.

    Attributes:
        source: The class, or the `Service` of functions.
        name: Name of the class; empty for functions.
        marks: What it serves.
        factory: Makes the object, or None.
        file, line: Where the class stands.
    """

    source: Any
    name: str
    marks: tuple[ServiceMark, ...]
    factory: Callable[[], Any] | None = None
    file: str = ""
    line: int = 0
    methods: tuple[Method, ...] = ()


class Registry:
    """The services of an application. Nothing is registered by itself; a module exports one as `services`.

    Example:
        ```python
        services = Registry(ApprovalOfVacationRequests)
        services.provide(Mailer, SmtpMailer)
        ```

    Attributes:
        entries: The services, in the order of registration.
        connectors: Whether a service task with an operator that no method does is left to the engine module.
    """

    def __init__(self, *services: Any, connectors: bool = False) -> None:
        """A registry of these services; see `add`."""
        self.entries: list[Entry] = []
        self.connectors = connectors
        self._aggregates: dict[type[Any], AggregateType[Any]] = {}
        self._factories: dict[type[Any], Callable[[], Any]] = {}
        self.add(*services)

    def add(self, *services: Any, factory: Callable[[], Any] | None = None) -> Registry:
        """Register services: marked classes, `Service` objects, modules with such, or other registries.

        What is registered already is not registered again.

        Args:
            factory: Makes the object of the one class given; by default its constructor is called with what `provide`
                offers for its parameters.

        Raises:
            ServiceError: Something is no service.
        """
        for each in services:
            self._add(each, factory)
        return self

    def provide(self, type: type[T], factory: Callable[[], T]) -> Registry:
        """Say how what constructors of services ask for is made, by the type in their annotations."""
        self._factories[type] = factory
        return self

    def aggregate(
        self,
        cls: type[A],
        *,
        codec: AggregateCodec[A] | None = None,
        repository: AggregateRepository[A] | None = None,
    ) -> Registry:
        """Say how aggregates of a type are stored, where it is no dataclass and no pydantic model.

        Raises:
            ServiceError: The type has no natural id.
        """
        self._aggregates[cls] = aggregate_type(cls, codec=codec, repository=repository)
        return self

    def aggregate_type(self, cls: type[A]) -> AggregateType[A]:
        """What is known of a type of aggregates.

        Raises:
            ServiceError: It has no natural id, or nothing knows how to store it.
        """
        if cls not in self._aggregates:
            self._aggregates[cls] = aggregate_type(cls)
        return self._aggregates[cls]

    @property
    def processes(self) -> frozenset[str]:
        """Ids of the processes that are served."""
        return frozenset(mark.process for entry in self.entries for mark in entry.marks)

    def serving(self, process: str, version: int | None = None) -> list[tuple[Entry, ServiceMark]]:
        """The services of a process; of one version of it, if that is given."""
        return [
            (entry, mark)
            for entry in self.entries
            for mark in entry.marks
            if mark.process == process and (version is None or version in mark.versions)
        ]

    # Making objects

    def make(self, entry: Entry, offered: Mapping[type[Any], Callable[[], Any]] | None = None) -> Any:
        """The object of a service.

        Raises:
            ServiceError: Its constructor wants what nothing offers.
        """
        if isinstance(entry.source, Service):
            return None
        if entry.factory is not None:
            return entry.factory()
        return self.construct(entry.source, offered)

    def construct(self, cls: type[Any], offered: Mapping[type[Any], Callable[[], Any]] | None = None) -> Any:
        """An object of a class, its constructor called with what `provide` offers.

        Raises:
            ServiceError: It wants what nothing offers.
        """
        factories = {**(offered or {}), **self._factories}
        if cls in factories:
            return factories[cls]()
        missing = self.missing(cls, offered)
        if missing:
            raise ServiceError(f"{cls.__name__} cannot be made: {missing[0]}.", hint=_how_to_provide(cls))
        return cls(**{name: factories[hint]() for name, hint in _wanted(cls) if hint in factories})

    def missing(self, cls: type[Any], offered: Iterable[type[Any]] | None = None) -> list[str]:
        """Why a class cannot be made: each parameter of its constructor that nothing offers, in words."""
        able = {*self._factories, *(offered or ())}
        if cls in able:
            return []
        required = {name for name, parameter in _parameters(cls) if parameter.default is parameter.empty}
        return [
            f"nothing provides its parameter '{name}'"
            for name, hint in _wanted(cls)
            if name in required and hint not in able
        ]

    # Registering

    def _add(self, source: Any, factory: Callable[[], Any] | None) -> None:
        if isinstance(source, Registry):
            self._merge(source)
        elif isinstance(source, ModuleType):
            self.add(*found_in(source))
        elif isinstance(source, Service):
            self._add_functions(source)
        elif isinstance(source, type) and SERVICE in vars(source):
            self._add_class(source, factory)
        else:
            raise ServiceError(
                f"{getattr(source, '__qualname__', source)!r} is no service.",
                hint="Services are classes marked with @workflow_service, Service objects, and modules with such.",
            )

    def _merge(self, other: Registry) -> None:
        for entry in other.entries:
            self._add(entry.source, entry.factory)
        self._aggregates.update(other._aggregates)
        self._factories.update(other._factories)
        self.connectors = self.connectors or other.connectors

    def _is_known(self, source: Any) -> bool:
        return any(entry.source is source for entry in self.entries)

    def _add_class(self, cls: type[Any], factory: Callable[[], Any] | None) -> None:
        if self._is_known(cls):
            return
        file, line = place_of_code(cls)
        entry = Entry(cls, cls.__name__, vars(cls)[SERVICE], factory, file, line)
        members = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        entry.methods = tuple(_methods(entry, members.items()))
        self.entries.append(entry)

    def _add_functions(self, service: Service[Any]) -> None:
        if self._is_known(service):
            return
        entry = Entry(service, "", service.marks)
        entry.methods = tuple(_methods(entry, [(each.__name__, each) for each in service.functions]))
        self.entries.append(entry)


def found_in(module: ModuleType) -> list[Any]:
    """The services of a module: its `services`, else every marked class and `Service` it defines itself.

    Raises:
        ServiceError: It has none.
    """
    exported = getattr(module, "services", None)
    if isinstance(exported, Registry):
        return [exported]
    found = [each for each in vars(module).values() if _is_own(each, module)]
    if not found:
        raise ServiceError(
            f"The module '{module.__name__}' has no services.",
            hint="Mark a class in it with @workflow_service, or export a Registry as `services`.",
        )
    return found


def _is_own(value: Any, module: ModuleType) -> bool:
    if isinstance(value, type):
        return SERVICE in vars(value) and value.__module__ == module.__name__
    return isinstance(value, Service)


def _methods(entry: Entry, members: Iterable[tuple[str, Any]]) -> Iterable[Method]:
    aggregate = entry.marks[0].aggregate
    for name, member in members:
        function = getattr(member, "__func__", member)
        tasks, values = getattr(function, TASK, ()), getattr(function, VALUE, ())
        if not (tasks or values) or isinstance(member, type):
            continue
        bound = bool(entry.name) and not isinstance(member, staticmethod)
        signature = read_signature(function, aggregate, bound=bound)
        yield Method(name, function, entry, bound, tasks, values, signature, *place_of_code(function))


def _parameters(cls: type[Any]) -> list[tuple[str, inspect.Parameter]]:
    if cls.__init__ is object.__init__:
        return []
    found = list(inspect.signature(cls.__init__).parameters.items())[1:]
    return [(name, each) for name, each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]


def _wanted(cls: type[Any]) -> list[tuple[str, Any]]:
    """The parameters of a constructor with their types."""
    try:
        hints = get_type_hints(cls.__init__) if cls.__init__ is not object.__init__ else {}
    except Exception:
        hints = {}
    return [(name, hints.get(name)) for name, _ in _parameters(cls)]


def _how_to_provide(cls: type[Any]) -> str:
    return f"Register how it is made: services.provide(TYPE, factory), or services.add({cls.__name__}, factory=...)."
