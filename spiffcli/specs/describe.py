"""Everything about one stored definition, gathered for whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct

from spiffcli.catalog import Catalog
from spiffcli.catalog.listing import entry
from spiffcli.catalog.suspension import Scheduled
from spiffcli.errors import ModelError, NotFoundError
from spiffcli.model import Model, Process, load
from spiffcli.model.scripts import ModelScript, process_scripts
from spiffcli.report.deployments import scheduled_json
from spiffcli.values import Definition, Deployment, Reference

_BY_PEOPLE = ("userTask", "manualTask", "task")


class HumanTask(Struct, frozen=True):
    """A task that a person completes.

    Attributes:
        id: BPMN id.
        form: File name of its form, or None.
        line: Line in the file; 0 where it is not known.
    """

    id: str
    name: str | None
    type: str
    form: str | None
    line: int


class Description(Struct, frozen=True):
    """Everything about one definition.

    Attributes:
        entry: The definition as lists show it.
        versions: All versions of its key, as their rows show them, oldest first.
        targets: What its references are bound to, by id.
        nodes: Number of nodes by type.
        scripts: Everything it would execute.
        tasks: What people do in it.
        problems: What is wrong with it as it is stored, in sentences.
        scheduled: Suspensions and activations of it that wait for their date.
    """

    entry: Mapping[str, Any]
    definition: Definition
    deployment: Deployment
    versions: tuple[Definition, ...]
    targets: Mapping[str, Definition]
    nodes: Mapping[str, int]
    scripts: tuple[ModelScript, ...]
    tasks: tuple[HumanTask, ...]
    problems: tuple[str, ...]
    scheduled: tuple[Scheduled, ...]

    def to_json(self) -> dict[str, Any]:
        """A `runner/spec/1` document."""
        return {
            "schema": "runner/spec/1",
            "spec": dict(self.entry),
            "versions": [_version_json(each) for each in self.versions],
            "deployment": {
                "id": self.deployment.id,
                "name": self.deployment.name,
                "created": self.deployment.created,
                "user": self.deployment.user,
                "files": [resource.name for resource in self.deployment.resources],
            },
            "references": [self._reference_json(reference) for reference in self.definition.references],
            "nodes": dict(self.nodes),
            "scripts": [
                {"element": each.element, "what": each.what, "line": each.line, "source": each.source}
                for each in self.scripts
            ],
            "tasks": [
                {"id": each.id, "name": each.name, "type": each.type, "form": each.form, "line": each.line}
                for each in self.tasks
            ],
            "problems": list(self.problems),
            "scheduled": [scheduled_json(plan) for plan in self.scheduled],
        }

    def _reference_json(self, reference: Reference) -> dict[str, Any]:
        target = self.targets.get(reference.target or "")
        return {
            "element": reference.element,
            "kind": reference.kind,
            "key": reference.key,
            "binding": reference.binding,
            "target": reference.target,
            "version": target.version if target is not None else None,
            "pinned": reference.pinned,
        }


def describe(catalog: Catalog, ref: str) -> Description:
    """Everything about the definition that `ref` names.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: There are several.
        CorruptStoreError: Something that belongs to it is missing.
    """
    definition = catalog.find(ref)
    row = catalog.reader.get("definition", definition.id, body=False)
    owner = catalog.with_scope(tenant=definition.tenant)
    versions = tuple(owner.definitions(definition.key, (definition.kind,)))
    model, problems = _model(catalog, definition)
    process = model.processes.get(definition.key) if definition.kind == "process" else None
    targets = {each.id: each for each in _targets(catalog, definition)}
    return Description(
        entry=entry(definition.id, row.fields) if row is not None else {},
        definition=definition,
        deployment=owner.deployment(definition.deployment),
        versions=versions,
        targets=targets,
        nodes=dict(Counter(node.type for node in process.nodes.values()).most_common()) if process else {},
        scripts=tuple(process_scripts(process)) if process else (),
        tasks=tuple(_human_tasks(process)) if process else (),
        problems=(*problems, *_problems(definition, targets, model)),
        scheduled=tuple(_scheduled(owner, definition, {each.id for each in versions})),
    )


def _scheduled(owner: Catalog, definition: Definition, versions: Collection[str]) -> Iterator[Scheduled]:
    for plan in owner.scheduled():
        if plan.definition == definition.id or (plan.whole_key and plan.definition in versions):
            yield plan


def _version_json(definition: Definition) -> dict[str, Any]:
    return {
        "id": definition.id,
        "version": definition.version,
        "created": definition.created,
        "tags": list(definition.tags),
        "suspended": definition.suspended,
    }


def _model(catalog: Catalog, definition: Definition) -> tuple[Model, list[str]]:
    """The model, and why there is none if there is none: what was stored once should be shown for ever."""
    try:
        return load(catalog.resources(definition)), []
    except ModelError as error:
        return Model(), [f"Its files cannot be read by this version of runner: {error.message}"]


def _targets(catalog: Catalog, definition: Definition) -> Iterator[Definition]:
    for id in dict.fromkeys(reference.target for reference in definition.references):
        if id is not None:
            try:
                yield catalog.definition(id)
            except NotFoundError:
                continue  # said among the problems


def _human_tasks(process: Process) -> Iterator[HumanTask]:
    for node in process.nodes.values():
        if node.type in _BY_PEOPLE:
            form = next((each.key for each in process.references if each.element == node.id), None)
            yield HumanTask(node.id, node.name, node.type, form, node.line)


def _problems(definition: Definition, targets: Mapping[str, Definition], model: Model) -> Iterator[str]:
    for reference in definition.references:
        what = f"{reference.kind} '{reference.key}', which '{reference.element}' needs"
        target = targets.get(reference.target or "")
        if reference.target is None and reference.binding == "deployment":
            yield f"There is no {what}."
        elif reference.target is not None and target is None:
            yield f"The {what}, was deleted."
        elif target is not None and target.suspended:
            yield f"The {what}, is suspended."
    for problem in model.problems:
        if problem.file == definition.file:
            yield f"{problem.file}:{problem.line}: {problem.message}" if problem.line else problem.message
