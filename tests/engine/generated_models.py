"""Process models made in code, and a way to run them step by step and write down what happens.

A model is a `Model` that blocks are added to; every block has one way in and one way out, so blocks nest freely.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.event_definitions import SignalEventDefinition
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import tuning
from spiffcli.engine.clock import ManualClock, use_clock

_XMLNS = 'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

#: Two ends of a piece of a process: the nodes a flow enters and leaves it by.
Ends = tuple[str, str]


@dataclass
class Scope:
    """The nodes and flows of a process or sub-process under construction."""

    model: Model
    parts: list[str] = field(default_factory=list)

    def name(self, kind: str) -> str:
        self.model.count += 1
        return f"{kind}{self.model.count}"

    def node(self, tag: str, content: str = "", id: str = "", attributes: str = "") -> str:
        id = id or self.name(tag)
        self.parts.append(f'<{tag} id="{id}" {attributes}>{content}</{tag}>')
        return id

    def flow(self, source: str, target: str, condition: str = "") -> str:
        id = self.name("flow")
        inner = (
            f'<conditionExpression xsi:type="tFormalExpression">{condition}</conditionExpression>' if condition else ""
        )
        self.parts.append(f'<sequenceFlow id="{id}" sourceRef="{source}" targetRef="{target}">{inner}</sequenceFlow>')
        return id

    # Blocks

    def script(self, text: str, id: str = "") -> Ends:
        id = self.node("scriptTask", f"<script>{text}</script>", id)
        return id, id

    def user(self, id: str = "") -> Ends:
        id = self.node("userTask", id=id)
        return id, id

    def sequence(self, *blocks: Ends) -> Ends:
        for before, after in pairwise(blocks):
            self.flow(before[1], after[0])
        return blocks[0][0], blocks[-1][1]

    def split(self, kind: str, branches: Sequence[Ends], conditions: Sequence[str] = ()) -> Ends:
        """Parallel, exclusive or inclusive branches; the last condition may be empty: the default."""
        first, last = self.name("split"), self.name("join")
        flows = []
        for number, branch in enumerate(branches):
            condition = conditions[number] if conditions else ""
            flows.append(self.flow(first, branch[0], condition))
            self.flow(branch[1], last)
        default = f'default="{flows[-1]}"' if conditions and not conditions[-1] else ""
        self.node(kind, id=first, attributes=default)
        self.node(kind, id=last)
        return first, last

    def loop(self, body: Ends, passes: int) -> Ends:
        """Run `body` several times; the counter has a name of its own."""
        counter = self.name("n")
        start, _ = self.script(f"{counter} = 0")
        merge = self.node("exclusiveGateway")
        step, _ = self.script(f"{counter} = {counter} + 1")
        again = self.name("again")
        self.flow(start, merge)
        self.flow(merge, body[0])
        self.flow(body[1], step)
        self.flow(step, again)
        self.flow(again, merge, f"{counter} &lt; {passes}")
        after, _ = self.script("pass")
        default = self.flow(again, after)
        self.node("exclusiveGateway", id=again, attributes=f'default="{default}"')
        return start, after

    def sub_process(self, build: Callable[[Scope], Ends], repeat: str = "") -> Ends:
        inner = Scope(self.model)
        inner.close(build(inner))
        id = self.node("subProcess", repeat + "".join(inner.parts))
        return id, id

    def call(self, build: Callable[[Scope], Ends]) -> Ends:
        id = self.node("callActivity", attributes=f'calledElement="{self.model.add(build)}"')
        return id, id

    def instances(self, count: int, *, sequential: bool, user: bool) -> Ends:
        items, item, results, result = (self.name(kind) for kind in ("items", "item", "results", "result"))
        start, _ = self.script(f"{items} = list(range({count}))")
        repeat = (
            f'<multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
            f"<loopDataInputRef>{items}</loopDataInputRef><loopDataOutputRef>{results}</loopDataOutputRef>"
            f'<inputDataItem id="{item}"/><outputDataItem id="{result}"/></multiInstanceLoopCharacteristics>'
        )
        script = "" if user else f"<script>{result} = {item} * 2</script>"
        task = self.node("userTask" if user else "scriptTask", script + repeat)
        self.flow(start, task)
        return start, task

    def timer(self, duration: str = "PT1H") -> Ends:
        id = self.node("intermediateCatchEvent", _timer(duration))
        return id, id

    def signal(self, name: str) -> Ends:
        id = self.node("intermediateCatchEvent", self.model.signal(name))
        return id, id

    def boundary(self, host: Ends, handler: Ends, event: str, *, interrupting: bool) -> Ends:
        """`host`, a single node, with an event from which `handler` is reached; both go on at the same place."""
        id = self.node(
            "boundaryEvent",
            _timer(event) if event.startswith("P") else self.model.signal(event),
            attributes=f'attachedToRef="{host[0]}" cancelActivity="{str(interrupting).lower()}"',
        )
        self.flow(id, handler[0])
        after = self.node("exclusiveGateway")
        self.flow(host[1], after)
        self.flow(handler[1], after)
        return host[0], after

    def close(self, body: Ends) -> None:
        """Put a start event before `body` and an end event after it."""
        start, end = self.node("startEvent"), self.node("endEvent")
        self.flow(start, body[0])
        self.flow(body[1], end)


def _timer(duration: str) -> str:
    return f'<timerEventDefinition><timeDuration>"{duration}"</timeDuration></timerEventDefinition>'


@dataclass
class Model:
    """Some processes under construction; the first one added is the main one."""

    count: int = 0
    processes: list[str] = field(default_factory=list)
    signals: set[str] = field(default_factory=set)

    def add(self, build: Callable[[Scope], Ends], *, closed: bool = False) -> str:
        """Add a process and return its id."""
        id = f"process{len(self.processes)}"
        self.processes.append("")
        scope = Scope(self)
        body = build(scope)
        if not closed:
            scope.close(body)
        number = int(id.removeprefix("process"))
        self.processes[number] = f'<process id="{id}" isExecutable="true">{"".join(scope.parts)}</process>'
        return id

    def signal(self, name: str) -> str:
        self.signals.add(name)
        return f'<signalEventDefinition signalRef="{name}"/>'

    def xml(self) -> bytes:
        signals = "".join(f'<signal id="{name}" name="{name}"/>' for name in sorted(self.signals))
        return f'<definitions {_XMLNS} targetNamespace="t">{signals}{"".join(self.processes)}</definitions>'.encode()


def model_of(build: Callable[[Scope], Ends]) -> bytes:
    """The XML of a model with one main process."""
    model = Model()
    model.add(build)
    return model.xml()


class Maker:
    """Makes random blocks from a seed."""

    def __init__(self, seed: int, *, joins_in_loops: bool = True) -> None:
        self.random = random.Random(seed)
        self.joins_in_loops = joins_in_loops
        self.left = self.random.randint(3, 14)

    def model(self) -> bytes:
        return model_of(lambda scope: self.block(scope, 0))

    def block(self, scope: Scope, depth: int, *, looping: bool = False) -> Ends:
        blocks = [self.one(scope, depth, looping) for _ in range(self.random.randint(1, 3))]
        return scope.sequence(*blocks)

    def one(self, scope: Scope, depth: int, looping: bool) -> Ends:
        self.left -= 1
        simple = ["script", "user", "user"]
        nested = ["xor", "par", "inc", "loop", "sub", "call", "mi", "timer", "signal", "boundary", "long"]
        kind = self.random.choice(simple if self.left < 0 or depth > 3 else simple + nested)
        if looping and not self.joins_in_loops and kind in ("par", "inc", "boundary"):
            kind = "xor"
        return getattr(self, f"_{kind}")(scope, depth, looping)

    def _branches(self, scope: Scope, depth: int, looping: bool) -> list[Ends]:
        return [self.block(scope, depth + 1, looping=looping) for _ in range(self.random.randint(2, 3))]

    def _script(self, scope: Scope, depth: int, looping: bool) -> Ends:
        name = f"v{self.random.randint(0, 3)}"
        return scope.script(f"{name} = {self.random.randint(0, 99)}")

    def _user(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.user()

    def _long(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.sequence(*(scope.script(f"w = {n}") for n in range(self.random.randint(10, 16))))

    def _xor(self, scope: Scope, depth: int, looping: bool) -> Ends:
        branches = self._branches(scope, depth, looping)
        taken = self.random.randrange(len(branches))
        return scope.split("exclusiveGateway", branches, [str(n == taken) for n in range(len(branches) - 1)] + [""])

    def _par(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.split("parallelGateway", self._branches(scope, depth, looping))

    def _inc(self, scope: Scope, depth: int, looping: bool) -> Ends:
        branches = self._branches(scope, depth, looping)
        conditions = [str(self.random.random() < 0.7) for _ in branches[:-1]] + [""]
        return scope.split("inclusiveGateway", branches, conditions)

    def _loop(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.loop(self.block(scope, depth + 1, looping=True), self.random.randint(1, 3))

    def _sub(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.sub_process(lambda inner: self.block(inner, depth + 1))

    def _call(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.call(lambda inner: self.block(inner, depth + 1))

    def _mi(self, scope: Scope, depth: int, looping: bool) -> Ends:
        # The engine refuses a second pass, which finds the results of the first.
        if looping:
            return scope.user()
        return scope.instances(
            self.random.randint(0, 3), sequential=self.random.random() < 0.5, user=self.random.random() < 0.5
        )

    def _timer(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.timer()

    def _signal(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.signal(f"signal{self.random.randint(0, 2)}")

    def _boundary(self, scope: Scope, depth: int, looping: bool) -> Ends:
        host = scope.user() if self.random.random() < 0.5 else self._sub(scope, depth, looping)
        event = self.random.choice(["PT2H", "signal0", "signal3"])
        handler = self.block(scope, depth + 2, looping=True) if self.random.random() < 0.5 else scope.script("h = 1")
        return scope.boundary(host, handler, event, interrupting=self.random.random() < 0.7)


# Running


@contextmanager
def engine(mode: str) -> Iterator[None]:
    """The engine as it is (`plain`), with what makes it right (`fixes`), or fast too (`speed`, or a horizon).

    `mixed` changes between the last two at every stop. The time comes from our clock in any case.
    """
    tuning.uninstall()
    if mode == "plain":
        tuning.timing.FIXES.apply()
    else:
        tuning.install(enabled=mode != "fixes")
    if mode.isdigit():
        tuning.prediction.set_horizon(int(mode))
    try:
        yield
    finally:
        tuning.uninstall()
        tuning.install()


def parse(xml: bytes, process: str = "process0") -> tuple[Any, dict[str, Any]]:
    """The spec of a process, and those of the processes inside it."""
    parser = SpiffBpmnParser()
    parser.add_bpmn_xml(etree.fromstring(xml), filename="model.bpmn")
    return parser.get_spec(process), parser.get_subprocess_specs(process)


def begin(xml: bytes) -> BpmnWorkflow:
    """A new instance of the main process, which has not run yet."""
    return BpmnWorkflow(*parse(xml))


def reload(workflow: BpmnWorkflow) -> BpmnWorkflow:
    """The instance saved and loaded."""
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))
    return serializer.deserialize_json(serializer.serialize_json(workflow))


def name_of(task: Any) -> str:
    return str(task.task_spec.name)


def ready(workflow: BpmnWorkflow) -> list[str]:
    """Names of the tasks that wait for a person, in the engine's order."""
    return [name_of(task) for task in workflow.get_tasks(state=TaskState.READY, manual=True)]


