"""The tutorial models, version against version, in every format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from spiffcli.report.diff_github import diff_github
from spiffcli.report.diff_json import diff_document
from spiffcli.report.diff_junit import diff_junit
from spiffcli.report.diff_markdown import diff_markdown
from spiffcli.report.diff_sarif import diff_sarif
from spiffcli.report.diff_summary import name_lines, stat_lines
from spiffcli.report.diff_text import diff_lines
from spiffcli.report.findings import Findings, judge
from spiffcli.report.lines import Line, painted, plain
from spiffcli.report.schemas import violations
from spiffcli.runner import Runner

Golden = Callable[[str, str], None]

TUTORIAL = "bpmn/tutorial/"
PAIRS = {
    "tasks_to_gateways": (["task_types.bpmn"], ["gateway_types.bpmn"]),
    "gateways_to_call": (["gateway_types.bpmn"], ["top_level.bpmn", "call_activity.bpmn"]),
    "call_to_scripts": (
        ["top_level.bpmn", "call_activity.bpmn", "product_prices.dmn", "shipping_costs.dmn"],
        ["top_level_script.bpmn", "call_activity_script.bpmn"],
    ),
}

FORMATS: dict[str, Callable[[Findings], str]] = {
    "txt": lambda findings: plain(diff_lines(findings)),
    "json": lambda findings: text_of(diff_document(findings)),
    "md": diff_markdown,
    "sarif": lambda findings: text_of(diff_sarif(findings, "1.0")),
    "xml": diff_junit,
    "github": diff_github,
    "stat": lambda findings: plain(stat_lines(findings)),
    "names": lambda findings: plain(name_lines(findings)),
}


def text_of(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@pytest.fixture
def compared(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Findings]:
    """Findings of a pair, with paths as they are written in the project's root."""
    monkeypatch.chdir(root)

    def compare(pair: str, *, dependencies: bool = False, **how: object) -> Findings:
        old, new = ([TUTORIAL + name for name in names] for names in PAIRS[pair])
        with Runner.open(store="memory:") as runner:
            diff = runner.diff_spec(old, new, dependencies=dependencies)
        return judge(diff, **how)  # type: ignore[arg-type]

    return compare


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("pair", PAIRS)
def test_every_format_reads_as_it_did(
    compared: Callable[..., Findings], golden: Golden, pair: str, format: str
) -> None:
    golden(f"{pair}.{format}", FORMATS[format](compared(pair, gate="error")))


def test_the_drawing_is_listed_when_asked_for(compared: Callable[..., Findings], golden: Golden) -> None:
    golden("layout.txt", plain(diff_lines(compared("tasks_to_gateways", layout=True))))


def test_what_is_called_is_told_when_asked_for(root: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.chdir(root)
    with Runner.open(store="memory:") as runner:
        refs = [
            [f"{TUTORIAL}{top}.bpmn#order_product", *(TUTORIAL + name for name in others)]
            for top, *others in (
                ("top_level", "call_activity.bpmn", "product_prices.dmn", "shipping_costs.dmn"),
                ("top_level_script", "call_activity_script.bpmn"),
            )
        ]
        diff = runner.diff_spec(*refs, dependencies=True)
    golden("dependencies.txt", plain(diff_lines(judge(diff))))
    golden("dependencies.json", text_of(diff_document(judge(diff))))
    golden("dependencies.md", diff_markdown(judge(diff)))


@pytest.mark.parametrize("pair", PAIRS)
def test_json_is_valid_by_its_schema(compared: Callable[..., Findings], pair: str) -> None:
    assert violations(diff_document(compared(pair, layout=True, gate="warn"))) == []


@pytest.mark.parametrize("pair", PAIRS)
def test_text_fits_into_80_columns(compared: Callable[..., Findings], pair: str) -> None:
    lines = plain(diff_lines(compared(pair, layout=True))).splitlines()
    # Ids and paths are not cut, wherever they end.
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []


@pytest.mark.parametrize("pair", PAIRS)
def test_colours_change_no_character(compared: Callable[..., Findings], pair: str) -> None:
    findings = compared(pair, layout=True)
    marked = painted(diff_lines(findings), lambda text, style: f"<<{style}<<{text}>>")
    styles = {span.style for line in diff_lines(findings) for span in line}
    assert {"title", "added", "changed"} <= styles or pair == "call_to_scripts"
    assert without_marks(marked) == plain(diff_lines(findings))


def without_marks(text: str) -> str:
    return re.sub(r"<<[a-z]+<<(.*?)>>", r"\1", text)


def test_signs_say_what_colours_say(compared: Callable[..., Findings]) -> None:
    expected = {"+": "added", "-": "removed", "~": "changed", ">": "moved"}
    heads = [line[-1] for line in diff_lines(compared("gateways_to_call")) if is_head_of_block(line)]
    assert len(heads) > 5
    assert [head for head in heads if head.style != expected[head.text[0]]] == []


def is_head_of_block(line: Line) -> bool:
    return len(line) == 2 and line[0].text == "  " and line[1].text[:1] in "+-~>"
