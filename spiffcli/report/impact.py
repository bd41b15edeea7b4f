"""What a spec would mean for instances, as text: a reader of `runner/impact/1` documents.

Instances that stand alike are told together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import asdict

from spiffcli.migrate.fleet import Fleet
from spiffcli.migrate.values import Plan, blocker_json
from spiffcli.report.lines import EMPTY, WIDTH, Line, Span, Style, count, fold, indented, line, listed
from spiffcli.text import one_line
from spiffcli.values import Instance

Document = Mapping[str, Any]

#: Ids that are listed of a group; JSON has all of them.
_MOST_IDS = 8

VERDICTS: Mapping[str, tuple[str, Style]] = {
    "unchanged": ("nothing changes", "dim"),
    "migratable": ("can be moved", "good"),
    "needs-mapping": ("needs a mapping", "warn"),
    "blocked": ("cannot be moved", "error"),
}
_PLURAL = {"needs a mapping": "need a mapping", "nothing changes": "nothing changes"}

_STYLES: Mapping[str, Style] = {"error": "error", "warn": "warn", "none": "dim"}


def impact_document(fleet: Fleet) -> dict[str, Any]:
    """A `runner/impact/1` document that tells of each instance by itself."""
    return _document(fleet, [_planned(group.plan, group.instance) for group in fleet.groups])


def fleet_document(fleet: Fleet) -> dict[str, Any]:
    """A `runner/impact/1` document that tells once of all instances that stand alike."""
    members: list[dict[str, Any]] = [
        {
            "id": each.id,
            "from": each.label,
            "to": fleet.target.label,
            "revision": each.revision,
            "verdict": group.verdict,
            "state": each.state,
            "group": number,
        }
        for number, group in enumerate(fleet.groups)
        for each in group.members
    ]
    places = {id: place for place, id in enumerate(fleet.order)}
    members.sort(key=lambda each: places[each["id"]])
    groups = [_planned(group.plan, group.instance) for group in fleet.groups]
    return {**_document(fleet, members), "groups": groups}


def _document(fleet: Fleet, instances: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": "runner/impact/1",
        "spec": fleet.target.label,
        "instances": instances,
        "totals": dict(fleet.totals),
    }


def _planned(plan: Plan, instance: Instance) -> dict[str, Any]:
    waiting = [{"task": task.task, "id": task.id, "name": task.name, "state": task.state} for task in instance.active]
    return {**plan_json(plan), "natural_id": instance.natural_id, "state": instance.state, "waits_at": waiting}


def plan_json(plan: Plan) -> dict[str, Any]:
    """An entry of `instances` in a `runner/impact/1` document."""
    return {
        "id": plan.instance,
        "from": plan.from_label,
        "to": plan.to_label,
        "revision": plan.revision,
        "verdict": plan.verdict,
        "tasks": [
            {
                "task": task.task,
                "id": task.element,
                "name": task.name,
                "state": task.state,
                "rule": task.rule,
                "severity": task.severity,
                "consequence": task.consequence,
            }
            for task in plan.tasks
        ],
        "blockers": [blocker_json(blocker) for blocker in plan.blockers],
        "overridden": [blocker_json(blocker) for blocker in plan.overridden],
        "mappings": [asdict(proposal) for proposal in plan.proposals],
        "moves": [{"task": task, "old": old, "new": new} for task, old, new in plan.moves],
        "skipped": list(plan.skipped),
        "pending": list(plan.pending),
        "armed": list(plan.armed),
        "disarmed": list(plan.disarmed),
        "wrapped": list(plan.wrapped),
        "unwrapped": list(plan.unwrapped),
        "history": list(plan.history),
        "subscriptions": [asdict(each) for each in plan.subscriptions],
        "started": list(plan.started),
        "reset": list(plan.reset),
        "rebound": [each.to_json() for each in plan.rebound],
        "entered": [each.to_json() for each in plan.entered],
        "plan": plan.hash,
    }


def impact_lines(document: Document, width: int = WIDTH) -> Iterator[Line]:
    """The report: groups by verdict, from what cannot be moved to what does not change, then totals."""
    order = [*VERDICTS][::-1]
    for told, ids in sorted(_groups(document), key=lambda group: order.index(group[0]["verdict"])):
        yield from _group(told, ids, document["spec"], width)
        yield EMPTY
    yield from fold(_totals(document), width)


def _groups(document: Document) -> list[tuple[Document, list[str]]]:
    """Instances of which the same is to be said: what, and their ids."""
    groups = document.get("groups", ())
    keys = [_alike(group) for group in groups]
    found: dict[str, tuple[Document, list[str]]] = {}
    for instance in document["instances"]:
        number = instance.get("group")
        key, told = (_alike(instance), instance) if number is None else (keys[number], groups[number])
        found.setdefault(key, (told, []))[1].append(instance["id"])
    return list(found.values())


def _alike(instance: Document) -> str:
    """An instance without what is its own alone, as text."""
    own = ("id", "revision", "plan", "natural_id", "moves", "subscriptions")
    told = {key: value for key, value in instance.items() if key not in own}
    for key in ("tasks", "blockers", "overridden", "waits_at"):
        told[key] = [{name: value for name, value in item.items() if name != "task"} for item in instance[key]]
    told["subscriptions"] = [[each["element"], each["kind"]] for each in instance["subscriptions"]]
    told["moves"] = sorted((move["old"], move["new"]) for move in instance["moves"])
    return json.dumps(told, sort_keys=True)


def _group(told: Document, ids: Sequence[str], spec: str, width: int) -> Iterator[Line]:
    words, style = VERDICTS[told["verdict"]]
    if len(ids) == 1:
        yield (Span(f"{ids[0]}  {arrow(told['from'], spec)}  ", "title"), Span(words, style))
    else:
        head = f"{count(len(ids), 'instance')} of {arrow(told['from'], spec)}  "
        yield (Span(head, "title"), Span(_PLURAL.get(words, words), style))
        more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
        yield from fold(", ".join(ids[:_MOST_IDS]) + more, width, "  ")
    yield from indented(_body(told, width - 2, len(ids) > 1), 2)


def arrow(old: str, new: str) -> str:
    """`order@1 -> @2`, or `order@1` alone where nothing moves."""
    if old == new:
        return one_line(old)
    key, _, version = new.rpartition("@")
    return one_line(f"{old} -> @{version}" if old.startswith(f"{key}@") else f"{old} -> {new}")


def _body(instance: Document, width: int, many: bool) -> Iterator[Line]:
    yield from fold(_waiting(instance), width, "  ", "")
    yield from blocker_lines(instance["blockers"], width)
    yield from mapping_lines(instance["mappings"], width)
    yield from _tasks(instance["tasks"], width)
    yield from effect_lines(instance, width, many=many)
    yield from overridden_lines(instance["overridden"], width)


def _waiting(instance: Document) -> str:
    if instance["state"] == "error":
        return "It stopped with an error."
    places = Counter(named(task) for task in instance["waits_at"])
    texts = [f"{place} ({times} times)" if times > 1 else place for place, times in places.items()]
    return f"It waits at {listed(texts)}." if texts else "It waits at no task."


def named(item: Document, id: str = "id") -> str:
    """`Name (id)` of a task or blocker, or the id alone."""
    name = one_line(item.get("name") or "")
    element = one_line(str(item[id]))
    return f"{name} ({element})" if name and name != element else element


def blocker_lines(blockers: Sequence[Document], width: int) -> Iterator[Line]:
    """Why not, and the way out."""
    for blocker in blockers:
        yield from fold(f"{blocker['reason']} [{blocker['rule']}]", width, "  ", "- ", "error")
        yield from fold(f"Way out: {blocker['fix']}", width, "  ")


def mapping_lines(mappings: Sequence[Document], width: int) -> Iterator[Line]:
    """Mappings that would help, ready to be pasted."""
    for mapping in mappings:
        yield line(f"Proposed: --map {one_line(mapping['old'])}={one_line(mapping['new'])}", "warn")
        yield from fold(mapping["why"], width, "  ")


def overridden_lines(blockers: Sequence[Document], width: int) -> Iterator[Line]:
    """What the user allows."""
    for blocker in blockers:
        yield from fold(f"Allowed: {blocker['reason']} [{blocker['rule']}]", width, "  ", "", "warn")


def _tasks(tasks: Sequence[Document], width: int) -> Iterator[Line]:
    """Tasks whose node changed, those of one node and state together."""
    found: dict[tuple[str, str], dict[str, Document]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for task in tasks:
        key = task["state"], named(task)
        if task["rule"] not in found.setdefault(key, {}):
            found[key][task["rule"]] = task
        times[key] = max(times[key], sum(1 for t in tasks if (t["state"], named(t), t["rule"]) == (*key, task["rule"])))
    if found:
        yield line("Tasks whose node changed:")
    for (state, name), rules in found.items():
        often = f", {times[state, name]} times" if times[state, name] > 1 else ""
        yield from fold(f"{name}, {state.lower()}{often}", width, "      ", "    ")
        for task in rules.values():
            severity = one_line(task["severity"])
            head = f"      {severity:5}  {task['rule']}: "
            yield from fold(task["consequence"], width, " " * 13, head, _STYLES.get(severity, ""))


def effect_lines(instance: Document, width: int, *, many: bool = False) -> Iterator[Line]:
    """What a move does to an instance: what it goes on with, what is skipped, what is put on and taken off.

    Args:
        many: It stands for others too, whose deadlines are their own.
    """
    renamed = [f"{move['old']} -> {move['new']}" for move in instance["moves"] if move["old"] != move["new"]]
    for words, items in (
        ("Moved to another node", renamed),
        ("New, and will not run for this instance", instance["skipped"]),
        ("New ahead", instance.get("pending", ())),
        ("Begins to wait for", instance["armed"]),
        ("No longer waits for", instance["disarmed"]),
        ("Begins around open tasks", instance["wrapped"]),
        ("Is taken away around open tasks", instance["unwrapped"]),
        ("Starts the branch at", instance["started"]),
        ("Enters again", instance["reset"]),
        ("Keeps as history, though the new version lacks it", instance["history"]),
    ):
        if items:
            yield from fold(f"{words}: {', '.join(dict.fromkeys(map(str, items)))}.", width, "  ", "")
    yield from _subscriptions(instance["subscriptions"], width, many)
    for each in instance.get("rebound", ()):
        what = f"{each['element']} means {each['kind']} {each['after']} from then on, no longer {each['before']}."
        yield from fold(one_line(what), width, "  ", "")
    for each in instance.get("entered", ()):
        what = (
            f"{each['element']} goes on with the {each['key']} it has entered; the new version means {each['after']}."
        )
        yield from fold(one_line(what), width, "  ", "")


def _subscriptions(subscriptions: Sequence[Document], width: int, many: bool) -> Iterator[Line]:
    for each in subscriptions:
        kind = "deadline" if each["kind"] == "timer" else each["kind"]
        before, after = (_moment(each[side]) for side in ("before", "after"))
        if many and kind == "deadline":
            what = "each keeps its own deadline" if before == after else f"each gets another deadline (one: {after})"
        else:
            what = f"keeps its {kind} {before}" if before == after else f"{kind} {before} becomes {after}"
        yield from fold(f"{one_line(each['element'])}: {what}.", width, "  ", "")


def _moment(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, int | float):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return one_line(str(value))


def _totals(document: Document) -> str:
    totals = document["totals"]
    words = {"unchanged": "unchanged", "migratable": "can be moved", "blocked": "cannot be moved"}
    words["needs-mapping"] = "needs a mapping" if totals["needs-mapping"] == 1 else "need a mapping"
    parts = [f"{totals[verdict]} {words[verdict]}" for verdict in VERDICTS if totals[verdict]]
    return f"{count(sum(totals.values()), 'instance')}: {', '.join(parts)}."
