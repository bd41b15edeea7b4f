"""The form of a human task, from the resources of its deployment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from spiffcli.errors import ModelError
from spiffcli.values import Resource, TaskView

if TYPE_CHECKING:
    from spiffcli.engine import EngineConfig
    from spiffcli.forms import Form


def form_of(resources: Sequence[Resource], config: EngineConfig, view: TaskView) -> Form | None:
    """The form of a task, or None where the model names none.

    Raises:
        ModelError: The form is neither in the deployment nor in the engine's form folder, or it is broken.
    """
    if view.form is None:
        return None
    from spiffcli.forms import read_form

    schema = _content(resources, config.forms, view.form)
    if schema is None:
        raise ModelError(
            f"The form '{view.form}' of task '{view.name or view.id}' is not part of the deployment.",
            hint="Add the model again with the form beside it, or name it with -f.",
            element=view.id,
        )
    ui = _content(resources, config.forms, view.ui_form) if view.ui_form else None
    return read_form(view.form, schema, ui, ui_name=view.ui_form)


def _content(resources: Sequence[Resource], folder: Path | None, name: str) -> bytes | None:
    wanted = PurePosixPath(name).name
    for resource in resources:
        if PurePosixPath(resource.name).name == wanted:
            return resource.content
    beside = folder / wanted if folder is not None else None
    return beside.read_bytes() if beside is not None and beside.is_file() else None
