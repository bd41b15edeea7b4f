"""What is asked of a move, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from spiffcli.engine.state import Snapshot


class Policies(Struct, frozen=True):
    """How an instance is to be moved.

    Attributes:
        mapping: New node (or sub-process) id by old one, for nodes that were renamed.
        timers: Whether running timers keep their deadline, or start anew by the new version's expression.
        events: Whether armed messages, signals and conditions keep what they wait for, or wait for the new one.
        start: Ids of nodes that begin a branch which is new at a gateway the instance has passed: they are started.
        reset: Ids of nodes, old or new, whose live tasks are entered again, from the data of the task before.
        data: Values merged into the data of the live tasks.
        script: Run on the data of each live task, as a script of a model would be.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    timers: Literal["keep", "restart"] = "keep"
    events: Literal["keep", "update"] = "keep"
    start: frozenset[str] = frozenset()
    reset: frozenset[str] = frozenset()
    data: Mapping[str, Any] = field(default_factory=dict)
    script: str | None = None


class Fault(Struct, frozen=True):
    """Why a task cannot be moved.

    Attributes:
        rule: Id of the rule that says so.
        task: Id of the task inside the instance; empty where the fault concerns no single task.
        element: BPMN id of its node.
    """

    rule: str
    task: str
    element: str
    name: str | None
    state: str
    message: str
    fix: str


class Move(Struct, frozen=True):
    """A live task and the node it stands on before and after."""

    task: str
    old: str
    new: str
    state: str


class Subscribed(Struct, frozen=True):
    """An armed event whose definition changed, and what it waits for.

    Attributes:
        kind: `timer`, `event` or `condition`.
        before, after: Deadline in seconds since the epoch, name of the message or signal, or the condition.
    """

    task: str
    element: str
    kind: Literal["timer", "event", "condition"]
    before: float | str | None
    after: float | str | None


class Retargeted(Struct):
    """What became of an instance.

    Attributes:
        snapshot: The new state and the specs it needs that no definition has; None where faults forbid it.
        faults: Why it cannot be moved; empty when it can.
        moves: Live tasks, with their old and new node.
        disarmed: Ids of boundary events taken off live tasks, and of event sub-processes that wait no more.
        dropped: Ids of the tasks that went with them, and with sub-processes that were taken away.
        wrapped: Ids of sub-processes that the new version has around tokens, and that began with them inside; each with
            the id of its start event.
        unwrapped: Ids of sub-processes that the new version does not have around tokens, and that were taken away.
        crossed: Ids of the live tasks that got into one, or out of one.
        asked: Those of which no mapping says that they go there: what speaks against it, and where that is, in words.
        armed: Ids of boundary events put on live tasks, and of event sub-processes that wait now.
        subscribed: Armed events whose definition changed.
        happened: Ids of the tasks among them whose condition holds, so that they go on.
        started: Ids of branches that were started.
        reset: Ids of nodes whose tasks were entered again.
        kept_as_history: Ids of finished tasks' nodes that the new version lacks.
        entries_changed: Live tasks, as (task, element), that were entered another way than the new version would
            (pre-script, data inputs).
        repredicted: Ids of nodes whose path ahead was predicted again.
        data_objects: Data objects initialised to None.
        old_graphs: Connections of the old version by spec key: outputs by node, both as the new version names them.
    """

    snapshot: Snapshot | None = None
    faults: list[Fault] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    disarmed: list[str] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    wrapped: dict[str, str] = field(default_factory=dict)
    unwrapped: list[str] = field(default_factory=list)
    crossed: set[str] = field(default_factory=set)
    asked: list[tuple[Fault, str]] = field(default_factory=list)
    armed: list[str] = field(default_factory=list)
    subscribed: list[Subscribed] = field(default_factory=list)
    happened: set[str] = field(default_factory=set)
    started: list[str] = field(default_factory=list)
    reset: list[str] = field(default_factory=list)
    kept_as_history: list[str] = field(default_factory=list)
    entries_changed: list[tuple[str, str]] = field(default_factory=list)
    repredicted: list[str] = field(default_factory=list)
    data_objects: list[str] = field(default_factory=list)
    old_graphs: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
