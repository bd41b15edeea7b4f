"""Operations with which a short script makes a huge value, each with a look at the size first.

The sizes are far above what a workflow needs and far below what hurts. They are the first fence; the memory limit of
a run (`limits.py`) is the second.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

#: Most items or characters that one operation may make.
MAX_ITEMS: Final = 10_000_000
#: Most bits of a whole number, about 300,000 digits.
MAX_BITS: Final = 1_000_000
#: Widest field or highest precision of a format.
MAX_WIDTH: Final = 100_000
#: Largest power of ten of a decimal number: what arithmetic itself allows.
MAX_EXPONENT: Final = 999_999

_SEQUENCES: Final = (str, bytes, list, tuple, deque)
_LONG_NUMBER: Final = re.compile(r"\d{6,}")
_CONVERSION: Final = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|\d+)?(?:\.(\*|\d+))?")
_EXPONENT: Final = re.compile(r"[eE][-+]?([\d_]+)\s*$")


def check_items(count: int, what: str) -> None:
    """Refuse to make more than `MAX_ITEMS` items.

    Raises:
        MemoryError: There would be more.
    """
    if count > MAX_ITEMS:
        raise MemoryError(f"{what} would have {count:,} items or characters; at most {MAX_ITEMS:,} are possible here")


def check_bits(count: float, what: str) -> None:
    """Refuse to make whole numbers of more than `MAX_BITS` bits.

    Raises:
        MemoryError: It would have more.
    """
    if count > MAX_BITS:
        raise MemoryError(f"{what} would have more than {int(MAX_BITS * 0.301):,} digits")


def multiply(left: Any, right: Any) -> Any:
    """`left * right`."""
    if isinstance(right, int):
        if isinstance(left, int):
            if left.bit_length() + right.bit_length() > MAX_BITS:
                check_bits(left.bit_length() + right.bit_length(), "the product")
        elif isinstance(left, _SEQUENCES):
            check_items(len(left) * right, "the repeated value")
    elif isinstance(left, int) and isinstance(right, _SEQUENCES):
        check_items(len(right) * left, "the repeated value")
    elif isinstance(left, Fraction):
        check_bits(_bits(left) + _bits(right), "the product")
    return left * right


def multiply_in_place(left: Any, right: Any) -> Any:
    """`left *= right`."""
    if isinstance(left, list) and isinstance(right, int):
        check_items(len(left) * right, "the repeated value")
        left *= right
        return left
    return multiply(left, right)


def power(base: Any, exponent: Any, modulus: Any = None) -> Any:
    """`base ** exponent`, and `pow()` with three arguments."""
    if modulus is not None:
        if isinstance(exponent, int):
            check_bits(exponent.bit_length(), "the exponent")
        return pow(base, exponent, modulus)
    if isinstance(exponent, int):
        bits = _bits(base)
        if bits > 1:
            check_bits(bits * abs(exponent), "the power")
    return base**exponent


def _bits(value: Any) -> int:
    if isinstance(value, int):
        return value.bit_length()
    if isinstance(value, Fraction):
        return max(value.numerator.bit_length(), value.denominator.bit_length())
    return 0


def shift_left(left: Any, right: Any) -> Any:
    """`left << right`."""
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() + right, "the shifted number")
    return left << right


def modulo(left: Any, right: Any) -> Any:
    """`left % right`: the remainder, or a formatted string."""
    if isinstance(left, str | bytes):
        _check_percent(left if isinstance(left, str) else left.decode("latin-1"), right)
    return left % right


def _check_percent(template: str, values: Any) -> None:
    for width, precision in _CONVERSION.findall(template):
        for number in (width, precision):
            if number == "*":
                given = values if isinstance(values, tuple) else (values,)
                for value in given:
                    if isinstance(value, int):
                        _check_width(abs(value))
            elif number:
                _check_width(int(number[:12]))


def _check_width(width: int) -> None:
    if width > MAX_WIDTH:
        raise MemoryError(f"a format with a width or precision of {width:,}; at most {MAX_WIDTH:,} are possible here")


def check_spec(spec: str) -> None:
    """Look at the numbers of a format specification.

    Raises:
        MemoryError: The width or precision is too large.
    """
    for number in _LONG_NUMBER.findall(spec):
        _check_width(int(number[:12]))


def check_decimal_text(value: Any) -> None:
    """Refuse numbers that the first conversion to a whole number would take minutes for.

    Raises:
        MemoryError: There are too many digits, or the exponent is too large.
    """
    if isinstance(value, str | tuple | list):
        digits = value if isinstance(value, str) else value[1]
        check_bits(len(digits) * 4, "the number")
    found = _EXPONENT.search(value) if isinstance(value, str) else None
    if found and int(found[1].replace("_", "")[:12] or 0) > MAX_EXPONENT:
        raise MemoryError(f"a number with an exponent above {MAX_EXPONENT:,}")


def check_decimal(value: Decimal) -> Decimal:
    """Like `check_decimal_text` for a number that has been made.

    Raises:
        MemoryError: The exponent is too large.
    """
    if value.is_finite() and abs(value.adjusted()) > MAX_EXPONENT:
        raise MemoryError(f"a number with an exponent above {MAX_EXPONENT:,}")
    return value


# Methods of plain types, as functions whose first argument is the object.


def justify(name: str) -> Callable[..., Any]:
    """The guarded form of `str.ljust` and its relatives, for str and bytes."""

    def justified(text: Any, width: int, *fill: Any) -> Any:
        check_items(width, "the padded text")
        return getattr(text, name)(width, *fill)

    return justified


def expand_tabs(text: Any, tabsize: int = 8) -> Any:
    """`text.expandtabs()`."""
    check_items(len(text) * max(tabsize, 1), "the text with its tabs expanded")
    return text.expandtabs(tabsize)


def replace(text: Any, old: Any, new: Any, *args: Any, **kwargs: Any) -> Any:
    """`text.replace()`."""
    if isinstance(new, str | bytes) and len(text) * len(new) > MAX_ITEMS and len(new) > len(old):
        check_items(text.count(old) * len(new), "the text with its parts replaced")
    return text.replace(old, new, *args, **kwargs)


def join(separator: Any, parts: Iterable[Any]) -> Any:
    """`separator.join()`."""
    listed = parts if isinstance(parts, list | tuple) else list(parts)
    if len(listed) > 1:
        with suppress(TypeError):  # Python's own error says which part is no text
            check_items(len(separator) * len(listed) + sum(map(len, listed)), "the joined text")
    return separator.join(listed)


def translate(text: str, table: Any, *args: Any) -> Any:
    """`text.translate()`."""
    if isinstance(table, Mapping) and not args:
        longest = max((len(v) for v in table.values() if isinstance(v, str)), default=1)
        check_items(len(text) * longest, "the translated text")
    return text.translate(table, *args)


def to_bytes(number: int, length: int = 1, *args: Any, **kwargs: Any) -> bytes:
    """`number.to_bytes()`."""
    check_items(length, "the bytes")
    return number.to_bytes(length, *args, **kwargs)
