"""Moving many instances: in chunks, each one transaction, each instance old or new whatever happens.

Whoever is interrupted begins anew: what has been moved runs on the target already and is left out.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.context import BaseContext
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog import Catalog
from spiffcli.catalog.instances import Standing
from spiffcli.config import Settings
from spiffcli.engine.retarget import Policies
from spiffcli.errors import BusyError, ConflictError, IncidentError, RunnerError, StateError, as_bug
from spiffcli.migrate.apply import migrate_one, noted, planned, require_open_target, rollback
from spiffcli.migrate.check import Prover, Ready
from spiffcli.migrate.target import Target, target_of
from spiffcli.migrate.values import MigrationOutcome, MigrationResult
from spiffcli.values import HistoryEntry, Instance
from spiffcli.workspace import Workspace, WorkspaceParts

#: Instances in one transaction: enough that making it durable costs each of them little, and few enough that other
#: commands wait for a moment only.
CHUNK = 500


class MigrationJob(Struct, frozen=True):
    """What a process of its own needs to move its share of many instances, as plain values.

    Attributes:
        parts: As of the workspace that gives the job.
        target: Id of the definition the instances go to.
        allow, force: As given.
    """

    settings: Settings
    parts: WorkspaceParts
    target: str
    policies: Policies
    allow: tuple[str, ...] = ()
    force: bool = False

    @classmethod
    def of(cls, workspace: Workspace, target: Target) -> MigrationJob:
        """The job of moving instances to a target as it is moved to in a workspace."""
        allow = tuple(sorted(target.waivers.allowed))
        settings, parts = workspace.settings, workspace.parts
        return cls(settings, parts, target.definition.id, target.policies, allow, target.waivers.everything)


def migrate_all(
    workspace: Workspace, target: Target, chosen: Sequence[Standing], jobs: int = 1
) -> Iterator[MigrationResult]:
    """Move instances, in chunks that are durable at once; one that cannot be moved stops no other.

    Args:
        jobs: Processes that share the work.

    Raises:
        StateError: The target is suspended, or one of the processes died.
    """
    ids = [each.id for each in chosen]
    if jobs > 1 and len(ids) > 1:
        yield from _migrate_by_processes(workspace, target, ids, jobs)
    elif len(ids) > 1:
        yield from migrate_many(workspace, target, ids)
    else:
        yield from _one_by_one(workspace, target, chosen, {})


def _migrate_by_processes(
    workspace: Workspace, target: Target, ids: Sequence[str], jobs: int
) -> Iterator[MigrationResult]:
    workspace.store.close()  # the processes may begin as copies of this one; it opens again when it is needed
    try:
        yield from migrate_with_processes(MigrationJob.of(workspace, target), ids, jobs)
    except BrokenProcessPool as broken:
        raise StateError(
            "One of the processes died before it told what it did. Every instance is either moved or as it was.",
            hint="Say the same again: those that were moved are left out.",
        ) from broken


def migrate_as_planned(
    workspace: Workspace, target: Target, chosen: Sequence[Standing], hashes: Mapping[str, str]
) -> Iterator[MigrationResult]:
    """Move instances exactly as was planned, or refuse those that moved on since.

    Args:
        hashes: Of the plans, by id of the instance.
    """
    yield from _one_by_one(workspace, target, chosen, hashes)


def _one_by_one(
    workspace: Workspace, target: Target, chosen: Sequence[Standing], hashes: Mapping[str, str]
) -> Iterator[MigrationResult]:
    for each in chosen:
        try:
            instance = workspace.catalog.instance(each.id)
            yield migrate_one(workspace, instance, target, expected=hashes.get(each.id))
        except RunnerError as error:
            yield failed(each.id, each.label, target.definition.label, each.revision, error)
        except Exception as error:  # whatever is wrong with one instance, the others are moved
            yield failed(each.id, each.label, target.definition.label, each.revision, as_bug(error))


def rollback_all(workspace: Workspace, chosen: Sequence[Standing]) -> Iterator[MigrationResult]:
    """Take the last migration of each instance back."""
    for each in chosen:
        try:
            yield rollback(workspace, workspace.catalog.instance(each.id))
        except RunnerError as error:
            yield failed(each.id, each.label, each.label, each.revision, error)


def migrate_many(
    workspace: Workspace, target: Target, ids: Iterable[str], *, chunk: int = CHUNK
) -> Iterator[MigrationResult]:
    """Move instances, one chunk after the other; yields what became of each once that is durable.

    Raises:
        StateError: The target is suspended.
    """
    require_open_target(target.definition)
    prover = Prover(workspace, target)
    for some in _chunks(ids, chunk):
        yield from migrate_chunk(workspace, prover, some)


def migrate_with_processes(
    job: MigrationJob, ids: Sequence[str], jobs: int, *, chunk: int = CHUNK
) -> Iterator[MigrationResult]:
    """As `migrate_many`, in several processes: this one, which has all it needs, and others beside it.

    Raises:
        StateError: The target is suspended.
        BrokenProcessPool: One of them died; what became of its instances stands in the store.
    """
    _open_here(job)
    yield from _work(list(ids[:1]))  # loads what the work needs, before others begin as copies of this process
    # Small enough that every process gets some.
    size = max(1, min(chunk, -(-len(ids) // jobs)))
    chunks = _chunks(ids[1:], size)
    _worker[0].workspace.catalog.store.close()  # connections do not survive being copied
    pool = ProcessPoolExecutor(max(1, jobs - 1), _processes(), _open, (job,))
    # One more for each, so that none waits until this process has done its own.
    given = {pool.submit(_work, some) for some in islice(chunks, 2 * (jobs - 1))}
    try:
        while given:
            own = next(chunks, None)
            if own is not None:
                yield from _work(own)
            done, given = wait(given, 0 if own is not None else None, FIRST_COMPLETED)
            given |= {pool.submit(_work, some) for some in islice(chunks, len(done))}
            for each in done:
                yield from each.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _processes() -> BaseContext:
    """The way further processes begin: as copies, where that is safe, which saves each half a second."""
    alone = threading.active_count() == 1  # a copy has one thread, whatever the others held
    return get_context("fork" if sys.platform == "linux" and alone else "spawn")


def _chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some


#: What a process of its own keeps between its chunks.
_worker: list[Prover] = []


def _open(job: MigrationJob) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began the processes ends them
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _open_here(job)


def _end_with_parent() -> None:
    """End this process once the one that began it is gone, even killed: nobody would give it work any more."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _open_here(job: MigrationJob) -> None:
    workspace = Workspace(job.settings, job.parts)
    target = target_of(workspace, job.target, policies=job.policies, allow=job.allow, force=job.force)
    require_open_target(target.definition)
    _worker[:] = [Prover(workspace, target)]


