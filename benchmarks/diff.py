"""What a diff costs: the whole command, growth with the model beside the engine's own comparison, reading beside lxml.

The last story counts what another tool changes in models that it only opens and saves: whoever reads the list of
rules should find nothing in it that did not change.
"""

from __future__ import annotations

import gc
import math
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from lxml import etree
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.util.diff import SpecDiff
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG

from benchmarks.story import Line, Story, in_turns, process, python, spread
from spiffcli.diff import compare
from spiffcli.engine import patches
from spiffcli.model import Model, load
from spiffcli.values import Resource

ROOT = Path(__file__).resolve().parent.parent
RUNNER = python("-m", "spiffcli")
MODELS = Path(os.environ.get("RUNNER_TEST_MODELS", ROOT.parent / "shared" / "bpmn"))
SIZES = (100, 1_000, 10_000)
#: Largest model whose renamed nodes the engine's comparison pairs in some ten seconds.
ENGINE_MOST = 1_000
ROUNDS = 5
#: The growth that is allowed, in that of n log n: a fifth more, for what no longer fits into the processor's caches.
GROWTH = 1.2

_XMLNS = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI" '
    'xmlns:spiff="http://spiffworkflow.org/bpmn/schema/1.0/core"'
)


def stories() -> list[Story]:
    """The stories of this module."""
    return [
        Story("diff-command", whole_command),
        Story("diff-growth", growth),
        Story("diff-reading", reading),
        Story("diff-noise", noise),
    ]


def whole_command() -> Iterator[Line]:
    """`diff_spec` of two stored versions beside `runner --version`: never compared before, without a cache, again."""
    with tempfile.TemporaryDirectory() as folder:
        url = _two_versions(folder)
        diff = (*RUNNER, "--store", url, "diff_spec", "-o", "order_product@1", "-n", "order_product@2")

        def with_cache(place: str) -> Callable[[], None]:
            return process(*diff, env={"RUNNER_CACHE": place})

        def for_the_first_time() -> None:
            for file in Path(folder, "new", "diffs").glob("*"):
                file.unlink()
            with_cache(f"{folder}/new")()

        actions = [
            process(*RUNNER, "--version"),
            for_the_first_time,
            with_cache("off"),
            with_cache(f"{folder}/cache"),
        ]
        version, *taken = in_turns(actions, 15)
    least = min(version)
    for what, times in zip(("never compared", "never compared, no cache", "compared before"), taken, strict=True):
        detail = f"{min(times) * 1000:.0f} ms / {least * 1000:.0f} ms"
        yield Line(f"diff_spec K@1 K@2, {what} / runner --version", min(times) / least, 2, spread(version), detail)


def _two_versions(folder: str) -> str:
    from spiffcli.runner import Runner

    url, tutorial = f"tinydb:{folder}/store", ROOT / "bpmn" / "tutorial"
    with Runner.open(cwd=Path(folder), store=url) as runner:
        for model in ("task_types.bpmn", "gateway_types.bpmn"):
            runner.add([tutorial / model, *sorted(tutorial.glob("*.dmn"))], process="order_product")
    return url


def growth() -> Iterator[Line]:
    """The diff alone at three sizes: the growth from one to the next, as a part of that of n log n."""
    for what, new in (
        ("same ids, every script changed", partial(chain, script="x = 2")),
        ("all ids renamed", partial(chain, prefix="other")),
        ("all ids renamed, all tasks alike", partial(chain, prefix="other", alike=True)),
    ):
        alike = "alike" in what
        pairs = {size: (_model(chain(size, alike=alike)), _model(new(size))) for size in SIZES}
        ours = dict(zip(SIZES, _least([partial(compare, *pairs[size]) for size in SIZES]), strict=True))
        for size, seconds in ours.items():
            yield Line(f"diff of {size:,} tasks, {what}", seconds, unit=" s")
        for small, large in pairwise(SIZES):
            expected = large * math.log(large) / (small * math.log(small))
            grown = ours[large] / ours[small]
            detail = f"x{grown:.1f}, and n log n x{expected:.1f}"
            yield Line(f"  from {small:,} to {large:,} / n log n", grown / expected, GROWTH, detail=detail)
        yield from _engine_beside(what, new, ours)


def _engine_beside(what: str, new: Callable[[int], bytes], ours: dict[int, float]) -> Iterator[Line]:
    for size in SIZES:
        if "renamed" in what and size > ENGINE_MOST:
            break
        seconds = _engine_seconds(chain(size, alike="alike" in what), new(size))
        beyond = "; larger ones were not tried" if "renamed" in what and size == ENGINE_MOST else ""
        yield Line(f"  SpecDiff / ours at {size:,}", seconds / ours[size], detail=f"{seconds:.3f} s{beyond}")


def _engine_seconds(old: bytes, new: bytes) -> float:
    """The time of the engine's comparison; it recurses along the process, so it gets a stack of its own."""
    taken: list[float] = []

    def run() -> None:
        registry = BpmnWorkflowSerializer.configure(SPIFF_CONFIG)
        before, after = _spec(old), _spec(new)
        taken.extend(_least([partial(SpecDiff, registry, before, after)], rounds=1))

    limit, size = sys.getrecursionlimit(), threading.stack_size(512 * 1024 * 1024)
    sys.setrecursionlimit(1_000_000)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    return taken[0]


def _spec(model: bytes) -> object:
    patches.install()
    parser = SpiffBpmnParser()
    parser.add_bpmn_xml(etree.fromstring(model, etree.XMLParser(huge_tree=True)), filename="model.bpmn")
    return parser.get_spec("process")


