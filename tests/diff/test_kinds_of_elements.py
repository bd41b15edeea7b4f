"""Elements of every kind, each in two versions: the rule their difference matches."""

from __future__ import annotations

import pytest

from spiffcli.diff import Change, compare, rule
from spiffcli.model import Model, semantic_hash

from .make import bpmn, ends, extension, model, task

_SUB = '<subProcess id="sub">{}</subProcess>'
_DATA = '<dataObject id="d"/>'
_LINK = '<task id="t"><dataInputAssociation id="in"><sourceRef>d</sourceRef>{}</dataInputAssociation></task>' + _DATA
_LANES = '<laneSet id="l"><lane id="a" name="A">{}</lane>{}</laneSet>'
_CHILD = '<childLaneSet id="c"><lane id="b" name="B"/></childLaneSet>'

#: What -> body before, body after, expected rule and element.
_IN_PROCESS: dict[str, tuple[str, str, str, str]] = {
    "data moved into a sub-process": (_DATA + _SUB.format(""), _SUB.format(_DATA), "data-moved-scope", "d"),
    "a transformation": (
        _LINK.format("<transformation>x</transformation>"),
        _LINK.format("<transformation>y</transformation>"),
        "data-association-changed",
        "in",
    ),
    "an assignment": (
        _LINK.format("<assignment><from>1</from><to>x</to></assignment>"),
        _LINK.format("<assignment><from>2</from><to>x</to></assignment>"),
        "data-association-changed",
        "in",
    ),
    "a second source": (
        _LINK.format(""),
        _LINK.format("<sourceRef>e</sourceRef>"),
        "attribute-changed",
        "in",
    ),
    "a lane in another lane": (
        _LANES.format("", '<lane id="b" name="B"/>'),
        _LANES.format(_CHILD, ""),
        "lane-moved",
        "b",
    ),
    "a note on a lane": (
        _LANES.format("", ""),
        _LANES.format("<documentation>Who sells.</documentation>", ""),
        "documentation-changed",
        "a",
    ),
    "a partition of a lane": (
        _LANES.format("", ""),
        _LANES.format("<partitionElement/>", ""),
        "attribute-changed",
        "a",
    ),
    "a note on an association": (
        '<textAnnotation id="n"/><association id="x" sourceRef="n" targetRef="n"/>',
        ('<textAnnotation id="n"/><association id="x" sourceRef="n" targetRef="n"><documentation>y</documentation>'
        "</association>"),
        "documentation-changed",
        "x",
    ),
    "the direction of an association": (
        '<association id="x" sourceRef="n" targetRef="m"/>',
        '<association id="x" sourceRef="n" targetRef="m" associationDirection="One"/>',
        "annotation-changed",
        "x",
    ),
    "an attribute of another namespace on a flow": (
        '<sequenceFlow id="f"/>',
        '<sequenceFlow id="f" other:x="1"/>',
        "extension-changed",
        "f",
    ),
    "a binding": (
        task("c", "callActivity", "", "", 'calledElement="p"'),
        task("c", "callActivity", "", "", 'calledElement="p" camunda:calledElementBinding="latest"'),
        "call-binding-changed",
        "c",
    ),
    "a binding among properties": (
        task("c", "callActivity", "", "", 'calledElement="p"'),
        task(
            "c",
            "callActivity",
            "",
            extension('<spiff:properties><spiff:property name="binding" value="latest"/></spiff:properties>'),
            'calledElement="p"',
        ),
        "call-binding-changed",
        "c",
    ),
    "a setting of a call": (
        task("c", "callActivity", "", "", 'calledElement="p"'),
        task("c", "callActivity", "", "", 'calledElement="p" flowable:inheritVariables="true"'),
        "call-setting-changed",
        "c",
    ),
    "the language of a script": (
        task("t", "scriptTask", "", "<script>x</script>"),
        task("t", "scriptTask", "", "<script>x</script>", 'scriptFormat="groovy"'),
        "script-changed",
        "t",
    ),
    "a script listener": (
        task("t", inner=extension('<camunda:executionListener event="end"><camunda:script>a</camunda:script>'
                                  "</camunda:executionListener>")),
        task("t", inner=extension('<camunda:executionListener event="end"><camunda:script>b</camunda:script>'
                                  "</camunda:executionListener>")),
        "listener-changed",
        "t",
    ),
    "a zeebe listener": (
        task("t"),
        task("t", inner=extension('<zeebe:executionListeners><zeebe:executionListener eventType="start" type="x"/>'
                                  "</zeebe:executionListeners>")),
        "listener-changed",
        "t",
    ),
    "a connector": (
        task("t", "serviceTask"),
        task("t", "serviceTask", "", extension("<camunda:connector><camunda:connectorId>http</camunda:connectorId>"
                                               "<camunda:inputOutput/></camunda:connector>")),
        "service-operator-changed",
        "t",
    ),
    "an ad-hoc condition": (
        task("t", "adHocSubProcess", "", "<completionCondition>a</completionCondition>"),
        task("t", "adHocSubProcess", "", "<completionCondition>b</completionCondition>"),
        "setting-changed",
        "t",
    ),
    "an unknown child of a loop": (
        task("t", inner="<standardLoopCharacteristics/>"),
        task("t", inner="<standardLoopCharacteristics><complex/></standardLoopCharacteristics>"),
        "multi-instance-data-changed",
        "t",
    ),
    "an unknown child of an event": (
        task("t", "endEvent", "", "<messageEventDefinition/>"),
        task("t", "endEvent", "", "<messageEventDefinition><operationRef>x</operationRef></messageEventDefinition>"),
        "event-setting-changed",
        "t",
    ),
    "a shared event that is not there": (
        task("t", "endEvent"),
        task("t", "endEvent", "", "<eventDefinitionRef>gone</eventDefinitionRef>"),
        "attribute-changed",
        "t",
    ),
    "a role without an expression": (
        task("t", inner="<performer/>"),
        task("t", inner='<performer name="x"/>'),
        "assignment-changed",
        "t",
    ),
    "a compensated activity": (
        task("t", "endEvent", "", '<compensateEventDefinition activityRef="a"/>') + task("a") + task("b"),
        task("t", "endEvent", "", '<compensateEventDefinition activityRef="b"/>') + task("a") + task("b"),
        "compensation-changed",
        "t",
    ),
    "a subscription of the process": (
        ('<correlationSubscription correlationKeyRef="k"><correlationPropertyBinding correlationPropertyRef="p">'
        "<dataPath>a</dataPath></correlationPropertyBinding></correlationSubscription>"),
        ('<correlationSubscription correlationKeyRef="k"><correlationPropertyBinding correlationPropertyRef="p">'
        "<dataPath>b</dataPath></correlationPropertyBinding></correlationSubscription>"),
        "correlation-changed",
        "proc",
    ),
    "an unknown child of the process": ("", "<auditing/>", "attribute-changed", "proc"),
    "a listener of the process": (
        "",
        extension('<camunda:executionListener event="start" class="X"/>'),
        "process-setting-changed",
        "proc",
    ),
    "a property of the process": (
        "",
        extension('<zeebe:properties><zeebe:property name="a" value="b"/></zeebe:properties>'),
        "property-changed",
        "proc",
    ),
}  # fmt: skip


