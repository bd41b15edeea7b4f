"""The services of a runner: found, ready to be called, and checked against the models in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spiffcli.app.modules import load_module, offered_services
from spiffcli.catalog.instances import OPEN_STATES
from spiffcli.engine.business import CaseKey
from spiffcli.errors import ConfigError, NoStoreError
from spiffcli.migrate.plans import Blocker
from spiffcli.services import ProcessService, Registry, WiringError
from spiffcli.services.checking import check
from spiffcli.services.faults import CAN_MOVE, Fault
from spiffcli.services.runtime import Services
from spiffcli.services.wiring import Subject
from spiffcli.values import AggregateRecord, Definition

if TYPE_CHECKING:
    from spiffcli.app.runner import Runner
    from spiffcli.catalog import DeploymentPlan


def load_services(runner: Runner) -> Services | None:
    """The services of the engine module, of `--services`, and of installed packages; None where there are none.

    Raises:
        ConfigError: A module is not there, fails, or has no services.
    """
    registry = Registry()
    for source in _sources(runner):
        registry.add(source)
    if not registry.entries:
        return None
    return Services(registry, _CatalogSource(runner), _offered(runner, registry))


def _sources(runner: Runner) -> Iterator[Any]:
    if runner.config.services is not None:
        given = runner.config.services
        yield from given if isinstance(given, list | tuple) else (given,)
    for name in runner.settings.services:
        yield load_module(name, runner.settings.folder, "service module")
    for point in offered_services():
        try:
            yield point.load()
        except Exception as error:
            raise ConfigError(
                f"The services '{point.name}' of an installed package cannot be loaded ({point.value}): "
                f"{type(error).__name__}: {error}.",
                hint="Mend or uninstall the package.",
            ) from error


def _offered(runner: Runner, registry: Registry) -> dict[Any, Any]:
    """Process services, for constructors that ask for them."""
    types = {mark.aggregate for entry in registry.entries for mark in entry.marks}
    return {ProcessService[cls]: (lambda cls=cls: runner.service(cls)) for cls in types}  # type: ignore[valid-type]


class _CatalogSource:
    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def subject(self, definition: str) -> Subject | None:
        found = self._runner.context.specs.definition(definition)
        return None if found.kind != "process" else subject_of(self._runner, found)

    def record(self, case: CaseKey) -> AggregateRecord | None:
        return self._runner.catalog.aggregate(case.process, case.id)

    @property
    def tenant(self) -> str:
        return self._runner.catalog.tenant


def subject_of(runner: Runner, definition: Definition, *, newest: bool = True, instances: int = 0) -> Subject:
    """A stored version of a process, as it is wired and checked."""
    model = runner.catalog.model(runner.context.specs.definition(definition.id))
    process = model.processes[definition.key]
    return Subject(process, definition.version, definition.id, model.decisions, newest, instances)


def stored_subjects(runner: Runner, registry: Registry) -> list[Subject]:
    """The stored versions of all processes that are served, and the newest ones of those that call them."""
    counts = runner.counts()
    rows = runner.catalog.definitions(None, ("process",))
    newest = {row.key: row.id for row in rows}  # they come by key and version
    subjects = []
    for row in rows:
        is_newest = newest[row.key] == row.id
        if row.key in registry.processes or (is_newest and _calls_served(runner, registry, row)):
            states = counts[row.id].states if row.id in counts else {}
            open = sum(states.get(state, 0) for state in OPEN_STATES)
            subjects.append(subject_of(runner, row, newest=is_newest, instances=open))
    return subjects


def _calls_served(runner: Runner, registry: Registry, row: Definition) -> bool:
    references = runner.context.specs.definition(row.id).references
    return any(each.kind == "process" and each.key in registry.processes for each in references)


def wiring_faults(runner: Runner, services: Services, subjects: Sequence[Subject]) -> list[Fault]:
    """What is wrong between the services and some versions of processes; tasks that are stubbed are left out."""
    faults = check(
        services.registry,
        subjects,
        functions=runner.config.functions,
        offered=services.offered.keys(),
    )
    return [fault for fault in faults if not _is_stubbed(fault, services.stubs)]


def _is_stubbed(fault: Fault, stubs: Mapping[str, Any]) -> bool:
    return fault.rule == "task-without-method" and any(f"'{name}'" in fault.label for name in stubs)


def require_wired(runner: Runner) -> None:
    """Nothing, if everything in use is served.

    Raises:
        WiringError: It is not; nothing may move.
    """
    services = runner.services
    if services is None:
        return
    faults = wiring_faults(runner, services, stored_subjects(runner, services.registry))
    grave = [fault for fault in faults if not fault.warning and fault.rule not in CAN_MOVE]
    if grave:
        raise WiringError(faults)


def planned_faults(runner: Runner, plan: DeploymentPlan) -> list[Fault]:
    """What would be wrong once a deployment is stored: faults of its own processes, and of services of them."""
    services = runner.services
    if services is None:
        return []
    planned = dict(_planned_subjects(plan, services.registry))
    stored = [
        replace(each, newest=False) if each.key in planned else each
        for each in _stored_if_any(runner, services.registry)
    ]
    faults = wiring_faults(runner, services, [*stored, *planned.values()])
    versions = {key: subject.version for key, subject in planned.items()}
    return [fault for fault in faults if fault.process in planned and fault.version in (None, versions[fault.process])]


def _planned_subjects(plan: DeploymentPlan, registry: Registry) -> Iterator[tuple[str, Subject]]:
    for each in plan.new:
        kind, key = each.name
        if kind == "process":
            process = plan.model.processes[key]
            calls = any(ref.kind == "process" and ref.key in registry.processes for ref in process.references)
            if key in registry.processes or calls:
                yield key, Subject(process, each.version, each.id, plan.model.decisions)


def _stored_if_any(runner: Runner, registry: Registry) -> list[Subject]:
    try:
        return stored_subjects(runner, registry)
    except NoStoreError:
        return []


def unserved(runner: Runner, definition: Definition) -> tuple[Blocker, ...]:
    """Why instances should not be moved to a version: tasks of it, and of what it calls, that no service covers."""
    services = runner.services
    if services is None or definition.kind != "process":
        return ()
    called = {each.key for each in runner.catalog.dependencies(definition) if each.kind == "process"}
    stored = [each for each in stored_subjects(runner, services.registry) if each.definition != definition.id]
    faults = wiring_faults(runner, services, [*stored, subject_of(runner, definition)])
    mine = [
        fault
        for fault in faults
        if fault.rule in _UNSERVED
        and ((fault.process, fault.version) == (definition.key, definition.version) or fault.process in called)
    ]
    return tuple(
        Blocker(
            "service-missing", "", fault.element or definition.key, None, "",
            f"{fault.place} has no service: {fault.message}.", fault.fix, waivable=True,
        )
        for fault in mine
    )  # fmt: skip


#: Faults that mean that a version, or a task of it, has no service.
_UNSERVED = frozenset({"task-without-method", "version-not-served", "called-not-served", "creator-missing"})
