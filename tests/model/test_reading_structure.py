"""Processes as a whole: scopes, lanes, flows, data, pools, references, and what is amiss."""

from __future__ import annotations

import pytest

from spiffcli.errors import ModelError
from spiffcli.model import CalledReference, Model, load
from spiffcli.values import Resource

from .writing import definitions, extended, process, read, read_process


def _flow(id: str, source: str, target: str, inner: str = "") -> str:
    return f'<sequenceFlow id="{id}" sourceRef="{source}" targetRef="{target}">{inner}</sequenceFlow>'


def test_flows_connect_nodes_in_document_order() -> None:
    found = read_process(
        '<exclusiveGateway id="g" default="f2"/><task id="a"/><task id="b"/>'
        + _flow("f2", "g", "b")
        + _flow("f1", "g", "a", "<conditionExpression> x > 1</conditionExpression>")
    )

    assert found.nodes["g"].outgoing == ("f2", "f1")
    assert found.nodes["a"].incoming == ("f1",)
    assert (found.flows["f1"].condition, found.flows["f1"].order) == (" x > 1", 1)
    assert found.flows["f2"].is_default
    assert not found.flows["f1"].is_default


def test_nodes_of_sub_processes_know_their_scope() -> None:
    found = read_process(
        '<subProcess id="a"><task id="t"/><transaction id="b"><task id="u"/></transaction></subProcess>'
        '<subProcess id="c" triggeredByEvent="true"><startEvent id="s" isInterrupting="false"/></subProcess>'
    )

    scopes = {node.id: node.scope for node in found.nodes.values()}
    assert scopes == {"a": None, "t": "a", "b": "a", "u": "b", "c": None, "s": "c"}
    assert found.nodes["c"].triggered_by_event
    assert found.nodes["s"].interrupting is False


def test_boundary_events_know_their_host_and_it_knows_them() -> None:
    found = read_process(
        '<task id="t"/><boundaryEvent id="b" attachedToRef="t" cancelActivity="false"/>'
        '<boundaryEvent id="c" attachedToRef="t"/>'
    )

    assert found.nodes["t"].boundary == ("b", "c")
    assert (found.nodes["b"].attached_to, found.nodes["b"].interrupting) == ("t", False)
    assert found.nodes["c"].interrupting is True


def test_the_innermost_lane_counts() -> None:
    found = read_process(
        '<laneSet id="ls"><lane id="outer" name="Outer"><flowNodeRef>a</flowNodeRef><flowNodeRef>b</flowNodeRef>'
        '<childLaneSet id="cs"><lane id="inner" name="Inner"><flowNodeRef>b</flowNodeRef></lane></childLaneSet>'
        '</lane></laneSet><task id="a"/><task id="b"/>'
    )

    assert (found.nodes["a"].lane, found.nodes["b"].lane) == ("outer", "inner")
    assert found.lanes["inner"].parent == "outer"
    assert found.lanes["outer"].nodes == ("a",)


def test_data_objects_and_associations() -> None:
    found = read_process(
        '<dataObject id="d"/><dataObjectReference id="r" name="Order" dataObjectRef="d"/>'
        '<task id="t"><property id="p" name="__targetRef_placeholder"/><dataInputAssociation id="in">'
        "<sourceRef>r</sourceRef><targetRef>p</targetRef></dataInputAssociation>"
        "<dataOutputAssociation><targetRef>r</targetRef></dataOutputAssociation></task>"
    )

    assert set(found.data) == {"d", "r"}
    assert found.data["r"].object == "d"
    first, second = found.associations.values()
    assert (first.id, first.node, first.source) == ("in", "t", "r")
    assert (second.id, second.type, second.target) == ("dataOutputAssociation~t~1", "dataOutputAssociation", "r")