def _work(ids: list[str]) -> list[MigrationResult]:
    (prover,) = _worker
    return migrate_chunk(prover.workspace, prover, ids)


def migrate_chunk(workspace: Workspace, prover: Prover, ids: Sequence[str]) -> list[MigrationResult]:
    """Move instances in one transaction. One that cannot be moved is told, and stops no other.

    What is costly is done before others are kept out; whoever moved on meanwhile is looked at once more.
    """
    results: dict[str, MigrationResult] = {}
    stale = _attempt(workspace, prover, ids, results)
    if stale:
        stale = _attempt(workspace, prover, list(stale), results)
    results |= {id: _unmoved(id, prover, instance, error) for id, (instance, error) in stale.items()}
    return [results[id] for id in ids]


#: Instances that changed while they were being moved, each as it was, with what the store says.
_Stale: TypeAlias = "dict[str, tuple[Instance, ConflictError]]"


def _attempt(workspace: Workspace, prover: Prover, ids: Sequence[str], results: dict[str, MigrationResult]) -> _Stale:
    """Move those that can be moved, and fill in `results`, but for those that changed meanwhile."""
    moves: list[_Move] = []
    for id in ids:
        prepared = _prepared(workspace, prover, id)
        if isinstance(prepared, MigrationResult):
            results[id] = prepared
        else:
            moves.append(prepared)
    stale: _Stale = {}
    if moves:
        try:
            _store(workspace, prover, moves, results, stale)
        except BusyError as error:  # of the store as a whole: nothing was written
            results |= {move.before.id: _unmoved(move.before.id, prover, move.before, error) for move in moves}
    return stale


