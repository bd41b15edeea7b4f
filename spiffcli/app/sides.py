"""What a user names when something is compared: a stored definition or files, as a model."""

from __future__ import annotations

from dataclasses import dataclass

from spiffcli.app.files import read_resource
from spiffcli.catalog import Catalog
from spiffcli.catalog.references import looks_like_path, split_path
from spiffcli.errors import NotFoundError
from spiffcli.model import Model, load
from spiffcli.values import Definition


@dataclass(frozen=True, slots=True)
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


def side(catalog: Catalog | None, ref: str, *, dependencies: bool) -> Side:
    """The side a reference names.

    Args:
        catalog: None where there is no store; then only paths can be named.
        dependencies: Whether the model is to hold what the definition calls from other deployments too.

    Raises:
        NotFoundError: There is no such definition.
        AmbiguousError: There are several.
        InputError: The file cannot be read.
        ModelError: It cannot be understood.
    """
    if looks_like_path(ref):
        path, process = split_path(ref)
        model = load([read_resource(path)])
        if process is not None and process not in model.processes and process not in model.collaborations:
            held = ", ".join([*model.processes, *model.collaborations]) or "none"
            raise NotFoundError(
                f"{path} has no process '{process}'.",
                hint=f"It has: {held}.",
                file=path,
                candidates=[*model.processes, *model.collaborations],
            )
        return Side(ref, model, process, None)
    if catalog is None:
        raise NotFoundError(f"There is no file '{ref}', and no store to look in.", hint="Run `runner init` first.")
    definition = catalog.find(ref)
    return stored_side(catalog, definition, dependencies=dependencies)


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