def complete(workflow: BpmnWorkflow, *names: str) -> None:
    """Complete the first open task of each name and run on."""
    for name in names:
        open_tasks = workflow.get_tasks(state=TaskState.READY, manual=True)
        task = next((task for task in open_tasks if name_of(task) == name), None)
        assert task is not None, f"{name} is not open, but {ready(workflow)}"
        result = getattr(task.parent.task_spec, "output_item", None)
        if result is not None:
            task.data[result.bpmn_id] = f"done {len(task.parent.children)}"
        task.run()
        workflow.do_engine_steps()


#: What shows where an instance stands: everything but ids, times and what is merely predicted.
Picture = list[tuple[Any, ...]]


def picture(workflow: BpmnWorkflow) -> Picture:
    """Tasks in tree order with their states and data, each sub-process after its task, with its own data."""
    rows: Picture = []
    pending: list[tuple[Any, int]] = [(workflow.task_tree, 0)]
    while pending:
        task, depth = pending.pop()
        if task.parent is None:
            current = task.workflow
            rows.append((depth, current.completed, current.success, sorted(current.data.items(), key=str)))
        if task.has_state(TaskState.PREDICTED_MASK | TaskState.FUTURE):
            continue
        internal = sorted(key for key, value in task.internal_data.items() if _tells(key, value))
        rows.append((depth, name_of(task), task.state, task.data, internal))
        pending += [(child, depth + 1) for child in reversed(task.children)]
        if task.id in workflow.subprocesses:
            pending.append((workflow.subprocesses[task.id].task_tree, depth + 1))
    return rows


