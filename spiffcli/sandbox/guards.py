"""What the code that the policy writes calls at run time, and the built-ins of restricted scripts."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, Final

from spiffcli.sandbox import sizes
from spiffcli.sandbox.attributes import READABLE, is_closed, read_attribute, with_python_key
from spiffcli.sandbox.formatting import format_converted, format_value
from spiffcli.sandbox.modules import import_
from spiffcli.sandbox.offered import OfferedModule, guarded_class, paused
from spiffcli.sandbox.refusal import ScriptRefusalError
from spiffcli.sandbox.vocabulary import REFUSED_ATTRIBUTES, is_private

_MISSING: Final = object()


def writer(offered: Iterable[Any]) -> Callable[[Any], Any]:
    """The guard of everything a script changes.

    Args:
        offered: Objects of the engine module, which no script may change.

    Returns:
        A function that returns its argument when a script may set or delete its items and attributes.
    """
    fixed = {id(value) for value in offered}

    def writable(ob: Any) -> Any:
        kind = type(ob)
        if kind in READABLE or kind is SimpleNamespace:
            return ob
        if isinstance(ob, type | ModuleType | OfferedModule) or is_closed(kind) or id(ob) in fixed:
            name = getattr(ob, "__name__", None) or kind.__name__
            raise ScriptRefusalError(f"'{name}' cannot be changed by a script")
        return ob

    return writable


def augment_item(ob: Any, key: Any, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`ob[key] *= value` and the like."""
    ob[key] = operator(ob[key], value)


def augment_attribute(ob: Any, name: str, operator: Callable[[Any, Any], Any], value: Any) -> None:
    """`ob.name *= value` and the like."""
    setattr(ob, name, operator(read_attribute(ob, name), value))


def get_attribute(ob: Any, name: str, default: Any = _MISSING, /) -> Any:
    """`getattr(ob, name)`, as restricted scripts get it."""
    _check_attribute_name(name)
    if default is _MISSING:
        return read_attribute(ob, name)
    try:
        return read_attribute(ob, name)
    except AttributeError:
        return default


def has_attribute(ob: Any, name: str, /) -> bool:
    """`hasattr(ob, name)`, as restricted scripts get it."""
    _check_attribute_name(name)
    try:
        read_attribute(ob, name)
    except AttributeError:
        return False
    return True


def _check_attribute_name(name: str) -> None:
    if type(name) is not str:
        raise TypeError("attribute name must be string")
    if is_private(name) or name in REFUSED_ATTRIBUTES:
        raise ScriptRefusalError(f"the attribute '{name}' is not available to scripts")


def bounded_range(*args: Any) -> range:
    """`range(...)` of a length that does not hurt when it becomes a list."""
    made = range(*args)
    if made and (made[-1] - made[0]) // made.step >= sizes.MAX_ITEMS:
        raise MemoryError(f"a range of more than {sizes.MAX_ITEMS:,} numbers; use a while loop")
    return made


def make_bytes(*args: Any, **kwargs: Any) -> bytes:
    """`bytes(...)`."""
    if args and isinstance(args[0], int):
        sizes.check_items(args[0], "the bytes")
    return bytes(*args, **kwargs)


def make_int(*args: Any, **kwargs: Any) -> int:
    """`int(...)`."""
    if args and isinstance(args[0], str | bytes):
        sizes.check_bits(len(args[0]) * 4, "the number")
    return int(*args, **kwargs)


def int_from_bytes(given: Any, *args: Any, **kwargs: Any) -> int:
    """`int.from_bytes(...)`."""
    if isinstance(given, bytes | list | tuple):
        sizes.check_bits(len(given) * 8, "the number")
    return int.from_bytes(bytes(given), *args, **kwargs)


def rounded(number: Any, ndigits: Any = None) -> Any:
    """`round(...)`."""
    if isinstance(ndigits, int):
        sizes.check_bits(abs(ndigits) * 4, "the power of ten")
    return round(number, ndigits)


def iterate(ob: Any, *sentinel: Any) -> Iterator[Any]:
    """`iter(...)`; with a sentinel it may never end."""
    return paused(iter(ob, *sentinel)) if sentinel else iter(ob)


def total(iterable: Iterable[Any], /, start: Any = 0) -> Any:
    """`sum(...)` as Python code, so that an alarm can ring between two calls of it."""
    return sum(paused(iterable) if not isinstance(start, int | float) else iterable, start)


def smallest(*args: Any, key: Any = None, **kwargs: Any) -> Any:
    """`min(...)`."""
    return min(*args, key=with_python_key(key), **kwargs)


def largest(*args: Any, key: Any = None, **kwargs: Any) -> Any:
    """`max(...)`."""
    return max(*args, key=with_python_key(key), **kwargs)


def sort(iterable: Iterable[Any], /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    """`sorted(...)`."""
    return sorted(iterable, key=with_python_key(key), reverse=reverse)


def mapped(function: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
    """`map(...)`."""
    return paused(map(function, *iterables))


def filtered(function: Callable[..., Any] | None, iterable: Iterable[Any], /) -> Iterator[Any]:
    """`filter(...)`."""
    return paused(filter(function, iterable))


_PLAIN_BUILTINS: Final = (
    "abs all any ascii bin bool callable chr complex dict divmod enumerate float frozenset hash hex isinstance "
    "issubclass len list next oct ord repr reversed set slice str tuple zip"
)
_EXCEPTIONS: Final = (
    "ArithmeticError AssertionError AttributeError EOFError Exception FileNotFoundError FloatingPointError "
    "ImportError IndexError KeyError LookupError MemoryError ModuleNotFoundError NameError NotImplementedError "
    "OSError OverflowError PermissionError RecursionError RuntimeError StopIteration TimeoutError TypeError "
    "UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError ZeroDivisionError"
)

#: The built-ins of restricted scripts. Scripts cannot reach the dictionary itself.
BUILTINS: Final[dict[str, Any]] = {
    **{name: getattr(builtins, name) for name in f"{_PLAIN_BUILTINS} {_EXCEPTIONS}".split()},
    # Functions in C import what they need (`date.strftime` the module time) by way of the caller's built-ins. Scripts
    # have no name for it, and the policy leaves no import statement in them.
    "__import__": builtins.__import__,
    "bytes": guarded_class(bytes, make_bytes, bases=(bytes,)),
    "int": guarded_class(int, make_int, bases=(int,), from_bytes=int_from_bytes),
    "range": guarded_class(range, bounded_range),
    "filter": filtered,
    "format": format_value,
    "getattr": get_attribute,
    "hasattr": has_attribute,
    "iter": iterate,
    "map": mapped,
    "max": largest,
    "min": smallest,
    "pow": sizes.power,
    "round": rounded,
    "sorted": sort,
    "sum": total,
}

#: The guards by the names that the policy writes.
GUARDS: Final[dict[str, Any]] = {
    "__builtins__": BUILTINS,
    "_Exception_": Exception,
    "_augment_attribute_": augment_attribute,
    "_augment_item_": augment_item,
    "_format_": format_converted,
    "_getattr_": read_attribute,
    "_ilshift_": sizes.shift_left,
    "_imod_": sizes.modulo,
    "_import_": import_,
    "_imul_": sizes.multiply_in_place,
    "_ipow_": sizes.power,
    "_lshift_": sizes.shift_left,
    "_mod_": sizes.modulo,
    "_mul_": sizes.multiply,
    "_pow_": sizes.power,
}
