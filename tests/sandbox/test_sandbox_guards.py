"""Stand-ins and size checks one by one, where no script shows them."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from spiffcli.sandbox import sizes
from spiffcli.sandbox.guards import BUILTINS
from spiffcli.sandbox.modules import import_


def test_an_offered_module_describes_itself_and_cannot_be_copied_or_stored() -> None:
    module = import_("math")
    assert repr(module) == "<module 'math' for scripts>"
    assert "sqrt" in dir(module)
    assert copy.copy(module) is module
    assert copy.deepcopy({"m": module})["m"] is module
    with pytest.raises(TypeError, match="cannot be stored"):
        pickle.dumps(module)


def test_a_stand_in_class_is_taken_for_the_class_it_stands_for() -> None:
    stand_in = import_("decimal", "Decimal")
    assert stand_in == Decimal
    assert stand_in != Fraction
    assert hash(stand_in) == hash(Decimal)
    assert repr(stand_in) == repr(Decimal)
    assert type(stand_in("1.5")) is Decimal
    assert isinstance(Decimal(1), stand_in)
    assert not isinstance(1, stand_in)
    assert issubclass(Decimal, stand_in)
    assert isinstance(Decimal(1), str | stand_in)


def test_names_of_typing_take_part_in_every_annotation() -> None:
    anything = import_("typing", "Optional")
    assert repr([anything[int] | None, None | anything]) == "[typing, typing]"


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda: sizes.multiply(3, 4), 12),
        (lambda: sizes.multiply(1.5, 2), 3.0),
        (lambda: sizes.multiply(2, 1.5), 3.0),
        (lambda: sizes.multiply("ab", 2), "abab"),
        (lambda: sizes.multiply(2, [1]), [1, 1]),
        (lambda: sizes.power(2, -1), 0.5),
        (lambda: sizes.power(1, 10**9), 1),
        (lambda: sizes.power(-1, 10**9), 1),
        (lambda: sizes.power(3, 10**5, 7), pow(3, 10**5, 7)),
        (lambda: sizes.power(2.5, 2), 6.25),
        (lambda: sizes.power(Decimal(2), 3), Decimal(8)),
        (lambda: sizes.shift_left(1, 4), 16),
        (lambda: sizes.modulo(7, 3), 1),
        (lambda: sizes.modulo(b"%d", 3), b"3"),
        (lambda: sizes.modulo("%*d|%.*f", (4, 1, 1, 2.0)), "   1|2.0"),
        (lambda: sizes.modulo("%5.1f%%", 2), "  2.0%"),
        (lambda: sizes.join(",", iter("ab")), "a,b"),
        (lambda: sizes.translate("ab", {97: None, 98: "xy"}), "xy"),
        (lambda: sizes.translate(b"ab", bytes(range(256)), b"a"), b"b"),
        (lambda: len(import_("re", "sub")("(b)", r"\1" * 40, "a" * 200_000 + "b")), 200_040),
        (lambda: len(import_("re", "sub")(b"a", b"b" * 30_000, b"a" * 333)), 9_990_000),
        (lambda: sizes.replace(b"ab", b"a", b"cc"), b"ccb"),
        (lambda: BUILTINS["iter"]([5]).__next__(), 5),
        (lambda: BUILTINS["int"].from_bytes([1, 0], "big"), 256),
        (lambda: import_("math", "perm")(5), 120),
        (lambda: import_("math", "factorial")(0), 1),
        (lambda: import_("math", "comb")(3, 7), 0),
    ],
)
def test_values_of_ordinary_size_pass(call: Any, value: Any) -> None:
    assert call() == value


@pytest.mark.parametrize(
    "call",
    [
        lambda: sizes.join(",", [1, 2]),
        lambda: sizes.join(",", ["a", b"b"]),
        lambda: sizes.modulo("%d", "x"),
        lambda: sizes.multiply("a", "b"),
        lambda: import_("math", "factorial")("x"),
        lambda: import_("math", "comb")("x", 1),
        lambda: import_("math", "perm")("x"),
        lambda: sizes.power("a", 2),
        lambda: sizes.shift_left(1.0, 2),
    ],
)
def test_wrong_types_get_pythons_own_error(call: Any) -> None:
    with pytest.raises(TypeError):
        call()


def test_a_modulus_does_not_make_a_huge_exponent_cheap() -> None:
    with pytest.raises(MemoryError):
        sizes.power(3, 1 << 2_000_000, 7)
