"""Looking at services and models together: the check, the wiring, skeletons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spiffcli.errors import InputError, NotFoundError
from spiffcli.services.faults import Fault, of_tenant
from spiffcli.services.wiring import Described, Subject, describe
from spiffcli.wiring.load import wiring_faults
from spiffcli.wiring.subjects import stored_subjects

if TYPE_CHECKING:
    from spiffcli.services.runtime import Services
    from spiffcli.workspace import Workspace


def check_services(workspace: Workspace, services: Services, ref: str | None = None) -> tuple[list[str], list[Fault]]:
    """What was looked at, as `key@version`, and what is wrong.

    Args:
        ref: A key or a version; None for everything in use.

    Raises:
        NotFoundError: There is no such spec, or no service is wired to it.
    """
    subjects = stored_subjects(workspace, services.registry)
    chosen = _chosen(workspace, services, subjects, ref)
    faults = wiring_faults(workspace, services, subjects)
    if ref is not None:
        ids, keys = {each.definition for each in chosen}, {each.key for each in chosen}
        faults = [each for each in faults if each.definition in ids or (not each.definition and each.process in keys)]
    return [f"{each.key}@{each.version}{of_tenant(each.tenant)}" for each in chosen], faults


def describe_wiring(workspace: Workspace, services: Services, ref: str | None = None) -> list[Described]:
    """The wiring of the versions in use, or of those that are named.

    Raises:
        NotFoundError: There is no such spec, or no service is wired to it.
    """
    subjects = _chosen(workspace, services, stored_subjects(workspace, services.registry), ref)
    described = (describe(services.registry, subject) for subject in subjects)
    return [each for each in described if each is not None]


def _chosen(workspace: Workspace, services: Services, subjects: list[Subject], ref: str | None) -> list[Subject]:
    if ref is None:
        return [each for each in subjects if each.in_use and each.key in services.registry.processes]
    of_key = [each for each in subjects if each.key == ref and each.in_use]
    if of_key:
        return of_key
    definition = workspace.catalog.find(ref, ("process",))
    found = [each for each in subjects if each.definition == definition.id]
    if not found:
        raise NotFoundError(
            f"No service is wired to {definition.label}.",
            hint=f"Processes that are served: {', '.join(sorted(services.registry.processes))}.",
            candidates=sorted(services.registry.processes),
        )
    return found


def write_stubs(workspace: Workspace, ref: str) -> str:
    """A class skeleton for a process, stored or in a file.

    Raises:
        NotFoundError: There is no such spec or file.
        InputError: The file holds several processes and none is named, or it holds none.
    """
    from spiffcli.services.stubs import stubs
    from spiffcli.specs.compare import side

    found = side(workspace, ref, dependencies=True)
    keys = [key for key, process in found.model.processes.items() if process.executable]
    called = {reference.key for process in found.model.processes.values() for reference in process.references}
    process = found.process or next(iter([key for key in keys if key not in called] or keys), None)
    if process is None or process not in found.model.processes:
        raise InputError(f"{found.label} has no process to write services for.")
    roots = [key for key in keys if key not in called]
    if found.process is None and len(roots) > 1:
        raise InputError(
            f"{found.label} has several processes: {', '.join(roots)}.", hint=f"Name one: {found.label}#{roots[0]}"
        )
    done = _done(workspace, Subject(found.model.processes[process], 1))
    return stubs(found.model, process, functions=workspace.config.functions, done=done)


def _done(workspace: Workspace, subject: Subject) -> set[str]:
    """Tasks that methods do already."""
    if workspace.services is None:
        return set()
    described = describe(workspace.services.registry, subject)
    tasks = () if described is None else described.tasks
    return {task.node.id for task in tasks if task.method is not None}
