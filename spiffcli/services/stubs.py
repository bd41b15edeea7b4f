"""A class skeleton for a process: what a model needs of business code, as Python to begin with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from keyword import iskeyword

from msgspec import Struct

from spiffcli.model.elements import Node, Process
from spiffcli.model.snapshot import Model
from spiffcli.sandbox.source import BUILTINS
from spiffcli.services.names import free_names, function_name, method_name, parameter_name, task_definition
from spiffcli.services.wiring import Levels, Subject, expressions, needs_method


class _Stub(Struct, frozen=True):
    """A method to be written.

    Attributes:
        decoration: How it is wired.
        repeated: Whether its task is in an iteration.
        about: What the model calls the task, and where it stands.
        makes: Whether it makes the aggregate.
    """

    name: str
    decoration: str
    repeated: bool
    about: str
    makes: bool = False


def stubs(model: Model, process: str, *, functions: Collection[str] = (), done: Collection[str] = ()) -> str:
    """The skeleton of a service for a process, and for those of its files that it calls.

    Args:
        functions: What expressions may call besides the built-ins.
        done: BPMN ids of tasks that methods do already.
    """
    subjects = [Subject(each, 1, decisions=model.decisions) for each in _called(model, process)]
    found = _distinct(stub for subject in subjects for stub in _stubs(subject, Levels(subjects), done))
    fields = _fields(subjects, functions)
    name = _class_name(process)
    return "\n".join(_module(process, subjects, name, fields, found)) + "\n"


def _called(model: Model, process: str) -> list[Process]:
    """The process, and what it calls as far as it is in its files."""
    found = {process: model.processes[process]}
    pending = [process]
    while pending:
        for node in found[pending.pop()].nodes.values():
            key = node.call.key if node.type == "callActivity" and node.call is not None else None
            if key in model.processes and key not in found and key is not None:
                found[key] = model.processes[key]
                pending.append(key)
    return list(found.values())


def _stubs(subject: Subject, levels: Levels, done: Collection[str]) -> Iterator[_Stub]:
    for node in subject.process.nodes.values():
        about = f"{node.label} ({subject.process.file}:{node.line})."
        if needs_method(node) and node.id not in done:
            definition = task_definition(node)
            name = function_name(definition) if definition else method_name(node)
            repeated = any(levels.around(subject, node))
            yield _Stub(name, _decoration(node, definition, name), repeated, about)
        starts = node.type == "startEvent" and node.scope is None and any(e.kind == "timer" for e in node.events)
        if starts and node.id not in done:
            yield _Stub(method_name(node), f"@workflow_task(id={_text(node.id)})", False, about, makes=True)


def _decoration(node: Node, definition: str | None, name: str) -> str:
    if definition is None:
        return f"@workflow_task(id={_text(node.id)})"
    return "@workflow_task" if definition == name else f"@workflow_task(task_definition={_text(definition)})"


def _text(text: str) -> str:
    """A text as Python writes it."""
    return json.dumps(text, ensure_ascii=False)


def _distinct(found: Iterable[_Stub]) -> list[_Stub]:
    by_decoration: dict[tuple[str, str], _Stub] = {}
    names: set[str] = set()
    for each in found:
        key = (each.decoration, each.name if each.decoration == "@workflow_task" else "")
        if key in by_decoration:
            continue
        name = each.name
        while name in names:
            name += "_"
        names.add(name)
        by_decoration[key] = _Stub(name, each.decoration, each.repeated, each.about, each.makes)
    return list(by_decoration.values())


def _fields(subjects: Iterable[Subject], functions: Collection[str]) -> list[str]:
    """The names that expressions read and that the aggregate has to offer."""
    names: dict[str, None] = {}
    for subject in subjects:
        items = {node.loop.input_item for node in subject.process.nodes.values() if node.loop is not None}
        for each in expressions(subject):
            try:
                found = free_names(each.text)
            except SyntaxError:
                continue
            known = BUILTINS | set(functions) | items
            names.update(dict.fromkeys(name for name in found if name not in known))
    return list(names)


def _class_name(process: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in process).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name.isidentifier() and not iskeyword(name) else f"Process{name}"


def _module(process: str, subjects: list[Subject], name: str, fields: list[str], found: list[_Stub]) -> Iterator[str]:
    id = "natural_id" if "id" in fields else "id"
    index = ", Index" if any(stub.repeated for stub in found) else ""
    tasks = ", workflow_task" if found else ""
    yield f'"""Business code of the process \'{process}\'."""'
    yield ""
    yield "from __future__ import annotations"
    yield ""
    yield "from dataclasses import dataclass"
    yield f"from typing import Annotated{', Any' if fields else ''}"
    yield ""
    yield f"from spiffcli.services import {'Index, ' if index else ''}NaturalId, workflow_service{tasks}"
    yield ""
    yield ""
    yield "@dataclass"
    yield f"class {name}:"
    yield '    """The state of a workflow."""'
    yield ""
    yield f"    {id}: Annotated[str, NaturalId()]"
    if fields:
        yield "    # Expressions of the model read these: give each its type, or make it a property or @workflow_value."
        yield from (f"    {field}: Any = None" for field in fields)
    yield ""
    yield ""
    for subject in subjects:
        yield f"@workflow_service(aggregate={name}, process_id={_text(subject.key)})"
    yield f"class {name}Service:"
    yield '    """What is done in it."""'
    for stub in found:
        yield ""
        yield f"    {stub.decoration}"
        if stub.makes:
            yield f"    def {stub.name}(self) -> {name}:"
        else:
            more = ", index: Annotated[int, Index()]" if stub.repeated else ""
            yield f"    def {stub.name}(self, {parameter_name(name)}: {name}{more}) -> None:"
        yield '        """' + stub.about.replace("\\", "/").replace('"', "'") + '"""'
        yield "        raise NotImplementedError"
