"""A model as text, one element after the other: what Git compares line by line where it knows no better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spiffcli.model import Collaboration, Decision, Flow, Form, Model, Node, Process, RootElement
from spiffcli.model.facts import facts
from spiffcli.report.diff_values import shown
from spiffcli.text import one_line, strip_controls

#: What the head of an element says already.
_SAID = frozenset({"type", "name"})
_ENDS = frozenset({"source", "target", "condition", *_SAID})


def model_text(model: Model) -> str:
    """Everything a model says, the drawing apart; the order of the file is kept."""
    things: list[Process | Collaboration | Decision | Form] = [*model.processes.values()]
    things += [*model.collaborations.values(), *model.decisions.values(), *model.forms.values()]
    parts = ["\n".join(_thing(thing)) for thing in things]
    parts += ["\n".join(_element(root)) for root in model.roots.values()]
    return "\n\n".join(parts) + "\n"


def _thing(thing: Process | Collaboration | Decision | Form) -> Iterator[str]:
    yield from _element(thing)
    if isinstance(thing, Process):
        yield from _process(thing)
    elif isinstance(thing, Collaboration):
        yield from _elements(thing.participants)
        yield from _elements(thing.message_flows)
        yield from _elements(thing.artifacts)
    elif isinstance(thing, Decision):
        yield from _elements(thing.columns)
        yield from _elements(thing.rules)
    else:
        yield from _elements(thing.fields)


def _process(process: Process) -> Iterator[str]:
    told: set[str] = set()
    for node in process.nodes.values():
        yield ""
        yield from _indented(_node(node, process))
        told.update(node.outgoing)
    yield from _elements({id: flow for id, flow in process.flows.items() if id not in told})
    for parts in (process.data, process.associations, process.lanes, process.artifacts):
        yield from _elements(parts)


def _elements(parts: Mapping[str, Any]) -> Iterator[str]:
    for part in parts.values():
        yield ""
        yield from _indented(_element(part))


def _element(element: Any, said: frozenset[str] = _SAID) -> Iterator[str]:
    name = f' "{one_line(element.name)}"' if getattr(element, "name", None) else ""
    kind = getattr(element, "type", "definition")
    code = f" {one_line(element.code)}" if isinstance(element, RootElement) and element.code else ""
    yield f"{kind} {one_line(element.id)}{name}{code}"
    yield from _indented(_facts(element, said))


def _facts(element: Any, said: frozenset[str]) -> Iterator[str]:
    for path, fact in facts(element).items():
        if path in said:
            continue
        text = strip_controls(shown(fact.value))
        if "\n" in text:
            yield f"{one_line(path)}:"
            yield from _indented(iter(text.strip("\n").split("\n")))
        else:
            yield f"{one_line(path)}: {one_line(text)}"


def _node(node: Node, process: Process) -> Iterator[str]:
    yield from _element(node)
    for id in node.outgoing:
        flow = process.flows.get(id)
        if flow is not None:
            yield from _indented(_flow(flow))


def _flow(flow: Flow) -> Iterator[str]:
    name = f' "{one_line(flow.name)}"' if flow.name else ""
    condition = f" if {one_line(flow.condition)}" if flow.condition else ""
    default = " by default" if flow.is_default else ""
    yield f"-> {one_line(flow.target or 'nowhere')}{name}{condition}{default} ({one_line(flow.id)})"
    yield from _indented(_facts(flow, _ENDS))


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {each}".rstrip() for each in lines)
