"""What a user names when something is compared: a stored definition or files, as a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spiffcli.app.inputs import Files, names_files, read_files, with_forms
from spiffcli.catalog import Catalog
from spiffcli.errors import InputError, NotFoundError
from spiffcli.model import Model, load
from spiffcli.records import record
from spiffcli.values import Definition


@record
class Side:
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


def side(catalog: Callable[[], Catalog | None], refs: str | Sequence[str], *, dependencies: bool) -> Side:
    """The side that a reference names, or several references to files together.

    Args:
        catalog: Gives the catalog; None where there is no store, and then only files can be named.
        dependencies: Whether the model is to hold what the definition calls from other deployments too, and the
            forms beside files.

    Raises:
        NotFoundError: There is no such definition, file or revision.
        AmbiguousError: There are several.
        InputError: A file cannot be read.
        ModelError: It cannot be understood.
    """
    refs = [refs] if isinstance(refs, str) else list(refs)
    if all(map(names_files, refs)):
        return _side_of_files(refs, dependencies=dependencies)
    if len(refs) > 1:
        raise InputError(
            f"{', '.join(refs)}: only files can be taken together.", hint="Name one spec, or files and folders."
        )
    stored = catalog()
    if stored is None:
        raise NotFoundError(
            f"'{refs[0]}' names no file, and there is no store here to look in.",
            hint="Name a .bpmn file, or change to the folder of the store (runner init makes one).",
            candidates=[],
        )
    return stored_side(stored, stored.find(refs[0]), dependencies=dependencies)


def _side_of_files(refs: Sequence[str], *, dependencies: bool) -> Side:
    files = [read_files(ref) for ref in refs]
    resources = with_forms(files) if dependencies else tuple(one for each in files for one in each.resources)
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
    """The side of a stored definition."""
    resources = list(catalog.resources(definition))
    model = load(resources)
    if dependencies:
        # What is pinned to another deployment is not among the files of this one.
        missing = [called for called in catalog.dependencies(definition) if not _holds(model, called)]
        for called in missing:
            resources += [each for each in catalog.resources(called) if each.name == called.file]
        model = load(resources) if missing else model
    return Side(definition.label, model, definition.key, definition)


def _holds(model: Model, definition: Definition) -> bool:
    held = {
        "process": model.processes,
        "collaboration": model.collaborations,
        "decision": model.decisions,
        "form": model.forms,
    }
    return definition.key in held[definition.kind]
