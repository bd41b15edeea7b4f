"""The catalogue of rules, as a whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import spiffcli.diff as diff_package
from spiffcli.diff import SEVERITIES, Rule, rule, rules

_ALL = rules()
_STATES = ["active", "completed", "future", "READY", "WAITING", "COMPLETED", "FUTURE", "MAYBE"]


@pytest.mark.parametrize("item", _ALL, ids=lambda item: item.id)
def test_a_rule_has_everything_a_reader_needs(item: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", item.id)
    assert {item.severity, item.active, item.completed, item.future} <= set(SEVERITIES)
    assert item.class_ in ("cosmetic", "behaviour", "contract", "refuse")
    assert item.categories
    for words in (item.text, item.example, *(item.consequence(state) for state in _STATES)):
        assert words[0].isupper() or words[0] in "`<"
        assert words.endswith(".")
    assert not item.title.endswith(".")


@pytest.mark.parametrize("item", _ALL, ids=lambda item: item.id)
def test_the_opposite_of_the_opposite_is_the_rule_itself(item: Rule) -> None:
    assert item.opposite.opposite is item


def test_ids_are_unique() -> None:
    assert len({item.id for item in _ALL}) == len(_ALL)


def test_every_rule_the_code_names_exists_and_every_rule_is_named() -> None:
    folder = Path(diff_package.__file__).parent
    sources = list(folder.glob("*.py")) + list((folder.parent / "model").glob("*.py"))
    text = "\n".join(path.read_text() for path in sources)
    named = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', text))
    built = {f"{name}-{what}" for name in _PREFIXES for what in ("added", "removed", "id-changed")}
    known = {item.id for item in _ALL}

    assert {name for name in named - {"id-changed"} if name.endswith(("-changed", "-added", "-removed"))} <= known
    planned = {item.id for item in _ALL if "instances" in item.categories}
    assert known - named - built - planned == _NAMED_ELSEWHERE


#: Rules whose ids are put together from a kind of element and what happened to it.
_PREFIXES = ("node", "boundary", "subprocess", "process", "flow", "data-object", "data-association", "lane",
             "annotation", "collaboration", "participant", "message-flow")  # fmt: skip

#: Rules for what only the engine or a deployment can see; those on instances belong to whoever plans migrations.
_NAMED_ELSEWHERE = {"call-target-missing", "unexplained-engine-change"}


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(KeyError):
        rule("no-such-rule")


def test_severity_follows_where_an_instance_stands() -> None:
    removed = rule("node-removed")

    assert removed.severity == "warn"
    assert [removed.severity_for(state) for state in ("READY", "COMPLETED", "FUTURE")] == ["error", "info", "info"]
    assert removed.severity_for("active") == removed.severity_for("WAITING") == "error"


def test_a_rule_is_a_documented_object() -> None:
    body = rule("timer-changed").to_json()

    assert (body["id"], body["severity"], body["class"]) == ("timer-changed", "warn", "behaviour")
    assert body["instances"] == {"active": "warn", "completed": "info", "future": "info"}
    assert set(body["consequences"]) == {"active", "completed", "future"}
