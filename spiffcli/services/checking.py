"""The wiring check: everything that is wrong between services and models, found before anything moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from spiffcli.model.elements import Node
from spiffcli.services.checking_calls import call_faults, start_faults, unserved_caller_faults
from spiffcli.services.checking_expressions import expression_faults
from spiffcli.services.checking_methods import method_faults, registry_faults
from spiffcli.services.errors import ServiceError
from spiffcli.services.faults import Fault, fault_at
from spiffcli.services.levels import Levels
from spiffcli.services.names import function_name, method_name, parameter_name, task_definition
from spiffcli.services.registry import Method, Registry
from spiffcli.services.versions import VersionRange
from spiffcli.services.wiring import Match, Subject, Wiring, bind, is_covered, matches
from spiffcli.text import unwrapped


def check(
    registry: Registry,
    subjects: Sequence[Subject],
    *,
    functions: Collection[str] = (),
    offered: Collection[type[Any]] = (),
) -> list[Fault]:
    """Everything that is wrong, in the order of the subjects; what is about a service alone comes first.

    Args:
        subjects: The versions of processes in use, callers and called ones among them.
        functions: What expressions may call besides the built-ins.
        offered: Types that constructors of services may ask for besides those that the registry provides.
    """
    faults = list(registry_faults(registry, offered))
    levels = Levels(subjects)
    used: set[int] = set()
    doubled: set[int] = set()
    for subject in subjects:
        found = matches(registry, subject)
        used |= {id(each.method) for every in found.values() for each in every}
        doubled |= {id(each.method) for every in found.values() if len(every) > 1 for each in every}
        told = _subject_faults(registry, subject, found, levels, functions)
        faults += (replace(each, definition=subject.definition, tenant=subject.tenant) for each in told)
    faults += _dead_methods(registry, subjects, used | doubled)
    return faults


def _subject_faults(
    registry: Registry,
    subject: Subject,
    found: dict[str, list[Match]],
    levels: Levels,
    functions: Collection[str],
) -> Iterator[Fault]:
    if not registry.serving(subject.key):
        yield from unserved_caller_faults(registry, subject)
        return
    if not is_covered(registry, subject):
        yield _uncovered(registry, subject)
        return
    if not subject.in_use:
        return
    try:
        wiring = bind(registry, subject)
    except ServiceError:  # told once, of the aggregate itself
        return
    assert wiring is not None
    yield from _twice(subject, found)
    yield from _unwired(registry, subject, wiring)
    yield from _refused(subject)
    for element, every in found.items():
        yield from method_faults(registry, subject, subject.process.nodes[element], every[0].method, levels)
    yield from call_faults(registry, subject, wiring)
    yield from start_faults(subject, wiring)
    yield from expression_faults(registry, subject, wiring, levels, functions)


def _uncovered(registry: Registry, subject: Subject) -> Fault:
    ranges = ", ".join(f"{entry.name or 'a Service'} {mark.versions}" for entry, mark in registry.serving(subject.key))
    count = "1 instance" if subject.instances == 1 else f"{subject.instances} instances"
    runs = f", and {count} of it {'has' if subject.instances == 1 else 'have'} not ended" if subject.instances else ""
    runs += ", and versions in use call it" if subject.called else ""
    return Fault(
        "version-not-served",
        subject.key,
        subject.version,
        None,
        "",
        f"no service is for this version ({ranges}){runs}",
        "Widen the range of versions of a service, add one for this version, or migrate its instances.",
        subject.process.file,
        subject.process.line,
        warning=not subject.in_use,
        instances=subject.instances,
    )


def _twice(subject: Subject, found: dict[str, list[Match]]) -> Iterator[Fault]:
    for element, every in found.items():
        if len(every) > 1:
            methods = [each.method for each in every]
            yield fault_at(
                "wired-twice",
                subject,
                subject.process.nodes[element],
                f"wired twice, by {' and by '.join(map(str, methods))}",
                "Leave one of them, or give them ranges of versions that do not overlap.",
                *methods,
            )


def _unwired(registry: Registry, subject: Subject, wiring: Wiring) -> Iterator[Fault]:
    owner = next((entry.name for entry, _ in registry.serving(subject.key) if entry.name), "")
    for node in subject.process.nodes.values():
        if node.id not in wiring.tasks and needs_method(node, connectors=registry.connectors):
            yield fault_at(
                "task-without-method",
                subject,
                node,
                "no method is wired to it",
                f"Add to {owner or 'the service'}: {_decoration(node)} def {_function_name(node)}(self, "
                f"{parameter_name(wiring.aggregate.name)}: {wiring.aggregate.name}) -> None",
            )


def needs_method(node: Node, *, connectors: bool = False) -> bool:
    """Whether nothing can do a task but a method.

    Args:
        connectors: Whether service tasks with an operator are left to the engine module.
    """
    if node.type == "serviceTask":
        return not (connectors and node.service is not None and node.service.kind == "operator")
    if node.type == "sendTask":
        return not any(event.kind == "message" and event.name for event in node.events)
    return node.type == "businessRuleTask" and (node.decision is None or not node.decision.key)


def _decoration(node: Node) -> str:
    definition = task_definition(node)
    if definition is not None and definition.isidentifier():
        return (
            "@workflow_task"
            if definition == _function_name(node)
            else f'@workflow_task(task_definition="{definition}")'
        )
    if definition is not None:
        return f'@workflow_task(task_definition="{definition}")'
    return f'@workflow_task(id="{node.id}")'


def _function_name(node: Node) -> str:
    definition = task_definition(node)
    return function_name(definition) if definition else method_name(node)


#: What a process that keeps its state in an aggregate cannot have.
_NOT_SERVED = "A process that is served keeps its state in its aggregate."


def _refused(subject: Subject) -> Iterator[Fault]:
    for node in subject.process.nodes.values():
        scripts = {"script": node.script is not None and bool(node.script.body), "pre-script": bool(node.pre_script),
                   "post-script": bool(node.post_script)}  # fmt: skip
        for what, there in scripts.items():
            if there:
                yield fault_at("script", subject, node, f"its {what} would keep data in the process",
                               f"Make it a service task with a method. {_NOT_SERVED}")  # fmt: skip
        if node.loop is not None and node.loop.output:
            yield fault_at("loop-output", subject, node, f"it collects results in '{node.loop.output}'",
                           f"Let its method put them into the aggregate. {_NOT_SERVED}")  # fmt: skip
        if node.loop is not None and node.loop.input and node.loop.cardinality:
            yield fault_at("counted-collection", subject, node,
                           f"it iterates over '{unwrapped(node.loop.input)}' and by loopCardinality",
                           "Leave one of them: the collection, if its elements are asked for.")  # fmt: skip
        if node.triggered_by_event and _starts_by_error(subject, node):
            yield fault_at("error-start", subject, node, "the engine knows no event sub-process that an error starts",
                           "Put the part it belongs to into a sub-process, and a boundary event on that.")  # fmt: skip
        if node.type == "adHocSubProcess":
            yield fault_at("ad-hoc", subject, node, "its completion condition cannot read the aggregate",
                           "Use a sub-process with gateways.")  # fmt: skip
        if any(each.of == "process" for event in node.events for each in event.correlations):
            yield fault_at("correlation", subject, node, "messages for it are correlated by process data",
                           "Take that out: messages are addressed by natural id (correlate_message).")  # fmt: skip


def _starts_by_error(subject: Subject, handler: Node) -> bool:
    starts = (each for each in subject.process.nodes.values() if each.scope == handler.id and each.type == "startEvent")
    return any(event.kind == "error" for start in starts for event in start.events)


def _dead_methods(registry: Registry, subjects: Iterable[Subject], used: set[int]) -> Iterator[Fault]:
    held: dict[str, list[int]] = {}
    for subject in subjects:
        held.setdefault(subject.key, []).append(subject.version)
    for entry in registry.entries:
        for method in entry.methods:
            ranges = [
                (service.process, mark.versions or service.versions)
                for service in entry.marks
                for mark in method.tasks
                if service.process in held
            ]
            if id(method) not in used and ranges and not any(_is_ahead(held[key], each) for key, each in ranges):
                yield _dead(method, [key for key, _ in ranges], 1 + max(max(held[key]) for key, _ in ranges))


def _is_ahead(held: Sequence[int], versions: VersionRange) -> bool:
    """Whether a range is for versions that are still to come."""
    return versions.first > max(held)


def _dead(method: Method, processes: Sequence[str], next_version: int) -> Fault:
    wanted = " or ".join(
        f"the element '{mark.id}'" if mark.id else f"a task definition '{mark.task_definition or method.name}'"
        for mark in method.tasks
    )
    where = " or ".join(f"'{process}'" for process in dict.fromkeys(processes))
    return Fault(
        "method-without-task",
        processes[0],
        None,
        None,
        f"method {method}",
        f"it is wired to no task: no version of {where} that it is for has {wanted}",
        "Correct the name or take the method away; if a later version is to have it, say so: "
        f'version=">={next_version}".',
        methods=(method,),
    )
