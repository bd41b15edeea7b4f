"""The edits that people make, one at a time, on any model: what we have to say of each, and who else sees it.

An edit that needs an element which a model lacks puts it into both versions first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from .drafts import Draft, Element, fragment, named


@dataclass(frozen=True)
class Expected:
    """A change that an edit has to give, with its values."""

    rule: str
    element: str
    old: Any
    new: Any


#: Stands for a value that depends on the model.
ANY: Any = object()


@dataclass(frozen=True)
class Edit:
    """An edit.

    Attributes:
        seen_by: `S` where the engine's SpecDiff says something about it, `J` where bpmn-js-differ does.
        make: Makes it, and tells what we have to say.
        also: Rules that may be said besides.
    """

    name: str
    seen_by: str
    make: Callable[[Draft], list[Expected]]
    also: tuple[str, ...] = ()


EDITS: list[Edit] = []


def edit(name: str, seen_by: str, *also: str) -> Callable[[Callable[[Draft], Any]], None]:
    """Registers an edit; it may give one change or several."""

    def register(make: Callable[[Draft], Any]) -> None:
        def listed(draft: Draft) -> list[Expected]:
            made = make(draft)
            return made if isinstance(made, list) else [made]

        EDITS.append(Edit(name, seen_by, listed, also))

    return register


def _text(element: Element, text: str) -> tuple[str, str]:
    """Change the text of an element; gives both."""
    old = element.text or ""
    element.text = text
    return old, text


def _attribute(element: Element, name: str, value: str) -> tuple[str | None, str]:
    old = element.get(name)
    element.set(name, value)
    return old, value


# Seen by both, with a usable detail


@edit("task name", "SJ")
def _(draft: Draft) -> Expected:
    task = draft.node("userTask")
    draft.begin()
    return Expected("name-changed", task.get("id"), *_attribute(task, "name", "Another name"))


@edit("task type", "SJ")
def _(draft: Draft) -> Expected:
    task = draft.own("manualTask")
    draft.begin()
    task.tag = named("b", "userTask")
    return Expected("node-type-changed", task.get("id"), "manualTask", "userTask")


@edit("script", "SJ", "script-variables-changed")
def _(draft: Draft) -> Expected:
    script = draft.child(draft.node("scriptTask"), "<b:script>x = 1</b:script>")
    draft.begin()
    return Expected("script-changed", script.getparent().get("id"), *_text(script, "x = 2"))


@edit("documentation", "SJ")
def _(draft: Draft) -> Expected:
    task = draft.node("userTask")
    documentation = draft.child(task, "<b:documentation>What to do.</b:documentation>")
    draft.begin()
    return Expected("documentation-changed", task.get("id"), *_text(documentation, "What not to do."))


@edit("data input", "SJ")
def _(draft: Draft) -> Expected:
    inputs = '<b:dataInput id="own_input" name="amount"/><b:inputSet><b:dataInputRefs>own_input</b:dataInputRefs></b:inputSet>'
    task = draft.own("manualTask", f"<b:ioSpecification>{inputs}<b:outputSet/></b:ioSpecification>")
    draft.begin()
    return Expected("task-io-changed", task.get("id"), *_attribute(draft.by_id("own_input"), "name", "quantity"))


def _boundary(draft: Draft) -> Element:
    found = draft.within("b:boundaryEvent[b:timerEventDefinition]")
    return found[0] if found else _own_boundary(draft)


def _own_boundary(draft: Draft) -> Element:
    host = draft.own("userTask")
    event = draft.put(
        f'<b:boundaryEvent id="own_boundary" attachedToRef="{host.get("id")}"><b:timerEventDefinition id="own_timer">'
        '<b:timeDuration>"PT2H"</b:timeDuration></b:timerEventDefinition></b:boundaryEvent>'
    )
    draft.put('<b:endEvent id="own_end"/>')
    draft.flow("own_boundary", "own_end")
    return event


@edit("interrupting", "SJ")
def _(draft: Draft) -> Expected:
    event = _boundary(draft)
    draft.begin()
    old = event.get("cancelActivity") != "false"
    event.set("cancelActivity", "false" if old else "true")
    return Expected("boundary-interrupting-changed", event.get("id"), old, not old)


@edit("call target", "SJ")
def _(draft: Draft) -> Expected:
    for called in ("called_1", "called_2"):
        draft.root.append(_called(called))
    call = draft.own("callActivity", "", 'calledElement="called_1"')
    draft.begin()
    return Expected("call-target-changed", call.get("id"), *_attribute(call, "calledElement", "called_2"))


def _called(id: str) -> Element:
    start, end = f'<b:startEvent id="{id}_s"/>', f'<b:endEvent id="{id}_e"/>'
    flow = f'<b:sequenceFlow id="{id}_f" sourceRef="{id}_s" targetRef="{id}_e"/>'
    return fragment(f'<b:process id="{id}" isExecutable="true">{start}{end}{flow}</b:process>')


def _lanes(draft: Draft) -> list[Element]:
    found = draft.within("b:lane")
    if len(found) > 1:
        return found
    member = draft.main_flow().get("targetRef")
    lanes = [
        f'<b:lane id="own_lane_1" name="Sales"><b:flowNodeRef>{member}</b:flowNodeRef></b:lane>',
        '<b:lane id="own_lane_2" name="Stock"/>',
    ]
    draft.put(f'<b:laneSet id="own_lanes">{"".join(lanes)}</b:laneSet>', first=True)
    return draft.within("b:lane")


@edit("lane name", "SJ")
def _(draft: Draft) -> Expected:
    lane = _lanes(draft)[0]
    draft.begin()
    return Expected("lane-renamed", lane.get("id"), *_attribute(lane, "name", "Another lane"))


@edit("task added", "J", "flow-added")
def _(draft: Draft) -> list[Expected]:
    draft.begin()
    draft.put('<b:userTask id="own_task" name="Own"/>')
    return [Expected("node-added", "own_task", None, ANY)]


@edit("task inserted", "SJ", "join-incoming-count-changed")
def _(draft: Draft) -> list[Expected]:
    draft.begin()
    flow = draft.main_flow()
    target = flow.get("targetRef")
    draft.own("userTask")
    return [
        Expected("node-added", "own_userTask", None, ANY),
        Expected("flow-added", f"put_own_userTask_{target}", None, ANY),
        Expected("flow-retargeted", flow.get("id"), target, "own_userTask"),
    ]


@edit("task removed", "SJ", "join-incoming-count-changed")
def _(draft: Draft) -> list[Expected]:
    flow = draft.main_flow()
    target = flow.get("targetRef")
    task = draft.own("userTask")
    draft.begin()
    draft.take_out(task)
    return [
        Expected("node-removed", "own_userTask", ANY, None),
        Expected("flow-removed", f"put_own_userTask_{target}", ANY, None),
        Expected("flow-retargeted", flow.get("id"), "own_userTask", target),
    ]


@edit("task id", "SJ")
def _(draft: Draft) -> Expected:
    old = draft.node("userTask").get("id")
    draft.begin()
    draft.rename(old, "another_id")
    return Expected("node-id-changed", "another_id", old, "another_id")


# Seen by both, by the other differ without a detail


def _extension_text(name: str, rule: str, tag: str, text: str) -> None:
    @edit(name, "SJ", "script-variables-changed")
    def _(draft: Draft) -> Expected:
        task = draft.own("userTask", f"<b:extensionElements><spiff:{tag}>{text}</spiff:{tag}></b:extensionElements>")
        (element,) = task.iter(named("spiff", tag))
        draft.begin()
        return Expected(rule, task.get("id"), *_text(element, f"{text}0"))


_extension_text("pre-script", "pre-post-script-changed", "preScript", "a = 1")
_extension_text("post-script", "pre-post-script-changed", "postScript", "b = 1")
_extension_text("instructions", "instructions-changed", "instructionsForEndUser", "Look at page 1")


@edit("form", "SJ")
def _(draft: Draft) -> Expected:
    form = '<spiff:property name="formJsonSchemaFilename" value="one.json"/>'
    task = draft.own(
        "userTask", f"<b:extensionElements><spiff:properties>{form}</spiff:properties></b:extensionElements>"
    )
    (setting,) = task.iter(named("spiff", "property"))
    draft.begin()
    return Expected("form-ref-changed", task.get("id"), *_attribute(setting, "value", "other.json"))


def _service(draft: Draft) -> Element:
    parameter = '<spiff:parameter id="url" type="str" value="\'a\'"/>'
    operator = (
        f'<spiff:serviceTaskOperator id="http/Get" resultVariable="answer"><spiff:parameters>{parameter}'
        "</spiff:parameters></spiff:serviceTaskOperator>"
    )
    return draft.own("serviceTask", f"<b:extensionElements>{operator}</b:extensionElements>")


@edit("service parameter", "SJ")
def _(draft: Draft) -> Expected:
    task = _service(draft)
    (parameter,) = task.iter(named("spiff", "parameter"))
    draft.begin()
    return Expected("service-parameters-changed", task.get("id"), *_attribute(parameter, "value", "'b'"))


@edit("service operator", "SJ")
def _(draft: Draft) -> Expected:
    task = _service(draft)
    (operator,) = task.iter(named("spiff", "serviceTaskOperator"))
    draft.begin()
    return Expected("service-operator-changed", task.get("id"), *_attribute(operator, "id", "http/Post"))


def _decision(draft: Draft) -> Element:
    called = "<spiff:calledDecisionId>product_prices</spiff:calledDecisionId>"
    return draft.own("businessRuleTask", f"<b:extensionElements>{called}</b:extensionElements>")


@edit("called decision", "SJ")
def _(draft: Draft) -> Expected:
    task = _decision(draft)
    (called,) = task.iter(named("spiff", "calledDecisionId"))
    draft.begin()
    return Expected("decision-ref-changed", task.get("id"), *_text(called, "shipping_costs"))


def _gateway(draft: Draft) -> Element:
    """An exclusive gateway with a condition on one way and a default."""
    gateway = draft.own("exclusiveGateway")
    gateway.set("default", draft.all("b:sequenceFlow[@sourceRef='own_exclusiveGateway']")[0].get("id"))
    draft.put('<b:endEvent id="own_end"/>')
    draft.flow(gateway.get("id"), "own_end", "<b:conditionExpression>x &gt; 1</b:conditionExpression>")
    return gateway


@edit("condition", "SJ")
def _(draft: Draft) -> Expected:
    if not draft.within("b:conditionExpression"):
        _gateway(draft)
    condition = draft.within("b:conditionExpression")[0]
    draft.begin()
    return Expected("flow-condition-changed", condition.getparent().get("id"), *_text(condition, "y < 2"))


@edit("repetition in turn", "SJ")
def _(draft: Draft) -> Expected:
    if not draft.within("b:multiInstanceLoopCharacteristics"):
        _repeated(draft)
    loop = draft.within("b:multiInstanceLoopCharacteristics")[0]
    draft.begin()
    kinds = ("sequential", "parallel") if loop.get("isSequential") == "true" else ("parallel", "sequential")
    loop.set("isSequential", "true" if kinds[1] == "sequential" else "false")
    return Expected("multi-instance-mode-changed", loop.getparent().get("id"), *kinds)


def _repeated(draft: Draft) -> Element:
    times = "<b:loopCardinality>3</b:loopCardinality>"
    return draft.own("manualTask", f"<b:multiInstanceLoopCharacteristics>{times}</b:multiInstanceLoopCharacteristics>")


@edit("repetitions", "SJ")
def _(draft: Draft) -> Expected:
    task = _repeated(draft)
    (times,) = task.iter(named("b", "loopCardinality"))
    draft.begin()
    return Expected("multi-instance-data-changed", task.get("id"), *_text(times, "4"))


@edit("default flow", "SJ")
def _(draft: Draft) -> Expected:
    gateway = _gateway(draft)
    first = draft.all("b:sequenceFlow[@sourceRef='own_exclusiveGateway']")[0]
    draft.put("<b:conditionExpression>x &gt; 2</b:conditionExpression>", first)
    draft.begin()
    return Expected(
        "default-flow-changed", gateway.get("id"), *_attribute(gateway, "default", "put_own_exclusiveGateway_own_end")
    )


@edit("flow target", "SJ", "join-incoming-count-changed")
def _(draft: Draft) -> Expected:
    gateway = _gateway(draft)
    draft.put('<b:endEvent id="own_other_end"/>')
    for target in ("own_end", "own_other_end"):  # so that both ends can be reached before and after
        condition = "<b:conditionExpression>x &gt; 5</b:conditionExpression>"
        draft.flow(gateway.get("id"), target, condition).set("id", f"second_{target}")
    flow = draft.by_id("put_own_exclusiveGateway_own_end")
    draft.begin()
    return Expected("flow-retargeted", flow.get("id"), *_attribute(flow, "targetRef", "own_other_end"))


@edit("boundary event added", "SJ")
def _(draft: Draft) -> list[Expected]:
    host = draft.own("userTask")
    draft.begin()
    draft.put(
        f'<b:boundaryEvent id="own_boundary" attachedToRef="{host.get("id")}"><b:timerEventDefinition>'
        '<b:timeDuration>"PT2H"</b:timeDuration></b:timerEventDefinition></b:boundaryEvent>'
    )
    draft.put('<b:endEvent id="own_end"/>')
    draft.flow("own_boundary", "own_end")
    return [
        Expected("boundary-added", "own_boundary", None, ANY),
        Expected("node-added", "own_end", None, ANY),
        Expected("flow-added", "put_own_boundary_own_end", None, ANY),
    ]


@edit("boundary event removed", "SJ")
def _(draft: Draft) -> list[Expected]:
    _own_boundary(draft)
    draft.begin()
    for id in ("own_boundary", "own_end", "put_own_boundary_own_end"):
        element = draft.by_id(id)
        element.getparent().remove(element)
    return [
        Expected("boundary-removed", "own_boundary", ANY, None),
        Expected("node-removed", "own_end", ANY, None),
        Expected("flow-removed", "put_own_boundary_own_end", ANY, None),
    ]


def _sub_process(draft: Draft) -> Element:
    inner = [
        '<b:startEvent id="in_s"/><b:userTask id="in_t" name="Inside"/><b:endEvent id="in_e"/>',
        '<b:sequenceFlow id="in_f" sourceRef="in_s" targetRef="in_t"/>',
        '<b:sequenceFlow id="in_g" sourceRef="in_t" targetRef="in_e"/>',
    ]
    return draft.own("subProcess", "".join(inner))


@edit("sub-process id", "SJ")
def _(draft: Draft) -> Expected:
    old = _sub_process(draft).get("id")
    draft.begin()
    draft.rename(old, "another_id")
    return Expected("subprocess-id-changed", "another_id", old, "another_id")


@edit("sub-process removed", "SJ")
def _(draft: Draft) -> list[Expected]:
    flow = draft.main_flow()
    target = flow.get("targetRef")
    box = _sub_process(draft)
    draft.begin()
    draft.take_out(box)
    return [
        Expected("subprocess-removed", "own_subProcess", ANY, None),
        *(Expected("node-removed", id, ANY, None) for id in ("in_s", "in_t", "in_e")),
        *(Expected("flow-removed", id, ANY, None) for id in ("in_f", "in_g", f"put_own_subProcess_{target}")),
        Expected("flow-retargeted", flow.get("id"), "own_subProcess", target),
    ]


@edit("task moved into a sub-process", "SJ")
def _(draft: Draft) -> list[Expected]:
    box = _sub_process(draft)
    first = draft.by_id("in_f")
    task = draft.put('<b:manualTask id="own_mover" name="Mover"/>')
    flow = draft.main_flow()
    target = flow.get("targetRef")
    leaving = draft.flow("own_mover", target)
    flow.set("targetRef", "own_mover")
    draft.begin()
    flow.set("targetRef", target)
    leaving.getparent().remove(leaving)
    box.append(task)
    first.set("targetRef", "own_mover")
    box.append(leaving)
    leaving.set("id", "in_h")
    leaving.set("targetRef", "in_t")
    return [
        Expected("node-moved-scope", "own_mover", None, "own_subProcess"),
        Expected("flow-retargeted", flow.get("id"), "own_mover", target),
        Expected("flow-retargeted", "in_f", "in_t", "own_mover"),
        Expected("flow-added", "in_h", None, ANY),
        Expected("flow-removed", f"put_own_mover_{target}", ANY, None),
    ]


@edit("event definition", "SJ")
def _(draft: Draft) -> Expected:
    draft.beside('<b:signal id="own_signal" name="go"/>')
    draft.beside('<b:message id="own_message" name="go"/>')
    event = draft.own("intermediateCatchEvent", '<b:signalEventDefinition signalRef="own_signal"/>')
    draft.begin()
    event.remove(event[0])
    draft.put('<b:messageEventDefinition messageRef="own_message"/>', event)
    return Expected("event-definition-type-changed", event.get("id"), ANY, ANY)


@edit("gateway type", "SJ")
def _(draft: Draft) -> Expected:
    gateway = draft.own("exclusiveGateway")
    draft.begin()
    gateway.tag = named("b", "parallelGateway")
    return Expected("gateway-type-changed", gateway.get("id"), "exclusiveGateway", "parallelGateway")


# Seen by the engine alone


@edit("decision rule", "S")
def _(draft: Draft) -> Expected:
    _decision(draft)
    draft.begin()
    table = etree.fromstring(draft.others["product_prices.dmn"])
    rule = table.find(".//{*}rule")
    assert rule is not None
    text = rule.findall("{*}outputEntry/{*}text")[-1]
    old, new = _text(text, "123")
    draft.others["product_prices.dmn"] = etree.tostring(table)
    return Expected("decision-rule-changed", rule.get("id"), old, new)


@edit("timer", "S")
def _(draft: Draft) -> Expected:
    event = draft.own(
        "intermediateCatchEvent",
        '<b:timerEventDefinition id="own_timer"><b:timeDuration>"PT1S"</b:timeDuration></b:timerEventDefinition>',
    )
    (duration,) = event.iter(named("b", "timeDuration"))
    draft.begin()
    return Expected("timer-changed", event.get("id"), *_text(duration, '"PT5S"'))


def _message(draft: Draft) -> Element:
    draft.beside('<b:message id="own_message" name="paid"/>')
    expression = (
        '<b:correlationPropertyRetrievalExpression messageRef="own_message"><b:messagePath>order</b:messagePath>'
    )
    draft.beside(
        f'<b:correlationProperty id="own_property" name="order">{expression}'
        "</b:correlationPropertyRetrievalExpression></b:correlationProperty>"
    )
    key = (
        '<b:correlationKey id="own_key" name="order"><b:correlationPropertyRef>own_property</b:correlationPropertyRef>'
    )
    _collaboration(draft).append(fragment(f"{key}</b:correlationKey>"))
    variable = "<b:extensionElements><spiff:messageVariable>payment</spiff:messageVariable></b:extensionElements>"
    definition = (
        f'<b:messageEventDefinition id="own_def" messageRef="own_message">{variable}</b:messageEventDefinition>'
    )
    return draft.own("intermediateCatchEvent", definition)


def _collaboration(draft: Draft) -> Element:
    found = draft.all("b:collaboration")
    if found:
        return found[0]
    pool = f'<b:participant id="own_pool" name="Shop" processRef="{draft.process.get("id")}"/>'
    return draft.beside(f'<b:collaboration id="own_collaboration">{pool}</b:collaboration>')


@edit("message name", "S")
def _(draft: Draft) -> Expected:
    event = _message(draft)
    draft.begin()
    return Expected("message-name-changed", event.get("id"), *_attribute(draft.by_id("own_message"), "name", "payed"))


@edit("message variable", "S")
def _(draft: Draft) -> Expected:
    event = _message(draft)
    (variable,) = event.iter(named("spiff", "messageVariable"))
    draft.begin()
    return Expected("payload-changed", event.get("id"), *_text(variable, "received"))


@edit("correlation", "S")
def _(draft: Draft) -> Expected:
    event = _message(draft)
    path = draft.by_id("own_property").find(f".//{named('b', 'messagePath')}")
    draft.begin()
    return Expected("correlation-changed", event.get("id"), *_text(path, "order.number"))


@edit("signal name", "S")
def _(draft: Draft) -> Expected:
    draft.beside('<b:signal id="own_signal" name="stop"/>')
    event = draft.own("intermediateThrowEvent", '<b:signalEventDefinition signalRef="own_signal"/>')
    draft.begin()
    return Expected("signal-name-changed", event.get("id"), *_attribute(draft.by_id("own_signal"), "name", "halt"))


@edit("error code", "S")
def _(draft: Draft) -> Expected:
    draft.beside('<b:error id="own_error" name="none" errorCode="E1"/>')
    event = _own_boundary(draft)
    event.remove(event[0])
    draft.put('<b:errorEventDefinition errorRef="own_error"/>', event)
    draft.begin()
    return Expected("error-code-changed", event.get("id"), *_attribute(draft.by_id("own_error"), "errorCode", "E2"))


@edit("task in another lane", "S")
def _(draft: Draft) -> Expected:
    first, second = _lanes(draft)[:2]
    member = first.findall(named("b", "flowNodeRef"))[-1]
    draft.begin()
    second.append(member)
    return Expected("lane-changed", (member.text or "").strip(), first.get("id"), second.get("id"))


@edit("order of flows", "S")
def _(draft: Draft) -> Expected:
    gateway = _gateway(draft)
    flows = draft.all("b:sequenceFlow[@sourceRef='own_exclusiveGateway']")
    ids = [flow.get("id") for flow in flows]
    draft.begin()
    draft.process.append(flows[0])
    return Expected("outgoing-order-changed", gateway.get("id"), ids, ids[::-1])


# Seen by the other differ alone


@edit("flow name", "J")
def _(draft: Draft) -> Expected:
    flow = draft.main_flow()
    draft.begin()
    return Expected("flow-name-changed", flow.get("id"), *_attribute(flow, "name", "go on"))


@edit("flow id", "J")
def _(draft: Draft) -> Expected:
    old = draft.main_flow().get("id")
    draft.begin()
    draft.rename(old, "another_flow")
    return Expected("flow-id-changed", "another_flow", old, "another_flow")


@edit("data reference name", "J")
def _(draft: Draft) -> Expected:
    if not draft.within("b:dataObjectReference"):
        draft.put('<b:dataObject id="own_data"/>')
        draft.put('<b:dataObjectReference id="own_reference" name="Order" dataObjectRef="own_data"/>')
    reference = draft.within("b:dataObjectReference")[0]
    draft.begin()
    return Expected("name-changed", reference.get("id"), *_attribute(reference, "name", "Cart"))


@edit("unused data object", "J")
def _(draft: Draft) -> Expected:
    draft.begin()
    draft.put('<b:dataObject id="own_data"/>')
    return Expected("data-object-added", "own_data", None, ANY)


@edit("process name", "J")
def _(draft: Draft) -> Expected:
    draft.begin()
    return Expected("name-changed", draft.process.get("id"), *_attribute(draft.process, "name", "Another process"))


@edit("pool name", "J")
def _(draft: Draft) -> Expected:
    pool = _collaboration(draft).find(named("b", "participant"))
    draft.begin()
    return Expected("name-changed", pool.get("id"), *_attribute(pool, "name", "Another pool"))


@edit("association", "")
def _(draft: Draft) -> Expected:
    draft.put('<b:textAnnotation id="own_note"><b:text>Mind the gap</b:text></b:textAnnotation>')
    source, target = draft.main_flow().get("sourceRef"), draft.main_flow().get("targetRef")
    line = draft.put(f'<b:association id="own_line" sourceRef="{source}" targetRef="own_note"/>')
    draft.begin()
    return Expected("annotation-changed", "own_line", *_attribute(line, "sourceRef", target))


@edit("place in the drawing", "J")
def _(draft: Draft) -> Expected:
    id = draft.main_flow().get("targetRef")
    bounds = draft.shape(id).find(named("dc", "Bounds"))
    draft.begin()
    bounds.set("x", "4711")
    return Expected("layout-changed", id, ANY, ANY)


@edit("colour in the drawing", "J")
def _(draft: Draft) -> Expected:
    id = draft.main_flow().get("targetRef")
    shape = draft.shape(id)
    draft.begin()
    shape.set(named("bioc", "fill"), "#ff0000")
    return Expected("colour-changed", id, ANY, ANY)


@edit("executable", "J")
def _(draft: Draft) -> Expected:
    draft.begin()
    draft.process.set("isExecutable", "false")
    return Expected("process-not-executable", draft.process.get("id"), True, False)


# Seen by neither


@edit("note", "")
def _(draft: Draft) -> Expected:
    note = draft.put('<b:textAnnotation id="own_note"><b:text>Mind the gap</b:text></b:textAnnotation>')
    draft.begin()
    return Expected("annotation-changed", "own_note", *_text(note[0], "Mind the step"))


@edit("setting of another engine", "")
def _(draft: Draft) -> Expected:
    task = draft.own("userTask", "", 'camunda:asyncBefore="false"')
    draft.begin()
    task.set(named("camunda", "asyncBefore"), "true")
    return Expected("setting-changed", task.get("id"), None, "true")


@edit("content of a form", "")
def _(draft: Draft) -> Expected:
    draft.others["one.json"] = b'{"type": "object", "properties": {"size": {"type": "string", "title": "Size"}}}'
    draft.begin()
    draft.others["one.json"] = b'{"type": "object", "properties": {"size": {"type": "string", "title": "How big"}}}'
    return Expected("name-changed", "size", "Size", "How big")


@edit("white space", "")
def _(draft: Draft) -> list[Expected]:
    draft.begin()
    etree.indent(draft.root, space="\t")
    return []


@edit("exporter", "")
def _(draft: Draft) -> list[Expected]:
    draft.begin()
    draft.root.set("exporter", "Some modeler")
    draft.root.set("exporterVersion", "9")
    return []


# Seen by the other differ, and no change


@edit("prefix", "J")
def _(draft: Draft) -> list[Expected]:
    draft.own("userTask", "<b:extensionElements><spiff:preScript>a = 1</spiff:preScript></b:extensionElements>")
    draft.begin()
    text = etree.tostring(draft.root)
    for prefix in (b"spiffworkflow", b"spiff"):
        text = text.replace(b"<%s:" % prefix, b"<renamed:").replace(b"</%s:" % prefix, b"</renamed:")
        text = text.replace(b" xmlns:%s=" % prefix, b" xmlns:renamed=", 1)
    draft.root = etree.fromstring(text)
    return []
