"""Questions about the flows of a model: what can be reached from where, and by which ways.

Answers are kept per model as long as its flows stay the same; running can add flows (event sub-processes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from msgspec import Struct, field
from SpiffWorkflow.bpmn.specs.control import EventSplit
from SpiffWorkflow.bpmn.specs.event_definitions.timer import CycleTimerEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import BoundaryEvent, EventBasedGateway
from SpiffWorkflow.specs.MultiChoice import MultiChoice

#: For each input of a gateway, the names of the nodes from which a token can come to it.
Sources: TypeAlias = dict[str, set[str]]


class Approach(Struct, frozen=True):
    """The ways to a gateway that do not pass it before.

    Attributes:
        possible: For each input, the nodes from which a token may come.
        certain: For each input, the nodes from which a token will come whatever is decided and happens.
    """

    possible: Sources
    certain: Sources


class Flows(Struct):
    """The flows of one model in one shape."""

    shape: tuple[int, ...]
    start: str
    outputs: dict[str, list[str]]
    certain: dict[str, list[str]]
    _approaches: dict[str, Approach] = field(default_factory=dict)
    _following: dict[str, set[str]] = field(default_factory=dict)
    _dominators: tuple[dict[str, int], dict[str, str]] | None = None

    def approach(self, gateway: Any) -> Approach:
        """The ways to a gateway."""
        known = self._approaches.get(gateway.name)
        if known is None:
            known = self._approaches[gateway.name] = Approach(
                _sources(gateway, self.outputs), _sources(gateway, self.certain)
            )
        return known

    def leads_to(self, gateway: Any, node: str) -> bool:
        """Whether a token can come from `gateway` to `node`."""
        following = self._following.get(gateway.name)
        if following is None:
            following = self._following[gateway.name] = set().union(
                *(_reaching(name, None, lambda node: self.outputs.get(node, ())) for name in self.outputs[gateway.name])
            )
        return node in following

    def only_after(self, gateway: Any, node: str) -> bool:
        """Whether a token can come to `node` only by passing `gateway`: in graph terms, the gateway dominates it."""
        if self._dominators is None:
            self._dominators = _dominators(self.start, self.outputs)
        number, dominator = self._dominators
        if node not in number:
            return True
        while number[node] > number.get(gateway.name, -1):
            node = dominator[node]
        return node == gateway.name


_known: WeakKeyDictionary[Any, Flows] = WeakKeyDictionary()


def flows(model: Any) -> Flows:
    """The flows of a process spec as they are now."""
    shape = (len(model.task_specs), len(model.start._outputs), len(model.end._inputs))
    known = _known.get(model)
    if known is None or known.shape != shape:
        specs = list(model.task_specs.values())
        outputs = {spec.name: list(spec._outputs) for spec in specs}
        certain = {spec.name: [output.name for output in _certain_outputs(spec)] for spec in specs}
        known = _known[model] = Flows(shape, model.start.name, outputs, certain)
    return known


def _certain_outputs(spec: Any) -> Iterable[Any]:
    """The outputs that a token at `spec` will take whatever happens: what the engine predicts as FUTURE."""
    if isinstance(spec, (MultiChoice, EventBasedGateway, BoundaryEvent)):
        return ()
    if isinstance(spec, CatchingEvent) and isinstance(spec.event_definition, CycleTimerEventDefinition):
        return ()
    if isinstance(spec, EventSplit):
        return [output for output in spec.outputs if not isinstance(output, spec.event_type)]
    outputs: Iterable[Any] = spec.outputs
    return outputs


def _sources(gateway: Any, outputs: dict[str, list[str]]) -> Sources:
    inputs: dict[str, list[str]] = {}
    for name, following in outputs.items():
        for output in following:
            inputs.setdefault(output, []).append(name)
    return {name: _reaching(name, gateway.name, lambda node: inputs.get(node, ())) for name in set(gateway._inputs)}


def _reaching(node: str, without: str | None, before: Callable[[str], Iterable[str]]) -> set[str]:
    seen = {node}
    pending = [node]
    while pending:
        for name in before(pending.pop()):
            if name not in seen and name != without:
                seen.add(name)
                pending.append(name)
    return seen


def _dominators(start: str, outputs: dict[str, list[str]]) -> tuple[dict[str, int], dict[str, str]]:
    """Position of each reachable node in reverse postorder, and the node that immediately dominates it.

    The iterative algorithm of Cooper, Harvey and Kennedy.
    """
    order = _reverse_postorder(start, outputs)
    number = {name: position for position, name in enumerate(order)}
    inputs: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        for output in outputs[name]:
            inputs[output].append(name)
    dominator = {start: start}
    changed = True
    while changed:
        changed = False
        for name in order[1:]:
            one, *others = (node for node in inputs[name] if node in dominator)
            for other in others:
                one = _common(one, other, number, dominator)
            if dominator.get(name) != one:
                dominator[name] = one
                changed = True
    return number, dominator


def _common(one: str, other: str, number: dict[str, int], dominator: dict[str, str]) -> str:
    while one != other:
        while number[one] > number[other]:
            one = dominator[one]
        while number[other] > number[one]:
            other = dominator[other]
    return one


def _reverse_postorder(start: str, outputs: dict[str, list[str]]) -> list[str]:
    seen = {start}
    order: list[str] = []
    pending = [(start, iter(outputs[start]))]
    while pending:
        node, following = pending[-1]
        name = next((name for name in following if name not in seen), None)
        if name is None:
            order.append(node)
            pending.pop()
        else:
            seen.add(name)
            pending.append((name, iter(outputs[name])))
    return order[::-1]
