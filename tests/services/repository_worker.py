"""Kills processes that keep aggregates in the table of the documentation, and lets others go on; see `main`."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from spiffcli.config import Settings
from spiffcli.engine import EngineConfig
from spiffcli.errors import NotFoundError
from spiffcli.runner import Runner
from spiffcli.services import AggregateKey, DuplicateStart, Registry, workflow_service, workflow_task

GUIDE = Path(__file__).parents[2] / "docs" / "services.md"

#: Where a process dies: in which call of the repository, and the how manieth.
CRASHES = [(call, count) for call in ("save", "settle") for count in (1, 2, 3)]

STARTERS = 16


def documented_code() -> str:
    """The aggregate, its service and its repository, as the documentation has them."""
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    first, second = (
        next(block for block in blocks if f"class {name}" in block) for name in ("Approval:", "ApprovalTable(")
    )
    return first + second


def documented() -> ModuleType:
    """That code as a module. It makes `approvals.db` in this folder."""
    module = sys.modules["documented"] = ModuleType("documented")
    exec(documented_code(), vars(module))
    return module


def opened(url: str, number: int = 0, die_at: tuple[str, int] | None = None) -> tuple[Runner, Any, Any]:
    """A runner with services on the table, the type of the aggregate, and the table."""
    module = documented()
    approval: Any = module.Approval
    left = [0 if die_at is None else die_at[1]]

    def die(call: str) -> None:
        if die_at is not None and call == die_at[0]:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    class Table(module.ApprovalTable):  # type: ignore[name-defined, misc]
        def save(self, key: AggregateKey, revision: int, aggregate: Any) -> None:
            super().save(key, revision, aggregate)
            die("save")

        def settle(self, key: AggregateKey, revision: int) -> None:
            die("settle")
            super().settle(key, revision)

    @workflow_service(aggregate=approval, process_id="p")
    class Approvals:
        @workflow_task(id="A")
        def one(self, approval: approval) -> None:
            approval.number_of_days += 1

        @workflow_task(id="B")
        def ten(self, approval: approval) -> None:
            approval.number_of_days += 10

    Approvals.one.__annotations__["approval"] = Approvals.ten.__annotations__["approval"] = approval
    table = Table("approvals.db")
    services = Registry(Approvals).aggregate(approval, repository=table)
    settings = Settings(store=url, user=f"user {number}", folder=Path.cwd())
    return Runner(settings, engine=EngineConfig.spiff().extended(services=services)), approval, table


def go_on(url: str, die_at: tuple[str, int] | None = None) -> dict[str, Any]:
    """Bring the approval V-1 from wherever it is to the task V, as somebody would who does not know what happened."""
    runner, approval, table = opened(url, die_at=die_at)
    with runner:
        approvals = runner.service(approval)
        try:
            row = approvals.instance("V-1")
        except NotFoundError:
            row = approvals.start(approval("V-1", 0))
        runner.tick()
        for view in runner.look(row.id).open_tasks:
            if view.id == "U":
                approvals.complete_task("V-1", view.task)
        kept = [revision for (revision,) in table._db.execute("SELECT revision FROM approval")]
        return {
            "days": approvals.load("V-1").number_of_days,
            "at": [view.id for view in runner.look(row.id).open_tasks],
            "instances": len(list(runner.instances())),
            "kept": len(kept),
            "counts": runner.catalog.aggregates_of(row.id)[0].kept_as in kept,
            "problems": [str(each) for each in runner.store.check()],
        }


def start(url: str, number: int, gate: Path) -> dict[str, Any]:
    """Start V-2 as soon as the gate opens."""
    runner, approval, _ = opened(url, number)
    with runner:
        runner.require_wired()
        approvals = runner.service(approval)
        Path(f"ready-{number}").touch()
        while not gate.exists():
            time.sleep(0.001)
        try:
            return {"started": approvals.start(approval("V-2", 100 * number)).id, "number": number}
        except DuplicateStart as duplicate:
            return {"refused": duplicate.instance, "number": number}


def loaded(url: str) -> dict[str, Any]:
    runner, approval, _ = opened(url)
    with runner:
        return {"days": runner.service(approval).load("V-2").number_of_days, "instances": len(list(runner.instances()))}


def forked(work: Callable[[], dict[str, Any]], result: Path) -> int:
    """Do work in a process of its own, which leaves its result in a file; gives its id."""
    child = os.fork()
    if child:
        return child
    try:
        result.write_text(json.dumps(work()))
    finally:
        os._exit(0)


def waited(child: int) -> int:
    """The signal that ended a process, or 0."""
    return os.waitpid(child, 0)[1] & 0x7F


def crash(url: str, die_at: tuple[str, int]) -> dict[str, Any]:
    died = waited(forked(lambda: go_on(url, die_at), Path("dying.json")))
    waited(forked(lambda: go_on(url), Path("done.json")))
    return {"signal": died, **json.loads(Path("done.json").read_text())}


def race(url: str) -> dict[str, Any]:
    gate = Path("gate")
    children = [
        forked(lambda number=number: start(url, number, gate), Path(f"{number}.json"))  # type: ignore[misc]
        for number in range(1, STARTERS + 1)
    ]
    while len(list(Path.cwd().glob("ready-*"))) < STARTERS:
        time.sleep(0.005)
    gate.touch()
    for child in children:
        waited(child)
    waited(forked(lambda: loaded(url), Path("loaded.json")))
    told = [json.loads(Path(f"{number}.json").read_text()) for number in range(1, STARTERS + 1)]
    return {"told": told, **json.loads(Path("loaded.json").read_text())}


def warm_up(kind: str, model: str) -> None:
    """Import now what each child would import anew."""
    importlib.import_module(f"spiffcli.store.{kind}")
    runner, approval, table = opened("memory:")
    with runner:
        runner.add([model])
        runner.service(approval).start(approval("V-0", 0))
    table._db.close()


def main(kind: str, folder: Path, model: str) -> None:
    """Each story in a folder of its own, with a store and a table; what came of them as JSON.

    No store and no table is open when it forks.
    """
    os.chdir(folder)
    warm_up(kind, model)
    stories: dict[str, Callable[[str], dict[str, Any]]] = {
        f"{call} {count}": lambda url, at=(call, count): crash(url, at)  # type: ignore[misc]
        for call, count in CRASHES
    }
    told = {}
    for name, story in {**stories, "race": race}.items():
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        os.chdir(place)
        url = f"{kind}:{place / 'store'}"

        def add(url: str = url) -> dict[str, Any]:
            with opened(url)[0] as runner:
                runner.add([model])
            return {}

        waited(forked(add, Path("added.json")))
        told[name] = story(url)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
