"""Which versions of processes a tenant uses: those that services have to serve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress

from msgspec.structs import replace

from spiffcli.catalog.instances import OPEN_STATES
from spiffcli.errors import NotFoundError, StateError
from spiffcli.instances.spec_source import specs_of
from spiffcli.services import Registry
from spiffcli.services.wiring import Subject
from spiffcli.values import Definition, Reference
from spiffcli.workspace import Workspace


def subject_of(
    workspace: Workspace, definition: Definition, *, newest: bool = True, instances: int = 0, called: bool = False
) -> Subject:
    """A stored version of a process, as it is wired and checked."""
    model = workspace.catalog.model(specs_of(workspace).definition(definition.id))
    process = model.processes[definition.key]
    tenant = None if definition.tenant == workspace.catalog.tenant else definition.tenant
    return Subject(process, definition.version, definition.id, model.decisions, newest, instances, called, tenant)


def stored_subjects(workspace: Workspace, registry: Registry) -> list[Subject]:
    """The stored versions of all processes that are served, and the newest ones of those that call them.

    Of what belongs to the default tenant, those that the tenant uses: because it has no such key itself, because
    instances of it run on them, or because what it uses calls them.
    """
    subjects: dict[str, Subject] = {}
    for row, newest, instances in _visible(workspace):
        if row.key in registry.processes or (newest and _calls_served(workspace, registry, row)):
            subjects[row.id] = subject_of(workspace, row, newest=newest, instances=instances)
    used = [each.definition for each in subjects.values() if each.in_use]
    return with_called(workspace, registry, list(subjects.values()), used)


def newest(workspace: Workspace) -> dict[str, Definition]:
    """The version of each process that a start by its key finds: the tenant's own, else the default tenant's."""
    return _newest(workspace, _rows(workspace))


def _newest(workspace: Workspace, rows: Mapping[str, list[Definition]]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for tenant, every in rows.items():
        for row in every:  # the newest of a key comes last
            if found.get(row.key, row).tenant == tenant and workspace.catalog.scope.sees(row):
                found[row.key] = row
    return found


def _rows(workspace: Workspace) -> dict[str, list[Definition]]:
    """All versions of processes by tenant, the one in use first.

    The default tenant's count also where nothing falls back on it any more: what runs there goes on.
    """
    catalog = workspace.catalog
    tenants = catalog.scope.with_fallback(True).all_tenants()
    return {each: catalog.with_scope(tenant=each, fallback=False).definitions(None, ("process",)) for each in tenants}


def _visible(workspace: Workspace) -> Iterator[tuple[Definition, bool, int]]:
    """Versions of processes, whether a start of the key would start them, and how many instances have not ended."""
    counts, rows = workspace.catalog.counts(), _rows(workspace)
    started = _newest(workspace, rows)
    for tenant, every in rows.items():
        for row in every:
            states = counts[row.id].states if row.id in counts else {}
            instances = sum(states.get(state, 0) for state in OPEN_STATES)
            is_newest = row.key in started and started[row.key].id == row.id
            if tenant == workspace.catalog.tenant or is_newest or instances:
                yield row, is_newest, instances


def _calls_served(workspace: Workspace, registry: Registry, row: Definition) -> bool:
    references = specs_of(workspace).definition(row.id).references
    return any(each.kind == "process" and each.key in registry.processes for each in references)


def with_called(
    workspace: Workspace, registry: Registry, subjects: list[Subject], callers: Iterable[str]
) -> list[Subject]:
    """Subjects, and the versions that `callers` call, directly or further away, wherever they are served.

    Args:
        callers: Ids of definitions.
    """
    known = {each.definition: each for each in subjects}
    for id in called_by(workspace, registry, callers):
        found = known.get(id)
        if found is None:
            known[id] = subject_of(workspace, specs_of(workspace).definition(id), newest=False, called=True)
        else:
            known[id] = replace(found, called=True)
    return list(known.values())


def called_by(workspace: Workspace, registry: Registry, callers: Iterable[str]) -> list[str]:
    """Ids of the served versions that definitions call, directly or through one another."""
    found: dict[str, None] = {}
    waiting = list(callers)
    while waiting:
        caller = specs_of(workspace).definition(waiting.pop())
        for reference in caller.references:
            if reference.kind == "process" and reference.key in registry.processes:
                with suppress(NotFoundError, StateError):  # it is told when it is entered
                    id = workspace.catalog.resolve(caller, reference.element, "process", reference.key).definition.id
                    if id not in found:
                        found[id] = None
                        waiting.append(id)
    return list(found)


def targets(workspace: Workspace, references: Iterable[Reference], keys: Collection[str]) -> Iterator[str]:
    """Ids of the processes among `keys` that references of something not stored yet mean now."""
    for each in references:
        if each.kind == "process" and each.key in keys:
            if each.target is not None:
                yield each.target
            else:
                _, _, which = each.binding.partition(":")
                with suppress(NotFoundError):
                    yield workspace.catalog.find(f"{each.key}@{which}" if which else each.key, ("process",)).id
