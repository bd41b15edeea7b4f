"""What a user names when it is about instances: some of them, or one task of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from spiffcli.catalog import Catalog, Filter
from spiffcli.catalog.instances import Standing
from spiffcli.errors import AmbiguousError, NotFoundError, StateError
from spiffcli.values import Instance, InstanceState, TaskView

if TYPE_CHECKING:
    from spiffcli.instances.view import Look


def find_instances(
    catalog: Catalog,
    ref: str | None = None,
    *,
    states: Sequence[InstanceState] = (),
    waiting_at: str | None = None,
    older_than: int | None = None,
    commit: str | None = None,
) -> list[Instance]:
    """Instances, oldest first.

    Args:
        ref: A key (all its versions), or anything else that names one definition.
        waiting_at: BPMN id or name of a task they wait at.
        older_than: Only versions below this one.
        commit: Beginning of the commit that their model came from.

    Raises:
        NotFoundError: Nothing has this name.
        AmbiguousError: Several definitions have ids that begin so.
    """
    key, definitions = _of(catalog, ref)
    filter = Filter(key, definitions, tuple(states) or None, waiting_at, older_than, commit=commit)
    return catalog.instances(filter) or _at_named_task(catalog, filter)


def find_standings(
    catalog: Catalog,
    ref: str,
    *,
    states: Sequence[InstanceState] = (),
    waiting_at: str | None = None,
    created_before: str | None = None,
) -> list[Standing]:
    """Where instances stand, oldest first; arguments and errors as of `find_instances`.

    Args:
        created_before: Only those that were started before this time (UTC, ISO 8601).
    """
    key, definitions = _of(catalog, ref)
    filter = Filter(key, definitions, tuple(states) or None, waiting_at, created_before=created_before)
    return catalog.standings(filter) or [Standing.of(row) for row in _at_named_task(catalog, filter)]


def _at_named_task(catalog: Catalog, filter: Filter) -> list[Instance]:
    """As the filter says, where what it waits at is the name of a task."""
    if filter.waiting_at is None:
        return []
    rows = catalog.instances(replace(filter, waiting_at=None))
    return [row for row in rows if any(task.name == filter.waiting_at for task in row.active)]


def _of(catalog: Catalog, ref: str | None) -> tuple[str | None, tuple[str, ...] | None]:
    if ref is None:
        return None, None
    # Instances that have ended outlive their definition.
    if catalog.definitions(ref) or catalog.instances(Filter(ref)):
        return ref, None
    return None, (catalog.find(ref, ("process", "collaboration")).id,)


def find_task(look: Look, ref: str) -> TaskView:
    """The open task a user means: by its id, its BPMN id, its name, or a unique beginning of its id.

    Raises:
        NotFoundError: The instance has no such task; `data["candidates"]` has those that are open.
        AmbiguousError: There are several; `data["candidates"]` has their ids.
        StateError: It is not open, or the instance has ended.
    """
    found = _named(look.open_tasks, ref)
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousError(
            f"'{ref}' means {len(found)} open tasks.",
            hint=f"Name one by its id: {_listed(found)}.",
            candidates=[view.task for view in found],
        )
    raise _not_open(look, ref)


def _named(views: Sequence[TaskView], ref: str) -> list[TaskView]:
    tests: tuple[Callable[[TaskView], bool], ...] = (
        lambda view: ref in (view.task, view.id, view.name),
        lambda view: ref.casefold() in (view.id.casefold(), (view.name or "").casefold()),
        lambda view: bool(ref) and view.task.startswith(ref),
    )
    for test in tests:
        found = [view for view in views if test(view)]
        if found:
            return found
    return []


def _not_open(look: Look, ref: str) -> StateError | NotFoundError:
    instance = look.instance
    if instance.ended is not None:
        from spiffcli.instances.session import ending

        return StateError(
            f"Instance {instance.id} {ending(instance)}; no task of it is open.",
            hint=f"Look at it with: runner show -w {instance.id}",
            instance=instance.id,
            state=instance.state,
        )
    hint = f"Open are {_listed(look.open_tasks)}." if look.open_tasks else "No task waits for a person now."
    closed = _named([view for view in look.tasks if view.type != "internal"], ref)
    if closed:
        view = closed[-1]
        return StateError(
            f"Task '{view.name or view.id}' is {view.state}, not READY; it cannot be completed.",
            hint=hint,
            task=view.task,
            candidates=[each.task for each in look.open_tasks],
        )
    return NotFoundError(
        f"Instance {instance.id} has no task '{ref}'.",
        hint=hint,
        candidates=[each.task for each in look.open_tasks],
    )


def _listed(views: Sequence[TaskView]) -> str:
    return ", ".join(
        f"{view.task} ({', '.join(filter(None, (view.name or view.id, view.lane, view.loop)))})" for view in views
    )
