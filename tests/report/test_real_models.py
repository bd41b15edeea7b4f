"""Real models, drawn with other tools, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from spiffcli.diff import Diff, compare
from spiffcli.errors import ModelError
from spiffcli.model import Model, load
from spiffcli.report.blocks import sections
from spiffcli.report.diff_github import diff_github
from spiffcli.report.diff_json import diff_document
from spiffcli.report.diff_junit import diff_junit
from spiffcli.report.diff_markdown import diff_markdown
from spiffcli.report.diff_sarif import diff_sarif
from spiffcli.report.diff_summary import name_lines, stat_lines
from spiffcli.report.diff_text import diff_lines
from spiffcli.report.findings import judge
from spiffcli.report.lines import plain
from spiffcli.report.listing import model_text
from spiffcli.report.schemas import violations
from spiffcli.values import Resource


def read(file: Path) -> Model | None:
    """The model in a file; None where it cannot be read, which is told elsewhere."""
    try:
        return load([Resource(file.name, "bpmn", file.read_bytes())])
    except ModelError:
        return None


@pytest.fixture(scope="module")
def diffs(reference_models: Path) -> list[Diff]:
    """Reference models against what a modeler made of them."""
    miwg = reference_models / "miwg"
    found = []
    for exported in sorted((miwg / "camunda-modeler").glob("*.bpmn")):
        reference = miwg / "reference" / f"{exported.name[:5]}.bpmn"
        models = [read(reference) if reference.exists() else None, read(exported)]
        if all(models):
            found += [compare(*models), compare(*reversed(models))]  # type: ignore[arg-type]
    assert len(found) > 10
    return found


def test_every_change_is_told_once(diffs: list[Diff]) -> None:
    for diff in diffs:
        told = [change for section in sections(diff.changes) for change in section.changes]
        assert sorted(map(id, told)) == sorted(map(id, diff.changes))


def test_no_format_fails(diffs: list[Diff]) -> None:
    for diff in diffs:
        findings = judge(diff, gate="warn", layout=True, extensions=True)
        assert violations(diff_document(findings)) == []
        assert ElementTree.fromstring(diff_junit(findings)) is not None
        assert len(diff_markdown(findings)) < 65_000
        commands = [line for line in diff_github(findings).splitlines() if line.startswith("::")]
        results = json.loads(json.dumps(diff_sarif(findings, "1")))["runs"][0]["results"]
        assert len(results) == len(commands) == len(diff.all_changes)
        assert plain(stat_lines(findings))
        assert len(list(name_lines(findings))) == len(set(plain(name_lines(findings)).splitlines()))


def test_text_fits_where_words_allow_it(diffs: list[Diff]) -> None:
    for diff in diffs:
        for width in (60, 80, 120):
            for line in plain(diff_lines(judge(diff, layout=True), width)).splitlines():
                assert len(line) <= width or len(line.split()) <= 4, line


def test_every_real_model_can_be_listed(reference_models: Path) -> None:
    for file in sorted((reference_models / "miwg").rglob("*.bpmn")):
        model = read(file)
        if model is not None:
            text = model_text(model)
            assert all(node in text for process in model.processes.values() for node in process.nodes)
