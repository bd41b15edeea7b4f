"""Process models made in code, and made up at random.

A model is a `Model` that blocks are added to; every block has one way in and one way out, so blocks nest freely.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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

    def sub_process(self, build: Callable[[Scope], Ends], repeat: str = "", *, error: str = "") -> Ends:
        """An embedded process; it ends with an error where one is given."""
        inner = Scope(self.model)
        inner.close(build(inner), self.model.error(error) if error else "")
        id = self.node("subProcess", repeat + "".join(inner.parts))
        return id, id

    def event_sub_process(self, build: Callable[[Scope], Ends], signal: str) -> None:
        """A process that a signal starts beside this one."""
        inner = Scope(self.model)
        inner.close(build(inner), start=self.model.signal(signal))
        self.node("subProcess", "".join(inner.parts), attributes='triggeredByEvent="true"')

    def repeated_user(self, times: int) -> Ends:
        id = self.node("userTask", f'<standardLoopCharacteristics loopMaximum="{times}"/>')
        return id, id

    def throw(self, signal: str) -> Ends:
        id = self.node("intermediateThrowEvent", self.model.signal(signal))
        return id, id

    def race(self, events: Sequence[Ends]) -> Ends:
        """An event-based gateway: the first of `events` decides."""
        first, last = self.node("eventBasedGateway"), self.node("exclusiveGateway")
        for event in events:
            self.flow(first, event[0])
            self.flow(event[1], last)
        return first, last

    def stop(self, condition: str) -> Ends:
        """End the process at once if the condition holds."""
        gateway = self.name("stop")
        end = self.node("endEvent", "<terminateEventDefinition/>")
        after, _ = self.script("pass")
        self.flow(gateway, end, condition)
        default = self.flow(gateway, after)
        self.node("exclusiveGateway", id=gateway, attributes=f'default="{default}"')
        return gateway, after

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
            self.model.event(event),
            attributes=f'attachedToRef="{host[0]}" cancelActivity="{str(interrupting).lower()}"',
        )
        self.flow(id, handler[0])
        after = self.node("exclusiveGateway")
        self.flow(host[1], after)
        self.flow(handler[1], after)
        return host[0], after

    def close(self, body: Ends, end: str = "", start: str = "") -> None:
        """Put a start event before `body` and an end event after it."""
        start, end = self.node("startEvent", start), self.node("endEvent", end)
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
    errors: set[str] = field(default_factory=set)

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

    def error(self, name: str) -> str:
        self.errors.add(name)
        return f'<errorEventDefinition errorRef="{name}"/>'

    def event(self, name: str) -> str:
        """A timer where the name is a duration or a repetition, else an error or a signal."""
        if name.startswith("P"):
            return _timer(name)
        if name.startswith("R"):
            return f'<timerEventDefinition><timeCycle>"{name}"</timeCycle></timerEventDefinition>'
        return self.error(name) if name.startswith("error") else self.signal(name)

    def xml(self) -> bytes:
        events = [f'<signal id="{name}" name="{name}"/>' for name in sorted(self.signals)]
        events += [f'<error id="{name}" name="{name}" errorCode="{name}"/>' for name in sorted(self.errors)]
        body = "".join([*events, *self.processes])
        return f'<definitions {_XMLNS} targetNamespace="t">{body}</definitions>'.encode()


def model_of(build: Callable[[Scope], Ends]) -> bytes:
    """The XML of a model with one main process."""
    model = Model()
    model.add(build)
    return model.xml()


class Maker:
    """Makes random blocks from a seed; tame ones only have what the engine does right by itself."""

    def __init__(self, seed: int, *, tame: bool = False) -> None:
        self.random = random.Random(seed)
        self.tame = tame
        self.left = self.random.randint(3, 14)

    def model(self) -> bytes:
        return model_of(self._main)

    def _main(self, scope: Scope) -> Ends:
        if self.random.random() < 0.2:
            scope.event_sub_process(lambda inner: self.block(inner, 3), "signal4")
        return self.block(scope, 0)

    def block(self, scope: Scope, depth: int, *, looping: bool = False) -> Ends:
        blocks = [self.one(scope, depth, looping) for _ in range(self.random.randint(1, 3))]
        return scope.sequence(*blocks)

    def one(self, scope: Scope, depth: int, looping: bool) -> Ends:
        self.left -= 1
        simple = ["script", "user", "user"]
        nested = ["xor", "par", "inc", "loop", "sub", "call", "mi", "timer", "signal", "boundary", "long", "failing"]
        nested += ["repeated", "mi_sub", "throw", "race", "stop", "cycle"]
        kind = self.random.choice(simple if self.left < 0 or depth > 3 else simple + nested)
        if self.tame and (kind in ("inc", "stop", "cycle") or (looping and kind in ("par", "boundary"))):
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
        return scope.boundary(host, handler, event, interrupting=self.tame or self.random.random() < 0.7)

    def _failing(self, scope: Scope, depth: int, looping: bool) -> Ends:
        host = scope.sub_process(lambda inner: self.block(inner, depth + 2), error="error1")
        return scope.boundary(host, scope.user(), "error1", interrupting=True)

    def _repeated(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.repeated_user(self.random.randint(1, 3))

    def _mi_sub(self, scope: Scope, depth: int, looping: bool) -> Ends:
        repeat = (
            f'<multiInstanceLoopCharacteristics isSequential="{self.random.choice(["true", "false"])}">'
            f"<loopCardinality>{self.random.randint(1, 3)}</loopCardinality></multiInstanceLoopCharacteristics>"
        )
        return scope.sub_process(lambda inner: self.block(inner, depth + 2), repeat)

    def _throw(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.throw(f"signal{self.random.randint(0, 3)}")

    def _race(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.race([scope.timer(), scope.signal("signal1"), scope.signal("signal2")])

    def _stop(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.stop(str(self.random.random() < 0.2))

    def _cycle(self, scope: Scope, depth: int, looping: bool) -> Ends:
        return scope.boundary(scope.user(), scope.user(), "R2/PT1H", interrupting=False)


def random_graph(seed: int) -> bytes:
    """A process without any structure: gateways and tasks in a row, with flows from anywhere to anywhere later."""
    chance = random.Random(seed)

    def build(scope: Scope) -> Ends:
        kinds = ["userTask"] * 4 + ["exclusiveGateway", "parallelGateway", "inclusiveGateway"] * 2
        nodes = [(scope.name("node"), chance.choice(kinds)) for _ in range(chance.randint(4, 16))]
        last = scope.node("exclusiveGateway")
        for number, (id, kind) in enumerate(nodes):
            later = [name for name, _ in nodes[number + 1 : number + 6]] + [last]
            targets = chance.sample(later, min(len(later), 1 if kind == "userTask" else chance.randint(1, 3)))
            if number + 1 < len(nodes) and nodes[number + 1][0] not in targets:
                targets[0] = nodes[number + 1][0]
            conditional = kind in ("exclusiveGateway", "inclusiveGateway") and len(targets) > 1
            conditions = [str(chance.random() < 0.6) if conditional else "" for _ in targets[1:]]
            flows = [
                scope.flow(id, target, condition) for target, condition in zip(targets, [*conditions, ""], strict=True)
            ]
            scope.node(kind, id=id, attributes=f'default="{flows[-1]}"' if conditional else "")
        return nodes[0][0], last

    return model_of(build)
