"""Selecting instances: all of a version or key, by state, task and age, from a file, or one task of one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog import Catalog, Filter
from spiffcli.catalog.clock import iso
from spiffcli.catalog.instances import Standing
from spiffcli.errors import AmbiguousError, InputError, NotFoundError, StateError
from spiffcli.values import Definition, Instance, InstanceState, TaskView

if TYPE_CHECKING:  # listing instances loads no engine
    from spiffcli.instances.view import InstanceView

#: States of instances that can be moved.
OPEN: tuple[InstanceState, ...] = ("running", "error")


class Selection(Struct, frozen=True):
    """What a user says about the instances that are meant.

    Attributes:
        named: References to single instances.
        source: Key or version whose open instances are meant; what follows chooses among them.
        states: States they are in; all open ones if empty.
        waiting_at: BPMN id or name of a task they wait at.
        started_before: They were started before that.
        ids: References from a file: of `source` only those, or those alone.
        limit: Only so many, the first.
    """

    named: tuple[str, ...] = ()
    source: str | None = None
    states: tuple[InstanceState, ...] = ()
    waiting_at: str | None = None
    started_before: datetime | None = None
    ids: tuple[str, ...] | None = None
    limit: int | None = None

    @property
    def is_fleet(self) -> bool:
        """Whether more is meant than what was named one by one."""
        return self.source is not None or self.ids is not None


def select(catalog: Catalog, selection: Selection, target: Definition) -> list[Standing]:
    """The instances that are meant, each once.

    Those of a version or key come oldest first, and without those that run on the target already; those that are
    named come in the order in which they are named.

    Raises:
        NotFoundError: There is no such instance, or nothing has the name.
        AmbiguousError: Several ids begin so.
    """
    found = {each.id: each for each in _meant(catalog, selection, target)}
    return list(found.values())[: selection.limit]


def _meant(catalog: Catalog, selection: Selection, target: Definition) -> Iterator[Standing]:
    yield from (Standing.of(catalog.instance(ref)) for ref in selection.named)
    listed = None if selection.ids is None else [Standing.of(catalog.instance(ref)) for ref in selection.ids]
    if selection.source is None:
        yield from listed or ()
        return
    only = None if listed is None else {each.id for each in listed}
    before = None if selection.started_before is None else iso(selection.started_before.timestamp())
    for each in find_standings(
        catalog,
        selection.source,
        states=selection.states or OPEN,
        waiting_at=selection.waiting_at,
        created_before=before,
    ):
        if each.definition != target.id and (only is None or each.id in only):
            yield each


def listed_ids(content: bytes, file: str) -> tuple[str, ...]:
    """The ids in a file: one to a line; what follows `#` is not read.

    Raises:
        InputError: It is not text, or there are none.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as fault:
        raise InputError(f"{file} is not text in UTF-8.", file=file) from fault
    found = tuple(id for line in lines if (id := line.partition("#")[0].strip()))
    if not found:
        raise InputError(f"{file} names no instance.", hint="Write one id to a line.", file=file)
    return found


def unmoved_ids(content: bytes, file: str) -> tuple[str, ...]:
    """The ids of those that were refused or failed, from a `runner/migration/1` document.

    Raises:
        InputError: It is something else.
    """
    try:
        document = json.loads(content)
        if document["schema"] != "runner/migration/1":
            raise ValueError(document["schema"])
        results = [(str(result["id"]), result["outcome"]) for result in document["results"]]
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InputError(
            f"{file} does not hold what 'migrate' wrote.",
            hint="Keep it with: runner migrate ... --format json > FILE",
            file=file,
        ) from fault
    return tuple(id for id, outcome in results if outcome in ("refused", "failed"))


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


def find_task(shown: InstanceView, ref: str) -> TaskView:
    """The open task a user means: by its id, its BPMN id, its name, or a unique beginning of its id.

    Raises:
        NotFoundError: The instance has no such task; `data["candidates"]` has those that are open.
        AmbiguousError: There are several; `data["candidates"]` has their ids.
        StateError: It is not open, or the instance has ended.
    """
    found = _named(shown.open_tasks, ref)
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousError(
            f"'{ref}' means {len(found)} open tasks.",
            hint=f"Name one by its id: {_listed(found)}.",
            candidates=[view.task for view in found],
        )
    raise _not_open(shown, ref)


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


def _not_open(shown: InstanceView, ref: str) -> StateError | NotFoundError:
    instance = shown.instance
    if instance.ended is not None:
        return StateError(
            f"Instance {instance.id} {instance.ending}; no task of it is open.",
            hint=f"Look at it with: runner show -w {instance.id}",
            instance=instance.id,
            state=instance.state,
        )
    hint = f"Open are {_listed(shown.open_tasks)}." if shown.open_tasks else "No task waits for a person now."
    closed = _named([view for view in shown.tasks if view.type != "internal"], ref)
    if closed:
        view = closed[-1]
        return StateError(
            f"Task '{view.name or view.id}' is {view.state}, not READY; it cannot be completed.",
            hint=hint,
            task=view.task,
            candidates=[each.task for each in shown.open_tasks],
        )
    return NotFoundError(
        f"Instance {instance.id} has no task '{ref}'.",
        hint=hint,
        candidates=[each.task for each in shown.open_tasks],
    )


def _listed(views: Sequence[TaskView]) -> str:
    return ", ".join(
        f"{view.task} ({', '.join(filter(None, (view.name or view.id, view.lane, view.loop)))})" for view in views
    )
