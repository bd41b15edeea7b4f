"""Comparing what users name, and versions of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.catalog import Catalog
from spiffcli.diff.changes import Diff
from spiffcli.errors import InputError, NotFoundError
from spiffcli.specs.inputs import may_name_files, names_files
from spiffcli.values import Definition
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.model import Problem
    from spiffcli.specs.sides import Side


class Compared(Struct, frozen=True):
    """What a comparison found.

    Attributes:
        problems: What is wrong in the files and was read past.
    """

    diff: Diff
    problems: tuple[Problem, ...] = ()


def compare_refs(
    workspace: Workspace, old: str | Sequence[str], new: str | Sequence[str], *, dependencies: bool
) -> Compared:
    """Compare what two references name.

    Raises:
        NotFoundError: One of them does not exist.
        AmbiguousError: One of them may mean several.
        InputError: A file cannot be read.
        ModelError: One of them cannot be understood.
    """
    before, after = (_meant(workspace, [refs] if isinstance(refs, str) else list(refs)) for refs in (old, new))
    sides = (_side(workspace, each, dependencies=dependencies) for each in (before, after))
    return _compared(*sides, dependencies=dependencies)


def side(workspace: Workspace, ref: str, *, dependencies: bool) -> Side:
    """What a reference names, as it is compared.

    Raises:
        NotFoundError: There is no such definition or file.
        AmbiguousError: It may mean several.
        InputError: A file cannot be read.
        ModelError: It cannot be understood.
    """
    return _side(workspace, _meant(workspace, [ref]), dependencies=dependencies)


def _meant(workspace: Workspace, refs: list[str]) -> Definition | list[str]:
    """The stored definition that a reference names, or the names of files.

    What does not look like a path is looked up in the store first, and then taken for a folder.
    """
    if all(map(names_files, refs)):
        return refs
    stored = workspace.catalog_if_any()
    try:
        return _find(stored, refs)
    except (NotFoundError, InputError):
        if all(names_files(ref) or may_name_files(ref) for ref in refs):
            return refs
        raise


def _find(catalog: Catalog | None, refs: list[str]) -> Definition:
    if len(refs) > 1:
        raise InputError(
            f"{', '.join(refs)}: only files can be taken together.", hint="Name one spec, or files and folders."
        )
    if catalog is None:
        raise NotFoundError(
            f"'{refs[0]}' names no file, and there is no store here to look in.",
            hint="Name a .bpmn file, or change to the folder of the store (runner init makes one).",
            candidates=[],
        )
    return catalog.find(refs[0])


def _side(workspace: Workspace, meant: Definition | list[str], *, dependencies: bool) -> Side:
    from spiffcli.specs.sides import files_side, stored_side

    if isinstance(meant, Definition):
        return stored_side(workspace.catalog, meant, dependencies=dependencies)
    return files_side(meant, workspace.settings, dependencies=dependencies)


def _compared(before: Side, after: Side, *, dependencies: bool) -> Compared:
    from spiffcli.diff import compare

    diff = compare(
        before.model,
        after.model,
        old_process=before.process,
        new_process=after.process,
        dependencies=dependencies,
        old_label=before.label,
        new_label=after.label,
    )
    return Compared(diff, tuple(dict.fromkeys((*before.model.problems, *after.model.problems))))
