"""Many instances at once (L), judged by situation and moved in chunks; and what a crash leaves (X6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spiffcli.catalog import Filter
from spiffcli.config import load_settings
from spiffcli.engine.retarget import Policies
from spiffcli.errors import StateError
from spiffcli.migrate.batch import MigrationJob, migrate_many, migrate_with_processes
from spiffcli.migrate.fleet import judge
from spiffcli.runner import Runner
from spiffcli.store import DocumentStore

from .bench import Bench
from .build import boundary, by_message, definitions, duration, message, process, script, sub, user

A, B, U, V, N = script("a"), script("b"), user("u"), user("v"), script("n")
OLD, NEW = process(U, V, B), process(U, V, N, B)


def outcomes(bench: Bench, ids: list[str], to: str = "p@2", *, chunk: int = 3, **options: object) -> Counter[str]:
    runner = bench.runner()
    target = runner.target(to, **options)  # type: ignore[arg-type]
    return Counter(result.outcome for result in migrate_many(runner.workspace, target, ids, chunk=chunk))


def started(bench: Bench, count: int, progress: int = 0) -> list[str]:
    """Instances with some of them further on than the others."""
    ids = [bench.start({"number": number}) for number in range(count)]
    for id in ids[:progress]:
        bench.complete(id, "u")
    return ids


def test_a_fleet_is_judged_by_one_instance_of_each_situation(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    started(bench, 10, progress=4)
    runner = bench.runner()
    fleet = judge(runner.workspace, runner.target("p@2"), runner.catalog.standings())
    assert fleet.loaded == 2
    told = {(group.waiting_at, group.verdict): len(group.members) for group in fleet.groups}
    assert told == {(("u",), "migratable"): 6, (("v",), "migratable"): 4}
    assert fleet.totals == {"unchanged": 0, "migratable": 10, "needs-mapping": 0, "blocked": 0}


def test_verdicts_that_rest_on_data_are_given_one_by_one(bench: Bench) -> None:
    event = boundary("x", "u", "<timerEventDefinition><timeDuration>pause</timeDuration></timerEventDefinition>")
    bench.versions(OLD, process(U, V, B, event, flows="start>u u>v v>b b>end"))
    for pause in ("PT1H", "PT2H", None):
        bench.start({} if pause is None else {"pause": pause})
    runner = bench.runner()
    fleet = judge(runner.workspace, runner.target("p@2"), runner.catalog.standings())
    assert (fleet.loaded, fleet.totals["migratable"], fleet.totals["blocked"]) == (3, 2, 1)


def test_l1_those_that_can_be_moved_are_and_the_others_are_told(bench: Bench) -> None:
    bench.versions(OLD, process(user("w"), V, N, B))
    ids = started(bench, 20, progress=13)
    runner = bench.runner()
    results = list(migrate_many(runner.workspace, runner.target("p@2", force=True), ids, chunk=6))
    assert [result.instance for result in results] == ids
    assert Counter(result.outcome for result in results) == {"migrated": 13, "refused": 7}
    refused = [result for result in results if result.outcome == "refused"]
    assert all(result.plan and result.plan.blockers[0].element == "u" for result in refused)
    assert {bench.row(result.instance).version for result in refused} == {1}
    for result in results[:13]:
        assert bench.drive(result.instance) == "completed"
    assert bench.log.count("n") == 13


@pytest.mark.parametrize("versions", [(OLD, process(sub("sp", U), V, B)), (process(sub("sp", U), V, B), OLD)])
def test_instances_whose_tokens_get_into_a_sub_process_or_out_of_it_keep_their_own_data(
    bench: Bench, versions: tuple[str, str]
) -> None:
    """What one of them holds must not get into the others with the proof that they share."""
    bench.versions(*versions)
    ids = [bench.start({"number": number}) for number in range(4)]
    for id in ids[1:3]:
        bench.draft(id, "u", draft=id)
    before = {id: bench.tasks(id, "u")[0] for id in ids}
    assert outcomes(bench, ids, policies=Policies(mapping={"u": "u"})) == {"migrated": 4}
    for id in ids:
        moved = bench.tasks(id, "u")[0]
        assert (moved.task, moved.data, moved.changed) == (before[id].task, before[id].data, before[id].changed)
        runner = bench.runner()
        with runner.session(id, "look") as session:
            assert session.running.situation() == runner.catalog.situation(bench.row(id).situation).body
        assert bench.drive(id) == "completed"
        assert bench.data(id).get("draft") == before[id].data.get("draft")


def test_every_instance_moved_by_a_patch_keeps_its_own_data_deadlines_and_subscriptions(bench: Bench) -> None:
    events = [boundary("late", "u", duration("PT1H")), boundary("stop", "u", by_message("m"))]
    flows = "start>u u>v v>{0} {0}>end"
    bench.versions(
        [message("m"), process(U, V, B, *events, flows=flows.format("b"))],
        [message("m"), process(U, V, N, *events, flows=flows.format("n"))],
    )
    ids = []
    for number in range(5):
        bench.clock.advance(100)
        ids.append(bench.start({"number": number}))
        bench.draft(ids[-1], "u", draft=[number])
    before = {id: bench.row(id) for id in ids}
    assert outcomes(bench, ids) == {"migrated": 5}
    for number, id in enumerate(ids):
        row = bench.row(id)
        assert (row.due, row.active) == (before[id].due, before[id].active)
        assert sorted(map(repr, row.subscriptions)) == sorted(map(repr, before[id].subscriptions))
        assert bench.tasks(id, "u")[0].data == {"number": number, "draft": [number]}
        moves = bench.runner().history(id)[-1].details["moves"]
        assert {task for task, _, _ in moves} == {bench.tasks(id, node)[0].task for node in ("u", "late", "stop")}
        runner = bench.runner()
        with runner.session(id, "look") as session:
            assert session.running.situation() == runner.catalog.situation(row.situation).body
    bench.runner().rollback(ids[0])
    assert bench.row(ids[0]).version == 1
    for id in ids:
        assert bench.drive(id) == "completed"
    assert Counter(bench.log)["n"] == 4


def test_a_plan_that_is_shared_tells_of_each_instance_its_own_deadline(bench: Bench) -> None:
    def late(time: str) -> str:
        return process(U, B, boundary("late", "u", duration(time)), flows="start>u u>b b>end")

    bench.versions(late("PT1H"), late("PT5H"))
    ids = started(bench, 3)
    runner = bench.runner()
    plans = runner.diff_workflow(runner.target("p@2"), ids)
    assert [plan.shared for plan in plans] == [False, True, True]
    assert [(plan.subscriptions[0].before, plan.subscriptions[0].after) for plan in plans] == [
        (bench.row(id).due, bench.row(id).due) for id in ids
    ]
    assert len({bench.row(id).due for id in ids}) == 3


def test_l2_an_empty_selection_ends_at_once(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    assert outcomes(bench, []) == {}


def test_l3_instances_are_selected_by_version_waiting_task_state_and_age(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 4, progress=2)
    later = bench.start(ref="p@2")
    catalog = bench.runner().catalog
    old = catalog.find("p@1").id
    assert [each.id for each in catalog.standings(Filter(definitions=(old,)))] == ids
    assert [each.id for each in catalog.standings(Filter(waiting_at="v"))] == ids[:2]
    assert [each.id for each in catalog.standings(Filter(states=("running",)))] == [*ids, later]
    middle = bench.row(ids[2]).created
    assert [each.id for each in catalog.standings(Filter(created_before=middle))] == ids[:2]


def test_l5_what_has_been_moved_is_unchanged_when_it_is_asked_for_again(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 7)
    assert outcomes(bench, ids[:4]) == {"migrated": 4}
    rows = [bench.row(id) for id in ids[:4]]
    assert outcomes(bench, ids) == {"migrated": 3, "unchanged": 4}
    assert [bench.row(id) for id in ids[:4]] == rows


def test_l8_an_instance_that_is_gone_or_has_ended_stops_no_other(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 5)
    bench.runner().delete_instance(ids[1])
    bench.drive(ids[2])
    assert outcomes(bench, ids) == {"migrated": 3, "failed": 1, "refused": 1}


def test_an_instance_that_a_command_holds_stops_no_other(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 5)
    with bench.store.lock(f"instance:{ids[2]}", holder="complete"):
        assert outcomes(bench, ids) == {"migrated": 4, "failed": 1}
    assert bench.row(ids[2]).version == 1
    assert outcomes(bench, ids) == {"migrated": 1, "unchanged": 4}


class Interrupting:
    """A store in which something happens when many locks are asked for the first time."""

    def __init__(self, store: DocumentStore, happens: Callable[[], None]) -> None:
        self._store = store
        self._happens = [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def lock_each(self, names: Iterable[str], *, holder: str = "") -> Any:
        while self._happens:
            self._happens.pop()()
        return self._store.lock_each(names, holder=holder)


def test_an_instance_that_moves_on_while_its_move_is_prepared_is_looked_at_once_more(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 4, progress=2)

    def go_on() -> None:
        bench.complete(ids[2], "u")
        bench.complete(ids[0], "v")

    store = Interrupting(bench.store, go_on)
    runner = Runner(bench.runner().settings, store=store, engine=bench.runner().engine.config, clock=bench.clock)  # type: ignore[arg-type]
    results = migrate_many(runner.workspace, runner.target("p@2"), ids)
    assert [result.outcome for result in results] == ["refused", "migrated", "migrated", "migrated"]
    assert bench.row(ids[0]).state == "completed"
    assert bench.open(ids[2]) == ["v"]
    assert [bench.drive(id) for id in ids[1:]] == ["completed"] * 3
    assert (bench.log.count("U:u"), bench.log.count("n")) == (4, 3)


def test_nothing_is_moved_to_a_suspended_version(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 2)
    bench.runner().catalog.suspend("p@2")
    with pytest.raises(StateError, match="suspended"):
        outcomes(bench, ids)


def test_data_are_set_in_each_instance_by_a_plan_of_its_own(bench: Bench) -> None:
    bench.versions(OLD, NEW)
    ids = started(bench, 3)
    assert outcomes(bench, ids, policies=Policies(script="twice = 100 // number")) == {"migrated": 2, "refused": 1}
    assert [bench.tasks(id, "u")[0].data.get("twice") for id in ids] == [None, 100, 50]


# In processes


@pytest.fixture(params=["sqlite", "tinydb"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}:{tmp_path / 'store'}"


def on_disk(url: str, folder: Path) -> Runner:
    return Runner(load_settings({"store": url, "user": "ada"}, environ={}, cwd=folder), wait=10)


def filled(url: str, folder: Path, count: int) -> list[str]:
    """A store with two versions and instances of the first, at two places."""
    ids = []
    with on_disk(url, folder) as runner:
        for version, tasks in (("1", (user("u"), user("v"))), ("2", (user("u"), user("v"), user("w")))):
            path = folder / f"v{version}.bpmn"
            path.write_text(definitions(process(*tasks)))
            runner.add([path], process="p")
        for number in range(count):
            with runner.start("p@1", {"number": number}) as session:
                session.advance()
                if number % 2:
                    session.complete(session.running.human_tasks()[0].task, {})
                    session.advance()
            ids.append(session.instance.id)
    return ids


def test_processes_share_the_work(shared: str, tmp_path: Path) -> None:
    ids = filled(shared, tmp_path, 12)
    with on_disk(shared, tmp_path) as runner:
        job = MigrationJob.of(runner.workspace, runner.target("p@2"))
        results = list(migrate_with_processes(job, ids, 2, chunk=4))
        assert Counter(result.outcome for result in results) == {"migrated": 12}
        assert {result.instance for result in results} == set(ids)
        assert {row.version for row in runner.instances()} == {2}
        assert all(runner.look(id).open_tasks for id in ids)


KILLED = """
import sys
from pathlib import Path
from spiffcli.runner import Runner
from spiffcli.config import load_settings
from spiffcli.migrate.batch import migrate_many

