"""Deploying files: read, check, plan, parse what is new, store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.catalog import Catalog
from spiffcli.deployments.request import Deploy, DeploymentPlan, Name, Note, SpecBytes
from spiffcli.deployments.validation import Executor, remarks, require_executable
from spiffcli.engine.script_engine import check_script
from spiffcli.model import Model, Process
from spiffcli.model.scripts import ModelScript, model_scripts
from spiffcli.sandbox import ScriptMode
from spiffcli.services.wiring import Subject
from spiffcli.text import unwrapped
from spiffcli.values import Deployment, Resource
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.engine import Engine
    from spiffcli.services.faults import Fault


class Added(Struct, frozen=True):
    """What an `add` did, or would do.

    Attributes:
        deployment: What was stored; None for a dry run.
        plan: What was found: definitions, new or unchanged, and notes.
        notes: Everything worth telling, the plan's notes included.
        scripts: Number of scripts and expressions the models would execute.
    """

    deployment: Deployment | None
    plan: DeploymentPlan
    notes: tuple[Note, ...]
    scripts: int


def deploy(workspace: Workspace, request: Deploy, *, dry_run: bool = False) -> Added:
    """Deploy what `request` names with the engine and the services of a workspace; see `add` for what it raises."""
    into = None if dry_run else workspace.created_catalog
    mode = ScriptMode(workspace.settings.scripts)
    catalog = workspace.catalog_or_empty()
    return add(
        catalog, workspace.engine, mode, request, into=into, faults=lambda plan: _planned_faults(workspace, plan)
    )


def _planned_faults(workspace: Workspace, plan: DeploymentPlan) -> list[Fault]:
    """What would be wrong between a deployment and the services once it is stored."""
    processes = [
        Subject(plan.model.processes[each.candidate.key], each.version, each.id, plan.model.decisions)
        for each in plan.new
        if each.candidate.kind == "process"
    ]
    return workspace.planned_faults(processes, [reference for each in plan.new for reference in each.references])


def add(
    catalog: Catalog,
    engine: Engine,
    mode: ScriptMode,
    request: Deploy,
    *,
    into: Callable[[], Catalog] | None,
    faults: Callable[[DeploymentPlan], list[Fault]] | None = None,
) -> Added:
    """Deploy what `request` names.

    Args:
        catalog: What is there already.
        into: Gives the catalog to store it in, once all is known to be well; None for a dry run.
        faults: What is wrong between a plan and the services that are to serve it.

    Raises:
        ModelError: A file cannot be read or executed; nothing was stored.
        WiringError: Services do not fit the models; nothing was stored.
        InputError: The request contradicts itself; nothing was stored.
    """
    plan = catalog.plan_deployment(request)
    wiring = _wiring_notes(faults(plan)) if faults is not None else ()
    specs = engine_specs(catalog, engine, plan)
    scripts = list(model_scripts(plan.model))
    told = remarks(plan.model, _new_processes(plan), _executor(engine))
    found = (*_problems(plan.model), *wiring, *told, *_script_notes(scripts, mode, engine.config.functions))
    deployment = None
    if into is not None:
        deployment, plan = _store(into(), engine, plan, specs)
    return Added(deployment, plan, (*plan.notes, *found), len(scripts))


def _wiring_notes(faults: list[Fault]) -> tuple[Note, ...]:
    """Faults that do not keep anything from moving.

    Raises:
        WiringError: Others do.
    """
    from spiffcli.services.faults import WiringError

    if any(fault.blocks for fault in faults):
        raise WiringError(faults, planned=True)
    return tuple(
        Note("wiring", f"{fault.place}: {fault.message}. {fault.fix}", warning=True, file=fault.file or None,
             element=fault.element, line=fault.line or None)
        for fault in faults
    )  # fmt: skip


def _store(
    catalog: Catalog, engine: Engine, plan: DeploymentPlan, specs: SpecBytes
) -> tuple[Deployment, DeploymentPlan]:
    return catalog.carry_out(plan, lambda again: engine_specs(catalog, engine, again, specs))


def engine_specs(catalog: Catalog, engine: Engine, plan: DeploymentPlan, known: SpecBytes | None = None) -> SpecBytes:
    """The engine form of every definition that is new.

    Args:
        known: Those that have been made already.

    Raises:
        ModelError: One of them cannot be executed as it says.
    """
    known = known or {}
    processes = _new_processes(plan, known)
    require_executable(plan.model, processes, plan.contents.request.resources, _executor(engine))
    parser = engine.parser([*_tables_from_elsewhere(catalog, plan), *plan.contents.request.resources])
    specs: dict[Name, Mapping[str, bytes]] = {}
    for planned in plan.new:
        if planned.name in known:
            specs[planned.name] = known[planned.name]
        elif planned.candidate.kind == "process":
            late = {each.element for each in planned.references if each.kind == "decision" and each.target is None}
            specs[planned.name] = parser.process(planned.candidate.key, late=late).specs
        elif planned.candidate.kind == "collaboration":
            specs[planned.name] = parser.collaboration(planned.candidate.key).specs
    return specs


def _new_processes(plan: DeploymentPlan, known: Collection[Name] = ()) -> list[Process]:
    processes = plan.model.processes
    return [
        processes[key] for kind, key in (each.name for each in plan.new if each.name not in known) if kind == "process"
    ]


def _executor(engine: Engine) -> Executor:
    config, business = engine.config, engine.business
    return Executor(
        (lambda _process: False) if business is None else business.is_served,
        own_parser=not config.parser.__module__.startswith("SpiffWorkflow."),
        calls_services=config.service is not None,
    )


def _tables_from_elsewhere(catalog: Catalog, plan: DeploymentPlan) -> Iterator[Resource]:
    """Decision tables of earlier deployments: the engine makes the tables a process is bound to a part of its spec."""
    references = [each for planned in plan.new for each in planned.references if each.pinned]
    catalog = catalog.with_scope(tenant=plan.tenant)
    for id in dict.fromkeys(each.target for each in references if each.kind == "decision" and each.target):
        definition = catalog.definition(id)
        yield from (each for each in catalog.resources(definition) if each.name == definition.file)


def _problems(model: Model) -> Iterator[Note]:
    """What is wrong in the files and can be read past."""
    for problem in model.problems:
        yield Note(
            "model-problem",
            problem.message,
            warning=True,
            file=problem.file,
            element=problem.element,
            line=problem.line,
        )


def _script_notes(scripts: list[ModelScript], mode: ScriptMode, functions: Mapping[str, object]) -> Iterator[Note]:
    for script in scripts:
        source = unwrapped(script.source).strip() if script.is_expression else script.source
        for problem in check_script(source, expression=script.is_expression, mode=mode, functions=functions):
            place = f"the {script.what} of '{script.label}' would fail in its line {problem.line}"
            yield Note(
                "script-refused",
                " ".join(filter(None, (f"With --scripts {mode}, {place}: {problem.message}.", problem.hint))),
                warning=True,
                file=script.file,
                element=script.element,
                line=script.line or None,
            )
