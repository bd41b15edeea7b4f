"""Moving many instances: in chunks, each one transaction, each instance old or new whatever happens.

Whoever is interrupted begins anew: what has been moved runs on the target already and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from spiffcli.errors import BusyError, ConflictError, IncidentError, RunnerError, StateError
from spiffcli.migrate.applying import Outcome, Result, Target, check_open_for, planned, record
from spiffcli.migrate.proving import Prover, Ready
from spiffcli.values import HistoryEntry, Instance, digest

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog
    from spiffcli.config import Settings
    from spiffcli.engine.retarget.values import Policies
    from spiffcli.running import Context

#: Instances in one transaction: enough that making it durable costs each of them little, and few enough that other
#: commands wait for a moment only.
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Order:
    """What a process of its own needs to move instances, as plain values.

    Attributes:
        target: Id of the definition the instances go to.
        allow, force: As given.
    """

    settings: Settings
    target: str
    policies: Policies
    allow: tuple[str, ...] = ()
    force: bool = False


#: Opens what an order names: the context and the target.
Opener: TypeAlias = "Callable[[Order], tuple[Context, Target]]"


def migrate_many(context: Context, target: Target, ids: Iterable[str], *, chunk: int = CHUNK) -> Iterator[Result]:
    """Move instances, one chunk after the other; yields what became of each once that is durable.

    Raises:
        StateError: The target is suspended.
    """
    check_open_for(target.definition)
    prover = Prover(context, target)
    for some in _chunks(ids, chunk):
        yield from migrate_chunk(context, prover, some)


def migrate_with_processes(
    order: Order, ids: Sequence[str], jobs: int, opener: Opener, *, chunk: int = CHUNK
) -> Iterator[Result]:
    """As `migrate_many`, in several processes.

    Args:
        opener: Called in each process; a function of a module, since it is named to them.

    Raises:
        BrokenProcessPool: One of them died; what became of its instances stands in the store.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    # Small enough that every process gets some.
    size = max(1, min(chunk, -(-len(ids) // jobs)))
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _open, (order, opener))
    try:
        for done in as_completed([pool.submit(_work, some) for some in _chunks(ids, size)]):
            yield from done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some


#: What a process of its own keeps between its chunks.
_worker: list[Prover] = []


def _open(order: Order, opener: Opener) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began the processes ends them
    context, target = opener(order)
    check_open_for(target.definition)
    _worker[:] = [Prover(context, target)]


def _work(ids: list[str]) -> list[Result]:
    (prover,) = _worker
    return migrate_chunk(prover.context, prover, ids)


def migrate_chunk(context: Context, prover: Prover, ids: Sequence[str]) -> list[Result]:
    """Move instances in one transaction. One that cannot be moved is told, and stops no other."""
    label = prover.target.definition.label
    names = {f"instance:{id}": id for id in ids}
    results: dict[str, Result] = {}
    with context.catalog.store.lock_each(names, holder=f"migrate to {label}") as held:
        ready: list[_Move] = []
        for name, id in names.items():
            move = _prepared(context, prover, id, held.get(name))
            if isinstance(move, Result):
                results[id] = move
            else:
                ready.append(move)
        if ready:
            with context.catalog.transaction() as catalog:
                for move in ready:
                    results[move.before.id] = _stored(context, catalog, label, move)
    return [results[id] for id in names.values()]


@dataclass(frozen=True, slots=True)
class _Move:
    """An instance, its state, and what becomes of them."""

    before: Instance
    state: bytes
    ready: Ready


def _prepared(context: Context, prover: Prover, id: str, held: BusyError | None) -> _Move | Result:
    label = prover.target.definition.label
    try:
        instance, state = context.catalog.load(id)
    except RunnerError as error:
        return failed(id, "", label, 0, error)
    try:
        if held is not None:
            raise held
        ready = prover.ready(instance, state)
    except RunnerError as error:
        return failed(id, f"{instance.key}@{instance.version}", label, instance.revision, error)
    if ready.row is None:
        return _slim(planned(ready.plan))
    return _Move(instance, state, ready)


def _stored(context: Context, catalog: Catalog, label: str, move: _Move) -> Result:
    ready, before = move.ready, move.before
    assert ready.row is not None
    details = record(ready.plan, digest(move.state))
    entry = HistoryEntry(catalog.now(), "migrated", context.user, details)
    kept = (move.state, *ready.specs)
    try:
        saved = catalog.save(ready.row, ready.state, [entry], situation=ready.situation, keep=kept)
    except RunnerError as error:
        return failed(before.id, f"{before.key}@{before.version}", label, before.revision, error)
    plan = ready.plan
    return _slim(Result(plan.instance, plan.from_label, plan.to_label, "migrated", saved.revision, plan=plan))


def _slim(result: Result) -> Result:
    """A result without states, to be kept for many and sent between processes."""
    assert result.plan is not None
    return replace(result, plan=replace(result.plan, state=b"", specs=()))


def failed(id: str, from_label: str, to_label: str, revision: int, error: RunnerError) -> Result:
    """What became of an instance that an error kept where it was."""
    outcome: Outcome = "refused" if isinstance(error, StateError | ConflictError) else "failed"
    return Result(id, from_label, to_label, outcome, revision, error.message, error.hint or _way_out(error))


def _way_out(error: RunnerError) -> str | None:
    if isinstance(error, BusyError):
        return "Try again when that command has finished."
    return "Nothing was changed; mend the cause and try again." if isinstance(error, IncidentError) else None