def test_collaborations_have_pools_and_message_flows() -> None:
    model = read(
        definitions(
            '<message id="m" name="order"/><collaboration id="c"><participant id="p" name="Shop" processRef="proc"/>'
            '<participant id="q" name="Buyer"><participantMultiplicity minimum="1" maximum="9"/></participant>'
            '<messageFlow id="f" sourceRef="q" targetRef="t" messageRef="m"/></collaboration>'
            '<process id="proc"><task id="t"/></process>'
        )
    )

    collaboration = model.collaborations["c"]
    assert collaboration.participants["p"].process == "proc"
    assert collaboration.participants["q"].multiplicity == "1..9"
    assert (collaboration.message_flows["f"].target, collaboration.message_flows["f"].message) == ("t", "order")
    assert not model.processes["proc"].executable


def test_references_in_document_order_with_their_binding() -> None:
    found = read_process(
        '<callActivity id="c" calledElement="pay" camunda:calledElementBinding="latest"/>'
        '<businessRuleTask id="r" camunda:decisionRef="price" camunda:decisionRefBinding="version" '
        'camunda:decisionRefVersion="2"/>'
        '<userTask id="u">'
        + extended(
            '<spiff:properties><spiff:property name="formJsonSchemaFilename" value="forms/a.json"/>'
            '<spiff:property name="formUiSchemaFilename" value="a_ui.json"/></spiff:properties>'
        )
        + '</userTask><userTask id="v" flowable:formKey="b"/>'
    )

    assert found.references == (
        CalledReference("c", "process", "pay", "latest"),
        CalledReference("r", "decision", "price", "version:2"),
        CalledReference("u", "form", "a.json"),
        CalledReference("u", "form", "a_ui.json"),
        CalledReference("v", "form", "b"),
    )


@pytest.mark.parametrize(
    ("content", "unreachable"),
    [
        ('<startEvent id="s"/><task id="a"/><task id="b"/>' + _flow("f", "s", "a"), {"b"}),
        ('<task id="a"/><task id="b"/>' + _flow("f", "a", "b"), set()),
        ('<startEvent id="s"/><task id="a"/><boundaryEvent id="x" attachedToRef="a"/><task id="b"/>'
         + _flow("f", "s", "a") + _flow("g", "x", "b"), set()),
        ('<startEvent id="s"/><subProcess id="p"><startEvent id="t"/><task id="a"/><task id="b"/>'
         + _flow("g", "t", "a") + "</subProcess>" + _flow("f", "s", "p"), {"b"}),
        ('<startEvent id="s"/><subProcess id="p" triggeredByEvent="true"><startEvent id="t"/></subProcess>', set()),
        ('<startEvent id="s"/><task id="undo" isForCompensation="true"/>', set()),
        ('<startEvent id="s"/><task id="a"/><task id="b"/>' + _flow("f", "a", "b") + _flow("g", "b", "a"), {"a", "b"}),
    ],
)  # fmt: skip
def test_nodes_that_no_path_leads_to(content: str, unreachable: set[str]) -> None:
    found = read_process(content)

    assert {node.id for node in found.nodes.values() if not node.reachable} == unreachable