url, folder = sys.argv[1:]
with Runner(load_settings({"store": url}, environ={}, cwd=Path(folder))) as runner:
    ids = [each.id for each in runner.catalog.standings()]
    for result in migrate_many(runner.workspace, runner.target("p@2"), ids, chunk=5):
        print(result.instance, flush=True)
"""


def _lines(process: subprocess.Popen[str], count: int) -> Iterator[str]:
    assert process.stdout is not None
    for _ in range(count):
        line = process.stdout.readline()
        if line:
            yield line.strip()


@pytest.mark.parametrize("told", [1, 7, 20])
def test_x6_l7_killed_in_between_each_instance_is_old_or_new_and_the_rest_follows(
    shared: str, tmp_path: Path, told: int
) -> None:
    ids = filled(shared, tmp_path, 30)
    command = [sys.executable, "-c", KILLED, shared, str(tmp_path)]
    victim = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    said = list(_lines(victim, told))
    time.sleep(0.002 * told)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert victim.stdout is not None
    victim.stdout.close()

    with on_disk(shared, tmp_path) as runner:
        versions = {row.id: row.version for row in runner.instances()}
        assert set(versions) == set(ids)
        assert all(versions[id] == 2 for id in said), "what was told has happened"
        for id, version in versions.items():
            moved = [entry for entry in runner.history(id) if entry.what == "migrated"]
            assert len(moved) == version - 1
            assert runner.look(id).open_tasks
        again = Counter(result.outcome for result in migrate_many(runner.workspace, runner.target("p@2"), ids))
        assert again["unchanged"] == sum(version == 2 for version in versions.values()) >= told
        assert again["migrated"] == 30 - again["unchanged"]
        assert runner.store.check() == []


SHARED = """
import sys
from multiprocessing import active_children
from pathlib import Path
from spiffcli.runner import Runner
from spiffcli.config import load_settings
from spiffcli.engine.retarget import Policies
from spiffcli.migrate.batch import MigrationJob, migrate_with_processes

url, folder = sys.argv[1:]
with Runner(load_settings({"store": url}, environ={}, cwd=Path(folder))) as runner:
    ids = [each.id for each in runner.catalog.standings()]
    job = MigrationJob.of(runner.workspace, runner.target("p@2"))
    runner.store.close()
    results = migrate_with_processes(job, ids, 2, chunk=2)
    next(results), next(results)
    print(*(child.pid for child in active_children()), flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is alive")
def test_x6_no_process_outlives_the_killed_one_that_began_it(shared: str, tmp_path: Path) -> None:
    filled(shared, tmp_path, 8)
    with subprocess.Popen(
        [sys.executable, "-c", SHARED, shared, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as victim:
        children = [int(pid) for line in _lines(victim, 1) for pid in line.split()]
        victim.send_signal(signal.SIGKILL)
    assert children
    patience = time.monotonic() + 30
    while any(map(_is_alive, children)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not any(map(_is_alive, children))


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False
