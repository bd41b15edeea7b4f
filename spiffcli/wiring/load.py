"""The services of a runner: found, ready to be called, and checked against the models in use."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from spiffcli.engine.ports import CaseKey
from spiffcli.errors import ConfigError, NoStoreError
from spiffcli.instances.spec_source import specs_of
from spiffcli.plugins import load_module, offered_services
from spiffcli.services import ProcessService, Registry, WiringError
from spiffcli.services.checks import check
from spiffcli.services.faults import Fault, fault_text
from spiffcli.services.runtime import Services
from spiffcli.services.wiring import Subject
from spiffcli.values import AggregateRecord, Definition, Reference
from spiffcli.wiring.process_service import RunnerProcessService
from spiffcli.wiring.subjects import called_by, stored_subjects, subject_of, targets, with_called
from spiffcli.workspace import Workspace

_log = logging.getLogger(__name__)


class ModelWiring:
    """The services of a workspace, loaded, and checked against its models."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def services(self) -> Services | None:
        """Load the services; None where there are none.

        Raises:
            ConfigError: A module is not there, fails, or has no services.
        """
        workspace = self._workspace
        if workspace.config.services is None and not workspace.settings.services and not offered_services():
            return None
        return load_services(workspace)

    def require(self) -> None:
        """Raise WiringError unless everything in use is served."""
        require_wired(self._workspace)

    def planned_faults(self, planned: Sequence[Subject], references: Sequence[Reference]) -> list[Fault]:
        """Return what would be wrong once new versions, with all they refer to, are stored."""
        return planned_faults(self._workspace, planned, references)

    def unserved(self, definition: Definition) -> list[Fault]:
        """Return the tasks of a version, and of what it calls, that no service covers."""
        return unserved(self._workspace, definition)


def load_services(workspace: Workspace) -> Services | None:
    """The services of the engine module, of `--services`, and of installed packages; None where there are none.

    Raises:
        ConfigError: A module is not there, fails, or has no services.
    """
    registry = Registry()
    for source in _sources(workspace):
        registry.add(source)
    if not registry.entries:
        return None
    return Services(registry, _CatalogSource(workspace), _offered(workspace, registry))


def _sources(workspace: Workspace) -> Iterator[Any]:
    if workspace.config.services is not None:
        given = workspace.config.services
        yield from given if isinstance(given, list | tuple) else (given,)
    for name in workspace.settings.services:
        yield load_module(name, workspace.settings.folder, "service module")
    for point in offered_services():
        try:
            yield point.load()
        except Exception as error:
            raise ConfigError(
                f"The services '{point.name}' of an installed package cannot be loaded ({point.value}): "
                f"{type(error).__name__}: {error}.",
                hint="Mend or uninstall the package.",
            ) from error


def _offered(workspace: Workspace, registry: Registry) -> dict[Any, Any]:
    """Process services, for constructors that ask for them."""
    types = {mark.aggregate for entry in registry.entries for mark in entry.marks}
    return {ProcessService[cls]: (lambda cls=cls: RunnerProcessService(workspace, cls)) for cls in types}  # type: ignore[valid-type]


class _CatalogSource:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def subject(self, definition: str) -> Subject | None:
        found = specs_of(self._workspace).definition(definition)
        return None if found.kind != "process" else subject_of(self._workspace, found)

    def record(self, case: CaseKey) -> AggregateRecord | None:
        return self._workspace.catalog.aggregate(case.process, case.id)

    @property
    def tenant(self) -> str:
        return self._workspace.catalog.tenant


def wiring_faults(workspace: Workspace, services: Services, subjects: Sequence[Subject]) -> list[Fault]:
    """What is wrong between the services and some versions of processes; tasks that are stubbed are left out."""
    faults = check(
        services.registry,
        subjects,
        functions=workspace.config.functions,
        offered=services.offered.keys(),
    )
    return [fault for fault in faults if not _is_stubbed(fault, services.stubs)]


def _is_stubbed(fault: Fault, stubs: Mapping[str, Any]) -> bool:
    return fault.rule == "task-without-method" and any(f"'{name}'" in fault.label for name in stubs)


def require_wired(workspace: Workspace) -> None:
    """Nothing, if everything in use is served. What is wrong and keeps nothing from moving is told as a warning.

    Raises:
        WiringError: It is not; nothing may move.
    """
    services = workspace.services
    if services is None:
        return
    faults = wiring_faults(workspace, services, stored_subjects(workspace, services.registry))
    if any(fault.blocks for fault in faults):
        raise WiringError(faults)
    for fault in faults:
        if not fault.warning:
            _log.warning(fault_text(fault))


def planned_faults(workspace: Workspace, planned: Sequence[Subject], references: Sequence[Reference]) -> list[Fault]:
    """What would be wrong once new versions are stored: faults of them and of what they call, and of their services.

    Args:
        references: All that the new versions refer to.
    """
    services = workspace.services
    if services is None:
        return []
    registry = services.registry
    new = {each.key: each for each in planned if _is_served(each, registry)}
    stored = [replace(each, newest=False) if each.key in new else each for each in _stored_if_any(workspace, registry)]
    called = _called_by_new(workspace, references, registry, {each.definition for each in new.values()})
    subjects = with_called(workspace, registry, stored, called)
    faults = wiring_faults(workspace, services, [*subjects, *new.values()])
    mine = {*called, *(each.definition for each in new.values())}
    return [each for each in faults if each.definition in mine or (not each.definition and each.process in new)]


def _is_served(subject: Subject, registry: Registry) -> bool:
    """Whether services serve a process, or one that it calls."""
    calls = any(each.kind == "process" and each.key in registry.processes for each in subject.process.references)
    return calls or subject.key in registry.processes


def _called_by_new(
    workspace: Workspace, references: Sequence[Reference], registry: Registry, new: Collection[str]
) -> list[str]:
    """Ids of what is stored already and called by what is to be added."""
    if workspace.catalog_if_any() is None:
        return []
    direct = [id for id in targets(workspace, references, registry.processes) if id not in new]
    return list(dict.fromkeys([*direct, *called_by(workspace, registry, direct)]))


def _stored_if_any(workspace: Workspace, registry: Registry) -> list[Subject]:
    try:
        return stored_subjects(workspace, registry)
    except NoStoreError:
        return []


def unserved(workspace: Workspace, definition: Definition) -> list[Fault]:
    """Tasks of a version, and of what it calls, that no service covers."""
    services = workspace.services
    if services is None or definition.kind != "process":
        return []
    registry = services.registry
    stored = [each for each in stored_subjects(workspace, registry) if each.definition != definition.id]
    subjects = with_called(workspace, registry, [*stored, subject_of(workspace, definition)], [definition.id])
    mine = {definition.id, *called_by(workspace, registry, [definition.id])}
    faults = wiring_faults(workspace, services, subjects)
    return [fault for fault in faults if fault.rule in _UNSERVED and fault.definition in mine]


#: Faults that mean that a version, or a task of it, has no service.
_UNSERVED = frozenset({"task-without-method", "version-not-served", "called-not-served", "creator-missing"})
