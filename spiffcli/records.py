"""Frozen values that cost little to define.

`dataclass(frozen=True, slots=True)` writes and compiles half a dozen functions for every class while its module
is imported. With some eighty classes that was a third of what a short command takes. `record` gives classes that
behave the same; their `__init__` is compiled once many values are made, their `Field`s are made when somebody asks
for them, and everything else is shared. `workspace` does so for values that change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

#: Values that are made of a class before its `__init__` is compiled: about as many as take as long as compiling it.
EARLY = 50

_C = TypeVar("_C", bound=type)
_V = TypeVar("_V")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: _C) -> _C:
    """Make `cls` a frozen value with slots.

    As with `dataclasses.dataclass(frozen=True, slots=True)`: fields come from annotations, `field()` gives
    factories, metadata and what does not take part in comparisons, and `fields` and `replace` of the standard
    library work on the values. There is no `__post_init__`, and no inheritance of fields.
    """
    return _made(cls, _FROZEN)


@dataclass_transform(field_specifiers=(field,))
def workspace(cls: _C) -> _C:
    """Make `cls` a class with slots for values that are filled step by step, as `record` makes frozen ones.

    As with `dataclasses.dataclass(slots=True)`, with the limits of `record`.
    """
    return _made(cls, _SHARED)


def _made(cls: _C, methods: Mapping[str, Any]) -> _C:
    """The class once more, with slots for what is annotated and with `methods`."""
    namespace = dict(cls.__dict__)
    names = tuple(cls.__annotations__)
    declared = {name: namespace.pop(name, MISSING) for name in names}
    for implied in ("__dict__", "__weakref__"):
        namespace.pop(implied, None)
    namespace |= methods
    namespace |= {"__slots__": names, "__declared__": declared, "__dataclass_fields__": _Fields(cls)}
    made: Any = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made  # type: ignore[no-any-return]


class _Fields:
    """Stands in for the fields of a record until somebody asks for them."""

    def __init__(self, plain: type) -> None:
        self._plain = plain

    def __get__(self, _value: object, cls: Any) -> dict[str, Field[Any]]:
        plain: Any = dataclass(init=False, repr=False, eq=False, match_args=False)(self._plain)
        cls.__dataclass_fields__ = plain.__dataclass_fields__
        return cls.__dataclass_fields__  # type: ignore[no-any-return]


def _early_init(self: Any, *args: Any, **kwargs: Any) -> None:
    """Stands in for `__init__` while there are few values: it takes longer, but there is nothing to compile."""
    cls: Any = type(self)
    cls.__early__ -= 1
    fitting = cls.__early__ >= 0 and len(args) <= len(cls.__slots__)
    named = 0
    for place, (name, declared) in enumerate(cls.__declared__.items()):
        if name in kwargs:
            value = kwargs[name]
            named += 1
            fitting = fitting and place >= len(args)
        elif place < len(args):
            value = args[place]
        elif isinstance(declared, Field):
            value = declared.default if declared.default_factory is MISSING else declared.default_factory()
        else:
            value = declared
        if value is MISSING:
            fitting = False
            break
        object.__setattr__(self, name, value)
    if not fitting or named != len(kwargs):
        cls.__init__ = _compiled(cls)
        cls.__init__(self, *args, **kwargs)  # says what is wrong with the arguments, too


def _compiled(cls: Any) -> Callable[..., None]:
    names: dict[str, Any] = {"_absent": MISSING}
    parameters, lines = [], []
    for name, declared in cls.__declared__.items():
        names[f"_set_{name}"] = cls.__dict__[name].__set__
        value, default = name, declared
        if isinstance(declared, Field):
            default = declared.default
            if declared.default_factory is not MISSING:
                names[f"_make_{name}"] = declared.default_factory
                value, default = f"_make_{name}() if {name} is _absent else {name}", MISSING
        if value != name:
            parameters.append(f"{name}=_absent")
        elif default is MISSING:
            parameters.append(name)
        else:
            names[f"_default_{name}"] = default
            parameters.append(f"{name}=_default_{name}")
        lines.append(f" _set_{name}(self, {value})")
    exec(f"def __init__(self, {', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), names)
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


@cache
def _compared(cls: Any) -> Callable[[Any], Any]:
    """Gives the values of a record that count when it is compared."""
    declared = cls.__declared__.items()
    names = [name for name, default in declared if not isinstance(default, Field) or default.compare]
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
    for name in cls.__slots__:
        names[f"_set_{name}"] = cls.__dict__[name].__set__
        parameters.append(f"{name}=_absent")
        lines.append(f" _set_{name}(_made, self.{name} if {name} is _absent else {name})")
    head = f"def change(self, /{''.join(f', {each}' for each in parameters)}):\n _made = _new(_cls)\n"
    exec(head + "\n".join([*lines, " return _made"]), names)
    made: Callable[..., Any] = names["change"]
    return made


@cache
def _values(cls: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Gives all values of a record."""
    names = cls.__slots__
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _state(self: Any) -> tuple[Any, ...]:
    cls: Any = type(self)
    return _values(cls)(self)


def _restore(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


#: What every value has, and what a frozen one has instead.
_SHARED: Mapping[str, Any] = {
    "__init__": _early_init,
    "__early__": EARLY,
    "__eq__": _equal,
    "__hash__": None,
    "__repr__": _show,
    "__getstate__": _state,
    "__setstate__": _restore,
}
_FROZEN: Mapping[str, Any] = {**_SHARED, "__hash__": _hash, "__setattr__": _refuse, "__delattr__": _refuse}
