"""Text of a model is untrusted: no format lets it break out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from spiffcli.diff import Diff, compare
from spiffcli.model import load
from spiffcli.report.diff_github import diff_github, work_tree_path
from spiffcli.report.diff_junit import diff_junit
from spiffcli.report.diff_markdown import code, diff_markdown, escaped
from spiffcli.report.diff_sarif import diff_sarif
from spiffcli.report.diff_text import diff_lines
from spiffcli.report.findings import Findings, judge
from spiffcli.report.ignoring import read_entries
from spiffcli.report.lines import plain
from spiffcli.report.listing import model_text
from spiffcli.values import Resource

HOSTILE = "&lt;img src=x&gt; @octocat #1 ``` ]]&gt; ::error::x&#10;::set-env name=x::y | *b* \u202e\x9b31m %0A"


def model(name: str, script: str, file: str = "m.bpmn"):  # type: ignore[no-untyped-def]
    text = (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">'
        f'<process id="p" isExecutable="true" name="{name}"><scriptTask id="s" name="{name}">'
        f"<script>{script}</script></scriptTask></process></definitions>"
    )
    return load([Resource(file, "bpmn", text.encode())])


@pytest.fixture
def hostile() -> Findings:
    return judge(compare(model("plain", "a = 1"), model(HOSTILE, f"a = 2\n```\n::error::{HOSTILE}")), gate="info")


def test_text_has_no_control_characters(hostile: Findings) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain(diff_lines(hostile)))


def test_github_gets_one_command_per_change_and_no_other(hostile: Findings) -> None:
    lines = diff_github(hostile).splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert len(commands) == len(hostile.diff.changes)
    assert all(re.match(r"::(error|warning|notice) file=m\.bpmn,line=\d+,title=[a-z-]+ \[\w+\]::", c) for c in commands)
    assert not any("%0A" in line and "%250A" not in line for line in commands)


def test_markdown_shows_it_as_text(hostile: Findings) -> None:
    text = diff_markdown(hostile)
    outside = re.sub(r"(`{3,})diff\n.*?\1", "", text, flags=re.DOTALL)
    assert "<img" not in outside
    assert "\\@octocat" in outside
    assert "````diff" in text


def test_junit_is_xml_with_a_case_per_change(hostile: Findings) -> None:
    root = ElementTree.fromstring(diff_junit(hostile))
    assert len(root.findall(".//testcase")) == len(hostile.diff.changes)
    assert len(root.findall(".//failure")) == len(hostile.failing) > 0


def test_junit_without_a_gate_has_no_failure(hostile: Findings) -> None:
    root = ElementTree.fromstring(diff_junit(judge(hostile.diff)))
    assert root.findall(".//failure") == []
    assert root.attrib["failures"] == "0"


def test_ignored_findings_are_suppressed_and_skipped(hostile: Findings) -> None:
    entries = read_entries(b"script-changed s * agreed", "x")
    findings = judge(hostile.diff, entries=entries)
    suppressed = [r for r in diff_sarif(findings, "1.0")["runs"][0]["results"] if "suppressions" in r]
    assert [result["ruleId"] for result in suppressed] == ["script-changed"]
    assert "skipped" in diff_junit(findings)


def test_sarif_names_rules_places_and_fingerprints(hostile: Findings) -> None:
    run = diff_sarif(hostile, "1.0")["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result, change in zip(run["results"], hostile.diff.changes, strict=True):
        assert ids[result["ruleIndex"]] == result["ruleId"] == change.rule
        assert result["partialFingerprints"] == {"runner/v1": change.fingerprint}
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "m.bpmn"
        assert place["region"]["startLine"] >= 1
    assert json.loads(json.dumps(run)) == run


def test_a_path_at_a_revision_is_a_path_of_the_work_tree() -> None:
    assert work_tree_path("HEAD~1:a/b.bpmn") == "a/b.bpmn"
    assert work_tree_path(":a/b.bpmn") == "a/b.bpmn"
    assert work_tree_path("C:/b.bpmn") == "C:/b.bpmn"
    assert work_tree_path("a/b.bpmn") == "a/b.bpmn"


def test_markdown_escapes_what_it_would_read_otherwise() -> None:
    assert escaped("a_b *c* <d> [e](f) #1 @g") == r"a\_b \*c\* &lt;d&gt; \[e\](f) \#1 \@g"
    assert code("a`b") == "``a`b``"


def test_a_comment_that_would_be_too_long_says_so() -> None:
    long = compare(model("n", "a = 1"), load([Resource("b.bpmn", "bpmn", big())]))
    text = diff_markdown(judge(long))
    assert len(text) < 65_000
    assert "would not fit" in text


def big() -> bytes:
    tasks = "".join(f'<userTask id="task_{n}" name="{"long " * 40}{n}"/>' for n in range(400))
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">'
        f'<process id="p" isExecutable="true">{tasks}</process></definitions>'
    ).encode()


def test_a_listing_shows_no_drawing_and_every_node(tutorial: Path) -> None:
    content = (tutorial / "gateway_types.bpmn").read_bytes()
    text = model_text(load([Resource("g.bpmn", "bpmn", content)]))
    assert "Bounds" not in text
    assert 'scriptTask calculate_order_total "Calculate Order Total"' in text
    assert '-> select_colour "yes" if product in ["mug", "bowl", "vase"]' in text


def test_two_drawings_of_one_model_have_one_listing(tutorial: Path) -> None:
    content = (tutorial / "task_types.bpmn").read_bytes()
    moved = content.replace(b'x="', b'x="1')
    texts = {model_text(load([Resource("t.bpmn", "bpmn", each)])) for each in (content, moved)}
    assert len(texts) == 1


@pytest.mark.parametrize("name", ["collaboration.bpmn", "product_prices.dmn", "forms/choose_clay.json", "lanes.bpmn"])
def test_everything_in_a_model_is_listed(tutorial: Path, name: str) -> None:
    kind = {"bpmn": "bpmn", "dmn": "dmn", "json": "form"}[name.rpartition(".")[2]]
    found = load([Resource(name, kind, (tutorial / name).read_bytes())])  # type: ignore[arg-type]
    text = model_text(found)
    things: Diff = compare(load([]), found)
    assert [change.element.id for change in things.changes if change.element.id not in text] == []
