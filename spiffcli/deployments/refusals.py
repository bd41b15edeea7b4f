"""Rules for what a model may not ask for: it is no BPMN, or the engine would silently do something else.

Each rule names what it looks at, what is wrong with it and the way out. A construct that begins to run right loses its
rule, its test and its row in `docs/elements.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct, field

from spiffcli.deployments.expressions import expressions_of, is_wrapped, timer_fault
from spiffcli.model import DataItem, Flow, Node, Process


class Scene(Struct):
    """A process that is looked at.

    Attributes:
        twice: Ids that more than one element of its file has, with the line of a later one.
        served: Whether business code serves it.
    """

    process: Process
    twice: Mapping[str, int] = {}
    served: bool = False
    inside: dict[str | None, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.process.nodes.values():
            self.inside.setdefault(node.scope, []).append(node)

    def nodes(self, *types: str) -> Iterator[Node]:
        """Return the nodes of some types."""
        return (node for node in self.process.nodes.values() if node.type in types)

    def type_of(self, id: str | None) -> str:
        """Return the type of a node; nothing where there is none."""
        node = self.process.nodes.get(id or "")
        return "" if node is None else node.type

    def is_event_sub_process(self, id: str | None) -> bool:
        """Return whether an id is that of an event sub-process."""
        node = self.process.nodes.get(id or "")
        return node is not None and node.triggered_by_event


class Spot(Struct, frozen=True):
    """A place at which a rule is broken.

    Attributes:
        words: What the texts of the rule leave open, by name.
    """

    type: str
    id: str
    name: str | None
    line: int
    words: Mapping[str, str] = {}


class Rule(Struct, frozen=True):
    """Something that a model may not ask for.

    Attributes:
        id: Stable name.
        reason: What is wrong, as the rest of a sentence that begins with the element.
        way_out: What to do about it.
        find: Gives the places of a process at which it is broken.
        valid: Whether BPMN allows it, so that an engine with a parser of its own may well run it.
    """

    id: str
    reason: str
    way_out: str
    find: Callable[[Scene], Iterator[Spot]]
    valid: bool = True


def at(element: Node | Flow, line: int = 0, **words: str) -> Spot:
    """Return a node or a flow as a place."""
    return Spot(element.type, element.id, element.name, line or element.line, words)


# Structure

ACTIVITIES = frozenset(
    {"task", "userTask", "manualTask", "scriptTask", "serviceTask", "businessRuleTask", "sendTask", "receiveTask",
     "callActivity", "subProcess", "transaction", "adHocSubProcess"}
)  # fmt: skip
_GATEWAYS = ("exclusiveGateway", "inclusiveGateway", "parallelGateway", "eventBasedGateway", "complexGateway")
_DECIDING = frozenset({"exclusiveGateway", "inclusiveGateway", "complexGateway"})


def _attached(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("boundaryEvent"):
        host = scene.process.nodes.get(node.attached_to or "")
        if host is None or host.type not in ACTIVITIES or host.scope != node.scope:
            yield at(node, to=f"'{node.attached_to}'" if node.attached_to else "nothing")


def _twice(scene: Scene) -> Iterator[Spot]:
    process = scene.process
    parts: tuple[Mapping[str, Node | Flow | DataItem], ...] = (process.nodes, process.flows, process.data)
    for id, line in scene.twice.items():
        # Within one part the second one was given another id; two processes of a file may well have one.
        found = [part[each] for part in parts for each in (id, f"{id}~2") if each in part]
        if len(found) > 1:
            yield Spot(found[0].type, id, found[0].name, line)


def _over_border(scene: Scene) -> Iterator[Spot]:
    nodes = scene.process.nodes
    for flow in scene.process.flows.values():
        source, target = nodes.get(flow.source or ""), nodes.get(flow.target or "")
        if source is not None and target is not None and source.scope != target.scope:
            yield at(flow, source=source.id, target=target.id)


def _without_source(scene: Scene) -> Iterator[Spot]:
    return (at(flow) for flow in scene.process.flows.values() if flow.source not in scene.process.nodes)


def _conditions(types: Collection[str]) -> Callable[[Scene], Iterator[Spot]]:
    def find(scene: Scene) -> Iterator[Spot]:
        for flow in scene.process.flows.values():
            if flow.condition and scene.type_of(flow.source) in types:
                yield at(flow, source=flow.source or "")

    return find


def _leaving_ends(scene: Scene) -> Iterator[Spot]:
    return (at(node) for node in scene.nodes("endEvent") if node.outgoing)


def _entered(scene: Scene) -> Iterator[Spot]:
    return (at(node) for node in scene.nodes("boundaryEvent") if node.incoming)


def _gateways_without_exit(scene: Scene) -> Iterator[Spot]:
    return (at(node) for node in scene.nodes(*_GATEWAYS) if not node.outgoing)


def _unstarted(scene: Scene) -> Iterator[Spot]:
    if any(flow.target not in scene.process.nodes for flow in scene.process.flows.values()):
        return  # the engine names the flow, which may well be the one that is missing here
    for node in scene.process.nodes.values():
        begins = (
            node.type in ("startEvent", "boundaryEvent", "endEvent") or node.triggered_by_event or _is_handler(node)
        )
        free = scene.type_of(node.scope) == "adHocSubProcess"
        if not (node.incoming or begins or free or _has(node, "link")):
            if any(other.type == "startEvent" for other in scene.inside[node.scope]):  # else the engine says so
                yield at(node)


def _several_starts(scene: Scene) -> Iterator[Spot]:
    plain = [node for node in scene.nodes("startEvent") if node.scope is None and not node.events]
    yield from (at(node, first=plain[0].id) for node in plain[1:])


# Events


def _has(node: Node, *kinds: str) -> bool:
    return any(event.kind in kinds for event in node.events)


def _is_handler(node: Node) -> bool:
    return node.settings.get("isForCompensation") == "true"


def _without_definition(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("intermediateCatchEvent", "boundaryEvent"):
        if not node.events:
            yield at(node)


#: Where events stand, and what BPMN lets them be there.
_ALLOWED: Mapping[str, frozenset[str]] = {
    "startEvent": frozenset({"message", "timer", "signal", "conditional"}),
    "intermediateCatchEvent": frozenset({"message", "timer", "signal", "conditional", "link"}),
    "intermediateThrowEvent": frozenset({"message", "signal", "escalation", "compensate", "link"}),
    "boundaryEvent": frozenset(
        {"message", "timer", "signal", "conditional", "error", "escalation", "cancel", "compensate"}
    ),
    "endEvent": frozenset({"message", "signal", "error", "escalation", "cancel", "terminate", "compensate"}),
}
_STARTING = frozenset({"message", "timer", "signal", "conditional", "error", "escalation", "compensate"})


def _misplaced(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes(*_ALLOWED):
        allowed = _ALLOWED[node.type]
        if node.type == "startEvent" and scene.is_event_sub_process(node.scope):
            allowed = _STARTING
        for event in node.events:
            if event.kind not in allowed:
                yield at(node, event.line, kind=event.kind, allowed=_listed(allowed - {"link", "compensate"}))


def _listed(kinds: Collection[str]) -> str:
    return ", ".join(sorted(kinds))


def _cancelling(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("endEvent", "boundaryEvent"):
        around = node.scope if node.type == "endEvent" else node.attached_to
        host = scene.process.nodes.get(around or "")
        dangles = node.type == "boundaryEvent" and host is None  # told by another rule
        if _has(node, "cancel") and not dangles and (host is None or host.type != "transaction"):
            yield at(node)


def _links(scene: Scene) -> Iterator[Spot]:
    return (at(node) for node in scene.nodes("intermediateCatchEvent", "intermediateThrowEvent") if _has(node, "link"))


def _compensation(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        starts = node.type == "startEvent" and scene.is_event_sub_process(node.scope)
        allowed = node.type in ("intermediateThrowEvent", "endEvent", "boundaryEvent") or starts
        if (_has(node, "compensate") and allowed) or _is_handler(node):
            yield at(node)


def _ad_hoc(scene: Scene) -> Iterator[Spot]:
    return (at(node) for node in scene.nodes("adHocSubProcess"))


def _conditional_starts(scene: Scene) -> Iterator[Spot]:
    return (at(node) for node in scene.nodes("startEvent") if _has(node, "conditional"))


def _parallel_starts(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("startEvent"):
        if node.settings.get("parallelMultiple") == "true" and len(node.events) > 1:
            yield at(node)


def _event_sub_process_starts(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        if node.triggered_by_event:
            starts = [each for each in scene.inside.get(node.id, ()) if each.type == "startEvent"]
            if len(starts) != 1 or not starts[0].events:
                yield at(node)


def _inner_event_sub_processes(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        if node.triggered_by_event and node.scope is not None:
            yield at(node, around=node.scope)


def _behind_event_gateways(scene: Scene) -> Iterator[Spot]:
    for gateway in scene.nodes("eventBasedGateway"):
        for flow in gateway.outgoing:
            node = scene.process.nodes.get(scene.process.flows[flow].target or "")
            if node is not None and _has(node, "conditional"):
                yield at(node, gateway=gateway.id)


def _no_events(scene: Scene) -> Iterator[Spot]:
    for gateway in scene.nodes("eventBasedGateway"):
        for flow in gateway.outgoing:
            node = scene.process.nodes.get(scene.process.flows[flow].target or "")
            if node is not None and node.type not in ("intermediateCatchEvent", "receiveTask"):
                yield at(gateway, to=node.id)


def _parallel_event_gateways(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("eventBasedGateway"):
        if node.settings.get("eventGatewayType", "").lower() == "parallel":
            yield at(node)


def _nameless_messages(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        if node.type in ("receiveTask", "sendTask"):
            wired = scene.served and node.type == "sendTask"
            if not node.events and not wired:
                yield at(node, kind="message")
            continue
        for event in node.events:
            if event.kind in ("message", "signal") and not (event.name or event.reference):
                yield at(node, event.line, kind=event.kind)


# Languages and expressions

_PYTHON = frozenset({"", "python", "python3", "py", "text/python", "text/x-python", "application/x-python"})


def is_python(language: str | None) -> bool:
    """Return whether the name of a language is one of Python's, or none."""
    return (language or "").strip().lower() in _PYTHON


