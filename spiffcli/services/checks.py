"""Check of services against models: everything that is wrong between them, found before anything moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from spiffcli.model.elements import Node
from spiffcli.sandbox.source import BUILTINS
from spiffcli.services.decorators import VersionRange
from spiffcli.services.errors import ServiceError
from spiffcli.services.faults import Fault, fault_at
from spiffcli.services.markers import type_name
from spiffcli.services.method_checks import method_faults, registry_faults
from spiffcli.services.names import (
    free_names,
    function_name,
    method_name,
    nearest,
    node_label,
    parameter_name,
    task_definition,
)
from spiffcli.services.registry import Method, Registry
from spiffcli.services.wiring import (
    Expression,
    Levels,
    Match,
    Subject,
    Wiring,
    bind,
    expressions,
    is_covered,
    matches,
    needs_method,
    value_marks,
)
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


def expression_faults(
    registry: Registry, subject: Subject, wiring: Wiring, levels: Levels, functions: Collection[str]
) -> Iterator[Fault]:
    """What is wrong with the expressions of a process."""
    yield from _offered_twice(registry, subject, wiring)
    yield from _ignored(subject)
    known = {*wiring.fields, *wiring.values}
    for expression in expressions(subject):
        items = {each.loop.input_item for way in levels.around(subject, expression.node) for each in way}
        able = known | BUILTINS | set(functions) | {item for item in items if item}
        yield from _faults(subject, wiring, expression, able, known)


def _faults(
    subject: Subject, wiring: Wiring, expression: Expression, able: Collection[str], known: Collection[str]
) -> Iterator[Fault]:
    def fault(rule: str, message: str, fix: str) -> Fault:
        return Fault(
            rule, subject.key, subject.version, expression.node.id, expression.label, message, fix, expression.file,
            expression.line,
        )  # fmt: skip

    try:
        names = free_names(expression.text)
    except SyntaxError as error:
        yield fault(
            "expression", f"'{expression.text.strip()}' is no Python: {error.msg}",
            "Write it in Python, as in: days > 5 and not urgent. Operators of other languages are not known.",
        )  # fmt: skip
        return
    if expression.is_name and not unwrapped(expression.text).strip().isidentifier():
        yield fault(
            "no-collection-name", f"'{unwrapped(expression.text).strip()}' is no name of a collection",
            "Let a @workflow_value return it, and write its name.",
        )  # fmt: skip
        return
    for name in names:
        if name not in able:
            yield fault(
                "unknown-name",
                f"'{name}' is neither a field or property of {wiring.aggregate.name} nor a @workflow_value",
                f"{nearest(name, known)}Correct it, or add it to {wiring.aggregate.name} or as a @workflow_value.",
            )


def _ignored(subject: Subject) -> Iterator[Fault]:
    """Conditions that the engine does not look at: it follows the only flow that leaves a task whatever it says."""
    for flow in subject.process.flows.values():
        source = subject.process.nodes.get(flow.source or "")
        if source is not None and flow.condition and "Gateway" not in source.type:
            yield Fault(
                "condition-ignored", subject.key, subject.version, source.id, f"{node_label(source)}, flow '{flow.id}'",
                f"nobody looks at its condition '{flow.condition.strip()}', since only gateways decide",
                "Put an exclusive gateway in front of it.", subject.process.file, flow.line,
            )  # fmt: skip


def _offered_twice(registry: Registry, subject: Subject, wiring: Wiring) -> Iterator[Fault]:
    seen: dict[str, object] = {}
    for name, method in value_marks(registry, subject):
        other = seen.setdefault(name, method)
        if other is not method:
            yield _clash(subject, name, f"{other} and {method} both calculate it")
        elif name in wiring.fields:
            yield _clash(
                subject, name, f"{method} calculates it, and it is a field or property of {wiring.aggregate.name}"
            )


def _clash(subject: Subject, name: str, message: str) -> Fault:
    return Fault(
        "name-offered-twice", subject.key, subject.version, None, f"name '{name}'", message, "Rename one of them.",
        subject.process.file, subject.process.line,
    )  # fmt: skip
