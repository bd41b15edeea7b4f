"""Frozen values that cost little to define.

`dataclass(frozen=True, slots=True)` writes and compiles half a dozen functions for every class while its module
is imported. With some forty classes that was a third of what a short command takes. `record` gives classes that
behave the same; their `__init__` is compiled when the first value is made, and everything else is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_C = TypeVar("_C", bound=type)
_V = TypeVar("_V")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: _C) -> _C:
    """Make `cls` a frozen value with slots.

    As with `dataclasses.dataclass(frozen=True, slots=True)`: fields come from annotations, `field()` gives
    factories, metadata and what does not take part in comparisons, and `fields` and `replace` of the standard
    library work on the values. There is no `__post_init__`, and no inheritance of fields.
    """
    methods: dict[str, Any] = {
        "__init__": _first_init,
        "__eq__": _equal,
        "__hash__": _hash,
        "__repr__": _show,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _state,
        "__setstate__": _restore,
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    made: Any = dataclass(init=False, repr=False, eq=False, match_args=False, slots=True)(cls)
    return made  # type: ignore[no-any-return]


def _first_init(self: Any, *args: Any, **kwargs: Any) -> None:
    """Stands in for `__init__` until the first value is made."""
    cls: Any = type(self)
    cls.__init__ = _compiled(cls)
    cls.__init__(self, *args, **kwargs)


def _compiled(cls: Any) -> Callable[..., None]:
    names: dict[str, Any] = {"_absent": MISSING}
    parameters, lines = [], []
    for item in fields(cls):
        names[f"_set_{item.name}"] = cls.__dict__[item.name].__set__
        value = item.name
        if item.default_factory is not MISSING:
            names[f"_make_{item.name}"] = item.default_factory
            parameters.append(f"{item.name}=_absent")
            value = f"_make_{item.name}() if {item.name} is _absent else {item.name}"
        elif item.default is not MISSING:
            names[f"_default_{item.name}"] = item.default
            parameters.append(f"{item.name}=_default_{item.name}")
        else:
            parameters.append(item.name)
        lines.append(f" _set_{item.name}(self, {value})")
    exec(f"def __init__(self, {', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), names)
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


@cache
def _compared(cls: Any) -> Callable[[Any], Any]:
    """Gives the values of a record that count when it is compared."""
    names = [item.name for item in fields(cls) if item.compare]
    return attrgetter(*names) if names else lambda _value: ()


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    kind: Any = type(self)
    values = _compared(kind)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    cls: Any = type(self)
    return hash(_compared(cls)(self))


def _show(self: Any) -> str:
    shown = ", ".join(f"{item.name}={value!r}" for item, value in _told(self))
    return f"{type(self).__qualname__}({shown})"


def _told(self: Any) -> Iterator[tuple[Field[Any], Any]]:
    """Fields that are shown, and do not have their default."""
    for item in fields(self):
        value = getattr(self, item.name)
        default = item.default if item.default_factory is MISSING else item.default_factory()
        if item.repr and (default is MISSING or value != default):
            yield item, value


def _refuse(self: Any, name: str, _value: object = None) -> None:
    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__name__}: it is frozen")


def changed(value: _V, **changes: Any) -> _V:
    """A record with other values in some fields.

    As `dataclasses.replace`, which takes five times as long for those with twenty fields.
    """
    cls: Any = type(value)
    made: _V = _changer(cls)(value, **changes)
    return made


@cache
def _changer(cls: Any) -> Callable[..., Any]:
    names: dict[str, Any] = {"_absent": MISSING, "_cls": cls, "_new": object.__new__}
    parameters, lines = [], []
    for item in fields(cls):
        names[f"_set_{item.name}"] = cls.__dict__[item.name].__set__
        parameters.append(f"{item.name}=_absent")
        lines.append(f" _set_{item.name}(_made, self.{item.name} if {item.name} is _absent else {item.name})")
    head = f"def change(self, /{''.join(f', {each}' for each in parameters)}):\n _made = _new(_cls)\n"
    exec(head + "\n".join([*lines, " return _made"]), names)
    made: Callable[..., Any] = names["change"]
    return made


@cache
def _values(cls: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Gives all values of a record."""
    names = [item.name for item in fields(cls)]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _state(self: Any) -> tuple[Any, ...]:
    cls: Any = type(self)
    return _values(cls)(self)


def _restore(self: Any, state: tuple[Any, ...]) -> None:
    for item, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)
