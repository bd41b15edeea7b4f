"""Comparing what users name, and versions of the store, quickly where they have been compared before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from spiffcli.app.inputs import names_files
from spiffcli.app.kept import KeptDiffs
from spiffcli.catalog import Catalog
from spiffcli.catalog.definitions import STARTABLE
from spiffcli.diff.changes import Diff
from spiffcli.records import record
from spiffcli.values import Definition

if TYPE_CHECKING:
    from spiffcli.app.sides import Side
    from spiffcli.catalog import DeploymentPlan
    from spiffcli.model import Problem


@record
class Compared:
    """What a comparison found.

    Attributes:
        problems: What is wrong in the files and was read past.
    """

    diff: Diff
    problems: tuple[Problem, ...] = ()


def compare_refs(
    catalog: Callable[[], Catalog | None],
    old: str | Sequence[str],
    new: str | Sequence[str],
    *,
    dependencies: bool,
    kept: KeptDiffs,
) -> Compared:
    """Compare what two references name.

    Args:
        catalog: Gives the catalog; None where there is no store.

    Raises:
        NotFoundError: One of them does not exist.
        AmbiguousError: One of them may mean several.
        InputError: A file cannot be read.
        ModelError: One of them cannot be understood.
    """
    if not dependencies and _is_stored(old) and _is_stored(new):
        stored = catalog()
        if stored is not None:
            return compare_versions(stored, stored.find(_single(old)), stored.find(_single(new)), kept)
    from spiffcli.app.sides import side

    before, after = (side(catalog, refs, dependencies=dependencies) for refs in (old, new))
    return _compared(before, after, dependencies=dependencies)


def _is_stored(refs: str | Sequence[str]) -> bool:
    return (isinstance(refs, str) or len(refs) == 1) and not names_files(_single(refs))


def _single(refs: str | Sequence[str]) -> str:
    return refs if isinstance(refs, str) else refs[0]


def compare_versions(catalog: Catalog, old: Definition, new: Definition, kept: KeptDiffs) -> Compared:
    """Compare two stored definitions without what they call: it does not depend on anything but their files."""
    key = kept.key(*((each, catalog.resource_entries(each)) for each in (old, new)))
    found = kept.get(key)
    if found is None:
        from spiffcli.app.sides import stored_side

        before, after = (stored_side(catalog, each, dependencies=False) for each in (old, new))
        found = _compared(before, after, dependencies=False)
        kept.put(key, found)
    return found


def compare_new(catalog: Catalog, plan: DeploymentPlan, kept: KeptDiffs) -> None:
    """Compare every process and collaboration that a deployment made a version of with the version before."""
    for planned in plan.new:
        new = catalog.definition(planned.id)
        if new.kind in STARTABLE:
            versions = catalog.definitions(new.key, (new.kind,))
            earlier = [each for each in versions if each.version < new.version]
            if earlier:
                compare_versions(catalog, earlier[-1], new, kept)


def compare_with_dependencies(catalog: Catalog, old: Definition, new: Definition) -> Diff:
    """What changed between two stored definitions, what they call included."""
    from spiffcli.app.sides import stored_side

    before, after = (stored_side(catalog, each, dependencies=True) for each in (old, new))
    return _compared(before, after, dependencies=True).diff


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
