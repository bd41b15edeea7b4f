"""What starting the latest version of a key costs: with many versions and instances beside it against with few."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from uuid import uuid4

from msgspec.structs import replace

from benchmarks.story import Line, Story, in_turns, process, python, spread
from spiffcli.runner import Runner

RUNNER = python("-m", "spiffcli")
#: Versions of the key, and instances spread over them.
FEW, MANY = (1, 10), (1_000, 10_000)
STORES = {"tinydb": "tinydb:{}/.runner", "sqlite": "sqlite:{}/store.db"}
ROUNDS = 15

_MODEL = """\
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:benchmark">
  <process id="order" isExecutable="true">
    <startEvent id="start"/>
    <scriptTask id="number"><script>version = {}</script></scriptTask>
    <manualTask id="check"/>
    <endEvent id="end"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="number"/>
    <sequenceFlow id="f2" sourceRef="number" targetRef="check"/>
    <sequenceFlow id="f3" sourceRef="check" targetRef="end"/>
  </process>
</definitions>
"""


def stories() -> list[Story]:
    """The stories of this module."""
    return [Story("latest", start_the_latest)]


def start_the_latest() -> Iterator[Line]:
    """`run -s KEY`, and the same through the API, in a store with many versions against one with few."""
    for name, url in STORES.items():
        with tempfile.TemporaryDirectory() as folder:
            few, many = (seeded(Path(folder), url, *size) for size in (FEW, MANY))
            command = ("run", "-s", "order", "-a")
            whole = [process(*RUNNER, "--store", store, *command) for store in (few, many)]
            yield _compared(f"{name}: run -s KEY", whole, ROUNDS)
            yield _compared(f"{name}: Runner.start(KEY)", [partial(start, few), partial(start, many)], 5 * ROUNDS)


def start(url: str) -> None:
    """Open the store, start the latest version, and let it run to its first human task."""
    with Runner.open(store=url) as runner, runner.start("order") as session:
        session.advance()


def seeded(folder: Path, url: str, versions: int, instances: int) -> str:
    """A store with that many versions of one key, and instances of all of them that wait at a task."""
    place = folder / str(versions)
    place.mkdir()
    model, url = place / "order.bpmn", url.format(place)
    with Runner.open(store=url) as runner:
        for version in range(versions):
            model.write_text(_MODEL.format(version))
            runner.add([model], process="order")
        with runner.start("order") as session:
            session.advance()
        first, state = runner.catalog.load(session.instance.id)
        rest = islice(cycle(runner.catalog.definitions("order")), instances - 1)
        while batch := list(islice(rest, 1_000)):
            with runner.catalog.transaction() as catalog:
                for each in batch:
                    row = replace(first, id=str(uuid4()), definition=each.id, version=each.version, revision=0)
                    catalog.create(row, state)
    return url


def _compared(what: str, actions: list[Callable[[], None]], rounds: int) -> Line:
    few, many = in_turns(actions, rounds)
    # The quickest rounds: what slows down the others grows with nothing we vary.
    ratio = min(many) / min(few)
    label = f"{what}: {MANY[0]:,} versions, {MANY[1]:,} instances / {FEW[0]}, {FEW[1]}"
    return Line(label, ratio, 1.2, spread(few), f"{min(many) * 1000:.1f} ms / {min(few) * 1000:.1f} ms")
