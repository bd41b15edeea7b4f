"""What the engine asks of business code, as protocols: services implement them, the engine never sees services.

A process is *served* where business code is wired to it. Then its state is in an aggregate, which is no task data; its
tasks are done by methods; and its expressions read the aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from spiffcli.values import AggregateRecord

#: What happened to a task, as a method is told.
TaskHappening = Literal["created", "cancelled"]

#: Key of `workflow.data` under which a process notes which aggregate it works on.
CASE = "aggregate"

#: Marks a task that stays open until somebody completes it, in its internal data.
OPEN = "open"


class BusinessError(Exception):
    """An outcome that the model handles: the error path of the task is taken.

    Attributes:
        code: Error code that a boundary event catches.
        name: What happened, in words, or None.
    """

    def __init__(self, code: str, name: str | None = None) -> None:
        super().__init__(code if name is None else f"{code}: {name}")
        self.code = code
        self.name = name


class CaseKey(Struct, frozen=True):
    """Which aggregate: the process it belongs to, and its natural id there."""

    process: str
    id: str

    def to_json(self) -> dict[str, str]:
        """As kept in the data of the process."""
        return {"process": self.process, "id": self.id}

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> CaseKey:
        """What `to_json` gave."""
        return cls(document["process"], document["id"])


class Level(Struct, frozen=True):
    """One iteration of a multi-instance activity around a task, or of the task itself.

    Attributes:
        element: BPMN id of the activity.
        index: Counted from 0.
        total: How many there are altogether.
        collection: Name of the collection it iterates over, or None where it counts.
        key: Where the element stands in the collection: an index, or the key of a mapping.
        item: Name that the model gives the element, or None.
        case: The aggregate that has the collection.
        definition: Id of the definition the activity belongs to.
    """

    element: str
    index: int
    total: int
    collection: str | None = None
    key: Any = None
    item: str | None = None
    case: CaseKey | None = None
    definition: str = ""


class Place(Struct, frozen=True):
    """Where in an instance something is asked.

    Attributes:
        definition: Id of the definition.
        element: BPMN id of the node.
        task: Id of the task.
        case: The aggregate of the process there, or None where it has none.
        levels: Iterations around it, outermost first.
    """

    definition: str
    element: str
    task: str
    case: CaseKey | None
    levels: tuple[Level, ...] = ()


class Start(Struct, frozen=True):
    """What starts a workflow by itself.

    Attributes:
        kind: `message`, `signal` or `timer`.
        name: Name of the message or signal; for a timer, the BPMN id of its start event.
    """

    kind: str
    name: str


class Outcome(Struct, frozen=True):
    """What a method did. Nothing of it is kept before `keep` is called.

    Attributes:
        error: The business outcome it ended with, or None.
        open: Whether the task is to stay open, to be completed by somebody later.
        keep: Takes over what the method changed.
        made: The aggregate of its own that a called process is to have, or None.
    """

    error: BusinessError | None = None
    open: bool = False
    keep: Callable[[], None] = lambda: None
    made: CaseKey | None = None


class Unit(Protocol):
    """The aggregates one instance works on, from one save to the next."""

    def serves(self, definition: str) -> bool:
        """Whether a definition is served."""
        ...

    def is_wired(self, definition: str, element: str) -> bool:
        """Whether a method is wired to a node."""
        ...

    def perform(
        self, place: Place, happening: TaskHappening = "created", given: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Call the method of a task; what is `given` by a form or decision goes into the aggregate if there is none.

        Raises:
            Exception: Whatever the method raised, a `BusinessError` apart.
        """
        ...

    def called(self, place: Place, definition: str) -> Outcome | None:
        """Have the aggregate of its own made that a called process is to have; None where it has its caller's.

        Raises:
            Exception: Whatever the method that makes it raised, a `BusinessError` apart.
        """
        ...

    def take(self, place: Place, given: Mapping[str, Any]) -> None:
        """Put what somebody gave into the fields of the aggregate.

        Raises:
            RunnerError: It has no such fields.
        """
        ...

    def begin(self, definition: str, given: Any, natural_id: str | None = None, start: Start | None = None) -> CaseKey:
        """Keep the aggregate of a new workflow.

        Args:
            given: The aggregate, or data that make one.
            start: What starts it, where that is no person and no program.

        Raises:
            InputError: Nothing makes an aggregate of it.
        """
        ...

    def change(self, case: CaseKey, change: Callable[[Any], object]) -> None:
        """Let a function change an aggregate.

        Raises:
            Exception: Whatever the function raises; nothing is kept then.
        """
        ...

    def reading(self, case: CaseKey) -> Any:
        """An aggregate to be read, as it is kept now."""
        ...

    @property
    def has_changes(self) -> bool:
        """Whether something is kept that the store does not have."""
        ...

    def save(
        self,
        instance: str,
        put: Callable[[AggregateRecord], AggregateRecord],
        after_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        """Store what changed, inside the transaction that stores the instance.

        Args:
            put: Stores a record, and returns it with its new revision.
            after_commit: Takes what is to be called once the transaction is durable.
        """
        ...

    def mark(self) -> object:
        """What is kept now, for `go_back`."""
        ...

    def go_back(self, mark: object) -> None:
        """Give up what was kept since."""
        ...

    def values(self, place: Place, names: Iterable[str]) -> Mapping[str, Any]:
        """The values of those `names` of an expression that the aggregate and the services offer."""
        ...

    def keys(self, place: Place, collection: str) -> Sequence[Any]:
        """Where the elements of a collection of the aggregate stand: indexes, or the keys of a mapping."""
        ...


class Business(Protocol):
    """Business code, ready to be called."""

    def serves(self, definition: str) -> bool:
        """Whether a definition is served."""
        ...

    def is_served(self, process: str) -> bool:
        """Whether some version of a process is served, by its id."""
        ...

    def unit(self) -> Unit:
        """A unit for one instance."""
        ...
