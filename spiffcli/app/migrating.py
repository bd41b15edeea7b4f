"""Impact and migration of several instances: which ones, what it would do, and one result for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spiffcli.app.finding import find_instances
from spiffcli.errors import BusyError, ConflictError, IncidentError, RunnerError, StateError
from spiffcli.migrate.plans import VERDICTS

if TYPE_CHECKING:
    from spiffcli.app.runner import Runner
    from spiffcli.migrate.applying import Result, Target
    from spiffcli.migrate.plans import Plan
    from spiffcli.values import Definition, Instance


def selected(runner: Runner, refs: Sequence[str], source: str | None, target: Definition) -> list[Instance]:
    """The instances a user means, each once: those that are named, and those of a version or key that have not ended.

    Args:
        source: Key or version whose instances are meant; those that run on the target already are left out.

    Raises:
        NotFoundError: There is no such instance, or nothing has the name.
        AmbiguousError: Several ids begin so.
    """
    named = [runner.catalog.instance(ref) for ref in refs]
    found = [] if source is None else find_instances(runner.catalog, source, states=("running", "error"))
    rows = {row.id: row for row in (*named, *(row for row in found if row.definition != target.id))}
    return list(rows.values())


def impact_document(runner: Runner, target: Target, rows: Sequence[Instance]) -> tuple[dict[str, Any], list[Plan]]:
    """A `runner/impact/1` document, and the plans it tells of.

    Raises:
        StateError: An instance has ended, or runs another process.
    """
    plans = runner.diff_workflow(target, [row.id for row in rows])
    verdicts = Counter(plan.verdict for plan in plans)
    document = {
        "schema": "runner/impact/1",
        "spec": target.definition.label,
        "instances": [{**plan.to_json(), **_of_row(row)} for plan, row in zip(plans, rows, strict=True)],
        "totals": {verdict: verdicts[verdict] for verdict in VERDICTS},
    }
    return document, plans


def _of_row(row: Instance) -> dict[str, Any]:
    waiting = [{"task": task.task, "id": task.id, "name": task.name, "state": task.state} for task in row.active]
    return {"natural_id": row.natural_id, "state": row.state, "waits_at": waiting}


def moved(
    runner: Runner, target: Target, rows: Sequence[Instance], hashes: Mapping[str, str] | None = None
) -> Iterator[Result]:
    """Move instances one after the other; one that cannot be moved stops no other.

    Args:
        hashes: Plans that were looked at, by instance; anything else is refused.
    """
    for row in rows:
        try:
            yield runner.migrate(target, row.id, expected=None if hashes is None else hashes[row.id])
        except RunnerError as error:
            yield _unmoved(row, target.definition.label, error)


def taken_back(runner: Runner, rows: Sequence[Instance]) -> Iterator[Result]:
    """Take the last migration of each instance back."""
    for row in rows:
        try:
            yield runner.rollback(row.id)
        except RunnerError as error:
            yield _unmoved(row, f"{row.key}@{row.version}", error)


def _unmoved(row: Instance, label: str, error: RunnerError) -> Result:
    from spiffcli.migrate.applying import Result

    refused = isinstance(error, StateError | ConflictError)
    return Result(
        row.id,
        f"{row.key}@{row.version}",
        label,
        "refused" if refused else "failed",
        row.revision,
        error.message,
        error.hint or _way_out(error),
    )


def _way_out(error: RunnerError) -> str | None:
    if isinstance(error, BusyError):
        return "Try again when that command has finished."
    return "Nothing was changed; mend the cause and try again." if isinstance(error, IncidentError) else None


def migration_document(label: str, results: Sequence[Result], *, dry_run: bool = False) -> dict[str, Any]:
    """A `runner/migration/1` document.

    Args:
        label: Where the instances go, as `key@version`.
    """
    return {
        "schema": "runner/migration/1",
        "spec": label,
        "dry_run": dry_run,
        "results": [result.to_json() for result in results],
        "totals": dict(Counter(result.outcome for result in results)),
    }
