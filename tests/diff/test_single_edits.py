"""One edit, one change: every edit of a rich model gives exactly what it is, with both values."""

from __future__ import annotations

from typing import Any

import pytest

from spiffcli.diff import Diff, compare, rule
from spiffcli.model import Model

from .make import bpmn, extension, model, task

_BESIDE = """
<message id="m1" name="paid"/><message id="m2" name="shipped"/>
<signal id="sig" name="stop"/><error id="err" name="Out of stock" errorCode="E1"/>
<escalation id="esc" name="Late" escalationCode="L1"/>
<collaboration id="collab"><participant id="pool" name="Shop" processRef="proc"/>
<participant id="carrier" name="Carrier"/>
<messageFlow id="mf" name="goods" sourceRef="pool" targetRef="carrier"/>
<correlationKey id="key" name="order_key"><correlationPropertyRef>number</correlationPropertyRef></correlationKey>
</collaboration>
<correlationProperty id="number" name="number"><correlationPropertyRetrievalExpression messageRef="m1">
<messagePath>order.id</messagePath></correlationPropertyRetrievalExpression></correlationProperty>
<di:BPMNDiagram id="d"><di:BPMNPlane id="p" bpmnElement="proc">
<di:BPMNShape id="u_di" bpmnElement="user" other:border="1"><dc:Bounds x="10" y="20" width="100" height="80"/>
</di:BPMNShape></di:BPMNPlane></di:BPMNDiagram>
"""

_SERVICE = extension(
    '<spiff:serviceTaskOperator id="http/Get" resultVariable="answer"><spiff:parameters>'
    '<spiff:parameter id="url" type="str" value="\'a\'"/></spiff:parameters>'
    '<spiff:retry retries="3" backoff_base="2"/></spiff:serviceTaskOperator>'
)
_USER = (
    "<documentation>What to do.</documentation>"
    + extension(
        "<spiff:preScript>a = 1</spiff:preScript><spiff:postScript>b = 2</spiff:postScript>"
        "<spiff:instructionsForEndUser>Please look.</spiff:instructionsForEndUser>"
        '<spiff:properties><spiff:property name="formJsonSchemaFilename" value="order.json"/>'
        '<spiff:property name="colour" value="red"/></spiff:properties>'
        '<camunda:executionListener event="start" class="Audit"/><other:note>remember</other:note>'
    )
    + '<ioSpecification><dataInput id="in_1" name="in"/><dataOutput id="out_1"/><inputSet><dataInputRefs>in_1'
    "</dataInputRefs></inputSet><outputSet><dataOutputRefs>out_1</dataOutputRefs></outputSet></ioSpecification>"
    '<dataInputAssociation id="reads"><sourceRef>ref_a</sourceRef><targetRef>in_1</targetRef></dataInputAssociation>'
)
_MULTI = (
    '<multiInstanceLoopCharacteristics isSequential="false"><loopDataInputRef>items</loopDataInputRef>'
    '<inputDataItem id="item"/><completionCondition>done</completionCondition></multiInstanceLoopCharacteristics>'
)
_LOOP = (
    '<standardLoopCharacteristics loopMaximum="5"><loopCondition>n &lt; 3</loopCondition></standardLoopCharacteristics>'
)

