"""The form of a human task, and which fields of the forms of a process may not be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from spiffcli.errors import ModelError, NotFoundError
from spiffcli.values import Definition, Resource, TaskView

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog
    from spiffcli.forms import Form


def form_of(catalog: Catalog, definition: Definition, folder: Path | None, view: TaskView) -> Form | None:
    """The form of a task, or None where the model names none.

    Args:
        definition: What the task belongs to.
        folder: Where forms are looked up that were not added.

    Raises:
        ModelError: The form is nowhere, or it is broken.
    """
    if view.form is None:
        return None
    from spiffcli.forms import read_form

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


def secret_fields(resources: Sequence[Resource]) -> frozenset[str]:
    """Names of fields whose values may not be shown, of all forms among `resources`."""
    import json

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
    from spiffcli.forms.schema import is_secret

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
