"""Faults of services and their methods: what they ask for, and what they can get."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from spiffcli.model.elements import Node
from spiffcli.services.decorators import Service
from spiffcli.services.errors import ServiceError
from spiffcli.services.faults import Fault, fault_at
from spiffcli.services.markers import REPEATED, Wanted, type_name
from spiffcli.services.registry import Entry, Method, Registry
from spiffcli.services.wiring import Levels, Repeated, Subject

#: Types of tasks that can stay open.
_CAN_STAY_OPEN = frozenset({"serviceTask", "sendTask", "businessRuleTask"})


def registry_faults(registry: Registry, offered: Collection[type[Any]]) -> Iterator[Fault]:
    """What is wrong with services whatever the models are."""
    for entry in registry.entries:
        yield from _unmakable(registry, entry, offered)
        yield from _bad_aggregate(registry, entry)
        for method in entry.methods:
            yield from _bad_signature(registry, method, offered)
    yield from _mixed_aggregates(registry)


def _of_service(rule: str, entry: Entry, message: str, fix: str) -> Fault:
    place = f" ({entry.file}:{entry.line})" if entry.file else ""
    label = f"service {entry.name}{place}" if entry.name else "functions"
    return Fault(rule, entry.marks[0].process, None, None, label, message, fix)


def _of_method(rule: str, method: Method, message: str, fix: str) -> Fault:
    process = method.owner.marks[0].process
    return Fault(rule, process, None, None, f"method {method}", message, fix, methods=(method,))


def _unmakable(registry: Registry, entry: Entry, offered: Collection[type[Any]]) -> Iterator[Fault]:
    if isinstance(entry.source, Service) or entry.factory is not None:
        return
    for missing in registry.missing(entry.source, offered):
        yield _of_service(
            "service-not-made",
            entry,
            f"it cannot be made: {missing}",
            f"Register how: services.provide(TYPE, factory), or services.add({entry.name}, factory=...).",
        )


def _bad_aggregate(registry: Registry, entry: Entry) -> Iterator[Fault]:
    try:
        registry.aggregate_type(entry.marks[0].aggregate)
    except ServiceError as error:
        yield _of_service("aggregate", entry, error.message.rstrip("."), error.hint or "Mend the aggregate.")


def _mixed_aggregates(registry: Registry) -> Iterator[Fault]:
    for process in sorted(registry.processes):
        services = registry.serving(process)
        types = list(dict.fromkeys(mark.aggregate for _, mark in services))
        if len(types) > 1:
            full = len({each.__name__ for each in types}) < len(types)  # two classes of one name
            named = " and ".join(
                f"{entry.name or 'functions'} with {_class_name(mark.aggregate, full=full)}" for entry, mark in services
            )
            yield Fault(
                "two-aggregates", process, None, None, "", f"its services have different aggregates: {named}",
                "Bind all services of a process to one type of aggregate.",
            )  # fmt: skip


def _class_name(cls: type[Any], *, full: bool) -> str:
    return f"{cls.__module__}.{cls.__qualname__}" if full else cls.__name__


def _bad_signature(registry: Registry, method: Method, offered: Collection[type[Any]]) -> Iterator[Fault]:
    if method.signature.unresolved is not None:
        yield _of_method(
            "annotations", method, f"its annotations cannot be read ({method.signature.unresolved})",
            "Import what they name at the top of the module, not under TYPE_CHECKING.",
        )  # fmt: skip
        return
    aggregate = method.owner.marks[0].aggregate.__name__
    for wanted in method.signature.parameters:
        if wanted.role == "unknown" and not wanted.optional:
            known = wanted.annotation is not None
            said = f"is annotated as {type_name(wanted.annotation)}" if known else "has no annotation"
            yield _of_method(
                "unknown-parameter", method, f"its parameter '{wanted.name}' {said}, and nothing can be given for it",
                f"A method takes its aggregate ({aggregate}), TaskId, TaskEvent, MultiInstance, and what Element(), "
                "Index(), Total() or Payload() mark.",
            )  # fmt: skip
        if wanted.resolver is not None:
            for missing in registry.missing(wanted.resolver, offered):
                yield _of_method(
                    "resolver-not-made", method, f"the resolver {wanted.resolver.__name__} cannot be made: {missing}",
                    "Register how: services.provide(TYPE, factory).",
                )  # fmt: skip
    if method.values and method.signature.result is type(None):
        yield _of_method("value-returns-nothing", method, "it calculates a value and is annotated to return None",
                         "Return the value.")  # fmt: skip


def method_faults(registry: Registry, subject: Subject, node: Node, method: Method, levels: Levels) -> Iterator[Fault]:
    """What a method asks for that its task cannot give."""
    for wanted in method.signature.parameters:
        problem = _parameter_problem(node, wanted, levels.around(subject, node))
        if problem is not None:
            rule, message, fix = problem
            yield fault_at(rule, subject, node, f"parameter '{wanted.name}' of {method} {message}", fix, method)
    result = method.signature.result
    if method.tasks and node.type not in ("callActivity", "startEvent") and result not in (None, type(None)):
        yield fault_at(
            "returns-something", subject, node, f"{method} returns {type_name(result)}, which nobody takes",
            "Let it return None, and put what it finds into the aggregate.", method,
        )  # fmt: skip


def _parameter_problem(node: Node, wanted: Wanted, ways: list[tuple[Repeated, ...]]) -> tuple[str, str, str] | None:
    if wanted.role in REPEATED:
        return _repetition_problem(node, wanted, ways)
    if wanted.role in ("task-id", "event") and (node.type not in _CAN_STAY_OPEN or _decides(node)):
        return (
            "not-asynchronous",
            "asks for a TaskId or TaskEvent, and this kind of element does not stay open",
            ("Leave it out; service tasks and send tasks can stay open."),
        )
    if wanted.role == "payload" and node.type in _CAN_STAY_OPEN and not _decides(node):
        return (
            "no-payload",
            "asks for a payload, and nothing gives one here",
            ("Leave it out; forms, decisions, messages and signals bring one."),
        )
    return None


def _decides(node: Node) -> bool:
    return node.decision is not None and bool(node.decision.key)


def _repetition_problem(node: Node, wanted: Wanted, ways: list[tuple[Repeated, ...]]) -> tuple[str, str, str] | None:
    what = {"element": "the element", "index": "the index", "total": "the total", "iteration": "the iteration"}
    asked = what[wanted.role]
    if not any(ways):
        return (
            "not-repeated",
            f"asks for {asked} of an iteration, and '{node.id}' is in none",
            ("Leave it out, or make the task or what is around it multi-instance."),
        )
    if wanted.scope is not None:
        levels = [each for way in ways for each in way if each.element == wanted.scope]
        if not levels:
            around = ", ".join(dict.fromkeys(f"'{each.element}'" for way in ways for each in way))
            return (
                "not-around",
                f"asks for {asked} of '{wanted.scope}', which is not around '{node.id}'",
                (f"Name one of {around}."),
            )
    else:
        levels = [way[-1] for way in ways if way]
    if wanted.role == "element" and wanted.resolver is None and all(each.loop.input is None for each in levels):
        name = levels[0].element
        return (
            "no-element",
            f"asks for the element of '{name}', which iterates by loopCardinality and has none",
            ("Ask for the index, or name a resolver: Element(resolver=...)."),
        )
    return None
