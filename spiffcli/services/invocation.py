"""Calling methods: what each parameter gets, and coroutines run to their end."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from typing import Any

from msgspec import Struct

from spiffcli.config import prints_to_stderr
from spiffcli.engine.failures import in_words
from spiffcli.engine.ports import Level, Place, TaskHappening
from spiffcli.errors import InputError, RunnerError
from spiffcli.services.markers import MultiInstance, TaskEvent, TaskId, Wanted
from spiffcli.services.registry import Method


class Call(Struct, frozen=True):
    """What a method is called about.

    Attributes:
        aggregate: The aggregate, or None where the method makes it.
        element: Fetches the element of an iteration.
        make: Makes a resolver.
        given: What a form or decision gave.
    """

    place: Place
    aggregate: Any
    element: Callable[[Level], Any]
    make: Callable[[type[Any]], Any]
    happening: TaskHappening = "created"
    given: Mapping[str, Any] | None = None


def invoke(method: Method, service: Any, call: Call) -> Any:
    """Call a method, and wait for it if it is a coroutine.

    Args:
        service: The object it belongs to.

    Raises:
        InputError: It asks for an iteration that is not around its task.
        Exception: Whatever it raises.
    """
    positional: list[Any] = [service] if method.bound else []
    named: dict[str, Any] = {}
    for wanted in method.signature.parameters:
        if wanted.role == "unknown":
            continue
        value = _argument(wanted, call, method)
        if wanted.keyword:
            named[wanted.name] = value
        else:
            positional.append(value)
    with _prints_apart():
        result = method.function(*positional, **named)
        return _awaited(result) if inspect.iscoroutine(result) else result


@contextmanager
def _prints_apart() -> Iterator[None]:
    """Send what business code prints to standard error where `prints_to_stderr` says so."""
    if not prints_to_stderr.get():
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # The caller is in a loop of its own, which cannot be entered a second time.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, coroutine).result()


def _argument(wanted: Wanted, call: Call, method: Method) -> Any:
    if wanted.role == "aggregate":
        return call.aggregate
    if wanted.role == "task-id":
        return TaskId(call.place.task)
    if wanted.role == "event":
        return TaskEvent(call.happening)
    if wanted.role == "payload":
        return dict(call.given or {})
    level = _level(wanted, call, method)
    if wanted.role == "index":
        return level.index
    if wanted.role == "total":
        return level.total
    if wanted.role == "iteration":
        return _scope(level, call)
    if wanted.resolver is not None:
        scopes = {each.element: _scope(each, call) for each in call.place.levels}
        return call.make(wanted.resolver).resolve(call.aggregate, scopes)
    return call.element(level)


def _level(wanted: Wanted, call: Call, method: Method) -> Level:
    levels = call.place.levels
    found = [level for level in levels if wanted.scope in (None, level.element)]
    if not found:
        what = f"of '{wanted.scope}' " if wanted.scope else ""
        raise InputError(
            f"{method.label} asks for an iteration {what}with '{wanted.name}', and '{call.place.element}' is in none "
            "here",
            hint="Call the process from a multi-instance activity, or leave the parameter out.",
        )
    return found[-1]


def _scope(level: Level, call: Call) -> MultiInstance[Any]:
    fetch = None if level.collection is None else lambda: call.element(level)
    return MultiInstance(level.element, level.index, level.total, fetch)


@contextmanager
def told(what: str) -> Iterator[None]:
    """A context in which what a method raises says what could not be done because of it: there is no error path.

    Raises:
        InputError: It raised something.
    """
    try:
        yield
    except RunnerError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{what}: {in_words(error)}") from error
