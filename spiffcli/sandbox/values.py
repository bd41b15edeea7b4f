"""Values on their way between task data and a script: what crosses, as what, and how large it may be."""

from __future__ import annotations

import builtins
import datetime
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any, Final
from uuid import UUID

from pydantic_monty import ClassInstance, ClassType

#: Parts that one value may have, counted as they are stored.
MOST_PARTS: Final = 2_000_000

#: Levels that a value may have inside of each other: deeper ones cannot be written as JSON and read again.
DEEPEST: Final = 200

#: Digits of a whole number that Python turns into text and back.
MOST_DIGITS: Final = 4300

_SCALARS: Final = frozenset(
    {type(None), bool, int, float, str, bytes, Decimal, datetime.date, datetime.datetime, datetime.time}
    | {datetime.timedelta, datetime.timezone, complex}
)
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)


class UnstorableError(Exception):
    """A value that task data cannot hold."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def measure(value: Any, name: str) -> None:
    """Raise UnstorableError where a value is too large or too deep to be stored, or contains itself.

    What stands in two places is stored twice, so it counts twice; each is looked at once.
    """
    _Measure(name).parts_of(value, 0)


class _Measure:
    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[int, tuple[int, int]] = {}
        self._above: set[int] = set()

    def parts_of(self, value: Any, depth: int) -> tuple[int, int]:
        """Return how many parts a value has when it is written out, and how many levels."""
        if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
            raise UnstorableError(f"{self._name} is a number of more than {MOST_DIGITS} digits")
        if not isinstance(value, _CONTAINERS):
            return 1, 0
        if id(value) in self._known:
            return self._known[id(value)]
        if id(value) in self._above:
            raise UnstorableError(f"{self._name} contains itself")
        if depth > DEEPEST:
            raise UnstorableError(f"{self._name} has more than {DEEPEST} levels")
        self._above.add(id(value))
        parts, levels = 1, 0
        for each in (*value.values(), *value.keys()) if isinstance(value, dict) else value:
            more, below = self.parts_of(each, depth + 1)
            parts, levels = parts + more, max(levels, below + 1)
        self._above.discard(id(value))
        if parts > MOST_PARTS:
            raise UnstorableError(f"{self._name} has more than {MOST_PARTS:,} parts")
        if depth + levels > DEEPEST:
            raise UnstorableError(f"{self._name} has more than {DEEPEST} levels")
        self._known[id(value)] = (parts, levels)
        return parts, levels


class HostCalls:
    """What host functions raised while a script called them: in the sandbox only the text of it is known."""

    def __init__(self) -> None:
        self._raised: list[BaseException] = []
        self.told: dict[int, str] = {}

    def wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a host function as the sandbox calls it: results cross, and what it raises is noted."""

        def call(*arguments: Any, **named: Any) -> Any:
            before = _texts((*arguments, *named.values()))
            try:
                result = function(*arguments, **named)
            except BaseException as error:
                raise self._noted(error) from error
            if _texts((*arguments, *named.values())) != before:
                name = getattr(function, "__name__", "a function")
                raise self._noted(
                    TypeError(
                        f"{name}() changes what it is given, which a script would not see: let it return the new value"
                    )
                )
            return for_sandbox(result, self)

        return call

    def _noted(self, error: BaseException) -> BaseException:
        text = describe(error)
        self._raised.append(error)
        self.told[id(error)] = text
        known = next((cls for cls in type(error).__mro__ if getattr(builtins, cls.__name__, None) is cls), Exception)
        return known(text) if known is not object else Exception(text)

    def cause_of(self, raised: BaseException) -> BaseException | None:
        """Return what a host function raised, if that is what ended the script."""
        text = describe(raised)
        for error in reversed(self._raised):
            if isinstance(error, KeyboardInterrupt) or self.told[id(error)] == text:
                return error
        return None


def describe(error: BaseException) -> str:
    """Return the message of an exception, also where making it fails."""
    try:
        if isinstance(error, KeyError) and len(error.args) == 1:
            return repr(error.args[0])
        return str(error)
    except Exception as another:
        return f"(no message: {type(another).__name__} while making it)"


def _texts(values: Iterable[Any]) -> list[str]:
    return [repr(value) for value in values if isinstance(value, list | dict | set)]


def is_host_object(value: Any) -> bool:
    """Return whether a value is an object of a class that the sandbox does not know."""
    return not isinstance(value, (*_SCALARS, *_CONTAINERS))


def for_sandbox(value: Any, calls: HostCalls) -> Any:
    """Return a value as it is handed to a script: plain ones as they are, objects by their public parts."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind in (list, tuple, set, frozenset):
        made = [for_sandbox(each, calls) for each in value]
        return value if all(a is b for a, b in zip(made, value, strict=True)) else kind(made)
    if isinstance(value, Mapping) and callable(value):  # values that are asked for by calling what holds them
        return calls.wrapped(value)
    if isinstance(value, Mapping):
        fields = {key: for_sandbox(each, calls) for key, each in value.items()}
        return value if kind is dict and all(fields[key] is value[key] for key in fields) else fields
    return _object_for_sandbox(value, calls)


def _object_for_sandbox(value: Any, calls: HostCalls) -> Any:
    for plain in (bool, int, float, str, bytes, Decimal, datetime.datetime, datetime.date):
        if isinstance(value, plain):
            return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return for_sandbox((list if isinstance(value, list) else tuple)(value), calls)
    if isinstance(value, ModuleType):
        return _module(value, calls)
    if isinstance(value, type):
        every: Any = {"lazy_attrs": "all", "allowed_methods": "all"}
        made: dict[str, Any] = {f"instance_{name}": "all" for name in every}
        return ClassType(value, init=True, **every, **made)
    if callable(value) and (not hasattr(type(value), "__dict__") or hasattr(value, "__name__")):
        return calls.wrapped(value)
    return _Object(value, calls)


class _Object(ClassInstance):
    """An object of an engine module: scripts read its public attributes and call its public methods."""

    def __init__(self, value: Any, calls: HostCalls) -> None:
        super().__init__(value, eager_attrs=None, lazy_attrs="all", allowed_methods="all")
        self._calls = calls

    def convert_value(self, name: str, value: Any) -> Any:
        """Return a part of the object as it is handed on."""
        return for_sandbox(value, self._calls)


def _module(module: ModuleType, calls: HostCalls) -> Any:
    """Return what a script gets of a module that an engine module offers: its own public names."""
    public = getattr(module, "__all__", None) or [name for name in vars(module) if _belongs_to(module, name)]
    parts = {name: getattr(module, name) for name in public}
    own = {name: part for name, part in parts.items() if not isinstance(part, ModuleType)}
    return ClassInstance(
        SimpleNamespace(**own),
        eager_attrs=None,
        lazy_attrs=[name for name, part in own.items() if not callable(part)],
        allowed_methods=[name for name, part in own.items() if callable(part)],
    )


def _belongs_to(module: ModuleType, name: str) -> bool:
    """Return whether a name is the module's own: not private, and not a function or class from elsewhere."""
    value = getattr(module, name)
    home = getattr(value, "__module__", None) or module.__name__
    return not name.startswith("_") and (home == module.__name__ or not callable(value))
