"""Changes between two versions of a collaboration, decision or form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from spiffcli.diff import classify
from spiffcli.diff.align import Translation, align_collaborations, align_decisions
from spiffcli.diff.changes import Change
from spiffcli.diff.collector import Collector, Sides, always, common_order, layout_changes
from spiffcli.diff.processes import compare_artifacts
from spiffcli.model import Collaboration, Decision, Form, RootElement


def compare_collaborations(old: Collaboration, new: Collaboration, elements: Mapping[str, str]) -> list[Change]:
    """Every change between two versions of a collaboration.

    Args:
        elements: New id by old id of the processes and all their elements.
    """
    found = align_collaborations(old, new, elements)
    to_new = Translation(elements, found.artifacts, found.message_flows, found.participants)
    collector = Collector(Sides(old.id, new.id, old.file, new.file, to_new))
    collector.pair(old, new, classify.name_collaboration_change, always("definition-id-changed"))
    collector.compare(
        old.participants,
        new.participants,
        found.participants,
        naming=classify.name_participant_change,
        added=always("participant-added"),
        removed=always("participant-removed"),
        renamed=always("participant-id-changed"),
    )
    collector.compare(
        old.message_flows,
        new.message_flows,
        found.message_flows,
        naming=classify.name_message_flow_change,
        added=always("message-flow-added"),
        removed=always("message-flow-removed"),
        renamed=always("message-flow-id-changed"),
    )
    compare_artifacts(collector, old.artifacts, new.artifacts, found)
    pairs = [(old.participants[a], new.participants[b]) for a, b in found.participants.items()]
    drawn: list[tuple[Any, Any]] = [
        *pairs,
        *((old.message_flows[a], new.message_flows[b]) for a, b in found.message_flows.items()),
        *((old.artifacts[a], new.artifacts[b]) for a, b in found.artifacts.items()),
    ]
    layout_changes(collector, iter(drawn), old.layout, new.layout)
    return collector.changes


def whole_collaboration(collaboration: Collaboration, *, added: bool) -> list[Change]:
    """Changes for a collaboration that came or went with everything in it."""
    collector = _alone(collaboration)
    put = collector.add if added else collector.remove
    what = "added" if added else "removed"
    put(f"collaboration-{what}", collaboration)
    for participant in collaboration.participants.values():
        put(f"participant-{what}", participant)
    for flow in collaboration.message_flows.values():
        put(f"message-flow-{what}", flow)
    for artifact in collaboration.artifacts.values():
        put(f"annotation-{what}", artifact)
    return collector.changes


def _alone(thing: Collaboration | Decision | Form) -> Collector:
    return Collector(Sides(thing.id, thing.id, thing.file, thing.file, Translation()))


def compare_decisions(old: Decision, new: Decision) -> list[Change]:
    """Every change between two versions of a decision, row by row."""
    found = align_decisions(old, new)
    to_new = Translation(found.columns, found.rows)
    collector = Collector(Sides(old.id, new.id, old.file, new.file, to_new))
    collector.pair(old, new, classify.name_decision_change, always("definition-id-changed"))
    collector.compare(
        old.columns,
        new.columns,
        found.columns,
        naming=classify.name_column_change,
        added=classify.column_rule,
        removed=classify.column_rule,
        renamed=always("decision-column-id-changed"),
    )
    collector.compare(
        {id: _by_column(row, found.columns) for id, row in old.rules.items()},
        new.rules,
        found.rows,
        naming=classify.name_row_change,
        added=always("decision-rule-added"),
        removed=always("decision-rule-removed"),
        renamed=always("decision-rule-id-changed"),
    )
    orders = common_order([found.rows.get(id, f"{id} (removed)") for id in old.rules], list(new.rules))
    if orders is not None:
        back = {after: before for before, after in found.rows.items()}
        before = [back[id] for id in orders[0]]
        collector.note("decision-rule-order-changed", "changed", old, new, "rules", (before, orders[1]))
    layout_changes(collector, iter([(old, new)]), old.layout, new.layout)
    return collector.changes


def _by_column(row: Any, columns: Mapping[str, str]) -> Any:
    """An old row with its cells under the ids the columns have now."""
    if all(columns.get(id, id) == id for id in row.cells):
        return row
    return replace(row, cells={columns.get(id, id): cell for id, cell in row.cells.items()})


def whole_decision(decision: Decision, *, added: bool) -> list[Change]:
    """Changes for a decision that came or went with its table."""
    collector = _alone(decision)
    put = collector.add if added else collector.remove
    put("decision-added" if added else "decision-removed", decision)
    for part in (*decision.columns.values(), *decision.rules.values()):
        put("part-added" if added else "part-removed", part)
    return collector.changes


def compare_forms(old: Form, new: Form) -> list[Change]:
    """Every change between two versions of a form, field by field."""
    collector = Collector(Sides(old.id, new.id, old.file, new.file, Translation()))
    collector.pair(old, new, classify.name_form_change, always("definition-id-changed"))
    collector.compare(
        old.fields,
        new.fields,
        {id: id for id in old.fields if id in new.fields},
        naming=classify.name_field_change,
        added=always("form-field-added"),
        removed=always("form-field-removed"),
        renamed=always("form-field-changed"),
    )
    orders = common_order(list(old.fields), list(new.fields))
    if orders is not None:
        collector.note("form-field-order-changed", "changed", old, new, "fields", orders)
    return collector.changes


def whole_form(form: Form, *, added: bool) -> list[Change]:
    """Changes for a form that came or went with its fields."""
    collector = _alone(form)
    put = collector.add if added else collector.remove
    put("form-added" if added else "form-removed", form)
    for field in form.fields.values():
        put("part-added" if added else "part-removed", field)
    return collector.changes


def compare_roots(
    old: Mapping[tuple[str, str], RootElement], new: Mapping[tuple[str, str], RootElement]
) -> list[Change]:
    """Changes of messages, signals and the like that nothing refers to.

    What is referred to was compared where it is used, so it is left out here: on a side where it is used,
    it is only looked at if it is unused on the other.
    """
    changes: list[Change] = []
    for key in (*old, *(key for key in new if key not in old)):
        before, after = old.get(key), new.get(key)
        if all(root is None or root.used for root in (before, after)):
            continue
        changes += _root_changes(before, after)
    return changes


def _root_changes(old: RootElement | None, new: RootElement | None) -> list[Change]:
    some = old or new
    assert some is not None
    old_file, new_file = (root.file if root else "" for root in (old, new))
    collector = Collector(Sides(None, None, old_file, new_file, Translation()))
    if old is not None and new is not None:
        collector.pair(old, new, classify.name_root_change)
    elif new is not None:
        collector.add("definition-added", new)
    else:
        collector.remove("definition-removed", some)
    return collector.changes
