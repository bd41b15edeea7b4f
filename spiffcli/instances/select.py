"""Which instances a user means when they are many: by version, state, task and age, or from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from spiffcli.catalog.clock import iso
from spiffcli.catalog.instances import Standing
from spiffcli.errors import InputError
from spiffcli.instances.finding import find_standings
from spiffcli.values import InstanceState

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog
    from spiffcli.values import Definition

#: States of instances that can be moved.
OPEN: tuple[InstanceState, ...] = ("running", "error")


class Where(Struct, frozen=True):
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


def selected(catalog: Catalog, where: Where, target: Definition) -> list[Standing]:
    """The instances that are meant, each once.

    Those of a version or key come oldest first, and without those that run on the target already; those that are
    named come in the order in which they are named.

    Raises:
        NotFoundError: There is no such instance, or nothing has the name.
        AmbiguousError: Several ids begin so.
    """
    found = {each.id: each for each in _meant(catalog, where, target)}
    return list(found.values())[: where.limit]


def _meant(catalog: Catalog, where: Where, target: Definition) -> Iterator[Standing]:
    yield from (Standing.of(catalog.instance(ref)) for ref in where.named)
    listed = None if where.ids is None else [Standing.of(catalog.instance(ref)) for ref in where.ids]
    if where.source is None:
        yield from listed or ()
        return
    only = None if listed is None else {each.id for each in listed}
    before = None if where.started_before is None else iso(where.started_before.timestamp())
    for each in find_standings(
        catalog,
        where.source,
        states=where.states or OPEN,
        waiting_at=where.waiting_at,
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
