"""Plans as values and as files: what is looked at is what is applied."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from spiffcli.diff.rules import rule
from spiffcli.engine.retarget.values import Policies
from spiffcli.errors import InputError
from spiffcli.migrate.plan_file import read_plan
from spiffcli.migrate.values import Blocker, Plan, Waivers, policies_from, policies_json
from spiffcli.report.migration import plan_document
from spiffcli.report.schemas import violations

PLAN = Plan("i", 3, "old-id", "new-id", "order@1", "order@2", "migratable", basis="b" * 64, state=b"{}")

_text = st.text(st.sampled_from("abü_ 1"), min_size=1, max_size=5)
_texts = st.frozensets(_text, max_size=3)
_policies = st.builds(
    Policies,
    mapping=st.dictionaries(_text, _text, max_size=3),
    timers=st.sampled_from(["keep", "restart"]),
    events=st.sampled_from(["keep", "update"]),
    start=_texts,
    reset=_texts,
    data=st.dictionaries(_text, st.none() | st.integers() | _text | st.lists(st.booleans(), max_size=2), max_size=3),
    script=st.none() | _text,
)


def blocker(rule: str, element: str = "n", *, waivable: bool = True) -> Blocker:
    return Blocker(rule, "", element, None, "", "Because.", "Do this.", waivable)


@given(_policies, _texts, st.booleans())
def test_a_saved_plan_is_read_as_it_was_written(policies: Policies, allow: frozenset[str], force: bool) -> None:
    plan = replace(PLAN, policies=policies)
    document = plan_document("new-id", "order@2", policies, Waivers(allow, force), [plan])
    assert violations(document) == []
    saved = read_plan(json.dumps(document).encode(), "plan.json")
    assert (saved.target, saved.label, saved.waivers) == ("new-id", "order@2", Waivers(allow, force))
    assert saved.policies == policies
    assert saved.hashes == {"i": plan.hash}


@given(_policies)
def test_policies_survive_json(policies: Policies) -> None:
    assert policies_from(json.loads(json.dumps(policies_json(policies)))) == policies


@given(_policies, _policies)
def test_other_policies_are_another_plan(one: Policies, other: Policies) -> None:
    hashes = {replace(PLAN, policies=policies).hash for policies in (one, other)}
    assert len(hashes) == (1 if one == other else 2)


@pytest.mark.parametrize(
    "change",
    [
        {"instance": "j"},
        {"revision": 4},
        {"source": "x"},
        {"target": "x"},
        {"basis": "c" * 64},
        {"overridden": (blocker("node-repeated"),)},
    ],
)
def test_whatever_decides_what_happens_is_part_of_the_hash(change: dict[str, object]) -> None:
    assert replace(PLAN, **change).hash != PLAN.hash


def test_what_is_drawn_by_chance_is_not_part_of_the_hash() -> None:
    assert replace(PLAN, state=b'{"id": "other"}').hash == PLAN.hash


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("definition", 7),
        ("spec", None),
        ("policies", {}),
        ("policies", None),
        ("allow", [1]),
        ("plans", [{"id": "i"}]),
        ("plans", "none"),
    ],
)
def test_a_file_that_says_something_else_is_refused(change: str, value: object) -> None:
    document = plan_document("new-id", "order@2", Policies(), Waivers(), [PLAN]) | {change: value}
    with pytest.raises(InputError, match=r"plan\.json is not a plan that can be applied"):
        read_plan(json.dumps(document).encode(), "plan.json")


def test_an_unknown_policy_is_refused() -> None:
    document = plan_document("new-id", "order@2", Policies(), Waivers(), [PLAN])
    document["policies"]["timers"] = "reset"
    with pytest.raises(InputError):
        read_plan(json.dumps(document).encode(), "plan.json")


def test_waivers_cover_rules_and_rules_at_one_element() -> None:
    waivers = Waivers.of(["node-repeated", "node-added-before-token:n"])
    assert waivers.cover(blocker("node-repeated", "anything"))
    assert waivers.cover(blocker("node-added-before-token", "n"))
    assert not waivers.cover(blocker("node-added-before-token", "m"))
    assert not waivers.cover(blocker("entry-not-repeated"))


def test_force_covers_what_may_be_waived_and_nothing_else() -> None:
    assert Waivers.of(force=True).cover(blocker("entry-not-repeated"))
    assert not Waivers.of(["node-removed"], force=True).cover(blocker("node-removed", waivable=False))


def test_every_rule_that_speaks_against_a_move_is_in_the_catalogue(root) -> None:  # type: ignore[no-untyped-def]
    import re

    sources = [*(root / "spiffcli" / "migrate").glob("*.py"), *(root / "spiffcli/engine/retarget").glob("*.py")]
    named = {
        found
        for source in sources
        for found in re.findall(
            r'(?:Blocker|fault|Fault)\(\s*(?:task, |failure\.task, )?"([a-z-]+)"', source.read_text()
        )
    }
    assert len(named) > 8
    assert [rule(id).id for id in sorted(named)] == sorted(named)