_NODES = "".join(
    [
        task("s", "startEvent"),
        task("user", "userTask", "Look", _USER, 'camunda:assignee="ann" camunda:asyncBefore="true"'),
        task("calc", "scriptTask", "Sum", "<script>total = 1</script>"),
        task("svc", "serviceTask", "Ask", _SERVICE),
        task(
            "rule_1", "businessRuleTask", "Price", extension("<spiff:calledDecisionId>price</spiff:calledDecisionId>")
        ),
        task("call", "callActivity", "Pay", "", 'calledElement="payment"'),
        task("many", "manualTask", "Review", _MULTI),
        task("again", "manualTask", "Retry", _LOOP),
        task("wait", "intermediateCatchEvent", "Wait", '<messageEventDefinition id="x1" messageRef="m1"/>'),
        task(
            "tick",
            "intermediateCatchEvent",
            "Tick",
            '<timerEventDefinition id="x2"><timeDuration>PT1S</timeDuration></timerEventDefinition>',
        ),
        task("shout", "intermediateThrowEvent", "Shout", '<signalEventDefinition signalRef="sig"/>'),
        task(
            "late",
            "boundaryEvent",
            "",
            "<timerEventDefinition><timeDuration>PT2H</timeDuration></timerEventDefinition>",
            'attachedToRef="user"',
        ),
        task("fail", "boundaryEvent", "", '<errorEventDefinition errorRef="err"/>', 'attachedToRef="svc"'),
        task("gate", "exclusiveGateway", "In stock?", "", 'default="gate_e2"'),
        task("fork", "parallelGateway"),
        task("join", "parallelGateway"),
        task("left"),
        task("right"),
        task("e", "endEvent"),
        task("e2", "endEvent"),
        task("e3", "endEvent"),
    ]
)
_OTHERS = """
<dataObject id="obj_a"/><dataObjectReference id="ref_a" name="order" dataObjectRef="obj_a"/>
<dataObject id="unused"/>
<textAnnotation id="note"><text>Mind the gap</text></textAnnotation>
<association id="line" sourceRef="user" targetRef="note"/>
"""
_LANES = (
    '<laneSet id="set"><lane id="sales" name="Sales"><flowNodeRef>user</flowNodeRef></lane>'
    '<lane id="stock" name="Stock"><flowNodeRef>calc</flowNodeRef></lane></laneSet>'
)
_FLOWS = (
    "s>user>calc>svc>rule_1>call>many>again>wait>tick>shout>gate; gate>fork [stock > 0]; gate>e2; "
    "fork>left>join; fork>right>join>e; late>e3; fail>e3"
)


def _plain() -> str:
    return bpmn(_LANES + _NODES + _OTHERS, _FLOWS, beside=_BESIDE).decode()


def _nested() -> str:
    """The same with all nodes inside a sub-process."""
    flat = _plain()
    start = flat.index("<startEvent")
    inner = flat[start : flat.index("</process>")]
    wrapped = f'<startEvent id="outer"/><subProcess id="box">{inner}</subProcess>'
    return flat.replace(inner, wrapped)


