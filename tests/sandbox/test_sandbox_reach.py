"""Where a restricted script gets by reading attributes, from everything it can start with."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import random
import re
import types
import uuid
import zoneinfo
from typing import Any

import pytest

from spiffcli.sandbox.attributes import read_attribute
from spiffcli.sandbox.guards import BUILTINS
from spiffcli.sandbox.modules import MODULES, import_, offered_names
from spiffcli.sandbox.refusal import ScriptRefusalError
from spiffcli.sandbox.vocabulary import REFUSED_ATTRIBUTES, is_private

INSIDES = (
    types.ModuleType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
    types.MappingProxyType,
)


class User:
    helper = re

    def method(self) -> None: ...


def generator() -> Any:
    yield 1


def error_of(expression: Any) -> Exception:
    try:
        expression()
    except Exception as error:
        return error
    raise AssertionError


Point = collections.namedtuple("Point", "x y")

START: dict[str, Any] = {
    **{name: value for name, value in BUILTINS.items() if not is_private(name)},
    **{f"{module}.{name}": import_(module, name) for module in MODULES for name in offered_names(module)},
    **{
        f"a {type(value).__name__}": value
        for value in ("", b"", 1, 1.5, 1j, True, None, [], (), {}, set(), frozenset())
    },
    **{
        f"a {type(value).__name__}": value
        for value in (range(1), slice(1), {}.keys(), {}.items(), {}.values(), iter([]))
    },
    "an error": error_of(lambda: (1).nothing),  # type: ignore[attr-defined]
    "a user error": error_of(lambda: User().nothing),  # type: ignore[attr-defined]
    "a generator": generator(),
    "a function": generator,
    "a method": User().method,
    "a user object": User(),
    "a user class": User,
    "a named tuple": Point(1, 2),
    "a named tuple class": Point,
    "a partial": functools.partial(generator),
    "a date": datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
    "a time": datetime.time(),
    "a duration": datetime.timedelta(),
    "a decimal": decimal.Decimal(1),
    "a fraction": fractions.Fraction(1),
    "a uuid": uuid.UUID(int=1),
    "a pattern": re.compile("a"),
    "a match": re.match("a", "a"),
    "a random": random.Random(1),
    "a counter": collections.Counter("a"),
    "a queue": collections.deque([1]),
    "a default": collections.defaultdict(int),
}


def readable(value: Any) -> dict[str, Any]:
    """Everything that a script can read from `value` directly."""
    found = {}
    for name in {*dir(value), *dir(type(value))}:
        try:
            found[name] = read_attribute(value, name)
        except (ScriptRefusalError, AttributeError, ValueError):
            continue
    return found


def reach(start: Any) -> dict[str, Any]:
    """Everything a script gets from `start` by reading attributes again and again, by its path."""
    found, todo, seen = {"": start}, [("", start)], set()
    while todo:
        path, value = todo.pop()
        key = (type(value), getattr(value, "__qualname__", ""))
        if key in seen:
            continue
        seen.add(key)
        for name, attribute in readable(value).items():
            found[f"{path}.{name}"] = attribute
            todo.append((f"{path}.{name}", attribute))
    return found


@pytest.mark.parametrize("name", sorted(START))
def test_no_attribute_leads_inside_the_interpreter(name: str) -> None:
    for path, value in reach(START[name]).items():
        assert not isinstance(value, INSIDES), path
        assert value is not type, path
        assert value is not object, path
        assert not is_private(path.rpartition(".")[2] or "x"), path
        assert path.rpartition(".")[2] not in REFUSED_ATTRIBUTES


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_offer_no_module_and_nothing_that_can_be_changed_for_others(module: str) -> None:
    for name in offered_names(module):
        value = import_(module, name)
        assert not isinstance(value, types.ModuleType)
        assert not isinstance(value, list | dict | set)
        assert not is_private(name)


def test_a_module_is_offered_anew_or_cannot_be_changed() -> None:
    first, second = import_("random"), import_("random")
    first.seed(1)
    second.seed(1)
    assert first.random() == second.random()
    with pytest.raises(ScriptRefusalError):
        import_("math").pi = 3