@pytest.mark.parametrize(
    ("content", "rule", "element"),
    [
        ('<startEvent id="s"/>' + _flow("f", "s", "gone"), "reference-dangling", "f"),
        ('<startEvent id="s"/><sequenceFlow id="f" sourceRef="s"/>', "reference-dangling", "f"),
        ('<startEvent id="s"/><boundaryEvent id="b" attachedToRef="gone"/>', "reference-dangling", "b"),
        ('<startEvent id="s"/><exclusiveGateway id="g" default="gone"/>', "reference-dangling", "g"),
        ('<startEvent id="s"><messageEventDefinition messageRef="gone"/></startEvent>', "reference-dangling", "s"),
        ('<laneSet id="l"><lane id="m"><flowNodeRef>gone</flowNodeRef></lane></laneSet><startEvent id="s"/>',
         "reference-dangling", "m"),
        ('<startEvent id="s"/><task id="s"/>', "id-duplicated", "s"),
        ('<startEvent id="s"/><task/>', "id-missing", "task~1"),
        ('<startEvent id="Start"/>', "id-reserved", "Start"),
        ('<startEvent id="s"/><task id="proc.EndJoin"/>', "id-reserved", "proc.EndJoin"),
        ('<startEvent id="s"/><task id="a [child]"/>', "id-reserved", "a [child]"),
        ('<startEvent id="s"/><task id="a.BoundaryEventSplit"/>', "id-reserved", "a.BoundaryEventSplit"),
        ('<startEvent id="s"/><task id="StartEventJoin"/>', "id-reserved", "StartEventJoin"),
        ('<task id="a"/>', "start-missing", "proc"),
        ('<startEvent id="s"/><exclusiveGateway id="g"/><task id="a"/><task id="b"/>' + _flow("f", "s", "g")
         + _flow("x", "g", "a", "<conditionExpression>1</conditionExpression>")
         + _flow("y", "g", "b", "<conditionExpression>2</conditionExpression>"), "gateway-no-exit", "g"),
        ('<startEvent id="s"/><task id="a"/>', "node-unreachable", "a"),
    ],
)  # fmt: skip
def test_faults_are_noted_and_read_past(content: str, rule: str, element: str) -> None:
    model = read(process("\n" + content))

    (problem,) = [problem for problem in model.problems if problem.rule == rule]
    assert (problem.element, problem.file) == (element, "model.bpmn")
    assert problem.line in (1, 2)
    assert element in problem.message


def test_an_element_whose_id_is_taken_is_kept_under_another() -> None:
    assert list(read_process('<startEvent id="a"/><task id="a"/>').nodes) == ["a", "a~2"]


def _two(one: str, other: str) -> Model:
    return load([Resource("one.bpmn", "bpmn", one.encode()), Resource("other.bpmn", "bpmn", other.encode())])


def test_a_process_defined_in_two_files_is_an_error_that_names_both() -> None:
    with pytest.raises(ModelError, match=r"proc is defined in one\.bpmn and in other\.bpmn") as caught:
        _two(process(""), process(""))

    assert caught.value.element == "proc"


def test_a_process_defined_twice_in_a_file_is_an_error() -> None:
    with pytest.raises(ModelError, match="defined twice"):
        read(definitions('<process id="a"/><process id="a"/>'))


def test_a_file_can_use_a_message_of_another() -> None:
    one = process('<startEvent id="s"><messageEventDefinition messageRef="m"/></startEvent>')

    model = _two(one, definitions('<message id="m" name="paid"/>'))

    assert model.processes["proc"].nodes["s"].events[0].name == "paid"
    assert model.roots["message", "m"].used
    assert model.problems == ()


def test_messages_of_one_id_in_two_files_stay_apart() -> None:
    model = _two(definitions('<message id="m" name="a"/>'), definitions('<message id="m" name="b"/>'))

    assert {id: root.name for id, root in model.of_type("message").items()} == {"m": "a", "m~2": "b"}


def test_elements_know_their_lines() -> None:
    found = read_process('\n<startEvent id="s"/>\n\n<scriptTask id="t">\n<script>x</script></scriptTask>')

    assert (found.nodes["s"].line, found.nodes["t"].line, found.nodes["t"].script.line) == (2, 4, 5)


def test_the_drawing_stands_apart() -> None:
    drawn = (
        '<di:BPMNDiagram id="d"><di:BPMNPlane id="p" bpmnElement="proc">'
        '<di:BPMNShape bpmnElement="t" isExpanded="true">'
        '<dc:Bounds x="1.004" y="2" width="3" height="4"/><di:BPMNLabel><dc:Bounds x="5" y="6" width="7" height="8"/>'
        '</di:BPMNLabel></di:BPMNShape><di:BPMNShape bpmnElement="gone"/></di:BPMNPlane></di:BPMNDiagram>'
    )

    (shape,) = read_process('<task id="t"/>', beside=drawn).layout["t"]

    assert (shape.points, shape.label, shape.expanded) == ((1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0), True)