#: What is edited: text before, text after, and the expected rule, element, old and new value.
_EDITS: list[tuple[str, str, str, str, str, Any, Any]] = [
    ("task name", 'name="Look"', 'name="Look twice"', "name-changed", "user", "Look", "Look twice"),
    ("script", "total = 1", "total = 2", "script-changed", "calc", "total = 1", "total = 2"),
    ("script whitespace", "total = 1<", "total = 1 <", "script-changed", "calc", "total = 1", "total = 1 "),
    ("documentation", "What to do.", "What not to do.", "documentation-changed", "user",
     "What to do.", "What not to do."),
    ("pre-script", "a = 1", "a = 3", "pre-post-script-changed", "user", "a = 1", "a = 3"),
    ("post-script", "b = 2", "b = 4", "pre-post-script-changed", "user", "b = 2", "b = 4"),
    ("instructions", "Please look.", "Look!", "instructions-changed", "user", "Please look.", "Look!"),
    ("form", "order.json", "order2.json", "form-ref-changed", "user", "order.json", "order2.json"),
    ("property", 'value="red"', 'value="blue"', "property-changed", "user", "red", "blue"),
    ("assignee", "ann", "bob", "assignment-changed", "user", "ann", "bob"),
    ("vendor setting", 'asyncBefore="true"', 'asyncBefore="false"', "setting-changed", "user", "true", None),
    ("listener", '"Audit"', '"Log"', "listener-changed", "user", "Audit", "Log"),
    ("unknown extension", "remember", "forget", "extension-changed", "user",
     "<{http://example.com/other}note>remember</>", "<{http://example.com/other}note>forget</>"),
    ("input name", 'name="in"', 'name="inner"', "task-io-changed", "user", "in", "inner"),
    ("parameter", "'a'", "'b'", "service-parameters-changed", "svc", "'a'", "'b'"),
    ("parameter type", 'type="str"', 'type="any"', "service-parameters-changed", "svc", "str", "any"),
    ("operator", "http/Get", "http/Post", "service-operator-changed", "svc", "http/Get", "http/Post"),
    ("result", '"answer"', '"reply"', "service-result-changed", "svc", "answer", "reply"),
    ("retries", 'retries="3"', 'retries="5"', "service-retries-changed", "svc", "3", "5"),
    ("backoff", 'backoff_base="2"', 'backoff_base="3"', "service-retries-changed", "svc", "2", "3"),
    ("retries gone", '<spiff:retry retries="3" backoff_base="2"/>', '<spiff:retry backoff_base="2"/>',
     "service-retries-changed", "svc", "3", None),
    ("decision", ">price<", ">prices<", "decision-ref-changed", "rule_1", "price", "prices"),
    ("call target", '"payment"', '"refund"', "call-target-changed", "call", "payment", "refund"),
    ("mode", 'isSequential="false"', 'isSequential="true"', "multi-instance-mode-changed", "many",
     "parallel", "sequential"),
    ("collection", ">items<", ">lines<", "multi-instance-data-changed", "many", "items", "lines"),
    ("completion", ">done<", ">ready<", "loop-condition-changed", "many", "done", "ready"),
    ("loop condition", "n &lt; 3", "n &lt; 4", "loop-condition-changed", "again", "n < 3", "n < 4"),
    ("loop limit", 'loopMaximum="5"', 'loopMaximum="6"', "loop-condition-changed", "again", "5", "6"),
    ("timer", "PT1S", "PT5S", "timer-changed", "tick", "PT1S", "PT5S"),
    ("timer kind", "<timeDuration>PT1S</timeDuration>", "<timeCycle>PT1S</timeCycle>", "timer-changed", "tick",
     "duration", "cycle"),
    ("message name", 'name="paid"', 'name="payed"', "message-name-changed", "wait", "paid", "payed"),
    ("correlation", "order.id", "order.number", "correlation-changed", "wait", "order.id", "order.number"),
    ("signal name", 'name="stop"', 'name="halt"', "signal-name-changed", "shout", "stop", "halt"),
    ("error code", '"E1"', '"E2"', "error-code-changed", "fail", "E1", "E2"),
    ("event kind", '<signalEventDefinition signalRef="sig"/>', '<escalationEventDefinition escalationRef="esc"/>',
     "event-definition-type-changed", "shout", {"[signal].kind": "signal", "[signal].name": "stop"},
     {"[escalation].kind": "escalation", "[escalation].name": "Late", "[escalation].code": "L1"}),
    ("interrupting", 'attachedToRef="user"', 'attachedToRef="user" cancelActivity="false"',
     "boundary-interrupting-changed", "late", True, False),
    ("reattached", 'attachedToRef="svc"', 'attachedToRef="calc"', "boundary-reattached", "fail", "svc", "calc"),
    ("condition", "stock > 0", "stock > 1", "flow-condition-changed", "gate_fork", "stock > 0", "stock > 1"),
    ("default", 'default="gate_e2"', 'default="gate_fork"', "default-flow-changed", "gate", "gate_e2", "gate_fork"),
    ("flow name", 'id="s_user"', 'id="s_user" name="go"', "flow-name-changed", "s_user", None, "go"),
    ("flow id", 'id="s_user"', 'id="first"', "flow-id-changed", "first", "s_user", "first"),
    ("flow target", 'sourceRef="left" targetRef="join"', 'sourceRef="left" targetRef="e3"', "flow-retargeted",
     "left_join", "join", "e3"),
    ("task type", '<userTask id="left" ></userTask>', '<manualTask id="left" ></manualTask>', "node-type-changed",
     "left", "userTask", "manualTask"),
    ("lane name", 'name="Sales"', 'name="Sales EU"', "lane-renamed", "sales", "Sales", "Sales EU"),
    ("data name", 'name="order"', 'name="cart"', "name-changed", "ref_a", "order", "cart"),
    ("data type", '<dataObject id="unused"/>', '<dataObject id="unused" isCollection="true"/>', "data-object-changed",
     "unused", False, True),
    ("data gone", '<dataObject id="unused"/>', "", "data-object-removed", "unused", {"type": "dataObject"}, None),
    ("data source", "<sourceRef>ref_a</sourceRef>", "<sourceRef>unused</sourceRef>", "data-association-changed",
     "reads", "ref_a", "unused"),
    ("annotation", "Mind the gap", "Mind the step", "annotation-changed", "note", "Mind the gap", "Mind the step"),
    ("association", 'sourceRef="user" targetRef="note"', 'sourceRef="calc" targetRef="note"', "annotation-changed",
     "line", "user", "calc"),
    ("pool name", 'name="Shop"', 'name="Store"', "name-changed", "pool", "Shop", "Store"),
    ("message flow name", 'name="goods"', 'name="parcel"', "name-changed", "mf", "goods", "parcel"),
    ("unused message", 'name="shipped"', 'name="sent"', "definition-changed", "m2", "shipped", "sent"),
    ("executable", ' isExecutable="true"', "", "process-not-executable", "proc", True, False),
    ("process name", '<process id="proc"', '<process id="proc" name="Order"', "name-changed", "proc", None, "Order"),
    ("drawing", 'x="10"', 'x="50"', "layout-changed", "user", [{"bounds": [10.0, 20.0, 100.0, 80.0]}],
     [{"bounds": [50.0, 20.0, 100.0, 80.0]}]),
]  # fmt: skip

