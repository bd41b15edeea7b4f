"""Aggregates that live elsewhere: the port, and how it is used so that they never part from their instances.

Two places cannot commit at once. So there is one switch, the commit of the instance: beside it stands under which
revision the repository keeps the aggregate. A revision is written before that commit, next to the one that counts, and
counts once the commit is there. Wherever the program dies, what the instance names is whole, and what it does not name
was never.
"""

from __future__ import annotations

import inspect
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from spiffcli.errors import DataError, RunnerError, StoreError
from spiffcli.services.errors import ServiceError
from spiffcli.text import joined
from spiffcli.values import AggregateRecord

A = TypeVar("A")

_log = logging.getLogger(__name__)


class AggregateKey(Struct, frozen=True):
    """Which aggregate: another process, or another tenant, may have the same natural id. `str` gives all three.

    Attributes:
        tenant: The tenant; empty for the default one.
        process: Id of the process.
        id: The natural id.
    """

    tenant: str
    process: str
    id: str

    def __str__(self) -> str:
        return joined(self.tenant, self.process, self.id)


class AggregateRepository(Protocol[A]):
    """Where aggregates of one type live, if not in the document store.

    It keeps revisions of an aggregate side by side. Revisions are whole numbers below 2**63, given by the caller and
    never twice; the larger is the newer. `save` is called just before the commit that makes a revision count, `settle`
    after it, and `load` only asks for revisions that count.
    """

    def load(self, key: AggregateKey, revision: int) -> A:
        """The aggregate as this very revision has it, as an object of its own.

        Raises:
            LookupError: There is no such revision.
        """
        ...

    def save(self, key: AggregateKey, revision: int, aggregate: A) -> None:
        """Keep a new revision durably, and leave older ones as they are: the commit that follows can still fail.

        Raises:
            Exception: It cannot be kept; then nothing of the step is.
        """
        ...

    def settle(self, key: AggregateKey, revision: int) -> None:
        """A revision counts from now on: those with smaller numbers are not needed any more.

        After a crash it may never be called for one; then it is for a later one.
        """


def require_repository(cls: type[Any], repository: Any) -> None:
    """Nothing, if an object can be a repository.

    Raises:
        ServiceError: It lacks a method, or one takes other arguments or is async.
    """
    if isinstance(repository, type):
        raise ServiceError(
            f"The repository of {cls.__name__} is the class {repository.__name__}, not an object of it.",
            hint=f"Write repository={repository.__name__}(...).",
        )
    for name, given in (("load", 2), ("save", 3), ("settle", 2)):
        method = getattr(repository, name, None)
        arguments = ", ".join(("key", "revision", "aggregate")[:given])
        if inspect.iscoroutinefunction(method):
            raise ServiceError(
                f"{type(repository).__name__} cannot be the repository of {cls.__name__}: its method {name} is async.",
                hint="It is called inside a transaction, which waits for nobody: let it return when it is done.",
            )
        if not callable(method) or not _takes(method, given):
            raise ServiceError(
                f"{type(repository).__name__} cannot be the repository of {cls.__name__}: "
                f"it has no method {name}({arguments}).",
                hint="See AggregateRepository: each aggregate is kept under its key and a revision.",
            )


def _takes(method: Callable[..., Any], given: int) -> bool:
    try:
        inspect.signature(method).bind(*range(given))
    except (TypeError, ValueError):
        return False
    return True


def kept_otherwise(record: AggregateRecord) -> DataError:
    """What is wrong where an aggregate is not kept where its type is registered to live."""
    here, there = "the document store", "a repository of its own"
    is_, has = (here, there) if record.kept_as is None else (there, here)
    return DataError(
        f"{record.type} '{record.natural_id}' is kept in {is_}, and {record.type} is registered to live in {has} now.",
        hint="Let instances that have not ended come to their end before aggregates of the type move.",
    )


def next_revision(before: int | None) -> int:
    """A revision that is larger than the one `before` and that no other attempt has, on whatever machine it is made."""
    return max(before or 0, time.time_ns()) + 1 + secrets.randbelow(2**20)


def load(repository: AggregateRepository[A], key: AggregateKey, revision: int) -> A:
    """The aggregate as a revision has it.

    Raises:
        DataError: The repository does not have that, or fails.
    """
    try:
        return repository.load(key, revision)
    except RunnerError:
        raise
    except Exception as error:
        told = f"has no revision {revision} of it" if isinstance(error, LookupError) else "cannot load it"
        raise DataError(
            f"The aggregate '{key.id}' of the process '{key.process}' is kept by {type(repository).__name__}, which "
            f"{told}: {type(error).__name__}: {error}.",
            hint="A repository keeps what it saved until a larger revision is settled.",
        ) from error


def save(repository: AggregateRepository[A], key: AggregateKey, revision: int, aggregate: A) -> None:
    """Let a repository keep a new revision, before the commit that makes it count.

    Raises:
        StoreError: It failed.
    """
    try:
        repository.save(key, revision, aggregate)
    except RunnerError:
        raise
    except Exception as error:
        raise StoreError(
            f"{type(repository).__name__} could not save the aggregate '{key.id}' of the process '{key.process}': "
            f"{type(error).__name__}: {error}.",
            hint="Nothing of the step was saved; it is repeated the next time.",
        ) from error


def settle(repository: AggregateRepository[Any], key: AggregateKey, revision: int) -> None:
    """Tell a repository that a revision counts. What it raises is told and changes nothing: the step is saved."""
    try:
        repository.settle(key, revision)
    except Exception as error:
        _log.warning(
            "%s could not settle revision %d of '%s': %s: %s. The step is saved; older revisions stay for now.",
            type(repository).__name__, revision, key, type(error).__name__, error,
        )  # fmt: skip
