"""What a user names when something is compared: a stored definition or files, as a model."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from spiffcli.catalog import Catalog
from spiffcli.config import Settings
from spiffcli.deployments.versions import stored_model
from spiffcli.errors import InputError, NotFoundError
from spiffcli.model import Model, load
from spiffcli.specs.inputs import Files, distinct, read_files, with_forms
from spiffcli.values import Definition


class Side(Struct, frozen=True):
    """One side of a comparison.

    Attributes:
        label: As shown: `order@3` or the path.
        model: Everything that is known on this side.
        process: Key of the process, collaboration, decision or form to compare; None for all the files hold.
        definition: The stored definition, or None for files.
    """

    label: str
    model: Model
    process: str | None
    definition: Definition | None


def files_side(refs: Sequence[str], settings: Settings, *, dependencies: bool) -> Side:
    """The side of files and folders that belong together.

    Args:
        dependencies: Whether the model is to hold the forms beside the files, too.

    Raises:
        NotFoundError: There is no such file or revision.
        InputError: A file cannot be read.
        ModelError: It cannot be understood.
    """
    files = [read_files(ref, settings) for ref in refs]
    resources = with_forms(files) if dependencies else distinct(files)
    model = load(resources)
    processes = list(dict.fromkeys(each.process for each in files if each.process is not None))
    if len(processes) > 1:
        raise InputError(f"One process can be compared at a time, not {' and '.join(processes)}.")
    for process in processes:
        _check_held(model, process, files)
    if not processes and not (model.processes or model.collaborations or model.decisions) and len(model.forms) == 1:
        processes = list(model.forms)  # two forms are compared whatever their files are called
    return Side(" ".join(refs), model, processes[0] if processes else None, None)


def _check_held(model: Model, process: str, files: Sequence[Files]) -> None:
    held = [*model.processes, *model.collaborations, *model.decisions, *model.forms]
    if process not in held:
        name = files[0].resources[0].name
        raise NotFoundError(
            f"{name} has no process '{process}'.",
            hint=f"It has: {', '.join(held) or 'none'}.",
            file=name,
            candidates=held,
        )


def stored_side(catalog: Catalog, definition: Definition, *, dependencies: bool) -> Side:
    """The side of a stored definition.

    Args:
        dependencies: Whether the model is to hold what the definition calls from other deployments too.
    """
    model = stored_model(catalog, definition, dependencies=dependencies)
    return Side(definition.label, model, definition.key, definition)
