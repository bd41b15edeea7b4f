"""What running costs: with the engine's tuning against without it, and a long process against one half as long.

The peer is the engine with its faults mended but not tuned (`RUNNER_ENGINE_TUNING=off`): as it is, it cannot start a
chain of 1,000 tasks, and ends a loop at its 500th pass.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

from lxml import etree
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG

from benchmarks.story import Line, Story, in_turns, spread, timed
from spiffcli.engine import patches

_XMLNS = 'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
ROUNDS = 3


def stories() -> list[Story]:
    """The stories of this module."""
    return [
        Story("tuning", tuned_against_untuned),
        Story("twice", twice_the_tasks),
        Story("long", ten_thousand),
        Story("blocks", parallel_blocks),
    ]


def tuned_against_untuned() -> Iterator[Line]:
    """The time to run the same model, tuned and not."""
    for what, model, limit in (
        ("chain of 1,000 scripts", chain(1000), 0.1),
        ("loop of 800 passes", loop(800), 0.2),
        ("1,000 instances at once", instances(1000, sequential=False), 0.5),
        ("500 instances one after the other", instances(500, sequential=True), 0.5),
    ):
        untuned, tuned = in_turns([partial(run, model, tuned=False), partial(run, model, tuned=True)], ROUNDS)
        yield _compared(f"{what}: tuned / not tuned", tuned, untuned, limit)


def twice_the_tasks() -> Iterator[Line]:
    """The time to run a model twice as long."""
    for what, make in (
        ("chain", chain),
        ("loop", loop),
        ("loop around parallel branches", partial(loop, parallel=True)),
    ):
        once, twice = in_turns([partial(run, make(1000)), partial(run, make(2000))], 2 * ROUNDS)
        # The quickest rounds: what slows down the others grows with nothing we vary.
        yield _compared(f"{what}: 2,000 / 1,000", [min(twice)], [min(once)], 2.3)


def ten_thousand() -> Iterator[Line]:
    """The time to start, run, save and load processes of ten thousand tasks or passes."""
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))
    for what, make in (("chain of 10,000 tasks", chain), ("loop of 10,000 passes", loop)):
        kept: list[BpmnWorkflow | str] = []
        steps: list[tuple[str, Callable[[], object]]] = [
            ("parse and start", lambda make=make, kept=kept: kept.append(started(make(10_000)))),
            ("run", lambda kept=kept: kept[0].do_engine_steps()),
            ("save", lambda kept=kept: kept.append(serializer.serialize_json(kept[0]))),
            ("load", lambda kept=kept: serializer.deserialize_json(kept[1])),
        ]
        for step, action in steps:
            yield Line(f"{what}: {step}", timed(action), unit=" s")


def parallel_blocks() -> Iterator[Line]:
    """How much is predicted when parallel blocks follow one another."""
    count = 12
    patches.install()
    workflow = started(blocks(count))
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))
    megabytes = len(serializer.serialize_json(workflow)) / 1e6
    yield Line(f"{count} parallel blocks: tasks at start, per block", len(workflow.tasks) / count, 50, unit=" tasks")
    yield Line(f"{count} parallel blocks: state at start", megabytes, 1, unit=" MB")


def _compared(what: str, times: list[float], reference: list[float], limit: float) -> Line:
    median, base = statistics.median(times), statistics.median(reference)
    detail = f"{median * 1000:.0f} ms / {base * 1000:.0f} ms"
    return Line(what, median / base, limit, spread(reference), detail)


def run(model: bytes, *, tuned: bool = True) -> None:
    """Start a model and run it to its end."""
    patches.install(enabled=tuned)
    gc.disable()  # or one round would sweep up what the others left behind
    try:
        workflow = started(model)
        workflow.do_engine_steps()
    finally:
        gc.enable()
    if not workflow.is_completed():
        raise RuntimeError("The process did not end.")


def started(model: bytes) -> BpmnWorkflow:
    """A new instance of the process of a model."""
    parser = SpiffBpmnParser()
    parser.add_bpmn_xml(etree.fromstring(model, etree.XMLParser(huge_tree=True)), filename="model.bpmn")
    return BpmnWorkflow(parser.get_spec("process"))


# Models


def chain(count: int) -> bytes:
    """`count` scripts in a row."""
    names = [f"task{number}" for number in range(count)]
    return _model(*map(_script, names), *_path("start", *names, "end"))


def loop(passes: int, *, parallel: bool = False) -> bytes:
    """A loop of so many passes around a script, or around two parallel ones."""
    body = (_script("step", "n = n + 1"),)
    path = ("merge", "step", "again")
    if parallel:
        body += (*_gateways("parallelGateway", "split", "join"), _script("one"), _script("two"))
        path = ("merge", "split", "one", "join", "step", "again")
        body += tuple(_path("split", "two", "join"))
    return _model(
        _script("begin", "n = 0"),
        *_gateways("exclusiveGateway", "merge"),
        '<exclusiveGateway id="again" default="again-end"/>',
        *body,
        *_path("start", "begin", "merge"),
        *_path(*path),
        *_path("again", "merge", condition=f"n &lt; {passes}"),
        *_path("again", "end"),
    )


def instances(count: int, *, sequential: bool) -> bytes:
    """A script that runs once for each of `count` items."""
    task = (
        '<scriptTask id="each"><script>result = item * 2</script>'
        f'<multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
        "<loopDataInputRef>items</loopDataInputRef><loopDataOutputRef>results</loopDataOutputRef>"
        '<inputDataItem id="item"/><outputDataItem id="result"/></multiInstanceLoopCharacteristics></scriptTask>'
    )
    return _model(_script("begin", f"items = list(range({count}))"), task, *_path("start", "begin", "each", "end"))


def blocks(count: int) -> bytes:
    """So many pairs of parallel scripts, each pair joined before the next."""
    parts, before = [], "start"
    for number in range(count):
        split, join, one, two = (f"{name}{number}" for name in ("split", "join", "one", "two"))
        parts += [*_gateways("parallelGateway", split, join), _script(one), _script(two)]
        parts += [*_path(before, split, one, join), *_path(split, two, join)]
        before = join
    return _model(*parts, *_path(before, "end"))


def _model(*parts: str) -> bytes:
    body = f'<startEvent id="start"/><endEvent id="end"/>{"".join(parts)}'
    process = f'<process id="process" isExecutable="true">{body}</process>'
    return f'<definitions {_XMLNS} targetNamespace="benchmarks">{process}</definitions>'.encode()


def _script(name: str, text: str = "x = 1") -> str:
    return f'<scriptTask id="{name}"><script>{text}</script></scriptTask>'


def _gateways(kind: str, *names: str) -> Iterable[str]:
    return [f'<{kind} id="{name}"/>' for name in names]


def _path(*names: str, condition: str = "") -> Iterator[str]:
    inner = f'<conditionExpression xsi:type="tFormalExpression">{condition}</conditionExpression>'
    for source, target in pairwise(names):
        yield (
            f'<sequenceFlow id="{source}-{target}" sourceRef="{source}" targetRef="{target}">'
            f"{inner if condition else ''}</sequenceFlow>"
        )