def _script_languages(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("scriptTask"):
        if node.script is not None and not is_python(node.script.format):
            yield at(node, language=node.script.format or "")


def _flow_languages(scene: Scene) -> Iterator[Spot]:
    for flow in scene.process.flows.values():
        if not scene.served and flow.condition and not is_python(flow.language):
            yield at(flow, language=flow.language or "")


def _scripts_missing(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("scriptTask"):
        script = node.script
        if not scene.served and script is not None and script.resource:
            yield at(node, why=f"names the file '{script.resource}' for its script, which is not read")
        elif not scene.served and (script is None or script.body is None):
            yield at(node, why="has no script")


def _wrapped(scene: Scene) -> Iterator[Spot]:
    for each in expressions_of(scene.process):
        if is_wrapped(each.text) and not scene.served:
            yield at(each.element, each.line, what=each.what, text=each.text.strip())


def _called_by_expression(scene: Scene) -> Iterator[Spot]:
    for node in scene.nodes("callActivity"):
        if node.call is not None and node.call.key is not None and is_wrapped(node.call.key):
            yield at(node, text=node.call.key)


def _times(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        for event in node.events:
            if event.kind == "timer" and event.time is not None and not is_wrapped(event.expression or ""):
                wanted = timer_fault(event.time, event.expression)
                if wanted is not None:
                    yield at(node, event.line, what=event.time, text=event.expression or "(empty)", wanted=wanted)


# What is ignored


def _quantities(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        for name in ("startQuantity", "completionQuantity"):
            if name in node.settings:
                yield at(node, setting=f'{name}="{node.settings[name]}"')


def _behaviours(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        behaviour = node.loop.options.get("behavior", "All") if node.loop is not None else "All"
        if behaviour != "All":
            yield at(node, node.loop.line if node.loop else 0, setting=behaviour)


def _changed_on_the_way(scene: Scene) -> Iterator[Spot]:
    for each in scene.process.associations.values():
        node = scene.process.nodes.get(each.node)
        if node is not None and (each.transformation or each.assignments):
            yield at(node, each.line, what="transformation" if each.transformation else "assignment")


def _mapped(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        if node.mappings and not scene.served:
            names = sorted({f"{each.direction} {each.target or each.source or 'all'}" for each in node.mappings})
            yield at(node, node.mappings[0].line, names=", ".join(names))


def _results(scene: Scene) -> Iterator[Spot]:
    for node in scene.process.nodes.values():
        if scene.served:
            continue
        found = [node.script.result if node.script else None, node.decision.result if node.decision else None]
        if node.service is not None and node.service.kind != "operator":
            found.append(node.service.result)
        yield from (at(node, result=result) for result in found if result)


RULES: tuple[Rule, ...] = (
    Rule("attached-to-nothing", "is attached to {to}, which is no activity beside it",
         "Set attachedToRef to the id of an activity in the same process or sub-process.", _attached, valid=False),
    Rule("id-twice", "has an id that another element of the process has too",
         "Give one of them another id.", _twice, valid=False),
    Rule("flow-over-border", "leads from '{source}' to '{target}', over the border of a sub-process",
         "Lead it to the sub-process, or from it.", _over_border, valid=False),
    Rule("flow-from-nothing", "comes from no element of the process",
         "Set its sourceRef, or delete it.", _without_source, valid=False),
    Rule("condition-without-choice", "has a condition, and '{source}', which it leaves, does not choose",
         "Take the condition away, or let an exclusive or inclusive gateway choose.",
         _conditions(("parallelGateway", "eventBasedGateway", "startEvent", "boundaryEvent")), valid=False),
    Rule("condition-behind-activity", "has a condition, which is not looked at where a flow leaves '{source}'",
         "Put an exclusive or inclusive gateway behind '{source}' and let it choose.",
         _conditions((*ACTIVITIES, "intermediateCatchEvent", "intermediateThrowEvent"))),
    Rule("end-left", "has an outgoing sequence flow", "Delete the flow, or make it an intermediate event.",
         _leaving_ends, valid=False),
    Rule("boundary-entered", "has an incoming sequence flow", "Lead the flow to the element behind it.",
         _entered, valid=False),
    Rule("gateway-without-exit", "has no outgoing sequence flow", "Connect it, or use an end event.",
         _gateways_without_exit, valid=False),
    Rule("never-begins", "has no incoming sequence flow, so it would never run",
         "Connect it, or delete it.", _unstarted),
    Rule("several-starts", "is one more start event without a trigger; only '{first}' would begin",
         "Keep one, and fork behind it with a parallel gateway.", _several_starts),
    Rule("event-without-definition", "does not say what it waits for",
         "Add an event definition: message, timer, signal ...", _without_definition, valid=False),
    Rule("event-misplaced", "cannot be of the kind {kind}", "There it can be: {allowed}.", _misplaced, valid=False),
    Rule("cancel-outside", "cancels a transaction, and belongs to none",
         "Make the sub-process a transaction, or use an error event.", _cancelling, valid=False),
    Rule("event-sub-process-start", "needs one start event with a trigger",
         "Give it one start event with a message, signal, timer, error or escalation.",
         _event_sub_process_starts, valid=False),
    Rule("link", "is a link event, and what lies behind links would not run",
         "Connect both ends with a sequence flow.", _links),
    Rule("compensation", "is for compensation, which is not supported",
         "Model what undoes the work as a path of its own, with an error boundary event.", _compensation),
    Rule("ad-hoc", "is not supported",
         "Use a sub-process with sequence flows and gateways.", _ad_hoc),
    Rule("conditional-start", "waits for a condition to begin, and nobody would look at it",
         "Start with a message or signal, and send it where the condition comes true.", _conditional_starts),
    Rule("parallel-multiple-start", "waits for several events at once, and any one of them would start it",
         "Start with one of them, and wait for the others behind it.", _parallel_starts),
    Rule("event-sub-process-inside", "is an event sub-process inside of '{around}', and would never begin",
         "Move it to the process, or put a boundary event on '{around}'.", _inner_event_sub_processes),
    Rule("conditional-behind-event-gateway", "is behind the event-based gateway '{gateway}', where nobody would look "
         "at its condition", "Wait for a message or signal there.", _behind_event_gateways),
    Rule("event-gateway-without-event", "leads to '{to}', which waits for no event",
         "Put a catch event or receive task between them.", _no_events, valid=False),
    Rule("parallel-event-gateway", "waits for all events behind it, and would go on with the first",
         "Use a parallel gateway in front of the events.", _parallel_event_gateways),
    Rule("message-missing", "names no {kind}", "Set {kind}Ref to a {kind} that the file defines.",
         _nameless_messages),
    Rule("script-language", "is written in '{language}', and scripts run as Python",
         'Write it in Python, and set scriptFormat="python".', _script_languages),
    Rule("condition-language", "has a condition in '{language}', and conditions are evaluated as Python",
         "Write it in Python, and take the attribute 'language' away.", _flow_languages),
    Rule("script-missing", "{why}", "Write the script into the element <script>, or make it a plain task.",
         _scripts_missing),
    Rule("expression-language", "has the {what} {text}, which is no Python",
         "Write it as a Python expression, without ${{...}} or a leading =. "
         "Processes that services serve may keep it.", _wrapped),
    Rule("called-by-expression", "calls '{text}': which process that is must be known when the model is added",
         "Set calledElement to the id of a process, and choose between several with a gateway.",
         _called_by_expression),
    Rule("timer", "has the {what} {text}, which is none", "Write {wanted}.", _times),
    Rule("quantity", "says {setting}, which would be ignored", "Use a multi-instance activity, or several tasks.",
         _quantities),
    Rule("multi-instance-behaviour", 'says behavior="{setting}", which would be ignored',
         "Throw the event from inside the activity, or leave the attribute away.", _behaviours),
    Rule("data-association", "has a data association with a {what}, which would be ignored",
         "Change the value in a script.", _changed_on_the_way),
    Rule("mapping", "maps variables ({names}), which would be ignored: tasks see all data of the process",
         "Set them in a script before it or behind it (preScript, postScript), and take the mapping away.", _mapped),
    Rule("result-variable", "puts its result into '{result}', which would be ignored",
         "Assign it in a script, and take the attribute away.", _results),
)  # fmt: skip