def reading() -> Iterator[Line]:
    """Reading and comparing two files of ten thousand tasks beside what lxml takes to parse both."""
    old = chain(10_000, drawn=True)
    for what, new in (
        ("same ids, every script changed", chain(10_000, drawn=True, script="x = 2")),
        ("all ids renamed", chain(10_000, drawn=True, prefix="other")),
    ):
        base, taken = _least([partial(_parse, old, new), partial(_compare, old, new)])
        detail = f"{taken:.2f} s / {base * 1000:.0f} ms for {len(old) / 1e6:.1f} MB each"
        yield Line(f"parse and diff, {what} / lxml", taken / base, 25, detail=detail)


def _parse(*files: bytes) -> None:
    for file in files:
        etree.fromstring(file, etree.XMLParser(huge_tree=True))


def _compare(old: bytes, new: bytes) -> None:
    compare(_model(old), _model(new))


def noise() -> Iterator[Line]:
    """Changes by rule between the reference models and what came out of another tool."""
    found = {name: compare(old, new).changes for name, old, new in _round_trips()}
    yield Line("round trips compared", len(found), unit="", detail=f"{MODELS} (RUNNER_TEST_MODELS)")
    clean = sum(all(change.kind == "layout" for change in changes) for changes in found.values())
    yield Line("  without any change but drawings", clean, unit="")
    rules = Counter(change.rule for changes in found.values() for change in changes)
    for rule, count in rules.most_common():
        where = [name for name, changes in found.items() if any(change.rule == rule for change in changes)]
        yield Line(f"  {rule}", count, unit="", detail=", ".join(where))


def _round_trips() -> Iterator[tuple[str, Model, Model]]:
    for path in sorted((MODELS / "miwg" / "reference").glob("*.bpmn")):
        for other in sorted((MODELS / "miwg" / "camunda-modeler").glob(f"{path.stem}-roun*trip.bpmn")):
            yield other.stem, _model(path.read_bytes()), _model(other.read_bytes())


# Models


def _model(content: bytes) -> Model:
    return load([Resource("model.bpmn", "bpmn", content)])


def chain(
    count: int, *, prefix: str = "node", script: str = "x = 1", alike: bool = False, drawn: bool = False
) -> bytes:
    """`count` tasks of three types in a row, with extensions.

    Args:
        prefix: What every id begins with.
        alike: Give no task a name or a script of its own.
        drawn: Draw it, too.
    """
    ids = [f"{prefix}{number}" for number in range(count)]
    tasks = [_task(id, number, script, alike=alike) for number, id in enumerate(ids)]
    path = [f"{prefix}_start", *ids, f"{prefix}_end"]
    flows = [f'<sequenceFlow id="{a}-{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in pairwise(path)]
    ends = f'<startEvent id="{path[0]}"/><endEvent id="{path[-1]}"/>'
    body = f'<process id="process" isExecutable="true">{ends}{"".join(tasks)}{"".join(flows)}</process>'
    drawing = _drawing(path) if drawn else ""
    return f'<definitions {_XMLNS} targetNamespace="benchmarks">{body}{drawing}</definitions>'.encode()


def _task(id: str, number: int, script: str, *, alike: bool) -> str:
    name, own = ("", script) if alike else (f' name="Task {number}"', f"{script}  # {number}")
    if number % 3 == 0:
        return f'<scriptTask id="{id}"{name}><script>{own}</script></scriptTask>'
    inner = f"<spiff:preScript>{own}</spiff:preScript>"
    if number % 3 == 1:
        inner += f"<spiff:instructionsForEndUser>{own}</spiff:instructionsForEndUser>"
        return f'<manualTask id="{id}"{name}><extensionElements>{inner}</extensionElements></manualTask>'
    inner += f'<spiff:properties><spiff:property name="formJsonSchemaFilename" value="{own}.json"/></spiff:properties>'
    return f'<userTask id="{id}"{name}><extensionElements>{inner}</extensionElements></userTask>'


def _drawing(path: list[str]) -> str:
    shapes = [
        f'<bpmndi:BPMNShape id="{id}_di" bpmnElement="{id}"><dc:Bounds x="{150 * n}" y="80" width="100" height="80"/>'
        "</bpmndi:BPMNShape>"
        for n, id in enumerate(path)
    ]
    edges = [
        f'<bpmndi:BPMNEdge id="{a}-{b}_di" bpmnElement="{a}-{b}"><di:waypoint x="{150 * n + 100}" y="120"/>'
        f'<di:waypoint x="{150 * n + 150}" y="120"/></bpmndi:BPMNEdge>'
        for n, (a, b) in enumerate(pairwise(path))
    ]
    plane = f'<bpmndi:BPMNPlane id="plane" bpmnElement="process">{"".join(shapes + edges)}</bpmndi:BPMNPlane>'
    return f'<bpmndi:BPMNDiagram id="diagram">{plane}</bpmndi:BPMNDiagram>'


def _least(actions: Sequence[Callable[[], object]], *, rounds: int = ROUNDS) -> list[float]:
    """Seconds of processor time each action takes in its quickest round; the actions take turns."""
    least = [math.inf] * len(actions)
    for _ in range(rounds):
        for place, action in enumerate(actions):
            gc.collect()
            gc.disable()  # or one would sweep up what the others left behind
            try:
                start = time.thread_time()
                action()
                least[place] = min(least[place], time.thread_time() - start)
            finally:
                gc.enable()
    return least
