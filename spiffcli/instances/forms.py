"""Forms of human tasks, answers to them from a file, and fields whose values may not be shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from spiffcli.catalog import Catalog
from spiffcli.errors import AnswerError, ModelError, NotFoundError
from spiffcli.forms import AnswerSource, Form, free_form, read_form, validate
from spiffcli.forms.schema import is_secret
from spiffcli.instances.session import Session, StepHook
from spiffcli.instances.spec_source import specs_of
from spiffcli.values import Definition, Instance, Resource, TaskView
from spiffcli.workspace import Workspace


def form_of(workspace: Workspace, view: TaskView) -> Form | None:
    """The form of a human task, by what its definition is bound to; None where the model names none.

    A form that was not added is looked up in the folder of the engine module.

    Raises:
        ModelError: The form is nowhere, or it is broken.
    """
    if view.form is None:
        return None
    catalog, folder = workspace.catalog, workspace.engine.config.forms
    definition = specs_of(workspace).definition(view.definition)
    schema = _content(catalog, definition, folder, view, view.form)
    if schema is None:
        raise ModelError(
            f"Task '{view.name or view.id}' needs the form '{view.form}', which was never added.",
            hint="Add it together with its model (runner add -b MODEL -f FORM), then go on.",
            file=definition.file,
            element=view.id,
        )
    ui = _content(catalog, definition, folder, view, view.ui_form) if view.ui_form else None
    return read_form(view.form, schema, ui, ui_name=view.ui_form)


def _content(catalog: Catalog, definition: Definition, folder: Path | None, view: TaskView, name: str) -> bytes | None:
    """What the form holds that the task of `view` is bound to; a file beside the models goes last."""
    wanted = _file_name(name)
    found = _bound(catalog, definition, view.id, wanted)
    if found is not None:
        return found.content
    beside = folder / wanted if folder is not None else None
    return beside.read_bytes() if beside is not None and beside.is_file() else None


def _bound(catalog: Catalog, definition: Definition, element: str, name: str) -> Resource | None:
    """The file of the form that `element` is bound to: of its own deployment, or of another."""
    references = (each for each in definition.references if (each.kind, each.element) == ("form", element))
    bound = next((each for each in references if _file_name(each.key) == name), None)
    own = [each for each in catalog.resources(definition) if _file_name(each.name) == name]
    if own and (bound is None or bound.binding == "deployment"):
        # Of several, the one whose path the reference tells.
        return next((each for each in own if bound is not None and each.name == bound.key), own[0])
    try:
        other = catalog.resolve(definition, element, "form", name if bound is None else bound.key).definition
    except NotFoundError:
        return next(iter(own), None)
    return next((each for each in catalog.resources(other) if each.name == other.file), None)


def _file_name(name: str) -> str:
    return PurePosixPath(name).name


def secrets_of(workspace: Workspace, instance: Instance) -> frozenset[str]:
    """Names of fields whose values may not be shown, by the forms of what the instance runs or has called."""
    specs, catalog = specs_of(workspace), workspace.catalog
    definitions = [specs.definition(id) for id in (instance.definition, *instance.calls)]
    return secret_fields([resource for each in definitions for resource in catalog.resources(each)])


def secret_fields(resources: Sequence[Resource]) -> frozenset[str]:
    """Names of fields whose values may not be shown, of all forms among `resources`."""
    found: set[str] = set()
    for resource in resources:
        if resource.kind == "form":
            try:
                found.update(_secrets(json.loads(resource.content)))
            except (ValueError, RecursionError):  # broken forms are told where they are used
                continue
    return frozenset(found)


def _secrets(document: Any) -> Iterator[str]:
    """Names in a JSON Schema or a ui-schema, at any depth."""
    pending = [document]
    while pending:
        current = pending.pop()
        if isinstance(current, Mapping):
            pending.extend(current.values())
            yield from (
                name for name, value in current.items() if isinstance(value, Mapping) and is_secret(value, value)
            )
        elif isinstance(current, list):
            pending.extend(current)


def answer(
    workspace: Workspace,
    session: Session,
    answers: AnswerSource,
    *,
    partial: bool = False,
    on_step: StepHook | None = None,
) -> None:
    """Complete the open human tasks of an instance, in tree order, until none is open.

    Args:
        partial: Leave tasks open that there are no answers for.

    Raises:
        AnswerError: Answers are missing or do not fit. The instance is saved as it was before that task.
        IncidentError: What followed failed.
    """
    while views := session.running.human_tasks():
        found = _next(views, answers, partial=partial)
        if found is None:
            return
        view, given = found
        form = form_of(workspace, view) or free_form()
        session.complete(view.task, validate(form, given, task=view.name or view.id, data=view.data))
        session.advance(on_step, save_steps=on_step is not None)


def _next(views: Sequence[TaskView], answers: AnswerSource, *, partial: bool) -> tuple[TaskView, dict[str, Any]] | None:
    """The first task that has answers, with them; None where only tasks are left that may stay open."""
    for view in views:
        try:
            given = answers.next_for(view.id, view.name)
        except AnswerError:
            if not partial:
                raise
            continue
        if given is not None:
            return view, given
    return None if partial else (views[0], answers.take(views[0].id, views[0].name))
