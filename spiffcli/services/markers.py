"""What parameters of task methods and fields of aggregates are marked with.

Markers stand in annotations: `index: Annotated[int, Index()]`. A few types are markers themselves (`TaskId`,
`TaskEvent`, `MultiInstance`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

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