class _Move(Struct, frozen=True):
    """An instance, its state, what becomes of them, and what its history says of that."""

    before: Instance
    state: bytes
    ready: Ready
    entry: HistoryEntry


def _prepared(workspace: Workspace, prover: Prover, id: str) -> _Move | MigrationResult:
    try:
        instance, state = workspace.catalog.load(id)
    except RunnerError as error:
        return _unmoved(id, prover, None, error)
    try:
        ready = prover.ready(instance, state)
    except RunnerError as error:
        return _unmoved(id, prover, instance, error)
    except Exception as error:  # whatever is wrong with one instance, the others are moved
        return _unmoved(id, prover, instance, as_bug(error))
    if ready.row is None:
        return _slim(planned(ready.plan))
    details = noted(ready.plan, ready.plan.basis)
    return _Move(
        instance, state, ready, HistoryEntry(workspace.catalog.now(), "migrated", workspace.settings.user, details)
    )


def _store(
    workspace: Workspace, prover: Prover, moves: Sequence[_Move], results: dict[str, MigrationResult], stale: _Stale
) -> None:
    """Write what was prepared in one transaction, but for instances that others hold or have changed."""
    label = prover.target.definition.label
    names = {f"instance:{move.before.id}": move for move in moves}
    with (
        workspace.catalog.store.lock_each(names, holder=f"migrate to {label}") as held,
        workspace.catalog.transaction() as catalog,
    ):
        for name, move in names.items():
            id = move.before.id
            if name in held:
                results[id] = _unmoved(id, prover, move.before, held[name])
                continue
            try:
                results[id] = _stored(catalog, move)
            except ConflictError as error:
                stale[id] = move.before, error
            except RunnerError as error:
                results[id] = _unmoved(id, prover, move.before, error)


def _unmoved(id: str, prover: Prover, instance: Instance | None, error: RunnerError) -> MigrationResult:
    label = prover.target.definition.label
    if instance is None:
        return failed(id, "", label, 0, error)
    return failed(id, f"{instance.key}@{instance.version}", label, instance.revision, error)


def _stored(catalog: Catalog, move: _Move) -> MigrationResult:
    ready = move.ready
    assert ready.row is not None
    kept = (move.state, *ready.specs)
    saved = catalog.save(ready.row, ready.state, [move.entry], situation=ready.situation, keep=kept)
    plan = ready.plan
    return _slim(MigrationResult(plan.instance, plan.from_label, plan.to_label, "migrated", saved.revision, plan=plan))


def _slim(result: MigrationResult) -> MigrationResult:
    """A result without states, to be kept for many and sent between processes."""
    assert result.plan is not None
    if not result.plan.state and not result.plan.specs:
        return result
    return replace(result, plan=replace(result.plan, state=b"", specs=()))


def failed(id: str, from_label: str, to_label: str, revision: int, error: RunnerError) -> MigrationResult:
    """What became of an instance that an error kept where it was."""
    outcome: MigrationOutcome = "refused" if isinstance(error, StateError | ConflictError) else "failed"
    return MigrationResult(id, from_label, to_label, outcome, revision, error.message, error.hint or _way_out(error))


def _way_out(error: RunnerError) -> str | None:
    if isinstance(error, BusyError):
        return "Try again when that command has finished."
    return "Nothing was changed; mend the cause and try again." if isinstance(error, IncidentError) else None
