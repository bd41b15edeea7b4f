"""`.runner-ignore`: findings that a project has looked at and lives with.

One entry per line: `RULE ELEMENT UNTIL REASON`. `*` as rule, element or date stands for any; a rule may also be the
fingerprint of a single finding. What follows a `#` at the beginning of a line is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from spiffcli.diff import Change, rules
from spiffcli.errors import InputError
from spiffcli.text import quoted

_ANY = "*"
_FINGERPRINT = re.compile("[0-9a-f]{12}")
_FORM = "RULE ELEMENT UNTIL REASON"
_EXAMPLE = "script-changed calculate_total 2030-01-31 agreed with accounting"


class Entry(Struct, frozen=True):
    """A line of the file.

    Attributes:
        rule: Id of a rule, a fingerprint, or `*`.
        element: Id of an element, or `*`.
        until: Last day on which it counts, or None for ever.
        line: Where it stands, counted from 1.
    """

    rule: str
    element: str
    until: date | None
    reason: str
    line: int

    def covers(self, change: Change) -> bool:
        """Whether it is about `change`, whatever the day."""
        if self.rule not in (_ANY, change.rule, change.fingerprint):
            return False
        return self.element in (_ANY, change.element.id, change.before.id)

    def expired(self, today: date) -> bool:
        """Whether its day has passed."""
        return self.until is not None and self.until < today


def read_entries(content: bytes, file: str) -> tuple[Entry, ...]:
    """The entries of a `.runner-ignore` file.

    Args:
        file: Its name, for messages.

    Raises:
        InputError: A line cannot be understood, or names a rule that does not exist.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputError(f"{file} is not text in UTF-8.", file=file) from fault
    return tuple(_entries(text, file))


def _entries(text: str, file: str) -> Iterator[Entry]:
    known = {rule.id for rule in rules()}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _entry(line.split(None, 3), known, file, number)


def _entry(words: list[str], known: set[str], file: str, number: int) -> Entry:
    if len(words) < 4:
        raise _fault(f"An entry has four parts, {_FORM}, and this one has {len(words)}.", file, number)
    rule, element, until, reason = words
    if rule != _ANY and rule not in known and not _FINGERPRINT.fullmatch(rule):
        raise _unknown(rule, known, file, number)
    if rule == element == _ANY:
        raise _fault("This entry would ignore everything; name a rule or an element.", file, number)
    return Entry(rule, element, _date(until, file, number), reason.strip(), number)


def _date(text: str, file: str, number: int) -> date | None:
    if text == _ANY:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{quoted(text)} is not a day; write it as 2030-01-31, or * for ever."
        raise _fault(message, file, number) from None


def _unknown(rule: str, known: set[str], file: str, number: int) -> InputError:
    from difflib import get_close_matches

    near = get_close_matches(rule, sorted(known), n=1)
    hint = f"Did you mean {near[0]}?" if near else "runner rules lists them all."
    return InputError(f"There is no rule {quoted(rule)}.", hint=hint, file=file, line=number)


def _fault(message: str, file: str, number: int) -> InputError:
    return InputError(message, hint=f"For example: {_EXAMPLE}", file=file, line=number)