def _compare(before: Model, after: Model) -> list[Change]:
    diff = compare(before, after)
    assert diff.reversed() == compare(after, before, old_label="new", new_label="old")
    return list(diff.changes)


@pytest.mark.parametrize(("before", "after", "rule_id", "element"), _IN_PROCESS.values(), ids=_IN_PROCESS)
def test_a_difference_inside_a_process(before: str, after: str, rule_id: str, element: str) -> None:
    old, new = model(bpmn(before)), model(bpmn(after))

    changes = _compare(old, new)

    assert {(change.rule, change.element.id) for change in changes} == {(rule_id, element)}
    assert semantic_hash(old.processes["proc"], old) != semantic_hash(new.processes["proc"], new)


_COLLABORATION = '<collaboration id="c" {}>{}</collaboration>'
_POOL = '<participant id="p" name="Shop" {}>{}</participant>'
_KEY = '<correlationKey name="k"><correlationPropertyRef>{}</correlationPropertyRef></correlationKey>'

_BESIDE: dict[str, tuple[str, str, str, str]] = {
    "a correlation key": (
        _COLLABORATION.format("", _KEY.format("a")),
        _COLLABORATION.format("", _KEY.format("b")),
        "correlation-key-changed",
        "c",
    ),
    "the name of a collaboration": (
        _COLLABORATION.format("", ""),
        _COLLABORATION.format('name="Trade"', ""),
        "name-changed",
        "c",
    ),
    "something unknown in a collaboration": (
        _COLLABORATION.format("", ""),
        _COLLABORATION.format("", "<conversation/>"),
        "attribute-changed",
        "c",
    ),
    "the process of a pool": (
        _COLLABORATION.format("", _POOL.format("", "")),
        _COLLABORATION.format("", _POOL.format('processRef="proc"', "")),
        "participant-changed",
        "p",
    ),
    "how many take part": (
        _COLLABORATION.format("", _POOL.format("", "")),
        _COLLABORATION.format("", _POOL.format("", '<participantMultiplicity maximum="9"/>')),
        "participant-changed",
        "p",
    ),
    "a pool": (
        _COLLABORATION.format("", ""),
        _COLLABORATION.format("", _POOL.format("", "")),
        "participant-added",
        "p",
    ),
    "a message on its way": (
        '<message id="m" name="a"/>' + _COLLABORATION.format("", '<messageFlow id="f" sourceRef="x" targetRef="y"/>'),
        '<message id="m" name="a"/>'
        + _COLLABORATION.format("", '<messageFlow id="f" sourceRef="x" targetRef="y" messageRef="m"/>'),
        "message-flow-retargeted",
        "f",
    ),
    "an unused error": ('<error id="e" errorCode="1"/>', '<error id="e" errorCode="2"/>', "definition-changed", "e"),
    "an unused signal": ("", '<signal id="s" name="x"/>', "definition-added", "s"),
}


