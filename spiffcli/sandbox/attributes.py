"""Which attributes of which objects a restricted script can read.

Three kinds of objects:

- Values of the plain types of Python: an allow-list by exact type. Methods that could blow up memory or read
  attributes by name (`str.format`) are replaced by guarded functions.
- Everything else of the standard library (functions, generators, modules, tracebacks, iterators ...): nothing.
- Objects of other packages. Only an engine module can have put them there, so they are open: every public attribute
  can be read, except a module.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from random import Random
from re import Match, Pattern
from time import struct_time
from types import FunctionType, GeneratorType, ModuleType, NoneType, SimpleNamespace
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from spiffcli.sandbox import formatting, sizes
from spiffcli.sandbox.modules import RANDOM_METHODS, substitute_matches
from spiffcli.sandbox.offered import GuardedClass, OfferedModule, paused
from spiffcli.sandbox.refusal import ScriptRefusalError
from spiffcli.sandbox.vocabulary import REFUSED_ATTRIBUTES, is_private

#: For every readable name: the function that replaces the method, or None for the attribute itself.
Readable = Mapping[str, Callable[..., Any] | None]


def with_python_key(key: Any) -> Any:
    """`key` as a Python function, so that an alarm can ring between two calls of it."""
    return None if key is None else lambda value: key(value)


def sort_list(items: list[Any], *, key: Any = None, reverse: bool = False) -> None:
    """`items.sort(...)`."""
    items.sort(key=with_python_key(key), reverse=reverse)


def _substitute(method: str) -> Callable[..., Any]:
    def call(pattern: Any, repl: Any, string: Any, count: int = 0) -> Any:
        return substitute_matches(pattern, repl, string, count, method=method)

    return call


_JUSTIFY: Final[Readable] = {name: sizes.justify(name) for name in ("ljust", "rjust", "center", "zfill")}
_TEXT: Final[Readable] = {
    **_JUSTIFY,
    "expandtabs": sizes.expand_tabs,
    "replace": sizes.replace,
    "join": sizes.join,
    "translate": sizes.translate,
}
_INT: Final[Readable] = {"to_bytes": sizes.to_bytes}

_REPLACED: Final[Mapping[type, Readable]] = {
    str: {**_TEXT, "format": formatting.format_text, "format_map": formatting.format_mapping},
    bytes: _TEXT,
    int: _INT,
    bool: _INT,
    list: {"sort": sort_list},
    Pattern: {"sub": _substitute("sub"), "subn": _substitute("subn")},
    Counter: {"elements": lambda counter: paused(counter.elements())},
}

_VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))

#: Types all of whose public attributes are harmless.
_OPEN_TYPES: Final[tuple[type, ...]] = (
    *(NoneType, str, bytes, int, bool, float, complex, list, tuple, dict, set, frozenset, range, slice),
    *_VIEWS,
    *(date, datetime, time, timedelta, timezone, Decimal, Fraction, UUID, Pattern, Match, struct_time),
    *(Counter, OrderedDict, defaultdict, deque),
)
#: Types of which only some attributes are.
_SOME: Final[Mapping[type, Iterable[str]]] = {
    GeneratorType: ("send", "close"),
    Random: RANDOM_METHODS,
    ZoneInfo: ("key", "utcoffset", "tzname", "dst"),
}
#: Public attributes that are not.
_HIDDEN: Final[Mapping[type, set[str]]] = {
    Pattern: {"scanner"},
    int: {"from_bytes"},
    bool: {"from_bytes"},
    **{view: {"mapping"} for view in _VIEWS},
}


def _readable() -> dict[type, Readable]:
    table: dict[type, Readable] = {kind: dict.fromkeys(names) for kind, names in _SOME.items()}
    for kind in _OPEN_TYPES:
        hidden = _HIDDEN.get(kind, set())
        names: dict[str, Callable[..., Any] | None] = dict.fromkeys(
            name for name in dir(kind) if not is_private(name) and name not in hidden
        )
        names.update({name: call for name, call in _REPLACED.get(kind, {}).items() if name in names})
        table[kind] = names
    return table


READABLE: Final = _readable()

#: Attributes of exceptions that scripts can read, where their values are plain. `obj` of an AttributeError is not
#: among them: it is whatever the attribute was looked up on.
_NO_EXCEPTION_ATTRIBUTE: Final = {"obj", "with_traceback", "add_note", "exceptions", "subgroup", "split", "derive"}
_PLAIN: Final = (str, bytes, int, float, bool, NoneType, tuple, list, dict, set, frozenset, Decimal, date, Enum)

#: Top-level packages whose objects are closed unless listed above.
_CLOSED_PACKAGES: Final = sys.stdlib_module_names | {
    "spiffcli",
    "SpiffWorkflow",
    "RestrictedPython",
    "jinja2",
    "lxml",
    "click",
    "git",
    "rich",
    "tinydb",
}

_NOTHING: Final[Readable] = {}
#: Policy by type: the readable names, or None for an open object. Weak, as scripts make named tuple types.
_policies: WeakKeyDictionary[type, tuple[Readable, bool]] = WeakKeyDictionary()


def policy_of(kind: type) -> tuple[Readable, bool]:
    """Readable names of instances of `kind`, and whether everything else public is readable too."""
    known = _policies.get(kind)
    if known is None:
        known = _policies[kind] = _decide(kind)
    return known


def _decide(kind: type) -> tuple[Readable, bool]:
    if kind in READABLE:
        return READABLE[kind], False
    is_open = not is_closed(kind) and not issubclass(kind, type | ModuleType)
    for base in kind.__mro__[1:]:
        if base in READABLE:
            extra = getattr(kind, "_fields", ()) if issubclass(kind, tuple) else ()
            if issubclass(kind, Enum):
                extra = (*extra, "name", "value")
            more = dict.fromkeys(name for name in extra if not is_private(name))
            return {**READABLE[base], **more}, is_open
    if issubclass(kind, Enum):
        return {"name": None, "value": None}, is_open
    return _NOTHING, is_open or kind is SimpleNamespace


def is_closed(kind: type) -> bool:
    """Whether a type belongs to the standard library or to one of the packages that run the workflow."""
    return kind.__module__.partition(".")[0] in _CLOSED_PACKAGES


def read_attribute(ob: Any, name: str) -> Any:
    """`ob.name`, as restricted scripts get it.

    Raises:
        AttributeError: There is no such attribute.
        ScriptRefusalError: There is, but not for scripts.
    """
    readable = READABLE.get(type(ob))
    if readable is not None and name in readable:
        guarded = readable[name]
        return getattr(ob, name) if guarded is None else partial(guarded, ob)
    return _read_other(ob, name)


def _read_other(ob: Any, name: str) -> Any:
    if is_private(name) or name in REFUSED_ATTRIBUTES:
        raise ScriptRefusalError(f"the attribute '{name}' is not available to scripts")
    if isinstance(ob, OfferedModule):
        return getattr(ob, name)
    if isinstance(ob, type):
        return _read_of_class(ob, name)
    if isinstance(ob, BaseException):
        return _read_of_exception(ob, name)
    readable, is_open = policy_of(type(ob))
    if name in readable:
        guarded = readable[name]
        return getattr(ob, name) if guarded is None else partial(guarded, ob)
    value = getattr(ob, name)  # Python's own error where there is no such attribute
    if is_open:
        return _checked(value, name)
    raise ScriptRefusalError(f"'{type(ob).__name__}.{name}' is not available to scripts")


def _read_of_class(kind: type, name: str) -> Any:
    if isinstance(kind, GuardedClass):
        if name in vars(kind):
            return getattr(kind, name)
        kind = kind._real
    readable, is_open = policy_of(kind)
    if name in readable:
        value = readable[name] or getattr(kind, name)
        return _method_of(kind, value) if isinstance(value, FunctionType) else value
    value = getattr(kind, name)
    if is_open and not hasattr(type, name):
        return _checked(value, name)
    raise ScriptRefusalError(f"'{kind.__name__}.{name}' is not available to scripts")


def _method_of(kind: type, function: FunctionType) -> Callable[..., Any]:
    """A method that is taken from its class. Python functions, unlike those in C, do not look at what they are called
    with: `Counter.copy(value)` would return `value.__class__(value)`, which for a class is its metaclass."""

    def method(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(instance, kind):
            raise TypeError(f"{function.__name__}() of '{kind.__name__}' called with a '{type(instance).__name__}'")
        return function(instance, *args, **kwargs)

    return method


def _read_of_exception(error: BaseException, name: str) -> Any:
    value = getattr(error, name)
    if name in _NO_EXCEPTION_ATTRIBUTE or not isinstance(value, _PLAIN):
        raise ScriptRefusalError(f"'{type(error).__name__}.{name}' is not available to scripts")
    return value


def _checked(value: Any, name: str) -> Any:
    if isinstance(value, ModuleType):
        raise ScriptRefusalError(f"'{name}' is a module, which scripts cannot use")
    return value
