"""Markers of parameters and fields, and the signatures of methods that are read from them.

Markers stand in annotations: `index: Annotated[int, Index()]`. A few types are markers themselves (`TaskId`,
`TaskEvent`, `MultiInstance`).
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Struct

from spiffcli.services.errors import ServiceError

A = TypeVar("A")
E = TypeVar("E")


# Fields of aggregates


@dataclass(frozen=True, slots=True)
class NaturalId:
    """Marks the field that identifies an aggregate: an order number, a ticket ... Exactly one field has it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Marks a field that is set when the workflow starts, and never again."""

    what: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class ProcessVersion(Origin):
    """Marks the field that takes the version of the process the workflow was started with."""

    what: ClassVar[str] = "version"


@dataclass(frozen=True, slots=True)
class ProcessId(Origin):
    """Marks the field that takes the id of the process."""

    what: ClassVar[str] = "process"


@dataclass(frozen=True, slots=True)
class DefinitionId(Origin):
    """Marks the field that takes the id of the definition the workflow was started with."""

    what: ClassVar[str] = "definition"


@dataclass(frozen=True, slots=True)
class RootId(Origin):
    """Marks the field that takes the natural id of the workflow at the top; None for that one itself."""

    what: ClassVar[str] = "root"


# Parameters of methods


class MultiInstance(Generic[E]):
    """One iteration of a multi-instance activity; a parameter of this type gets the nearest one.

    `Annotated[MultiInstance[str], Around("SubProcess_Region")]` names one further out.

    Attributes:
        id: BPMN id of the activity.
        index: Counted from 0.
        total: How many there are altogether.
    """

    __slots__ = ("_fetch", "id", "index", "total")

    def __init__(self, id: str, index: int, total: int, fetch: Callable[[], E] | None = None) -> None:
        self.id = id
        self.index = index
        self.total = total
        self._fetch = fetch

    @property
    def element(self) -> E | None:
        """The element of the collection, fetched from the aggregate now; None where the activity only counts."""
        return None if self._fetch is None else self._fetch()

    def __repr__(self) -> str:
        return f"MultiInstance({self.id!r}, index={self.index}, total={self.total})"


class ElementResolver(ABC, Generic[A, E]):
    """Turns the iterations around a task into what its method wants; named by `Element(resolver=...)`.

    It is made as services are: by the factory that is registered for it, or without arguments.
    """

    @abstractmethod
    def resolve(self, aggregate: A, scopes: Mapping[str, MultiInstance[Any]]) -> E:
        """The element.

        Args:
            scopes: The iterations by BPMN id of their activities, outermost first.
        """


@dataclass(frozen=True, slots=True)
class Element:
    """Marks the parameter that gets the current element of a collection, or what a resolver makes of the iteration.

    Attributes:
        name: BPMN id of the activity; None for the nearest.
        resolver: Makes the element, also where the activity only counts.
    """

    name: str | None = None
    resolver: type[ElementResolver[Any, Any]] | None = None

    def __post_init__(self) -> None:
        wrong = self.resolver is not None and not (
            isinstance(self.resolver, type) and issubclass(self.resolver, ElementResolver)
        )
        if wrong:
            raise ServiceError(
                f"{self.resolver!r} is no resolver.",
                hint="Name a class that derives from ElementResolver, as in Element(resolver=Licenses).",
            )


@dataclass(frozen=True, slots=True)
class Index:
    """Marks the parameter that gets the number of the iteration, counted from 0.

    Attributes:
        name: BPMN id of the activity; None for the nearest.
    """

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Marks the parameter that gets the number of iterations.

    Attributes:
        name: BPMN id of the activity; None for the nearest.
    """

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """Says which activity a parameter of the type `MultiInstance` is about.

    Attributes:
        name: Its BPMN id.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Payload:
    """Marks the parameter that gets what a form or a decision gave: a mapping by name.

    Without a method, or without this parameter, it goes into the fields of the aggregate of the same names.
    """


class TaskId(str):
    """Id of a task. A method that asks for it is asynchronous: its task stays open until somebody completes it."""

    __slots__ = ()


class TaskEvent(Enum):
    """What happened to a task. A method that asks for it is told of cancellations too."""

    CREATED = "created"
    CANCELED = "cancelled"


#: What a parameter gets.
Role = Literal["aggregate", "element", "index", "total", "iteration", "task-id", "event", "payload", "unknown"]

#: Roles that need an iteration around the task.
REPEATED: frozenset[Role] = frozenset({"element", "index", "total", "iteration"})


class Wanted(Struct, frozen=True):
    """A parameter of a method.

    Attributes:
        scope: BPMN id of the activity whose iteration is meant; None for the nearest.
        resolver: What makes the element, or None.
        annotation: Its type, without markers; None where it has none.
        optional: Whether it has a default.
        keyword: Whether it can only be given by name.
    """

    name: str
    role: Role
    scope: str | None = None
    resolver: type[Any] | None = None
    annotation: Any = None
    optional: bool = False
    keyword: bool = False


class Signature(Struct, frozen=True):
    """A method as it is to be called.

    Attributes:
        result: Type it returns, or None where that is not said.
        unresolved: Why its annotations cannot be read, or None.
    """

    parameters: tuple[Wanted, ...]
    result: Any = None
    unresolved: str | None = None

    def wants(self, role: Role) -> bool:
        """Whether some parameter gets this."""
        return any(each.role == role for each in self.parameters)


def read_signature(function: Callable[..., Any], aggregate: type[Any], *, bound: bool) -> Signature:
    """What a function wants.

    Args:
        aggregate: Type of the aggregate it works on.
        bound: Whether its first parameter is the object it belongs to.
    """
    names = {aggregate.__name__: aggregate}
    try:
        # Annotations are text under `from __future__ import annotations`.
        hints = get_type_hints(function, localns=names, include_extras=True)
        unresolved = None
    except Exception as error:
        hints, unresolved = {}, f"{type(error).__name__}: {error}"
    parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
    fixed = (each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD))
    wanted = tuple(_wanted(each, hints.get(each.name), aggregate) for each in fixed)
    return Signature(wanted, hints.get("return"), unresolved)


def _wanted(parameter: inspect.Parameter, hint: Any, aggregate: type[Any]) -> Wanted:
    markers: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        markers = tuple(each() if isinstance(each, type) and each in _MARKERS else each for each in rest)
    role, scope, resolver = _role(hint, markers, aggregate)
    return Wanted(
        parameter.name,
        role,
        scope,
        resolver,
        hint,
        parameter.default is not parameter.empty,
        parameter.kind is parameter.KEYWORD_ONLY,
    )


_MARKERS = (Element, Index, Total, Payload)


def _role(hint: Any, markers: tuple[Any, ...], aggregate: type[Any]) -> tuple[Role, str | None, type[Any] | None]:
    for each in markers:
        if isinstance(each, Element):
            return "element", each.name, each.resolver
        if isinstance(each, Index):
            return "index", each.name, None
        if isinstance(each, Total):
            return "total", each.name, None
        if isinstance(each, Payload):
            return "payload", None, None
    if hint is MultiInstance or get_origin(hint) is MultiInstance:
        return "iteration", next((each.name for each in markers if isinstance(each, Around)), None), None
    if hint is TaskId:
        return "task-id", None, None
    if hint is TaskEvent:
        return "event", None, None
    if isinstance(hint, type) and hint is not object and issubclass(aggregate, hint):
        return "aggregate", None, None
    return "unknown", None, None


def place_of_code(code: Any) -> tuple[str, int]:
    """File and line of a function or class; an empty name where that is not known. The file is short."""
    try:
        file = inspect.getsourcefile(code) or ""
        _, line = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return "", 0
    return _short(file), line


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def type_name(annotation: Any) -> str:
    """A type as messages name it."""
    if annotation is None:
        return "None"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
