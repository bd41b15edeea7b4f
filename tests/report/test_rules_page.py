from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.diff import rules
from spiffcli.report.lines import plain
from spiffcli.report.rules import rule_lines, rule_list_lines, rules_document, rules_markdown
from spiffcli.report.schemas import violations


def test_the_page_of_the_documentation_is_current(root: Path, request: pytest.FixtureRequest) -> None:
    page = root / "docs" / "rules.md"
    if request.config.getoption("--update-golden"):
        page.write_text(rules_markdown(rules()), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == rules_markdown(rules()), "pytest --update-golden writes it anew"


def test_the_document_is_valid_by_its_schema() -> None:
    assert violations(rules_document(rules())) == []


def test_the_list_names_every_rule_and_fits_the_width() -> None:
    text = plain(rule_list_lines(rules(), 80))
    assert [rule.id for rule in rules() if f"{rule.id} " not in text] == []
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_the_page_of_a_rule_says_all_of_it(rule) -> None:  # type: ignore[no-untyped-def]
    text = " ".join(plain(rule_lines(rule, 80)).split())
    for part in (rule.title, rule.text, rule.example, rule.consequence("active"), rule.consequence("future")):
        assert " ".join(part.split()) in text
