"""One plan for all that stand in the same situation says what a plan for each would say, and does what it would do."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from spiffcli.engine.retarget import Policies
from spiffcli.engine.retarget.patch import numbered
from spiffcli.errors import IncidentError, ModelError, RunnerError
from spiffcli.migrate.apply import plan_one
from spiffcli.migrate.check import Prover
from spiffcli.migrate.fleet import judge
from spiffcli.migrate.target import Target
from spiffcli.migrate.values import Plan
from spiffcli.report.impact import plan_json
from spiffcli.values import Instance
from spiffcli.workspace import Workspace

from ..migrate.bench import Bench
from .models import Document
from .test_migration_fuzz import Pair, pairs

EXAMPLES = int(os.environ.get("RUNNER_FUZZ_EXAMPLES", "60"))


def fleet_of(bench: Bench, old: Document, new: Document, choices: list[tuple[int, int]]) -> list[str]:
    """Instances of the old version, each with its own data and progress, and at its own time."""
    (bench.folder / "order.json").write_text("{}")
    for document in (old, new):
        path = bench.folder / "random.bpmn"
        path.write_text(document.render())
        bench.runner().add([path], process=document.process, force_new=True)
    ids = []
    for number, (progress, value) in enumerate(choices):
        try:
            id = bench.start({"x": value, "own": [number]} if number % 3 else {"x": value}, ref="proc@1")
        except IncidentError:
            continue
        for _ in range(progress):
            if bench.row(id).state != "running" or not step(bench, id):
                break
        ids.append(id)
    return [id for id in ids if bench.row(id).state == "running"]  # time passes for all of them


def step(bench: Bench, id: str) -> bool:
    row = bench.row(id)
    open_tasks = bench.open(id)
    try:
        if open_tasks:
            bench.complete(id, open_tasks[0])
        elif row.due is not None:
            bench.wait(max(row.due - bench.clock.now(), 0) + 1)
        elif row.subscriptions:
            bench.send(id, row.subscriptions[0].name)
        else:
            return False
    except IncidentError:
        return False
    return True


def told(plan: Plan) -> dict[str, Any]:
    """What a plan says, without what is the instance's own."""
    document = plan_json(plan)
    for name in ("id", "revision", "plan"):
        del document[name]
    for name in ("tasks", "blockers", "overridden", "moves", "subscriptions"):
        for item in document[name]:
            del item["task"]
    for item in document["subscriptions"]:
        if item["kind"] == "timer":  # each was started at its own time
            del item["before"], item["after"]
    return document


def normal(state: bytes, before: bytes) -> Any:
    """A state whose new tasks have numbers for ids, and no times."""
    text = state.decode()
    for number, id in enumerate(new_ids(state, before)):
        text = text.replace(id, f"new {number}")
    result = json.loads(text)
    for scope in (result["process"], *result["children"].values()):
        for id, task in scope["tasks"].items():
            if id.startswith("new "):
                del task["changed"]
        # In their order, which is part of the format.
        scope["tasks"] = list(scope["tasks"].items())
    return result


def test_a_fleet_is_judged_and_moved_as_each_instance_would_be() -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        pair=pairs(),
        choices=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=8),
        force=st.booleans(),
        policies=st.sampled_from([{}, {}, {"timers": "restart"}, {"events": "update"}, {"data": {"y": 1}}]),
    )
    def holds(pair: Pair, choices: list[tuple[int, int]], force: bool, policies: dict[str, Any]) -> None:
        counts.update(_judged_and_moved(pair, choices, force, policies))

    holds()
    print(dict(counts))
    assert counts["patched"] > EXAMPLES / 6, "a fleet in which nothing is moved by a patch proves little"


def _judged_and_moved(pair: Pair, choices: list[tuple[int, int]], force: bool, policies: dict[str, Any]) -> list[str]:
    """Check a fleet; how each instance of it was moved."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            ids = fleet_of(bench, pair.old, pair.new, choices)
        except (ModelError, RunnerError):
            event("not runnable")
            return []
        runner = bench.runner()
        target = runner.target("proc@2", policies=Policies(mapping=pair.crossing, **policies), force=force)
        single = {id: plan_one(runner.workspace, runner.catalog.instance(id), target) for id in ids}
        _check_verdicts(runner.workspace, target, ids, single)
        moved = list(_check_moves(runner.workspace, target, ids, single))
        bench.close()
        return moved


def _check_verdicts(workspace: Workspace, target: Target, ids: list[str], single: dict[str, Plan]) -> None:
    standings = [each for each in workspace.catalog.standings() if each.id in ids]
    fleet = judge(workspace, target, standings)
    judged = {each.id: group.plan for group in fleet.groups for each in group.members}
    assert set(judged) == set(ids)
    for id in ids:
        assert told(judged[id]) == told(single[id])
    assert fleet.totals == {verdict: sum(p.verdict == verdict for p in single.values()) for verdict in fleet.totals}
    event(f"saved loading {len(ids) - fleet.loaded} of {len(ids)}")


def _check_moves(workspace: Workspace, target: Target, ids: list[str], single: dict[str, Plan]) -> Iterator[str]:
    prover = Prover(workspace, target)
    for id in ids:
        instance, state = workspace.catalog.load(id)
        ready = prover.ready(instance, state)
        assert plan_json(ready.plan) == plan_json(prover.told(instance, state)) == plan_json(single[id])
        assert ready.plan.applicable == prover.told(instance, state).applicable == single[id].applicable
        if not single[id].applicable:
            assert ready.row is None
            continue
        alone = prover._moved(instance, single[id])
        assert normal(ready.state, state) == normal(alone.state, state)
        assert ready.row is not None
        assert alone.row is not None
        assert comparable(ready.row, ready.state, state) == comparable(alone.row, alone.state, state)
        yield "planned" if ready.plan.state else "patched"


def comparable(row: Instance, state: bytes, before: bytes) -> list[str]:
    """A row whose new tasks have numbers for ids."""
    fields = {name: getattr(row, name) for name in row.__slots__ if name != "subscriptions"}
    text = [f"{name}: {value!r}" for name, value in fields.items()]
    awaited = [f"waits for: {each!r}" for each in row.subscriptions]
    for number, id in enumerate(new_ids(state, before)):
        text = [line.replace(id, f"new {number}") for line in text]
        awaited = [line.replace(id, f"new {number}") for line in awaited]
    return text + sorted(awaited)


def new_ids(state: bytes, before: bytes) -> list[str]:
    """Ids of the tasks that a move has added, in the order of the tree."""
    known = set(numbered(json.loads(before)))
    return [id for id in numbered(json.loads(state)) if id not in known]
