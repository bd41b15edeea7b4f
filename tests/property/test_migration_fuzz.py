"""Random processes, random progress, random edits: what is called migratable must be right.

A migrated instance, run to its end, must have done what a fresh instance of the new version does under the same
answers, less what it had done before, wherever what it had done is a part of that.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from spiffcli.diff import compare
from spiffcli.engine import DefinitionSpecs, Engine, EngineConfig, Event, Running
from spiffcli.engine.clock import ManualClock
from spiffcli.engine.retarget import Policies
from spiffcli.engine.scripting import ScriptMode, make_script_engine
from spiffcli.engine.tuning import install
from spiffcli.errors import IncidentError, ModelError
from spiffcli.migrate.planning import Request, make_plan
from spiffcli.migrate.plans import Plan, Waivers
from spiffcli.values import Definition, Instance, Resource, Source, digest

from .models import SCOPES, Document, Element, edited

#: Live instances that are planned and driven; `RUNNER_FUZZ_EXAMPLES` for a longer run.
#: Random models in a pipeline: enough for two thousand live instances.
PIPELINE = 1700
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


def _ends(document: Document) -> tuple[dict[str, list[Element]], dict[str, list[Element]]]:
    into: dict[str, list[Element]] = {}
    out: dict[str, list[Element]] = {}
    for flow in document.flows:
        into.setdefault(flow.attributes["targetRef"], []).append(flow)
        out.setdefault(flow.attributes["sourceRef"], []).append(flow)
    return into, out


@st.composite
def pairs(draw: Any) -> tuple[Document, Document]:
    """Two versions of one process."""
    old, new = draw(edited(most=2, calls=True))
    for edit in draw(st.lists(st.sampled_from([swapped, with_branch, in_a_row]), max_size=1)):
        new = edit(new, draw)
    return old, new


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
            waiting = [each for each in running.subscriptions() if each.task]
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

    def plan(self, running: Running, waivers: Waivers) -> Plan:
        snapshot = running.snapshot()
        self._content.update(snapshot.specs)
        request = Request(
            _instance(), snapshot.state, _definition("v1", 1), _definition("v2", 2), self.diff, Policies(), waivers
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


def fresh(bench: Bench) -> Counter[str] | None:
    """What a new instance of the new version does; None where it does not end."""
    try:
        running = bench.finish(bench.start("v2"))
    except IncidentError:
        return None
    return done(running) if running.state == "completed" else None


def test_what_is_called_migratable_is_right() -> None:
    tally: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pair=pairs(), progress=st.integers(0, 2), force=st.booleans())
    def holds(pair: tuple[Document, Document], progress: int, force: bool) -> None:
        old, new = pair
        try:
            bench = Bench(old, new)
        except ModelError:
            event("not runnable")
            return
        expected = fresh(bench)
        for steps in range(progress, progress + 3):
            running = _progressed(bench, steps)
            if running is not None:
                tally[_migrated_and_compared(bench, old, running, force, expected)] += 1

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


def _migrated_and_compared(
    bench: Bench, old: Document, running: Running, force: bool, expected: Counter[str] | None
) -> str:
    """Check one live instance; its verdict."""
    before = done(running)
    passed = {task.id for task in running.tasks() if task.state == "COMPLETED"}
    plan = bench.plan(running, Waivers(everything=force))
    event(f"{plan.verdict}{' (forced)' if plan.overridden else ''}")
    if not plan.applicable:
        assert plan.blockers
        assert all(blocker.reason and blocker.fix for blocker in plan.blockers)
        return plan.verdict
    if expected is None:
        with suppress(IncidentError):
            bench.step(bench.planned(plan))  # it can be loaded
        return plan.verdict
    try:
        moved = bench.finish(bench.planned(plan))
    except IncidentError:
        assert _passed_what_changed(bench, old, passed), "the migrated instance fails where a fresh one does not"
        return plan.verdict
    assert moved.state == "completed", _tree(moved)
    common = not before - expected and not _passed_what_changed(bench, old, passed)
    if common and not plan.overridden:
        assert done(moved) - before == expected - before, (before, done(moved), expected)
    return plan.verdict


def _passed_what_changed(bench: Bench, old: Document, passed: set[str]) -> bool:
    """Whether what has been done would be done otherwise in the new version (another script, another condition)."""
    sources = {flow.id: flow.attributes["sourceRef"] for flow in old.flows}
    touched = {change.before.id for change in bench.diff.all_changes if change.kind not in ("layout", "added")}
    return bool(passed & (touched | {sources.get(id, "") for id in touched}))


def _tree(running: Running) -> list[tuple[str, str]]:
    return [(task.id, task.state) for task in running.tasks() if task.state not in ("COMPLETED", "CANCELLED")]
