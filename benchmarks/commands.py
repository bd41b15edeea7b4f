"""What whole commands cost: start-up beside importing click alone, a store with many instances beside one with few."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from msgspec.structs import replace

from benchmarks.story import Line, Story, in_turns, process, python, spread, timed

ROOT = Path(__file__).resolve().parent.parent
RUNNER = python("-m", "spiffcli")
FEW, MANY = 10, 10_000
ROUNDS = 15


def stories() -> list[Story]:
    """The stories of this module."""
    return [Story("start-up", start_up), Story("complete", complete_one_task)]


def start_up() -> Iterator[Line]:
    """`runner --help` and `list_specs` against `python -c "import click"`."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = seeded(Path(folder) / "few", FEW), seeded(Path(folder) / "many", MANY)
        reference, help_, small, large = in_turns(
            [
                process(*python("-c", "import click")),
                process(*RUNNER, "--help"),
                process(*RUNNER, "--store", few, "list_specs"),
                process(*RUNNER, "--store", many, "list_specs"),
            ],
            ROUNDS,
        )
    base, noise = statistics.median(reference), spread(reference)
    for what, times, limit in (
        ("runner --help / python -c 'import click'", help_, 1.5),
        (f"list_specs with {FEW} instances / import click", small, 2.5),
        (f"list_specs with {MANY:,} instances / import click", large, 2.5),
    ):
        median = statistics.median(times)
        yield Line(what, median / base, limit, noise, f"{median * 1000:.0f} ms / {base * 1000:.0f} ms")


def complete_one_task() -> Iterator[Line]:
    """`complete` of one task in a store with many instances against one with few."""
    with tempfile.TemporaryDirectory() as folder:
        times: list[list[float]] = [[], []]
        stores = [seeded(Path(folder) / "few", FEW), seeded(Path(folder) / "many", MANY)]
        waiting = [iter(_waiting(store)) for store in stores]
        for _ in range(9):
            for store, ids, taken in zip(stores, waiting, times, strict=True):
                command = ("complete", "-w", next(ids), "-t", "select_product_and_quantity", "--data")
                answers = '{"product": "mug", "quantity": 1}'
                taken.append(timed(process(*RUNNER, "--store", store, *command, answers)))
    few, many = (statistics.median(taken[1:]) for taken in times)
    detail = f"{many * 1000:.0f} ms / {few * 1000:.0f} ms"
    yield Line(f"complete with {MANY:,} instances / with {FEW}", many / few, 1.2, spread(times[0][1:]), detail)


def seeded(place: Path, instances: int) -> str:
    """A default store with that many instances of one process, all waiting at its first task."""
    from spiffcli.runner import Runner

    url = f"tinydb:{place}"
    tutorial = ROOT / "bpmn" / "tutorial"
    with Runner.open(cwd=ROOT, store=url) as runner:
        runner.add([tutorial / "task_types.bpmn", tutorial / "product_prices.dmn"], process="order_product")
        with runner.start("order_product") as session:
            session.advance()
        first, state = runner.catalog.load(session.instance.id)
        remaining = instances - 1
        while remaining:
            batch = min(1000, remaining)
            with runner.catalog.transaction() as catalog:
                for _ in range(batch):
                    catalog.create(replace(first, id=str(uuid4()), revision=0), state)
            remaining -= batch
    return url


def _waiting(url: str) -> list[str]:
    from spiffcli.runner import Runner

    with Runner.open(cwd=ROOT, store=url) as runner:
        return [instance.id for instance in runner.instances()[:10]]
