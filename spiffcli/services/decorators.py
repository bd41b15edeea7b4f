"""Decorators that say what classes and functions do in a process, and for which versions of it.

They attach what they are told, and do nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, get_args, get_origin, overload

from msgspec import Struct

from spiffcli.services.errors import ServiceError
from spiffcli.services.names import Naming

#: The formats, as messages list them.
FORMATS = "'*' (all), '3' (only 3), '1-3' (1 to 3), '<3', '<=3', '>3', '>=3'"

_SINGLE = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_BOUND = re.compile(r"(<=|<|>=|>)([0-9]+)")


class VersionRange(Struct, frozen=True):
    """Some versions of a process.

    Attributes:
        first: The lowest.
        last: The highest, or None without end.
        text: As it was written.
    """

    first: int = 1
    last: int | None = None
    text: str = "*"

    def __contains__(self, version: int) -> bool:
        return version >= self.first and (self.last is None or version <= self.last)

    def __str__(self) -> str:
        return self.text


#: Every version.
ALL = VersionRange()


def parse_range(text: str | None) -> VersionRange:
    """The range that a text means; None means all versions.

    Versions are compared as numbers: `<10` includes 9.

    Raises:
        ServiceError: It is none of the formats.
    """
    if text is None or text == "*":
        return ALL
    found = _parsed(text) if isinstance(text, str) else None
    if found is None:
        raise ServiceError(f"{text!r} is no range of versions.", hint=f"Write one of: {FORMATS}.")
    return found


def _parsed(text: str) -> VersionRange | None:
    single = _SINGLE.fullmatch(text)
    if single is not None:
        first = int(single[1])
        last = int(single[2] or first)
        return VersionRange(first, last, text) if first <= last else None
    bound = _BOUND.fullmatch(text)
    if bound is None:
        return None
    number = int(bound[2])
    ranges = {
        "<": VersionRange(1, number - 1, text),
        "<=": VersionRange(1, number, text),
        ">": VersionRange(number + 1, None, text),
        ">=": VersionRange(number, None, text),
    }
    return ranges[bound[1]]


A = TypeVar("A")
C = TypeVar("C", bound=type[Any])
F = TypeVar("F", bound=Callable[..., Any])

SERVICE, TASK, VALUE = "__workflow_service__", "__workflow_task__", "__workflow_value__"


class ServiceMark(Struct, frozen=True):
    """That a class serves a process.

    Attributes:
        process: Id of the process.
        aggregate: Type of the aggregate.
        versions: For which versions.
    """

    process: str
    aggregate: type[Any]
    versions: VersionRange = ALL
    naming: Naming = "exact"


class TaskMark(Struct, frozen=True):
    """That a method does a task.

    Attributes:
        task_definition: Name that the model gives what is to be done; None for the name of the method.
        id: BPMN id of the element instead.
        versions: For which versions; None for those of its service.
    """

    task_definition: str | None = None
    id: str | None = None
    versions: VersionRange | None = None


class ValueMark(Struct, frozen=True):
    """That a method calculates a value for expressions.

    Attributes:
        name: Its name in expressions; None for the name of the method.
    """

    name: str | None = None
    versions: VersionRange | None = None


class WorkflowService(Generic[A]):
    """Base for services that say their aggregate as a type argument: `class Orders(WorkflowService[Order])`."""


@overload
def workflow_service(cls: C, /) -> C: ...
@overload
def workflow_service(
    *,
    aggregate: type[Any] | None = None,
    process_id: str | None = None,
    version: str | None = None,
    naming: Naming = "exact",
) -> Callable[[C], C]: ...
def workflow_service(
    cls: C | None = None,
    /,
    *,
    aggregate: type[Any] | None = None,
    process_id: str | None = None,
    version: str | None = None,
    naming: Naming = "exact",
) -> C | Callable[[C], C]:
    """Say that a class does the tasks of a process. May be repeated, for several processes.

    Args:
        aggregate: Type of the aggregate that carries the state; by default that of `WorkflowService[...]`.
        process_id: Id of the process; by default the name of the class with its first letter in lower case.
        version: For which versions of the process; by default all. See `parse_range`.
        naming: `camel` lets names in Python style go by camel case in models.

    Raises:
        ServiceError: There is no aggregate, or another than before, or the range of versions is none.
    """
    require_name("process_id", process_id)
    versions = parse_range(version)
    if naming not in get_args(Naming):
        raise ServiceError(f"{naming!r} is no way of naming.", hint="Write 'exact' or 'camel'.")

    def decorate(service: C) -> C:
        if not isinstance(service, type):
            raise ServiceError(f"@workflow_service marks classes; {service!r} is none.", hint="For functions: Service.")
        bound = _aggregate(service, aggregate)
        mark = ServiceMark(process_id or default_process_id(service.__name__), bound, versions, naming)
        others: tuple[ServiceMark, ...] = vars(service).get(SERVICE, ())
        if any(other.aggregate is not bound for other in others):
            raise ServiceError(
                f"{service.__qualname__} is bound to two types of aggregates: {others[0].aggregate.__name__} and "
                f"{bound.__name__}.",
                hint="A service is bound to one. Make a class for each.",
            )
        # In the class itself: a subclass that is not marked is no service.
        setattr(service, SERVICE, (mark, *others))
        return service

    return decorate if cls is None else decorate(cls)


def _aggregate(service: type[Any], given: type[Any] | None) -> type[Any]:
    bases = [
        get_args(base)[0] for base in getattr(service, "__orig_bases__", ()) if get_origin(base) is WorkflowService
    ]
    found = given or next(iter(bases), None)
    if not isinstance(found, type):
        raise ServiceError(
            f"{service.__qualname__} does not say which aggregate it works on.",
            hint="Write @workflow_service(aggregate=...), or derive from WorkflowService[...].",
        )
    return found


def default_process_id(name: str) -> str:
    """The process id that a class name stands for: its first letter in lower case, the rest as it is."""
    return name[:1].lower() + name[1:]


@overload
def workflow_task(function: F, /) -> F: ...
@overload
def workflow_task(
    *, task_definition: str | None = None, id: str | None = None, version: str | None = None
) -> Callable[[F], F]: ...
def workflow_task(
    function: F | None = None,
    /,
    *,
    task_definition: str | None = None,
    id: str | None = None,
    version: str | None = None,
) -> F | Callable[[F], F]:
    """Say that a method does a task. May be repeated, for several tasks.

    Without arguments the name of the method is the name that the model uses, or the BPMN id of the element.

    Args:
        task_definition: Name that the model uses.
        id: BPMN id of the element.
        version: For which versions of the process, instead of those of the service.

    Raises:
        ServiceError: Both a name and an id are given, one of them is empty, or the range of versions is none.
    """
    if task_definition is not None and id is not None:
        raise ServiceError(
            f"@workflow_task has task_definition={task_definition!r} and id={id!r}.",
            hint="Name the task by one of them; repeat the decorator to wire the method to two tasks.",
        )
    require_name("task_definition", task_definition)
    require_name("id", id)
    mark = TaskMark(task_definition, id, None if version is None else parse_range(version))

    def decorate(method: F) -> F:
        _mark(method, TASK, mark)
        return method

    return decorate if function is None else decorate(function)


@overload
def workflow_value(function: F, /) -> F: ...
@overload
def workflow_value(*, name: str | None = None, version: str | None = None) -> Callable[[F], F]: ...
def workflow_value(
    function: F | None = None, /, *, name: str | None = None, version: str | None = None
) -> F | Callable[[F], F]:
    """Say that a method calculates a value that expressions read by name. It must not change anything.

    Args:
        name: Name in expressions; by default that of the method.
        version: For which versions of the process, instead of those of the service.

    Raises:
        ServiceError: The range of versions is none.
    """
    require_name("name", name)
    mark = ValueMark(name, None if version is None else parse_range(version))

    def decorate(method: F) -> F:
        _mark(method, VALUE, mark)
        return method

    return decorate if function is None else decorate(function)


def require_name(what: str, name: str | None) -> None:
    """Nothing, if a name is not given or is one.

    Raises:
        ServiceError: It is empty, or no text.
    """
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ServiceError(
            f"{what}={name!r} names nothing.", hint="Write the name that the model has, or leave it out."
        )


def _mark(method: Callable[..., Any], attribute: str, mark: Any) -> None:
    function = getattr(method, "__func__", method)  # static and class methods
    if not callable(function) or isinstance(function, type):
        raise ServiceError(f"{method!r} is no method.", hint="Put the decorator on a method or function.")
    setattr(function, attribute, (mark, *getattr(function, attribute, ())))


class Service(Generic[A]):
    """A service made of functions.

    Example:
        ```python
        orders = Service(Order, process_id="order")

        @orders.task(task_definition="SEND")
        def send(order: Order) -> None: ...
        ```

    Attributes:
        functions: The functions, in the order of their definition.
    """

    def __init__(
        self,
        aggregate: type[A],
        *,
        process_id: str | None = None,
        version: str | None = None,
        naming: Naming = "exact",
    ) -> None:
        """Serve a process.

        Args:
            process_id: Its id; by default the name of the aggregate's class with its first letter in lower case.
            version: For which versions of it; by default all.

        Raises:
            ServiceError: The range of versions is none.
        """
        self._aggregate = aggregate
        self.functions: list[Callable[..., Any]] = []
        self._marks: list[ServiceMark] = []
        id = default_process_id(aggregate.__name__) if process_id is None else process_id
        self.serves(id, version=version, naming=naming)

    @property
    def marks(self) -> tuple[ServiceMark, ...]:
        """What it serves."""
        return tuple(self._marks)

    def serves(self, process_id: str, *, version: str | None = None, naming: Naming = "exact") -> Service[A]:
        """Serve another process too, with the same functions."""
        require_name("process_id", process_id)
        self._marks.append(ServiceMark(process_id, self._aggregate, parse_range(version), naming))
        return self

    @overload
    def task(self, function: F, /) -> F: ...
    @overload
    def task(
        self, /, *, task_definition: str | None = None, id: str | None = None, version: str | None = None
    ) -> Callable[[F], F]: ...
    def task(
        self,
        function: Any = None,
        /,
        *,
        task_definition: str | None = None,
        id: str | None = None,
        version: str | None = None,
    ) -> Any:
        """Say that a function does a task; as `workflow_task`."""
        decorate = workflow_task(task_definition=task_definition, id=id, version=version)
        if function is not None:
            return self._keep(decorate(function))
        return lambda given: self._keep(decorate(given))

    @overload
    def value(self, function: F, /) -> F: ...
    @overload
    def value(self, /, *, name: str | None = None, version: str | None = None) -> Callable[[F], F]: ...
    def value(self, function: Any = None, /, *, name: str | None = None, version: str | None = None) -> Any:
        """Say that a function calculates a value; as `workflow_value`."""
        decorate = workflow_value(name=name, version=version)
        if function is not None:
            return self._keep(decorate(function))
        return lambda given: self._keep(decorate(given))

    def _keep(self, function: F) -> F:
        if function not in self.functions:
            self.functions.append(function)
        return function