@pytest.mark.parametrize(("before", "after", "rule_id", "element"), _BESIDE.values(), ids=_BESIDE)
def test_a_difference_beside_the_processes(before: str, after: str, rule_id: str, element: str) -> None:
    changes = _compare(model(bpmn("", beside=before)), model(bpmn("", beside=after)))

    assert {(change.rule, change.element.id) for change in changes} == {(rule_id, element)}


def test_a_collaboration_can_be_compared_alone() -> None:
    old, new = (model(bpmn(ends(), beside=_COLLABORATION.format(name, ""))) for name in ("", 'name="x"'))

    diff = compare(old, new, old_process="c")

    assert [change.rule for change in diff.changes] == ["name-changed"]
    assert semantic_hash(old.collaborations["c"], old) != semantic_hash(new.collaborations["c"], new)


def test_the_processes_of_a_collaboration_are_its_dependencies() -> None:
    pools = _COLLABORATION.format("", _POOL.format('processRef="proc"', ""))
    old, new = (model(bpmn(task("t", name=name), beside=pools)) for name in ("a", "b"))

    found = compare(old, new, old_process="c", dependencies=True).dependencies

    assert {key: item.status for key, item in found.items()} == {"process:proc": "changed"}


def test_definitions_of_different_kinds_have_nothing_in_common() -> None:
    both = model(bpmn(task("t"), beside=_COLLABORATION.format("", "")))

    diff = compare(both, both, old_process="proc", new_process="c")

    assert {(change.rule, change.element.id) for change in diff.changes} == {
        ("process-removed", "proc"),
        ("node-removed", "t"),
        ("collaboration-added", "c"),
    }


def test_two_nodes_of_one_id_are_not_taken_for_a_move() -> None:
    old = model(bpmn(task("t"), process="one"), bpmn(task("t"), process="two"))
    new = model(bpmn("", process="one"), bpmn("", process="two"))

    assert [change.kind for change in compare(old, new).changes] == ["removed", "removed"]


@pytest.mark.parametrize(
    ("setter", "read"),
    [
        ("def total(): pass", True),
        ("import math as total", True),
        ("for total in range(3): pass", True),
        ("print('total')", False),
        ("this is not python total", False),
    ],
)
def test_ways_to_set_a_name(setter: str, read: bool) -> None:
    def reading(script: str) -> Model:
        first = task("a", "scriptTask", "", f"<script>{script}</script>")
        return model(bpmn(first + task("b", "scriptTask", "", "<script>x = total</script>")))

    rules = {change.rule for change in compare(reading(setter), reading("other = 1")).changes}

    assert ("script-variables-changed" in rules) == read
    assert rule("script-variables-changed").active == "error"


def test_a_condition_that_reads_what_a_service_no_longer_gives_is_said() -> None:
    def reading(result: str) -> Model:
        operator = f'<spiff:serviceTaskOperator id="x" resultVariable="{result}"/>'
        body = ends(task("a", "serviceTask", "", extension(operator)), task("g", "exclusiveGateway"))
        return model(bpmn(body, "s>a>g; g>e [answer > 1]"))

    changes = compare(reading("answer"), reading("reply")).changes

    assert [(c.element.id, c.old) for c in changes if c.rule == "script-variables-changed"] == [("g_e", ["a"])]
