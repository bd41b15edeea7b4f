"""Processes and collaborations as values: what a diff, an impact analysis or a picture reads.

Everything is frozen. A field with `compare=False` is where something stands (file, line) or follows from
the rest; all others are what the model says, and count in comparisons and hashes. A field marked as a
reference holds the id of another element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from spiffcli.model.details import (
    Call,
    Correlation,
    DecisionCall,
    EventDefinition,
    FormUse,
    Interface,
    Listener,
    Loop,
    Script,
    Service,
    VariableMapping,
)
from spiffcli.model.fields import Derived, Element, Line, Nested, Part, Reference, ReferenceTo


class Node(Element, frozen=True):
    """A flow node: event, activity or gateway.

    Attributes:
        id: BPMN id; made up (`task~2`) where the file has none or has it twice.
        type: Element name (`userTask`, `exclusiveGateway` ...).
        scope: Id of the sub-process it lies in, or None.
        lane: Id of its innermost lane, or None.
        default: Id of the default flow, or None.
        attached_to: For boundary events: id of the activity.
        interrupting: For boundary events and the start events of event sub-processes.
        triggered_by_event: For event sub-processes.
        instructions: Text shown to the person who does the task (a template), or None.
        assignment: Who does it, by setting (`assignee`, `candidateGroups`, `potentialOwner` ...).
        interface: Data inputs and outputs.
        mappings: Variables copied in and out.
        properties: Extension properties by name.
        settings: What only tells an engine how to run it (asynchronous, priorities, conditions ...).
        attributes: Everything else that BPMN itself defines.
        extensions: Everything of other namespaces, as canonical text.
        incoming, outgoing: Ids of flows; outgoing in document order, which decides what is tried first.
        boundary: Ids of attached events.
        reachable: Whether a path leads here from a start.
    """

    id: str
    type: str
    name: str | None = None
    scope: Reference = None
    lane: Reference = None
    documentation: str | None = None
    default: Reference = None
    attached_to: Reference = None
    interrupting: bool | None = None
    triggered_by_event: bool = False
    events: Nested[tuple[EventDefinition, ...]] = ()
    loop: Loop | None = None
    script: Script | None = None
    pre_script: str | None = None
    post_script: str | None = None
    service: Service | None = None
    call: Call | None = None
    decision: DecisionCall | None = None
    form: FormUse | None = None
    instructions: str | None = None
    assignment: Mapping[str, str] = {}
    interface: Interface | None = None
    mappings: tuple[VariableMapping, ...] = ()
    listeners: tuple[Listener, ...] = ()
    properties: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    incoming: Derived[tuple[str, ...]] = ()
    outgoing: Derived[tuple[str, ...]] = ()
    boundary: Derived[tuple[str, ...]] = ()
    reachable: Derived[bool] = True
    line: Line = 0

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id


class Flow(Element, frozen=True):
    """A sequence flow.

    Attributes:
        source, target: Ids of nodes.
        condition: Expression as written, or None.
        language: Language of the condition where the flow names one.
        is_default: Whether its source names it as default flow.
        order: Position among the flows that leave its source, counted from 0.
    """

    id: str
    name: str | None = None
    source: Reference = None
    target: Reference = None
    condition: str | None = None
    language: str | None = None
    documentation: str | None = None
    listeners: tuple[Listener, ...] = ()
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    is_default: Derived[bool] = False
    order: Derived[int] = 0
    line: Line = 0

    @property
    def type(self) -> str:
        """Element name."""
        return "sequenceFlow"


class DataItem(Element, frozen=True):
    """A data object, a reference to one or to a data store, or a property.

    Attributes:
        type: `dataObject`, `dataObjectReference`, `dataStoreReference` or `property`.
        scope: Id of the sub-process or node it lies in, or None.
        object: Id of the data object or data store a reference stands for.
        item: Type of the data, or None.
        state: Name of the data state, or None.
    """

    id: str
    type: str
    name: str | None = None
    scope: Reference = None
    object: Reference = None
    item: str | None = None
    collection: bool = False
    state: str | None = None
    documentation: str | None = None
    properties: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    line: Line = 0


class DataAssociation(Element, frozen=True):
    """Data that flows into or out of a node.

    Attributes:
        type: `dataInputAssociation` or `dataOutputAssociation`.
        node: Id of the node it belongs to.
        source, target: Ids of data items, or of ports of the node.
        transformation: Expression applied on the way, or None.
        assignments: Single values copied, as text `from -> to`.
    """

    id: str
    type: str
    node: ReferenceTo
    source: Reference = None
    target: Reference = None
    transformation: str | None = None
    assignments: tuple[str, ...] = ()
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    line: Line = 0

    @property
    def name(self) -> None:
        """Associations have no name."""
        return


class Lane(Element, frozen=True):
    """A lane.

    Attributes:
        parent: Id of the lane around it, or None.
        scope: Id of the sub-process whose lane it is, or None.
        nodes: Ids of the nodes directly in it.
    """

    id: str
    name: str | None = None
    parent: Reference = None
    scope: Reference = None
    documentation: str | None = None
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    nodes: Derived[tuple[str, ...]] = ()
    line: Line = 0

    @property
    def type(self) -> str:
        """Element name."""
        return "lane"


class Artifact(Element, frozen=True):
    """A text annotation, group or association.

    Attributes:
        type: `textAnnotation`, `group` or `association`.
        text: Text of an annotation, category value of a group.
        source, target: Ids an association connects.
    """

    id: str
    type: str
    text: str | None = None
    source: Reference = None
    target: Reference = None
    direction: str | None = None
    documentation: str | None = None
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    line: Line = 0

    @property
    def name(self) -> str | None:
        """First words of the text."""
        return self.text[:40] if self.text else None


class Shape(Element, frozen=True):
    """Where and how one element is drawn; all lengths in the units of the diagram, to a hundredth.

    Attributes:
        plane: Id of the element whose diagram it lies in.
        points: For shapes: x, y, width, height; for edges: x and y of every waypoint.
        label: x, y, width, height of the label, or empty.
        edge: Whether it is an edge.
        expanded: Whether a sub-process shows its content; None where the diagram does not say.
        horizontal: Whether a pool or lane lies flat; None where the diagram does not say.
        colours: Colours by name (`stroke`, `fill` ...).
    """

    plane: str | None
    points: tuple[float, ...]
    label: tuple[float, ...] = ()
    edge: bool = False
    expanded: bool | None = None
    horizontal: bool | None = None
    colours: Mapping[str, str] = {}
    line: Line = 0


Layout = Mapping[str, tuple[Shape, ...]]


class CalledReference(Element, frozen=True):
    """Something outside the process that it needs.

    Attributes:
        element: Id of the referring node.
        key: Id of the process or decision, or key of the form.
        binding: As of `Call.binding`; None where the model says nothing.
        fallback: Whether the default tenant may be looked in; None where the model says nothing.
        line: Line of the referring element.
    """

    element: str
    kind: Literal["process", "decision", "form"]
    key: str
    binding: str | None = None
    fallback: bool | None = None
    line: Line = 0


class Process(Element, frozen=True):
    """A process (or choreography), with the nodes of all its embedded sub-processes.

    Attributes:
        type: `process` or `choreography`.
        executable: Whether the model says it can be run.
        file, line: Where it stands.
        nodes, flows, data, associations, lanes, artifacts: By id, in document order.
        interface: Data inputs and outputs: the contract with callers.
        correlations: Correlation of the process itself (subscriptions), and of its collaboration's keys.
        layout: Shapes of its elements by id.
    """

    id: str
    name: str | None = None
    type: str = "process"
    executable: bool = False
    documentation: str | None = None
    interface: Interface | None = None
    correlations: tuple[Correlation, ...] = ()
    assignment: Mapping[str, str] = {}
    listeners: tuple[Listener, ...] = ()
    properties: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    nodes: Part[Mapping[str, Node]] = {}
    flows: Part[Mapping[str, Flow]] = {}
    data: Part[Mapping[str, DataItem]] = {}
    associations: Part[Mapping[str, DataAssociation]] = {}
    lanes: Part[Mapping[str, Lane]] = {}
    artifacts: Part[Mapping[str, Artifact]] = {}
    layout: Derived[Layout] = {}
    references: Derived[tuple[CalledReference, ...]] = ()
    file: Derived[str] = ""
    line: Line = 0

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id


class Participant(Element, frozen=True):
    """A pool.

    Attributes:
        process: Id of its process, or None for a closed pool.
        multiplicity: How many take part, as text, or None.
    """

    id: str
    name: str | None = None
    process: Reference = None
    multiplicity: str | None = None
    documentation: str | None = None
    properties: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    line: Line = 0

    @property
    def type(self) -> str:
        """Element name."""
        return "participant"


class MessageFlow(Element, frozen=True):
    """A message flow between pools.

    Attributes:
        source, target: Ids of nodes or participants.
        message: Name of the message, or None.
    """

    id: str
    name: str | None = None
    source: Reference = None
    target: Reference = None
    message: str | None = None
    documentation: str | None = None
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    line: Line = 0

    @property
    def type(self) -> str:
        """Element name."""
        return "messageFlow"


class Collaboration(Element, frozen=True):
    """A collaboration, its pools and the messages between them.

    Attributes:
        correlations: Names of correlation keys, each with the ids of its properties, sorted.
    """

    id: str
    name: str | None = None
    type: str = "collaboration"
    documentation: str | None = None
    correlations: Mapping[str, str] = {}
    properties: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    participants: Part[Mapping[str, Participant]] = {}
    message_flows: Part[Mapping[str, MessageFlow]] = {}
    artifacts: Part[Mapping[str, Artifact]] = {}
    layout: Derived[Layout] = {}
    file: Derived[str] = ""
    line: Line = 0

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id
