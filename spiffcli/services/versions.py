"""Version ranges: for which versions of a process a service or a task method is used."""

from __future__ import annotations

import re

from msgspec import Struct

from spiffcli.services.errors import ServiceError

#: The formats, as messages list them.
FORMATS = "'*' (all), '3' (only 3), '1-3' (1 to 3), '<3', '<=3', '>3', '>=3'"

_SINGLE = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_BOUND = re.compile(r"(<=|<|>=|>)([0-9]+)")


class VersionRange(Struct, frozen=True):
    """Some versions of a process.

    Attributes:
        first: The lowest.
        last: The highest, or None without end.
        text: As it was written.
    """

    first: int = 1
    last: int | None = None
    text: str = "*"

    def __contains__(self, version: int) -> bool:
        return version >= self.first and (self.last is None or version <= self.last)

    def __str__(self) -> str:
        return self.text


#: Every version.
ALL = VersionRange()


def parse_range(text: str | None) -> VersionRange:
    """The range that a text means; None means all versions.

    Versions are compared as numbers: `<10` includes 9.

    Raises:
        ServiceError: It is none of the formats.
    """
    if text is None or text == "*":
        return ALL
    found = _parsed(text) if isinstance(text, str) else None
    if found is None:
        raise ServiceError(f"{text!r} is no range of versions.", hint=f"Write one of: {FORMATS}.")
    return found


def _parsed(text: str) -> VersionRange | None:
    single = _SINGLE.fullmatch(text)
    if single is not None:
        first = int(single[1])
        last = int(single[2] or first)
        return VersionRange(first, last, text) if first <= last else None
    bound = _BOUND.fullmatch(text)
    if bound is None:
        return None
    number = int(bound[2])
    ranges = {
        "<": VersionRange(1, number - 1, text),
        "<=": VersionRange(1, number, text),
        ">": VersionRange(number + 1, None, text),
        ">=": VersionRange(number, None, text),
    }
    return ranges[bound[1]]
