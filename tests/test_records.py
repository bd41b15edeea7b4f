from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
from collections.abc import Mapping
from typing import Any

import pytest

from spiffcli.records import EARLY, changed, record, workspace


@record
class Point:
    """A place."""

    x: int
    y: int = 0
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    line: int = dataclasses.field(default=0, compare=False, repr=False)

    @property
    def sum(self) -> int:
        return self.x + self.y


@record
class Pair:
    a: str
    b: str = "b"


@record
class Nothing:
    pass


def test_values_are_made_by_position_and_by_name() -> None:
    assert (Point(1, 2).x, Point(1, y=2).y, Point(x=1).tags) == (1, 2, {})
    assert Point(1, 2).sum == 3


def test_a_missing_or_unknown_argument_is_an_error() -> None:
    with pytest.raises(TypeError, match="Point"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="z"):
        Point(1, z=3)  # type: ignore[call-arg]


def test_every_value_has_a_default_of_its_own() -> None:
    assert Point(1).tags is not Point(1).tags


def test_values_are_equal_by_what_counts() -> None:
    assert Point(1, 2, line=3) == Point(1, 2, line=4)
    assert Point(1) != Point(2)
    assert Point(1) != Pair("1")
    assert Pair("a") == Pair("a")
    assert Nothing() == Nothing()


def test_values_without_mappings_can_be_in_sets() -> None:
    assert len({Pair("a"), Pair("a"), Pair("b")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))


def test_values_are_frozen_and_have_slots() -> None:
    point = Point(1)

    with pytest.raises(dataclasses.FrozenInstanceError, match="'x' of a Point"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")


def test_only_what_is_not_default_is_shown() -> None:
    assert repr(Point(1, line=7)) == "Point(x=1)"
    assert repr(Point(0, 2, {"a": "b"})) == "Point(x=0, y=2, tags={'a': 'b'})"


def test_the_standard_library_knows_the_fields() -> None:
    assert [item.name for item in dataclasses.fields(Point)] == ["x", "y", "tags", "line"]
    assert dataclasses.replace(Point(1, 2), y=5) == Point(1, 5)
    assert dataclasses.asdict(Pair("a")) == {"a": "a", "b": "b"}
    assert dataclasses.is_dataclass(Point)


def test_values_survive_copying_and_pickling() -> None:
    point = Point(1, 2, {"a": "b"}, 9)

    for twin in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert twin == point
        assert twin.line == 9


def test_the_signature_is_the_one_of_the_fields_once_many_values_were_made() -> None:
    for _ in range(EARLY + 1):
        Point(1)

    assert list(inspect.signature(Point).parameters) == ["x", "y", "tags", "line"]


def test_documentation_and_name_stay() -> None:
    assert Point.__doc__ == "A place."
    assert Point.__qualname__ == "Point"


def test_a_record_is_changed_as_replace_does_it() -> None:
    point = Point(1, 2, {"a": "b"}, line=3)
    for changes in ({}, {"x": 5}, {"tags": {}, "line": 0}):
        new = changed(point, **changes)
        assert dataclasses.asdict(new) == dataclasses.asdict(dataclasses.replace(point, **changes))
        assert type(new) is Point
    assert point.x == 1
    assert changed(Nothing()) == Nothing()


def test_changing_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TypeError, match="z"):
        changed(Point(1), z=1)


@workspace
class Bench:
    name: str
    tools: list[str] = dataclasses.field(default_factory=list)
    clean: bool = True

    def add(self, tool: str) -> None:
        self.tools.append(tool)
        self.clean = False


def test_a_workspace_is_filled_step_by_step() -> None:
    bench = Bench("a")
    bench.add("saw")

    assert (bench.tools, bench.clean) == (["saw"], False)
    assert bench == Bench("a", ["saw"], clean=False)
    assert not hasattr(bench, "__dict__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(bench)


def _fresh() -> Any:
    @record
    class Fresh:
        a: int
        b: str = "b"
        c: list[int] = dataclasses.field(default_factory=list)
        d: int = dataclasses.field(default=4, compare=False)

    return Fresh


def test_the_first_values_are_made_as_the_later_ones() -> None:
    fresh = _fresh()

    made = [fresh(n, c=[n]) for n in range(3 * EARLY)]

    assert [(each.a, each.b, each.c, each.d) for each in made] == [(n, "b", [n], 4) for n in range(3 * EARLY)]
    assert fresh(1) == made[0].__class__(1, "b", [], 5)


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ((), {}, "missing 1 required positional argument: 'a'"),
        ((1, "b", [], 4, 5), {}, "takes from 2 to 5 positional arguments but 6 were given"),
        ((1,), {"a": 1}, "multiple values for argument 'a'"),
        ((1,), {"z": 1}, "unexpected keyword argument 'z'"),
    ],
)
@pytest.mark.parametrize("earlier", [0, 3 * EARLY], ids=["first", "later"])
def test_wrong_arguments_are_told_in_python_s_words(
    args: tuple[Any, ...], kwargs: dict[str, Any], says: str, earlier: int
) -> None:
    fresh = _fresh()
    for n in range(earlier):
        fresh(n)

    with pytest.raises(TypeError, match=re.escape(says)):
        fresh(*args, **kwargs)
    assert fresh(7).a == 7
