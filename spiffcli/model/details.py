"""What a node can say about itself: scripts, services, events, loops, data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from spiffcli.model.fields import Element, Line, Reference


class Script(Element, frozen=True):
    """Code of a script task.

    Attributes:
        body: The code as written, or None where the task has none.
        format: Language named by the model (`scriptFormat`), or None.
        result: Variable that takes the result, or None.
        resource: File that holds the code instead of `body`, or None.
    """

    body: str | None = None
    format: str | None = None
    result: str | None = None
    resource: str | None = None
    line: Line = 0


class Parameter(Element, frozen=True):
    """A named value handed to a service: its expression and declared type."""

    name: str
    value: str | None = None
    type: str | None = None
    line: Line = 0

    @property
    def key(self) -> str:
        """What tells parameters of one service apart."""
        return self.name


class Service(Element, frozen=True):
    """What a service, send or business rule task invokes.

    Attributes:
        kind: How it is named: `operator`, `class`, `expression`, `delegateExpression`, `topic`, `job`,
            `type`, `connector` or `operation`.
        operator: Name, class, topic, job type or expression, by `kind`.
        result: Variable that takes the result, or None.
        retries: As written (a number, an expression, an ISO 8601 cycle), or None.
        backoff: Base of the growing wait between retries, as written, or None.
        headers: Fixed values handed to the worker by name.
    """

    kind: str
    operator: str | None = None
    result: str | None = None
    retries: str | None = None
    backoff: str | None = None
    parameters: tuple[Parameter, ...] = ()
    headers: Mapping[str, str] = {}
    line: Line = 0


class Call(Element, frozen=True):
    """Target of a call activity.

    Attributes:
        key: Id of the called process (or an expression); None where it is missing.
        binding: `deployment`, `latest`, `version:N` or `tag:T`; None where the model says nothing.
        options: Further settings by name (business key, tenant, propagation of variables ...).
    """

    key: str | None = None
    binding: str | None = None
    options: Mapping[str, str] = {}
    line: Line = 0


class DecisionCall(Element, frozen=True):
    """Decision that a business rule task asks.

    Attributes:
        key: Id of the decision; None where it is missing.
        binding: As of `Call.binding`.
        result: Variable that takes the answer, or None.
        options: Further settings by name.
    """

    key: str | None = None
    binding: str | None = None
    result: str | None = None
    options: Mapping[str, str] = {}
    line: Line = 0


class FormUse(Element, frozen=True):
    """Form shown by a user task or start event.

    Attributes:
        schema: File name of the JSON schema as written, or None.
        ui: File name of the ui-schema as written, or None.
        key: Form key or form id of other engines, or None.
        binding: As of `Call.binding`.
        fields: Embedded form fields by id, each in one line of text.
    """

    schema: str | None = None
    ui: str | None = None
    key: str | None = None
    binding: str | None = None
    fields: Mapping[str, str] = {}
    line: Line = 0


class VariableMapping(Element, frozen=True):
    """A variable copied into or out of an activity.

    Attributes:
        direction: `in` or `out`.
        target: Variable written, or None where all are copied.
        source: Variable or expression read.
    """

    direction: str
    target: str | None = None
    source: str | None = None
    options: Mapping[str, str] = {}
    line: Line = 0

    @property
    def key(self) -> str:
        """What tells mappings of one activity apart."""
        return f"{self.direction} {self.target or self.source or '*'}"


class Listener(Element, frozen=True):
    """Code that an engine runs when something happens to an element.

    Attributes:
        event: `start`, `end`, `take`, `create`, `complete` ...
        on: `execution` or `task`.
        kind: `class`, `expression`, `delegateExpression`, `script` or `job`.
        value: The class, expression, code or job type.
    """

    on: str
    event: str | None = None
    kind: str | None = None
    value: str | None = None
    line: Line = 0


class Port(Element, frozen=True):
    """A data input or output of an activity or process.

    Attributes:
        listed: Whether an input or output set names it; the engine ignores those that none names.
    """

    id: str
    name: str | None = None
    item: str | None = None
    collection: bool = False
    listed: bool = True
    line: Line = 0

    @property
    def key(self) -> str:
        """What tells ports of one interface apart."""
        return self.id


class Interface(Element, frozen=True):
    """Data inputs and outputs (`ioSpecification`): for a process, its contract with callers."""

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    line: Line = 0


class Correlation(Element, frozen=True):
    """How one property that identifies a conversation is read from a message or the process data.

    Attributes:
        property_id: Id of the correlation property.
        expression: What is evaluated.
        keys: Names of the correlation keys it belongs to, sorted.
        of: `message` where the expression reads the message, `process` where it reads the data.
    """

    property_id: str
    expression: str | None = None
    keys: tuple[str, ...] = ()
    of: str = "message"
    line: Line = 0

    @property
    def key(self) -> str:
        """What tells correlations of one event apart."""
        return f"{self.of} {self.property_id}"


EventKind = Literal[
    "message",
    "timer",
    "signal",
    "error",
    "escalation",
    "conditional",
    "compensate",
    "link",
    "cancel",
    "terminate",
]


class EventDefinition(Element, frozen=True):
    """What an event, or a send or receive task, waits for or throws. References to messages etc. are resolved.

    Attributes:
        kind: Kind of event.
        name: Name of the message, signal, error, escalation or link.
        code: Error or escalation code.
        reference: Reference as written where it names nothing in the file; None otherwise.
        time: `duration`, `date` or `cycle` for timers.
        expression: The time, or the condition of a conditional event.
        payload: Expression that makes the payload, or None.
        variable: Variable that takes the payload, or None.
        correlations: How a message finds its instance.
        item: Type of the payload, or None.
        target: Activity to compensate, or None.
        options: Further settings by name.
    """

    kind: EventKind
    name: str | None = None
    code: str | None = None
    reference: str | None = None
    time: str | None = None
    expression: str | None = None
    payload: str | None = None
    variable: str | None = None
    correlations: tuple[Correlation, ...] = ()
    item: str | None = None
    target: Reference = None
    options: Mapping[str, str] = {}
    line: Line = 0

    @property
    def key(self) -> str:
        """What tells the definitions of one event apart."""
        return self.kind


class Loop(Element, frozen=True):
    """Repetition of an activity.

    Attributes:
        kind: `standard`, `parallel` or `sequential`.
        cardinality: Expression for the number of instances, or None.
        maximum: Upper limit of a standard loop, as written, or None.
        condition: Condition of a standard loop, or completion condition of a multi-instance.
        test_before: Whether a standard loop tests before the first pass.
        input: Collection that is iterated over.
        input_item: Variable that holds one item.
        output: Collection that takes the results.
        output_item: Variable that holds one result.
        options: Further settings by name.
    """

    kind: str
    cardinality: str | None = None
    maximum: str | None = None
    condition: str | None = None
    test_before: bool = False
    input: str | None = None
    input_item: str | None = None
    output: str | None = None
    output_item: str | None = None
    options: Mapping[str, str] = {}
    line: Line = 0


_DURATION = r"P(?=[\dT])(\d+([.,]\d+)?[YMWD])*(T(?=\d)(\d+([.,]\d+)?[HMS])+)?"
_WEEK = r"\d{4}-?W\d\d-?\d(T.+)?"
_TIME = re.compile(rf"{_DURATION}|{_WEEK}", re.ASCII | re.IGNORECASE)


def is_time(text: str) -> bool:
    """Whether text is a duration, moment or repetition as ISO 8601 writes them, and so no expression."""
    first, *rest = text.strip().split("/")
    if rest and len(rest) < 3 and re.fullmatch(r"R(-?\d+)?", first, re.IGNORECASE | re.ASCII):
        return all(map(_is_once, rest))
    return not rest and _is_once(first)


def _is_once(text: str) -> bool:
    if _TIME.fullmatch(text):
        return True
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
