"""Processes and collaborations as values: what a diff, an impact analysis or a picture reads.

Everything is frozen. A field with `compare=False` is where something stands (file, line) or follows from
the rest; all others are what the model says, and count in comparisons and hashes. A field marked as a
reference holds the id of another element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
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
from spiffcli.model.fields import NESTED, REFERENCE, at_line, derived, parts, reference_to, texts
from spiffcli.records import record


@record
class Node:
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
    scope: str | None = reference_to()
    lane: str | None = reference_to()
    documentation: str | None = None
    default: str | None = reference_to()
    attached_to: str | None = reference_to()
    interrupting: bool | None = None
    triggered_by_event: bool = False
    events: tuple[EventDefinition, ...] = field(default=(), metadata=NESTED)
    loop: Loop | None = None
    script: Script | None = None
    pre_script: str | None = None
    post_script: str | None = None
    service: Service | None = None
    call: Call | None = None
    decision: DecisionCall | None = None
    form: FormUse | None = None
    instructions: str | None = None
    assignment: Mapping[str, str] = texts()
    interface: Interface | None = None
    mappings: tuple[VariableMapping, ...] = ()
    listeners: tuple[Listener, ...] = ()
    properties: Mapping[str, str] = texts()
    settings: Mapping[str, str] = texts()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    incoming: tuple[str, ...] = derived(())
    outgoing: tuple[str, ...] = derived(())
    boundary: tuple[str, ...] = derived(())
    reachable: bool = derived(True)
    line: int = at_line()

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id


@record
class Flow:
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
    source: str | None = reference_to()
    target: str | None = reference_to()
    condition: str | None = None
    language: str | None = None
    documentation: str | None = None
    listeners: tuple[Listener, ...] = ()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    is_default: bool = derived(False)
    order: int = derived(0)
    line: int = at_line()

    @property
    def type(self) -> str:
        """Element name."""
        return "sequenceFlow"


@record
class DataItem:
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
    scope: str | None = reference_to()
    object: str | None = reference_to()
    item: str | None = None
    collection: bool = False
    state: str | None = None
    documentation: str | None = None
    properties: Mapping[str, str] = texts()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    line: int = at_line()


@record
class DataAssociation:
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
    node: str = field(metadata=REFERENCE)
    source: str | None = reference_to()
    target: str | None = reference_to()
    transformation: str | None = None
    assignments: tuple[str, ...] = ()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    line: int = at_line()

    @property
    def name(self) -> None:
        """Associations have no name."""
        return


@record
class Lane:
    """A lane.

    Attributes:
        parent: Id of the lane around it, or None.
        scope: Id of the sub-process whose lane it is, or None.
        nodes: Ids of the nodes directly in it.
    """

    id: str
    name: str | None = None
    parent: str | None = reference_to()
    scope: str | None = reference_to()
    documentation: str | None = None
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    nodes: tuple[str, ...] = derived(())
    line: int = at_line()

    @property
    def type(self) -> str:
        """Element name."""
        return "lane"


@record
class Artifact:
    """A text annotation, group or association.

    Attributes:
        type: `textAnnotation`, `group` or `association`.
        text: Text of an annotation, category value of a group.
        source, target: Ids an association connects.
    """

    id: str
    type: str
    text: str | None = None
    source: str | None = reference_to()
    target: str | None = reference_to()
    direction: str | None = None
    documentation: str | None = None
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    line: int = at_line()

    @property
    def name(self) -> str | None:
        """First words of the text."""
        return self.text[:40] if self.text else None


@record
class Shape:
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
    colours: Mapping[str, str] = texts()
    line: int = at_line()


Layout = Mapping[str, tuple[Shape, ...]]


@record
class CalledReference:
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
    line: int = at_line()


@record
class Process:
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
    assignment: Mapping[str, str] = texts()
    listeners: tuple[Listener, ...] = ()
    properties: Mapping[str, str] = texts()
    settings: Mapping[str, str] = texts()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    nodes: Mapping[str, Node] = parts()
    flows: Mapping[str, Flow] = parts()
    data: Mapping[str, DataItem] = parts()
    associations: Mapping[str, DataAssociation] = parts()
    lanes: Mapping[str, Lane] = parts()
    artifacts: Mapping[str, Artifact] = parts()
    layout: Layout = field(default_factory=dict, compare=False)
    references: tuple[CalledReference, ...] = derived(())
    file: str = derived("")
    line: int = at_line()

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id


@record
class Participant:
    """A pool.

    Attributes:
        process: Id of its process, or None for a closed pool.
        multiplicity: How many take part, as text, or None.
    """

    id: str
    name: str | None = None
    process: str | None = reference_to()
    multiplicity: str | None = None
    documentation: str | None = None
    properties: Mapping[str, str] = texts()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    line: int = at_line()

    @property
    def type(self) -> str:
        """Element name."""
        return "participant"


@record
class MessageFlow:
    """A message flow between pools.

    Attributes:
        source, target: Ids of nodes or participants.
        message: Name of the message, or None.
    """

    id: str
    name: str | None = None
    source: str | None = reference_to()
    target: str | None = reference_to()
    message: str | None = None
    documentation: str | None = None
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    line: int = at_line()

    @property
    def type(self) -> str:
        """Element name."""
        return "messageFlow"


@record
class Collaboration:
    """A collaboration, its pools and the messages between them.

    Attributes:
        correlations: Names of correlation keys, each with the ids of its properties, sorted.
    """

    id: str
    name: str | None = None
    type: str = "collaboration"
    documentation: str | None = None
    correlations: Mapping[str, str] = texts()
    properties: Mapping[str, str] = texts()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    participants: Mapping[str, Participant] = parts()
    message_flows: Mapping[str, MessageFlow] = parts()
    artifacts: Mapping[str, Artifact] = parts()
    layout: Layout = field(default_factory=dict, compare=False)
    file: str = derived("")
    line: int = at_line()

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id