def _tells(key: str, value: Any) -> bool:
    # A catching event clears its mark in later passes that are predicted already; where they are not, it is unset.
    return bool(value) or key != "event_fired"


def play(xml: bytes, mode: str, choices: Sequence[int], *, save: bool = False) -> list[Any]:
    """Run an instance, picking what happens next by `choices`, and write down everything that can be seen."""
    clock, seen = ManualClock(1_000_000.0), list[Any]()
    with engine(mode), use_clock(clock):
        workflow = begin(xml)

        def steps() -> None:
            workflow.do_engine_steps(did_complete_task=lambda task: seen.append(("ran", name_of(task))))

        steps()
        for choice in choices:
            actions = list(_actions(workflow))
            if not actions:
                break
            kind, name = actions[choice % len(actions)]
            seen.append((kind, name))
            _act(workflow, clock, kind, name)
            steps()
            seen.append(picture(workflow))
            if save:
                workflow = reload(workflow)
            if mode == "mixed":
                tuning.uninstall_speed() if tuning.live.SPEED.applied else tuning.install_speed()
        seen.append((workflow.is_completed(), picture(workflow)))
    return seen


def _actions(workflow: BpmnWorkflow) -> Iterator[tuple[str, Any]]:
    for task in workflow.get_tasks(state=TaskState.READY, manual=True):
        yield "complete", name_of(task)
    waiting = {(event.event_type, event.name) for event in workflow.waiting_events()}
    if any("Timer" in kind for kind, _ in waiting):
        yield "wait", 1800
        yield "wait", 3600
    for kind, name in sorted(waiting, key=str):
        if "Signal" in kind:
            yield "signal", name


def _act(workflow: BpmnWorkflow, clock: ManualClock, kind: str, name: Any) -> None:
    if kind == "complete":
        complete(workflow, name)
    elif kind == "signal":
        workflow.catch(BpmnEvent(_signal_definition(workflow, name), {}))
    else:
        clock.advance(name)
        workflow.refresh_timers()


def _signal_definition(workflow: BpmnWorkflow, name: str) -> Any:
    for task in workflow.event_manager.tasks.values():
        definition = task.task_spec.event_definition
        if isinstance(definition, SignalEventDefinition) and definition.name == name:
            return definition
    raise AssertionError(f"nothing waits for {name}")
