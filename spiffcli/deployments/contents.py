"""From the files of a deployment to the definitions they hold, without a look at the store."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from spiffcli.catalog.documents import event
from spiffcli.catalog.refs import check_tag
from spiffcli.deployments.request import (
    DEPLOYMENT,
    Call,
    Candidate,
    Contents,
    Deploy,
    Name,
    Note,
    check_binding,
)
from spiffcli.errors import InputError, ModelError
from spiffcli.values import DefinitionKind, Resource

if TYPE_CHECKING:
    from spiffcli.model import CalledReference, Collaboration, Decision, Form, Model, Process

_START_EVENTS = ("message", "signal", "timer")


def examine(request: Deploy) -> Contents:
    """What the files of a request hold.

    Raises:
        ModelError: A file cannot be read; a key comes twice; `main` is not there or not executable; no file
            holds anything that can be run.
        InputError: There are no files, or two with one name; a tag or binding is not one.
    """
    from spiffcli.model import load

    resources = _distinct(request.resources)
    check_binding(request.binding)
    if request.tag is not None:
        check_tag(request.tag)
    model = load(resources)
    processes = _processes(request, model)
    _refuse_unknown_stores(request, model, processes)
    _refuse_unknown_elements(request, model)
    candidates = {each.name: each for each in _candidates(request, model, processes)}
    if request.only and request.main is not None:
        main = (request.main_kind, request.main)
        candidates, processes = {main: candidates[main]}, [each for each in processes if each.id == request.main]
    return Contents(
        request=request,
        deployment=str(uuid.uuid4()),
        main=next(iter(candidates)) if request.main is None else (request.main_kind, request.main),
        model=model,
        candidates=candidates,
        notes=tuple(_notes(request, model, processes)),
        tagged=_tagged(request, processes) if request.tag is not None else (),
    )


def _distinct(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """The resources without repetitions of one and the same file."""
    if not resources:
        raise InputError("There is nothing to add.", hint="Name at least one file: runner add -b FILE")
    found: dict[str, Resource] = {}
    for resource in resources:
        if found.setdefault(resource.name, resource).content != resource.content:
            raise InputError(f"Two different files are called {resource.name}.", file=resource.name)
    return tuple(found.values())


def _processes(request: Deploy, model: Model) -> list[Process]:
    """The processes that become definitions: executable ones, and those of the chosen collaboration."""
    pools: set[str] = set()
    if request.main is not None and request.main_kind == "collaboration":
        if request.main not in model.collaborations:
            raise _unknown_main(request, model)
        pools = set(_participants(model.collaborations[request.main]).values())
    chosen = [each for each in model.processes.values() if each.executable or each.id in pools]
    if request.main is not None and request.main_kind == "process":
        _check_main_process(request, model)
    if not chosen and model.processes:
        first = next(iter(model.processes.values()))
        raise ModelError(
            f"None of the files holds an executable process; there is only {_listed(model.processes)}.",
            hint='Set isExecutable="true" on the process.',
            file=first.file,
            line=first.line or None,
            element=first.id,
        )
    if not (chosen or model.decisions or model.forms):
        raise ModelError(
            "The files hold no process, decision or form.",
            hint="Files of BPMN end in .bpmn, of DMN in .dmn, forms in .json.",
            file=request.resources[0].name,
        )
    return chosen


def _check_main_process(request: Deploy, model: Model) -> None:
    main = model.processes.get(request.main or "")
    if main is None:
        raise _unknown_main(request, model)
    if not main.executable:
        raise ModelError(
            f"Process '{main.id}' is not executable.",
            hint='Set isExecutable="true" on it.',
            file=main.file,
            line=main.line or None,
            element=main.id,
        )


def _unknown_main(request: Deploy, model: Model) -> ModelError:
    there = model.processes if request.main_kind == "process" else model.collaborations
    return ModelError(
        f"No file holds a {request.main_kind} '{request.main}'.",
        hint=f"In the files: {_listed(there) if there else 'none'}.",
        candidates=sorted(there),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def _candidates(request: Deploy, model: Model, processes: list[Process]) -> Iterator[Candidate]:
    for process in processes:
        calls = [_call(request, process, reference) for reference in process.references]
        yield _candidate(model, "process", process, calls, _starts(process))
    if request.main is not None and request.main_kind == "collaboration":
        collaboration = model.collaborations[request.main]
        calls = [
            Call(pool, "process", key, DEPLOYMENT, pin=request.pins.get((pool, "process", key)))
            for pool, key in _participants(collaboration).items()
        ]
        yield _candidate(model, "collaboration", collaboration, calls)
    for decision in model.decisions.values():
        calls = [
            Call(decision.id, "decision", key, DEPLOYMENT, pin=request.pins.get((decision.id, "decision", key)))
            for key in decision.requires
            if key in model.decisions
        ]
        yield _candidate(model, "decision", decision, calls)
    for form in model.forms.values():
        yield _candidate(model, "form", form)


def _candidate(
    model: Model,
    kind: DefinitionKind,
    thing: Process | Collaboration | Decision | Form,
    calls: Sequence[Call] = (),
    starts: tuple[str, ...] = (),
) -> Candidate:
    from spiffcli.model import Form, layout_hash, semantic_hash

    return Candidate(
        id=str(uuid.uuid4()),
        kind=kind,
        key=thing.id,
        label=thing.label,
        file=thing.file,
        own_hash=semantic_hash(thing, model),
        layout="" if isinstance(thing, Form) else layout_hash(thing, model),
        calls=tuple(calls),
        starts=starts,
    )


def _call(request: Deploy, process: Process, reference: CalledReference) -> Call:
    element, kind, key = reference.element, reference.kind, reference.key
    place = f"{process.id}#{element}"
    beside = request.bindings.get(place, request.bindings.get(element))
    fallback = request.fallbacks.get(place, request.fallbacks.get(element, reference.fallback))
    try:
        binding = check_binding(beside or reference.binding or request.binding)
    except InputError as error:
        raise ModelError(
            f"'{element}' of process '{process.id}': {error.message}",
            hint=error.hint,
            file=process.file,
            line=reference.line or None,
            element=element,
        ) from error
    return Call(element, kind, key, binding, reference.line or None, fallback, request.pins.get((element, kind, key)))


def _participants(collaboration: Collaboration) -> dict[str, str]:
    pools = collaboration.participants.values()
    return {pool.id: pool.process for pool in pools if pool.process is not None}


def _starts(process: Process) -> tuple[str, ...]:
    starts = [
        event(definition.kind, node.id if definition.kind == "timer" else definition.name or "")
        for node in process.nodes.values()
        if node.type == "startEvent" and node.scope is None
        for definition in node.events
        if definition.kind in _START_EVENTS
    ]
    return tuple(dict.fromkeys(starts))


def _refuse_unknown_elements(request: Deploy, model: Model) -> None:
    there = {
        name
        for process in model.processes.values()
        for call in process.references
        for name in (call.element, f"{process.id}#{call.element}")
    }
    for name in (*request.bindings, *request.fallbacks):
        if name not in there:
            raise InputError(
                f"A binding is given for '{name}', but no such element refers to anything.",
                hint="Name a call activity, business rule task or user task, as ELEMENT or PROCESS#ELEMENT.",
            )


def _refuse_unknown_stores(request: Deploy, model: Model, processes: list[Process]) -> None:
    """Refuse a data store that no group describes, neither around the model that is meant nor around its own."""
    from spiffcli.model import read_xml
    from spiffcli.model.groups import STORE_KINDS, Groups, uses

    main = model.processes.get(request.main or "")
    files = {each.file for each in processes}
    groups = Groups(request.resources)
    for resource in request.resources:
        if resource.name in files and b"dataStoreReference" in resource.content:
            for use in uses(resource.name, read_xml(resource.content, resource.name)):
                kind = STORE_KINDS[use.name]
                places = (resource.name, *([main.file] if main is not None else []))
                if not any(groups.store(place, use.id, kind) for place in places):
                    raise _unknown_store(use.id, kind, resource.name, use.line)


def _unknown_store(id: str, kind: str, file: str, line: int) -> ModelError:
    where = f'"data_store_specifications": {{"{kind}": {{"{id}": ...}}}} in a process_group.json above the model'
    if kind == "json_file":
        where = f"a file {id}.json beside the model or above it"
    return ModelError(
        f"The data store '{id}' is read or written, and no group around the model describes it.",
        hint=f"Describe it ({where}), and add the model with: runner add --model GROUP/MODEL",
        file=file,
        line=line or None,
    )


def _tagged(request: Deploy, processes: list[Process]) -> tuple[Name, ...]:
    if request.main is not None:
        return ((request.main_kind, request.main),)
    return tuple(("process", process.id) for process in processes)


def _notes(request: Deploy, model: Model, processes: list[Process]) -> Iterator[Note]:
    from spiffcli.model import order_notes

    chosen = {process.id for process in processes}
    for process in model.processes.values():
        if process.id not in chosen and not request.only:
            yield Note(
                "not-executable",
                f"Process '{process.id}' is not executable, so it becomes no definition.",
                file=process.file,
                element=process.id,
                line=process.line or None,
            )
    for process in processes:
        for text in order_notes(process):
            yield Note("order-of-flows", text, file=process.file, element=process.id)
