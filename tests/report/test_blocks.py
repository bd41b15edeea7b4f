"""Changes told by definition and element: none is lost, none is told twice, and one new node is one block."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.diff import Change, Diff, compare
from spiffcli.model import load
from spiffcli.report.blocks import Block, sections
from spiffcli.report.diff_text import diff_lines, flow_sentences
from spiffcli.report.findings import judge
from spiffcli.report.lines import plain
from spiffcli.values import Resource

HEAD = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">'


def process(*chains: str, id: str = "p", nodes: str = "") -> str:
    """A process of user tasks, connected as the chains say; `a>b` is the flow `a_b`."""
    pairs = [pair for chain in chains for pair in zip(chain.split(">"), chain.split(">")[1:], strict=False)]
    names = dict.fromkeys(name for pair in pairs for name in pair)
    tasks = "".join(f'<userTask id="{name}"/>' for name in names)
    flows = "".join(f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in pairs)
    return f'<process id="{id}" isExecutable="true">{tasks}{nodes}{flows}</process>'


def diff_of(old: str, new: str) -> Diff:
    models = [load([Resource("m.bpmn", "bpmn", f"{HEAD}{body}</definitions>".encode())]) for body in (old, new)]
    return compare(*models)


def blocks(diff: Diff) -> list[Block]:
    return [block for section in sections(diff.changes) for block in section.blocks]


def heads(diff: Diff) -> list[str]:
    return [f"{block.sign} {block.element.id}" for block in blocks(diff)]


def told(diff: Diff) -> list[Change]:
    return [change for block in blocks(diff) for change in block.all_changes]


def test_a_node_between_two_others_is_one_block() -> None:
    diff = diff_of(process("a>b"), process("a>n>b"))
    assert heads(diff) == ["+ n"]
    assert flow_sentences(blocks(diff)[0]) == ["flow: a -> n -> b", "instead of: a -> b [warn flow-removed]"]


def test_a_node_that_went_is_one_block_too() -> None:
    diff = diff_of(process("a>n>b"), process("a>b"))
    assert heads(diff) == ["- n"]
    assert flow_sentences(blocks(diff)[0]) == ["flow: a -> n -> b [warn flow-removed]", "now: a -> b"]


def test_a_path_that_went_beside_a_new_node_is_told_by_itself() -> None:
    diff = diff_of(process("a>b", "a>c"), process("a>b", "a>n", nodes='<userTask id="c"/>'))
    assert sorted(heads(diff)) == ["+ n", "- a_c"]


def test_a_flow_between_old_nodes_is_a_block() -> None:
    assert heads(diff_of(process("a>b>c"), process("a>b>c", "a>c"))) == ["+ a_c"]


def test_a_flow_that_is_told_by_itself_says_where_it_leads() -> None:
    text = plain(diff_lines(judge(diff_of(process("a>b>c"), process("a>b>c", "a>c")))))
    assert "\n        a -> c\n" in text


def test_two_new_nodes_in_a_row_tell_each_flow_once() -> None:
    diff = diff_of(process("a>b"), process("a>m>n>b"))
    assert heads(diff) == ["+ m", "+ n"]
    assert [flow_sentences(block) for block in blocks(diff)] == [
        ["flow: a -> m -> n", "instead of: a -> b [warn flow-removed]"],
        ["flow: n -> b"],
    ]


def test_a_flow_that_leads_to_a_new_node_is_told_there() -> None:
    old = process("a>b")
    new = old.replace('targetRef="b"', 'targetRef="n"').replace(
        "</process>", '<userTask id="n"/><sequenceFlow id="n_b" sourceRef="n" targetRef="b"/></process>'
    )
    diff = diff_of(old, new)
    assert heads(diff) == ["+ n"]
    assert "flow a_b leads to n, no longer b [warn flow-retargeted]" in flow_sentences(blocks(diff)[0])


def test_a_whole_process_is_one_block_that_names_its_parts() -> None:
    diff = diff_of(process("a>b"), process("a>b") + process("x>y", id="q"))
    assert heads(diff) == ["+ q"]
    assert {change.element.id for change in blocks(diff)[0].parts} == {"x", "y", "x_y"}


def test_nodes_that_went_to_another_process_take_their_flows_along() -> None:
    diff = diff_of(process("a>b>c"), process("a>c") + process("b>d", id="q"))
    assert set(heads(diff)) == {"> q", "+ a_c", "+ q", "> b"}
    text = plain(diff_lines(judge(diff)))
    assert "1 node moved to q: b" in text


def test_an_element_that_only_moved_in_the_drawing_has_its_own_sign() -> None:
    drawn = (
        '<d:BPMNDiagram xmlns:d="http://www.omg.org/spec/BPMN/20100524/DI"><d:BPMNPlane bpmnElement="p">'
        '<d:BPMNShape bpmnElement="a"><b:Bounds xmlns:b="http://www.omg.org/spec/DD/20100524/DC" '
        'x="{x}" y="1" width="1" height="1"/></d:BPMNShape></d:BPMNPlane></d:BPMNDiagram>'
    )
    diff = diff_of(process("a>b") + drawn.format(x=1), process("a>b") + drawn.format(x=2))
    assert heads(diff) == ["= a"]


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Files of the reference models that belong together by their names."""
    found = []
    for old in sorted(folder.rglob("*before*.bpmn")):
        new = old.with_name(old.name.replace("before", "after"))
        if new.exists():
            found.append((old, new))
    return found


def test_every_change_is_told_exactly_once(reference_models: Path) -> None:
    files = pairs(reference_models / "differ")
    assert files
    for old, new in files:
        models = [load([Resource(file.name, "bpmn", file.read_bytes())]) for file in (old, new)]
        for diff in (compare(*models), compare(*reversed(models))):
            assert sorted(map(id, told(diff))) == sorted(map(id, diff.changes)), old


@pytest.mark.parametrize("case", ["sub_process_inlined_into_the_parent_in_progress", "remove_completed_task_a"])
def test_migration_pairs_are_told_exactly_once(root: Path, case: str) -> None:
    folder = root / "tests" / "models" / "migration"
    models = [
        load([Resource(f"{case}.bpmn", "bpmn", (folder / f"{case}.{v}.bpmn").read_bytes())]) for v in ("v1", "v2")
    ]
    diff = compare(*models)
    assert sorted(map(id, told(diff))) == sorted(map(id, diff.changes))
    text = plain(diff_lines(judge(diff)))
    nodes = [change for change in diff.changes if change.element.type not in ("sequenceFlow", "process")]
    assert [change.element.id for change in nodes if change.element.id not in text] == []