#: Edits that make no difference.
_NOISE = [
    ("prefix", "spiff:", "spiffworkflow:"),
    ("whitespace in a name", 'name="Look"', 'name="  Look&#10;"'),
    ("order of attributes", 'id="pool" name="Shop"', 'name="Shop" id="pool"'),
    ("default written out", '<parallelGateway id="fork"', '<parallelGateway id="fork" gatewayDirection="Unspecified"'),
    ("interrupting written out", 'attachedToRef="user"', 'attachedToRef="user" cancelActivity="true"'),
    ("ids of event definitions", 'id="x2"', 'id="x99"'),
    ("id of the diagram", 'BPMNDiagram id="d"', 'BPMNDiagram id="d2"'),
    ("exporter", 'targetNamespace="t"', 'targetNamespace="t" exporter="Some modeler" exporterVersion="9"'),
    ("white space between elements", "/>", "/>\n   "),
    ("CDATA", "<![CDATA[stock > 0]]>", "stock &gt; 0"),
    ("a comment", "<process ", "<!-- hello --><process "),
    ("incoming and outgoing", '<parallelGateway id="fork" >', '<parallelGateway id="fork"><incoming>x</incoming>'),
]


def _models(text: str, before: str, after: str) -> tuple[Model, Model]:
    assert before in text
    changed = text.replace(before, after)
    if before == "spiff:":
        changed = changed.replace("xmlns:spiff=", "xmlns:spiffworkflow=")
    return model(text), model(changed)


def _rules(diff: Diff) -> set[tuple[str, str]]:
    return {(change.rule, change.element.id) for change in diff.changes}


@pytest.mark.parametrize("around", [_plain, _nested], ids=["in the process", "in a sub-process"])
@pytest.mark.parametrize(
    ("before", "after", "rule_id", "element", "old", "new"), [e[1:] for e in _EDITS], ids=[e[0] for e in _EDITS]
)
def test_an_edit_gives_its_change_with_both_values(
    around: Any, before: str, after: str, rule_id: str, element: str, old: Any, new: Any
) -> None:
    diff = compare(*_models(around(), before, after))

    changes = [change for change in diff.changes if (change.rule, change.element.id) == (rule_id, element)]
    assert (old, new) in [(_bare(change.old), _bare(change.new)) for change in changes]
    assert _rules(diff) <= {(rule_id, element)} | _FOLLOWING.get(before, set())
    assert all(change.severity == rule(change.rule).severity for change in diff.changes)


def _bare(value: Any) -> Any:
    """Without the sub-process, which depends on where the model is."""
    return {key: each for key, each in value.items() if key != "scope"} if isinstance(value, dict) else value


#: Changes that rightly follow from an edit.
_FOLLOWING: dict[str, set[tuple[str, str]]] = {
    'sourceRef="left" targetRef="join"': {("join-incoming-count-changed", "join")},
}


