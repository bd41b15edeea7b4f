"""A diff as a project wants to see it: severities of its own, and without what it has decided to ignore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.diff import SEVERITIES, Change, Dependency, Diff, Severity, rules
from spiffcli.errors import ConfigError

if TYPE_CHECKING:
    from datetime import date

    from spiffcli.report.ignoring import Entry

#: Severities a gate can be set to.
Gate = Literal["info", "warn", "error"]


class Ignored(Struct, frozen=True):
    """A finding that is left out, and the entry that says so."""

    change: Change
    entry: Entry


class Findings(Struct, frozen=True):
    """What is left of a diff, and what was left out.

    Attributes:
        diff: The diff with the project's severities, without what is ignored.
        ignored: What is left out.
        expired: Entries that would have left something out, had their day not passed.
        unused: Entries that are about nothing here.
        gate: Severity from which the comparison fails, or None.
        layout: Whether differences in the drawing are listed.
        extensions: Whether differences in extensions that nobody here knows are listed.
    """

    diff: Diff
    ignored: tuple[Ignored, ...] = ()
    expired: tuple[Entry, ...] = ()
    unused: tuple[Entry, ...] = ()
    gate: Gate | None = None
    layout: bool = False
    extensions: bool = False

    @property
    def failing(self) -> tuple[Change, ...]:
        """Changes at or above the gate, dependencies included."""
        return tuple(change for change in self.diff.all_changes if self.fails(change))

    def fails(self, change: Change) -> bool:
        """Whether a change is at or above the gate."""
        return self.gate is not None and SEVERITIES.index(change.severity) >= SEVERITIES.index(self.gate)

    def lists(self, change: Change) -> bool:
        """Whether a change is listed: all are, but for drawings and unknown extensions nobody asked for."""
        if self.fails(change):
            return True
        if change.kind == "layout":
            return self.layout
        return self.extensions or change.rule != "extension-changed"

    def listed(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """Those of `changes` that are listed."""
        return tuple(change for change in changes if self.lists(change))


def judge(
    diff: Diff,
    *,
    severities: Mapping[str, Severity] | None = None,
    entries: Sequence[Entry] = (),
    today: date | None = None,
    gate: Gate | None = None,
    layout: bool = False,
    extensions: bool = False,
) -> Findings:
    """Apply what the project says to a diff.

    Args:
        severities: Severity by rule, where the project's differs from the catalogue.
        entries: What it ignores.
        today: The day by which entries expire.

    Raises:
        ConfigError: `severities` name a rule that does not exist.
    """
    _check_rules(severities or {})
    judging = _Judging(dict(severities or {}), entries, today or _today(entries))
    found = judging.diff(diff)
    expired = tuple(entry for entry in entries if entry.line in judging.expired)
    met = {ignored.entry.line for ignored in judging.ignored} | judging.expired
    unused = tuple(entry for entry in entries if entry.line not in met)
    return Findings(found, tuple(judging.ignored), expired, unused, gate, layout, extensions)


def _check_rules(severities: Mapping[str, Severity]) -> None:
    known = {rule.id for rule in rules()} if severities else set()
    for id in severities:
        if id not in known:
            from difflib import get_close_matches

            near = get_close_matches(id, sorted(known), n=1)
            hint = f"Did you mean {near[0]}?" if near else "runner rules lists them all."
            raise ConfigError(f"The setting severity names a rule that does not exist: {id}.", hint=hint)


def _today(entries: Sequence[Entry]) -> date | None:
    if not entries:
        return None
    from datetime import date

    return date.today()


class _Judging:
    def __init__(self, severities: Mapping[str, Severity], entries: Sequence[Entry], today: date | None) -> None:
        self._severities = severities
        self._entries = entries
        self._today = today
        self.ignored: list[Ignored] = []
        self.expired: set[int] = set()

    def diff(self, diff: Diff) -> Diff:
        if not self._severities and not self._entries:
            return diff
        dependencies = {key: self._dependency(item) for key, item in diff.dependencies.items()}
        return replace(diff, changes=self._changes(diff.changes), dependencies=dependencies)

    def _dependency(self, item: Dependency) -> Dependency:
        if item.diff is None:
            return item
        diff = self.diff(item.diff)
        gone = bool(item.diff.changes) and not diff.changes
        return replace(item, diff=diff, status="unchanged" if gone and item.status == "changed" else item.status)

    def _changes(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        return tuple(self._weighed(change) for change in changes if not self._is_ignored(change))

    def _weighed(self, change: Change) -> Change:
        severity = self._severities.get(change.rule)
        return change if severity in (None, change.severity) else replace(change, severity=severity)

    def _is_ignored(self, change: Change) -> bool:
        if not self._entries:
            return False
        for entry in self._entries:
            if entry.covers(change):
                if self._today is None or not entry.expired(self._today):
                    self.ignored.append(Ignored(change, entry))
                    return True
                self.expired.add(entry.line)
        return False
