"""Faults of call activities and start events: who has which aggregate, and who makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spiffcli.model.elements import Node
from spiffcli.services.faults import Fault, fault_at
from spiffcli.services.names import method_name, parameter_name
from spiffcli.services.registry import Method, Registry
from spiffcli.services.signatures import type_name
from spiffcli.services.wiring import Subject, Wiring


def call_faults(registry: Registry, subject: Subject, wiring: Wiring) -> Iterator[Fault]:
    """What is wrong with the calls of a process that is served."""
    for node, called in _calls(subject):
        services = registry.serving(called)
        if not services:
            yield fault_at(
                "called-not-served", subject, node, f"it calls '{called}', which no service is wired to",
                f"Add @workflow_service(aggregate={wiring.aggregate.name}, process_id=\"{called}\") to the service, "
                "or make one with an aggregate of its own.",
            )  # fmt: skip
            continue
        yield from _mode_faults(subject, node, wiring, services[0][1].aggregate)


def _mode_faults(subject: Subject, node: Node, wiring: Wiring, child: type[Any]) -> Iterator[Fault]:
    called = node.call.key if node.call else ""
    creator = wiring.tasks.get(node.id)
    own = wiring.aggregate.cls
    if child is own:
        if creator is not None:
            yield fault_at(
                "creator-not-needed", subject, node,
                f"'{called}' works on the same {own.__name__}, so {creator} has nothing to make",
                "Take the method away, or give the called process an aggregate of its own.", creator,
            )  # fmt: skip
    elif creator is None:
        yield fault_at(
            "creator-missing", subject, node,
            f"'{called}' has an aggregate of its own, {child.__name__}, and no method makes it",
            f'Add @workflow_task(id="{node.id}") def {method_name(node)}(self, '
            f"{parameter_name(own.__name__)}: {own.__name__}) -> {child.__name__}",
        )  # fmt: skip
    elif not _returns(creator, child):
        yield fault_at(
            "creator-returns-other", subject, node,
            f"'{called}' works on {child.__name__}, and {creator} returns {type_name(creator.signature.result)}",
            f"Annotate it to return {child.__name__}, and return one.", creator,
        )  # fmt: skip


def _returns(method: Method, cls: type[Any]) -> bool:
    result = method.signature.result
    return isinstance(result, type) and issubclass(result, cls)


def _calls(subject: Subject) -> Iterator[tuple[Node, str]]:
    for node in subject.process.nodes.values():
        if node.type == "callActivity" and node.call is not None and node.call.key and "{" not in node.call.key:
            yield node, node.call.key


def unserved_caller_faults(registry: Registry, subject: Subject) -> Iterator[Fault]:
    """Calls of served processes from one that is not: nobody makes their aggregate."""
    for node, called in _calls(subject):
        services = registry.serving(called)
        if services:
            yield fault_at(
                "caller-not-served", subject, node,
                f"it calls '{called}', which works on {services[0][1].aggregate.__name__}, and no service is wired to "
                f"'{subject.key}' that could give it one",
                f'Wire a service to it: @workflow_service(aggregate=..., process_id="{subject.key}").',
            )  # fmt: skip


def start_faults(subject: Subject, wiring: Wiring) -> Iterator[Fault]:
    """Start events at which nobody makes the aggregate."""
    for node in subject.process.nodes.values():
        if node.type != "startEvent" or node.scope is not None:
            continue
        creator, own = wiring.tasks.get(node.id), wiring.aggregate.cls
        if creator is None:
            if any(event.kind == "timer" for event in node.events):
                yield fault_at(
                    "start-without-aggregate", subject, node, f"a timer starts it, and nobody makes the {own.__name__}",
                    f'Add @workflow_task(id="{node.id}") def {method_name(node)}(self) -> {own.__name__}',
                )  # fmt: skip
        elif not _returns(creator, own):
            yield fault_at(
                "creator-returns-other", subject, node,
                f"a workflow that starts here works on {own.__name__}, and {creator} returns "
                f"{type_name(creator.signature.result)}",
                f"Annotate it to return {own.__name__}, and return one.", creator,
            )  # fmt: skip
        elif creator.signature.wants("aggregate"):
            yield fault_at(
                "creator-takes-aggregate", subject, node, f"{creator} takes the aggregate that it is to make",
                "Take the parameter away.", creator,
            )  # fmt: skip
