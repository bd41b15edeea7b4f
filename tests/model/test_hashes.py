from __future__ import annotations

import pytest

from spiffcli.model import layout_hash, order_notes, semantic_hash

from .writing import process, read

_DRAWN = (
    '<di:BPMNDiagram id="d"><di:BPMNPlane id="p" bpmnElement="proc">'
    '<di:BPMNShape bpmnElement="a"><dc:Bounds x="0" y="{a}" width="9" height="9"/></di:BPMNShape>'
    '<di:BPMNShape bpmnElement="b"><dc:Bounds x="0" y="{b}" width="9" height="9"/></di:BPMNShape>'
    "</di:BPMNPlane></di:BPMNDiagram>"
)
_BODY = (
    '<startEvent id="s"/><exclusiveGateway id="g" name="Stock?"/><task id="a"/><task id="b"/>'
    '<sequenceFlow id="f" sourceRef="s" targetRef="g"/>'
    '<sequenceFlow id="fa" sourceRef="g" targetRef="a"/><sequenceFlow id="fb" sourceRef="g" targetRef="b"/>'
)


def _hashes(body: str = _BODY, a: int = 0, b: int = 50, name: str = "model.bpmn") -> tuple[str, str]:
    model = read(process(body, beside=_DRAWN.format(a=a, b=b)), name)
    return semantic_hash(model.processes["proc"], model), layout_hash(model.processes["proc"], model)


def test_hashes_name_their_algorithm() -> None:
    for hash in _hashes():
        assert hash.startswith("m1:")
        assert len(hash) == 3 + 64


def test_where_the_file_is_and_how_it_is_drawn_does_not_count() -> None:
    assert _hashes()[0] == _hashes(a=99, name="elsewhere/other.bpmn")[0]
    assert _hashes()[1] != _hashes(a=99)[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('id="a"', 'id="a" name="x"'),
        ('<task id="b"/>', '<userTask id="b"/>'),
        ('id="f"', 'id="f0"'),
        ('id="s"', 'id="s" isInterrupting="false"'),
        ('<task id="a"/>', '<task id="a"><extensionElements><other:x/></extensionElements></task>'),
    ],
)
def test_what_the_process_says_counts(before: str, after: str) -> None:
    assert _hashes()[0] != _hashes(_BODY.replace(before, after))[0]


def test_the_order_of_flows_counts_and_of_nodes_does_not() -> None:
    first, second = '<sequenceFlow id="fa" sourceRef="g" targetRef="a"/>', '<task id="a"/>'

    assert _hashes()[0] != _hashes(_BODY.replace(first, "") + first)[0]
    assert _hashes()[0] == _hashes(_BODY.replace(second, "") + second)[0]


def test_a_drawing_in_another_order_than_the_flows_is_noted() -> None:
    model = read(process(_BODY, beside=_DRAWN.format(a=50, b=0)))

    (note,) = order_notes(model.processes["proc"])

    assert "Stock?" in note
    assert "(fa, fb)" in note
    assert "(fb, fa)" in note


def test_a_drawing_in_the_order_of_the_flows_is_not() -> None:
    model = read(process(_BODY, beside=_DRAWN.format(a=0, b=50)))

    assert order_notes(model.processes["proc"]) == ()
