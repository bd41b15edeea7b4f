"""Which nodes a change concerns beside the element it names."""

from __future__ import annotations

from spiffcli.diff import compare
from spiffcli.diff.touching import touched_nodes
from spiffcli.model import Model

from .make import bpmn, ends, extension, model, task


def _touched(old: Model, new: Model) -> dict[str, set[str]]:
    diff = compare(old, new, old_process="proc", dependencies=True)
    return touched_nodes(diff.all_changes, old.processes["proc"], new.processes["proc"])


def test_a_label_concerns_its_node_only() -> None:
    old, new = (model(bpmn(ends(task("a", name=name)), "s>a>e")) for name in ("A", "B"))

    assert _touched(old, new) == {"a": {"name-changed"}}


def test_a_flow_concerns_its_ends_on_both_sides() -> None:
    body = ends(task("a"), task("b"))
    flow = '<sequenceFlow id="f" sourceRef="s" targetRef="{}"/>'

    touched = _touched(model(bpmn(body + flow.format("a"))), model(bpmn(body + flow.format("b"))))

    assert touched == {id: {"flow-retargeted"} for id in ("s", "a", "b")}


def test_a_new_boundary_event_concerns_the_host_and_what_is_around_it() -> None:
    timer = "<timerEventDefinition><timeDuration>PT1S</timeDuration></timerEventDefinition>"
    event = task("late", "boundaryEvent", "", timer, 'attachedToRef="a"')

    touched = _touched(model(bpmn(ends(task("a")), "s>a>e")), model(bpmn(ends(task("a"), event), "s>a>e")))

    assert touched == {id: {"boundary-added"} for id in ("s", "a", "e", "late")}


def test_a_renamed_node_concerns_its_neighbours_and_both_its_ids() -> None:
    old, new = (model(bpmn(ends(task(id, name="A")), f"s>{id}>e")) for id in ("a", "b"))

    touched = _touched(old, new)

    assert touched.keys() == {"s", "a", "b", "e"}
    assert all("node-id-changed" in rules for rules in touched.values())


def test_a_lane_concerns_its_nodes_and_what_is_in_them() -> None:
    def lanes(name: str) -> Model:
        lane = f'<laneSet id="l"><lane id="m" name="{name}"><flowNodeRef>p</flowNodeRef></lane></laneSet>'
        return model(bpmn(lane + ends(f'<subProcess id="p">{task("x")}</subProcess>')))

    assert _touched(lanes("A"), lanes("B")) == {"p": {"lane-renamed"}, "x": {"lane-renamed"}}


def test_data_concern_the_nodes_that_read_or_write_them() -> None:
    def data(more: str) -> Model:
        link = '<dataInputAssociation id="in"><sourceRef>r</sourceRef></dataInputAssociation>'
        items = f'<dataObject id="d" {more}/><dataObjectReference id="r" dataObjectRef="d"/>'
        return model(bpmn(ends(task("a", inner=link), task("b")) + items))

    assert _touched(data(""), data('isCollection="true"')) == {"a": {"data-object-changed"}}


def test_a_decision_concerns_the_tasks_that_ask_it() -> None:
    def asks(expression: str) -> Model:
        inner = extension("<spiff:calledDecisionId>price</spiff:calledDecisionId>")
        logic = f"<literalExpression><text>{expression}</text></literalExpression>"
        dmn = (
            '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/">'
            f'<decision id="price">{logic}</decision></definitions>'
        )
        return model(bpmn(ends(task("a", "businessRuleTask", "", inner), task("b"))), ("price.dmn", dmn))

    assert _touched(asks("1"), asks("2")) == {"a": {"decision-logic-changed"}}
