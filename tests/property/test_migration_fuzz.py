"""Random processes, random progress, random edits: what is called migratable must be right.

A migrated instance, run to its end, must have done what a fresh instance of the new version does under the same
answers, less what it had done before, wherever what it had done is a part of that.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from spiffcli.diff import compare
from spiffcli.engine import DefinitionSpecs, Engine, EngineConfig, Event, Running
from spiffcli.engine.clock import ManualClock
from spiffcli.engine.patches import install
from spiffcli.engine.retarget import Policies
from spiffcli.engine.script_engine import make_script_engine
from spiffcli.errors import IncidentError, ModelError
from spiffcli.migrate.plan import make_plan
from spiffcli.migrate.values import MigrationRequest, Plan, Waivers
from spiffcli.sandbox import ScriptMode
from spiffcli.values import Definition, Instance, Resource, Source, digest

from .models import SCOPES, Document, Element, edited

#: Live instances that are planned and driven; `RUNNER_FUZZ_EXAMPLES` for a longer run.
#: Random models in a pipeline: enough for two thousand live instances.
PIPELINE = 2000
EXAMPLES = int(os.environ.get("RUNNER_FUZZ_EXAMPLES", PIPELINE if os.environ.get("CI") else 100))
BUDGET = 300
#: More than any of these models takes that ends; those that do not end say nothing.
MOST_STEPS = 60
NOW = 1_800_000_000.0

install()


def swapped(document: Document, draw: Any) -> Document:
    """Exchange two nodes that follow each other, each with one way in and one way out."""
    into, out = _ends(document)
    single = {
        node.id
        for node in document.nodes
        if len(into.get(node.id, ())) == len(out.get(node.id, ())) == 1 and node.tag not in SCOPES
    }
    pairs = [flow for flow in document.flows if {flow.attributes["sourceRef"], flow.attributes["targetRef"]} <= single]
    if not pairs:
        return document
    flow = draw(st.sampled_from(pairs))
    first, second = flow.attributes["sourceRef"], flow.attributes["targetRef"]
    before, after = into[first][0], out[second][0]
    for changed, ends in (
        (before, {"targetRef": second}),
        (flow, {"sourceRef": second, "targetRef": first}),
        (after, {"sourceRef": first}),
    ):
        document = document.put(replace(changed, attributes={**changed.attributes, **ends}))
    return document


def with_branch(document: Document, draw: Any) -> Document:
    """Add a branch that ends by itself to a parallel split."""
    _, out = _ends(document)
    splits = [node for node in document.nodes if node.tag == "parallelGateway" and len(out.get(node.id, ())) > 1]
    if not splits or any(node.id == "extra" for node in document.nodes):
        return document
    split = draw(st.sampled_from(splits))
    added = (
        Element("userTask", "extra", None, split.scope),
        Element("endEvent", "extra_end", None, split.scope),
        Element("sequenceFlow", "extra_in", None, split.scope, {"sourceRef": split.id, "targetRef": "extra"}),
        Element("sequenceFlow", "extra_out", None, split.scope, {"sourceRef": "extra", "targetRef": "extra_end"}),
    )
    return replace(document, elements=(*document.elements, *added))


def in_a_row(document: Document, draw: Any) -> Document:
    """Replace a parallel split and join with two branches of one node each by the two nodes in a row."""
    into, out = _ends(document)
    for split in document.nodes:
        flows = out.get(split.id, [])
        if split.tag != "parallelGateway" or len(flows) != 2:
            continue
        one, two = (flow.attributes["targetRef"] for flow in flows)
        if len(out.get(one, ())) != 1 or len(out.get(two, ())) != 1:
            continue
        join = out[one][0].attributes["targetRef"]
        if join != out[two][0].attributes["targetRef"] or len(into[join]) != 2 or len(out.get(join, ())) != 1:
            continue
        last = out[join][0]
        entry = into[split.id]
        document = document.put(replace(out[one][0], attributes={"sourceRef": one, "targetRef": two}))
        document = document.put(
            replace(out[two][0], attributes={"sourceRef": two, "targetRef": last.attributes["targetRef"]})
        )
        for flow in entry:
            document = document.put(replace(flow, attributes={**flow.attributes, "targetRef": one}))
        gone = {split.id, join, flows[0].id, flows[1].id, last.id}
        lanes = tuple((id, name, tuple(m for m in members if m not in gone)) for id, name, members in document.lanes)
        return replace(document, elements=tuple(e for e in document.elements if e.id not in gone), lanes=lanes)
    return document


def wrapped(document: Document, draw: Any) -> Document:
    """Draw a sub-process around what lies between two flows, where that is a part with one way in and one way out."""
    parts = [(into, part, out) for into in document.flows for out, part in _parts(document, into)]
    if not parts:
        return document
    into, part, out = draw(st.sampled_from(parts))
    scope = into.scope
    document = document.put(replace(into, attributes={**into.attributes, "targetRef": "wrap"}))
    document = document.put(replace(out, attributes={**out.attributes, "sourceRef": "wrap"}))
    inside = tuple(replace(each, scope="wrap") if _lies_in(each, part) else each for each in document.elements)
    added = (
        Element("subProcess", "wrap", None, scope),
        Element("startEvent", "wrap_start", None, "wrap"),
        Element("endEvent", "wrap_end", None, "wrap"),
        _flow("wrap_in", "wrap_start", into.attributes["targetRef"]),
        _flow("wrap_out", out.attributes["sourceRef"], "wrap_end"),
    )
    lanes = tuple((id, name, tuple(m for m in members if m not in part)) for id, name, members in document.lanes)
    return replace(document, elements=(*inside, *added), lanes=lanes)


def _flow(id: str, source: str, target: str) -> Element:
    return Element("sequenceFlow", id, None, "wrap", {"sourceRef": source, "targetRef": target})


def _lies_in(element: Element, part: frozenset[str]) -> bool:
    """Whether an element lies in a part, by itself; what lies in a sub-process of it goes with that."""
    ends = {element.attributes.get("sourceRef"), element.attributes.get("targetRef")}
    return element.id in part or (element.tag == "sequenceFlow" and ends <= part)


def _parts(document: Document, into: Element) -> list[tuple[Element, frozenset[str]]]:
    """What lies between a flow and one that follows: nodes that nothing else leads into or out of."""
    _, out = _ends(document)
    events: dict[str, list[str]] = {}
    for node in document.nodes:
        if node.tag == "boundaryEvent":
            events.setdefault(node.attributes["attachedToRef"], []).append(node.id)
    found = []
    for last in document.flows:
        source = last.attributes["sourceRef"]
        if last.scope != into.scope or last is into or len(out[source]) > 1:
            continue
        part: set[str] = set()
        stack = [into.attributes["targetRef"]]
        while stack:
            node = stack.pop()
            if node not in part:
                part.add(node)
                stack += [flow.attributes["targetRef"] for flow in out.get(node, ()) if flow is not last]
                stack += events.get(node, ())
        entered = [flow for flow in document.flows if flow.attributes["targetRef"] in part]
        alone = all(flow is into or flow.attributes["sourceRef"] in part for flow in entered)
        ends = {document.get(node).tag for node in part}
        if source in part and alone and last.attributes["targetRef"] not in part and "startEvent" not in ends:
            found.append((last, frozenset(part)))
    return found


def unwrapped(document: Document, draw: Any) -> Document:
    """Put what lies in a sub-process in its place."""
    into, out = _ends(document)
    subs = [
        node
        for node in document.nodes
        if node.tag == "subProcess" and not node.content and len(out.get(node.id, ())) == 1
    ]
    if not subs:
        return document
    sub = draw(st.sampled_from(subs))
    start = next(node for node in document.nodes if node.scope == sub.id and node.tag == "startEvent")
    (first,), (last,) = out[start.id], out[sub.id]
    ends = [
        node
        for node in document.nodes
        if node.scope == sub.id
        and node.tag == "endEvent"
        and all(document.get(flow.attributes["sourceRef"]).tag != "boundaryEvent" for flow in into[node.id])
    ]
    if len(ends) != 1:
        return document
    for flow in into[sub.id]:
        document = document.put(
            replace(flow, attributes={**flow.attributes, "targetRef": first.attributes["targetRef"]})
        )
    behind = last.attributes["targetRef"]
    for flow in into[ends[0].id]:
        document = document.put(replace(flow, attributes={**flow.attributes, "targetRef": behind}))
    gone = {sub.id, start.id, ends[0].id, first.id, last.id}
    elements = tuple(
        replace(each, scope=sub.scope) if each.scope == sub.id else each
        for each in document.elements
        if each.id not in gone
    )
    lanes = tuple((id, name, tuple(m for m in members if m not in gone)) for id, name, members in document.lanes)
    return replace(document, elements=elements, lanes=lanes)


def _ends(document: Document) -> tuple[dict[str, list[Element]], dict[str, list[Element]]]:
    into: dict[str, list[Element]] = {}
    out: dict[str, list[Element]] = {}
    for flow in document.flows:
        into.setdefault(flow.attributes["targetRef"], []).append(flow)
        out.setdefault(flow.attributes["sourceRef"], []).append(flow)
    return into, out


@dataclass(frozen=True)
class Pair:
    """Two versions of one process.

    Attributes:
        around: Ids of the sub-process that was drawn around nodes or taken away, of its start and of its end.
        led: Ids of the flows that led to those nodes and away from them, and mean the same.
    """

    old: Document
    new: Document
    around: frozenset[str] = frozenset()
    led: frozenset[str] = frozenset()

    @property
    def crossing(self) -> dict[str, str]:
        """Mappings of the nodes that got into that sub-process, or out of it."""
        scopes = {node.id: node.scope for node in self.old.nodes}
        moved = (node.id for node in self.new.nodes if scopes.get(node.id, node.scope) != node.scope)
        return {id: id for id in moved}


@st.composite
def pairs(draw: Any) -> Pair:
    old, new = draw(edited(most=2, calls=True))
    for edit in draw(st.lists(st.sampled_from([swapped, with_branch, in_a_row]), max_size=1)):
        new = edit(new, draw)
    edit = draw(st.sampled_from([None, None, None, wrapped, unwrapped]))
    if edit is None:
        return Pair(old, new)
    other = edit(new, draw)
    before, after = {each.id for each in new.nodes}, {each.id for each in other.nodes}
    flows = {flow.id for flow in new.flows if flow in old.elements and flow not in other.elements}
    return Pair(old, other, frozenset(before ^ after), frozenset(flows))


class Bench:
    """Two versions of one random process, and instances of them."""

    def __init__(self, old: Document, new: Document) -> None:
        self.clock = ManualClock(NOW)
        scripts = make_script_engine(ScriptMode.TRUSTED, service=lambda name, parameters, data: 1)
        self.engine = Engine(EngineConfig.spiff(), scripts, self.clock)
        self._content: dict[str, bytes] = {}
        self._specs: dict[str, DefinitionSpecs] = {}
        for version, document in (("v1", old), ("v2", new)):
            resource = Resource("random.bpmn", "bpmn", document.render().encode())
            self._specs[version] = self._parsed(resource, document.process)
            if any(item.tag == "callActivity" for item in document.elements):
                self._specs[f"{version}:called"] = self._parsed(resource, "called")
        self.diff = compare(old.load(), new.load(), old_process=old.process, new_process=new.process, dependencies=True)

    def _parsed(self, resource: Resource, process: str) -> DefinitionSpecs:
        parsed = self.engine.parser([resource]).process(process)
        self._content.update({digest(content): content for content in parsed.specs.values()})
        return DefinitionSpecs(parsed.key, {name: digest(content) for name, content in parsed.specs.items()})

    def specs(self, definition: str) -> DefinitionSpecs:
        return self._specs[definition]

    def content(self, hash: str) -> bytes:
        return self._content[hash]

    def resolve(self, caller: str, element: str, key: str) -> str:
        return f"{caller.partition(':')[0]}:{key}"

    def decision(self, caller: str, element: str) -> None:
        raise AssertionError("these processes decide nothing")

    def start(self, definition: str) -> Running:
        return self.advance(self.engine.start(definition, self.engine.cache(self), {"x": 1}))

    def advance(self, running: Running) -> Running:
        for _ in running.advance(budget=BUDGET):
            pass
        return running

    def reload(self, running: Running) -> Running:
        snapshot = running.snapshot()
        self._content.update(snapshot.specs)
        return self.engine.restore(snapshot.state, self.engine.cache(self))

    def step(self, running: Running) -> bool:
        """Do the next thing a person or the world would do; False when there is nothing."""
        open_tasks = running.human_tasks()
        if open_tasks:
            running.complete(open_tasks[0].task, {})
        else:
            # Always in one order: what the world does first decides whose data a join keeps.
            waiting = sorted(
                (each for each in running.subscriptions() if each.task), key=lambda each: (each.kind, each.name or "")
            )
            if not waiting:
                return False
            first = waiting[0]
            if first.kind == "timer":
                self.clock.set(max(self.clock.now(), (first.due or 0.0) + 1))
            elif not running.send(Event(first.kind, first.name, {}), task_id=first.task):
                return False
        self.advance(running)
        return True

    def finish(self, running: Running) -> Running:
        for _ in range(MOST_STEPS):
            if not self.step(running):
                return running
            running = self.reload(running)
        raise IncidentError("endless")

    def plan(self, running: Running, waivers: Waivers, mapping: Mapping[str, str] | None = None) -> Plan:
        snapshot = running.snapshot()
        self._content.update(snapshot.specs)
        policies = Policies(mapping=mapping or {})
        request = MigrationRequest(
            _instance(), snapshot.state, _definition("v1", 1), _definition("v2", 2), self.diff, policies, waivers
        )
        plan = make_plan(self.engine, self, request)
        self._content.update({digest(content): content for content in plan.specs})
        return plan

    def planned(self, plan: Plan) -> Running:
        return self.engine.restore(plan.state, self.engine.cache(self))


def _definition(id: str, version: int) -> Definition:
    return Definition(id, "", "process", "proc", version, "proc", "", "", "", "", "", "", Source())


def _instance() -> Instance:
    return Instance("i", "", "v1", "proc", 1, "running", "", "")


def done(running: Running) -> Counter[str]:
    """How often each node that does work has been completed."""
    return Counter(
        task.id
        for task in running.tasks()
        if task.state == "COMPLETED" and task.type != "internal" and not task.type.endswith("Gateway")
    )


def fresh(bench: Bench) -> Running | None:
    """A new instance of the new version at its end; None where it does not end."""
    try:
        running = bench.finish(bench.start("v2"))
    except IncidentError:
        return None
    return running if running.state == "completed" else None


def test_what_is_called_migratable_is_right() -> None:
    tally: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pair=pairs(), progress=st.integers(0, 2), force=st.booleans())
    def holds(pair: Pair, progress: int, force: bool) -> None:
        try:
            bench = Bench(pair.old, pair.new)
        except ModelError:
            event("not runnable")
            return
        expected = fresh(bench)
        for steps in range(progress, progress + 3):
            running = _progressed(bench, steps)
            if running is not None:
                tally[_migrated_and_compared(bench, pair, running, force, expected)] += 1

    holds()
    print(f"{tally.total()} live instances by verdict: {dict(tally)}")
    assert tally["migratable"] > EXAMPLES / 20, "a fuzz that never migrates proves nothing"
    assert tally["blocked"] + tally["needs-mapping"] > 0, "a fuzz that never refuses proves nothing"
    assert EXAMPLES < PIPELINE or tally.total() >= 2000


def _progressed(bench: Bench, steps: int) -> Running | None:
    """An instance of the old version that has come some steps far and has not ended."""
    try:
        running = bench.start("v1")
        for _ in range(steps):
            if running.state != "running" or not bench.step(running):
                break
            running = bench.reload(running)
    except IncidentError:
        event("not runnable")
        return None
    if running.state != "running":
        event("finished before it was migrated")
        return None
    return running


def _migrated_and_compared(bench: Bench, pair: Pair, running: Running, force: bool, new: Running | None) -> str:
    """Check one live instance; its verdict."""
    before = done(running)
    passed = {task.id for task in running.tasks() if task.state == "COMPLETED"}
    plan = _planned(bench, pair, running, Waivers(everything=force))
    verdict = f"{plan.verdict} (mapped)" if plan.policies.mapping else plan.verdict
    event(f"{verdict}{' (forced)' if plan.overridden else ''}")
    if not plan.applicable:
        assert plan.blockers
        assert all(blocker.reason and blocker.fix for blocker in plan.blockers)
        return verdict
    if new is None:
        with suppress(IncidentError):
            bench.step(bench.planned(plan))  # it can be loaded
        return verdict
    try:
        moved = bench.finish(bench.planned(plan))
    except IncidentError:
        assert _passed_what_changed(bench, pair, passed), "the migrated instance fails where a fresh one does not"
        return verdict
    assert moved.state == "completed", _tree(moved)
    now, expected = done(moved), done(new)
    for counter in (before, now, expected):
        for id in pair.around:
            del counter[id]
    common = not before - expected and not _passed_what_changed(bench, pair, passed)
    if common and not plan.overridden:
        assert now - before == expected - before, (before, now, expected)
        assert moved.data == new.data
    return verdict


def _planned(bench: Bench, pair: Pair, running: Running, waivers: Waivers) -> Plan:
    """A plan; where a sub-process was drawn around tokens or taken away, with the mappings that it asks for."""
    plan = bench.plan(running, waivers)
    if plan.verdict == "needs-mapping" and pair.around:
        return bench.plan(running, waivers, {each.old: each.new for each in plan.proposals})
    return plan


def _passed_what_changed(bench: Bench, pair: Pair, passed: set[str]) -> bool:
    """Whether what has been done would be done otherwise in the new version (another script, another condition).

    In which sub-process something is done, and by which flow, makes no difference.
    """
    sources = {flow.id: flow.attributes["sourceRef"] for flow in pair.old.flows}
    changes = [change for change in bench.diff.all_changes if change.kind not in ("layout", "added")]
    same = pair.around | pair.led
    moved = ("node-moved-scope", "lane-changed") if pair.around else ()
    touched = {change.before.id for change in changes if change.rule not in moved} - same
    return bool(passed & (touched | {sources.get(id, "") for id in touched}))


def _tree(running: Running) -> list[tuple[str, str]]:
    return [(task.id, task.state) for task in running.tasks() if task.state not in ("COMPLETED", "CANCELLED")]