@pytest.mark.parametrize(("before", "after"), [e[1:] for e in _NOISE], ids=[e[0] for e in _NOISE])
@pytest.mark.parametrize("around", [_plain, _nested], ids=["in the process", "in a sub-process"])
def test_what_exporters_write_differently_is_no_change(around: Any, before: str, after: str) -> None:
    assert compare(*_models(around(), before, after)).changes == ()


def _edited(before: str, after: str) -> set[tuple[str, str]]:
    return _rules(compare(*_models(_plain(), before, after)))


def test_an_inserted_task_is_one_node_one_flow_and_one_new_target() -> None:
    flow = '<sequenceFlow id="calc_svc" sourceRef="calc" targetRef="svc"></sequenceFlow>'
    inserted = (
        '<task id="n"/><sequenceFlow id="n_svc" sourceRef="n" targetRef="svc"/>'
        '<sequenceFlow id="calc_svc" sourceRef="calc" targetRef="n"/>'
    )

    assert _edited(flow, inserted) == {("node-added", "n"), ("flow-added", "n_svc"), ("flow-retargeted", "calc_svc")}


def test_a_removed_boundary_event_goes_with_its_flow() -> None:
    text = _plain()
    start = text.index('<boundaryEvent id="late"')
    event = text[start : text.index("</boundaryEvent>", start) + len("</boundaryEvent>")]
    bare = text.replace(event, "").replace(
        '<sequenceFlow id="late_e3" sourceRef="late" targetRef="e3"></sequenceFlow>', ""
    )

    assert _rules(compare(model(text), model(bare))) == {("boundary-removed", "late"), ("flow-removed", "late_e3")}


def test_a_node_in_another_lane_moved() -> None:
    swapped = "<flowNodeRef>user</flowNodeRef></lane>", "</lane>"
    there = '<lane id="stock" name="Stock">', '<lane id="stock" name="Stock"><flowNodeRef>user</flowNodeRef>'
    text = _plain()

    diff = compare(model(text), model(text.replace(*swapped).replace(*there)))

    (change,) = diff.changes
    assert (change.rule, change.kind, change.old, change.new) == ("lane-changed", "moved", "sales", "stock")


def test_flows_in_another_order_are_one_change_of_their_source() -> None:
    first = '<sequenceFlow id="fork_left" sourceRef="fork" targetRef="left"></sequenceFlow>'
    text = _plain().replace(first, "")
    moved = text.replace("</process>", f"{first}</process>")

    diff = compare(model(_plain()), model(moved))

    (change,) = diff.changes
    assert (change.rule, change.element.id) == ("outgoing-order-changed", "fork")
    assert (change.old, change.new) == (["fork_left", "fork_right"], ["fork_right", "fork_left"])


def test_a_repetition_that_comes_or_goes_says_all_of_it() -> None:
    plain, repeated = _models(_plain(), _MULTI, "")

    (removed,) = compare(plain, repeated).changes
    (added,) = compare(repeated, plain).changes

    assert (removed.rule, added.rule) == ("multi-instance-removed", "multi-instance-added")
    assert removed.old == {"kind": "parallel", "condition": "done", "input": "items", "input_item": "item"}


def test_a_variable_that_nobody_sets_any_more_is_said_where_it_is_read() -> None:
    def with_reader(script: str) -> Model:
        reader = task("check", "scriptTask", "", "<script>ok = total > 5</script>")
        body = task("s", "startEvent") + task("calc", "scriptTask", "", f"<script>{script}</script>") + reader
        return model(bpmn(body, "s>calc>check"))

    diff = compare(with_reader("total = 1"), with_reader("amount = 1"))

    (change,) = [change for change in diff.changes if change.rule == "script-variables-changed"]
    assert (change.element.id, change.path, change.old, change.new) == ("check", "reads[total]", ["calc"], None)


def test_places_are_the_lines_of_the_values() -> None:
    text = _plain().replace("<script>", "\n<script>").replace("<userTask", "\n\n<userTask")

    (change,) = compare(model(_plain()), model(text.replace("total = 1", "total = 2"))).changes

    assert (change.old_place.file, change.old_place.line) == (
        "model.bpmn",
        _plain().count("\n", 0, _plain().index("total")) + 1,
    )
    assert change.new_place.line == text.count("\n", 0, text.index("total")) + 1
