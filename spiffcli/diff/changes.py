"""The values a diff is made of. Text, JSON, pages, plans and gates are readers of the same list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

Severity = Literal["none", "info", "warn", "error"]
Kind = Literal["added", "removed", "renamed", "moved", "rewired", "changed", "layout"]
Bump = Literal["none", "patch", "minor", "major"]

#: A value as JSON: text, number, truth value, None, list, or object.
Value: TypeAlias = Any

#: From harmless to serious. `none` is for what only readers of drawings care about.
SEVERITIES: tuple[Severity, ...] = ("none", "info", "warn", "error")
KINDS: tuple[Kind, ...] = ("added", "removed", "renamed", "moved", "rewired", "changed", "layout")
BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")

_OPPOSITE: Mapping[Kind, Kind] = {"added": "removed", "removed": "added"}


class ElementRef(Struct, frozen=True):
    """Names one element of a model.

    Attributes:
        id: BPMN or DMN id, path of a form field, or file name of a form.
        type: Element name in camel case (`userTask`, `sequenceFlow`, `rule`, `field` ...).
        name: Display name, or None.
        process: Id of the process, collaboration, decision or form it belongs to; None for messages,
            signals and the like, which belong to none.
    """

    id: str
    type: str
    name: str | None = None
    process: str | None = None

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id

    def to_json(self) -> dict[str, Any]:
        """The `element` object of a `runner/diff/1` document."""
        return {"id": self.id, "type": self.type, "name": self.name, "process": self.process}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ElementRef:
        """What `to_json` wrote."""
        return cls(entry["id"], entry["type"], entry["name"], entry["process"])


class Place(Struct, frozen=True):
    """A line of a file; `line` is 0 where it is not known."""

    file: str
    line: int

    def to_json(self) -> dict[str, Any]:
        """File, and line or null."""
        return {"file": self.file, "line": self.line or None}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Place:
        """What `to_json` wrote."""
        return cls(entry["file"], entry["line"] or 0)


class Change(Struct, frozen=True):
    """One difference between two models.

    Attributes:
        rule: Id of the rule in the catalogue (`runner rules`).
        severity: How much it matters for the model alone; where an instance stands can change that.
        element: The element as it is now; as it was, where it was removed.
        was: The element as it was, where its id, type, name or process differ; else None.
        path: What about the element (`name`, `service.parameters[url].value`); empty for the element itself.
        old: Value before; None where there was none. For removed elements: all its facts by path.
        new: Value now, as of `old`.
        old_place, new_place: Where to find it on both sides; None where it does not exist.
    """

    rule: str
    kind: Kind
    severity: Severity
    element: ElementRef
    path: str = ""
    old: Value = None
    new: Value = None
    old_place: Place | None = None
    new_place: Place | None = None
    was: ElementRef | None = None

    @property
    def before(self) -> ElementRef:
        """The element as it was."""
        return self.was or self.element

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that stay the same while other things change: to approve a finding once."""
        import hashlib  # most readers ask for none
        import json

        content = [
            self.rule,
            self.kind,
            self.element.process,
            self.element.id,
            self.before.id,
            self.path,
            self.old,
            self.new,
        ]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def reversed(self) -> Change:
        """The change that undoes this one."""
        from spiffcli.diff.rules import rule

        kind = _OPPOSITE.get(self.kind, self.kind)
        opposite = rule(self.rule).opposite
        return Change(
            rule=opposite.id,
            kind=kind,
            severity=opposite.severity,
            element=self.before,
            path=self.path,
            old=self.new,
            new=self.old,
            old_place=self.new_place,
            new_place=self.old_place,
            was=self.element if self.was is not None else None,
        )

    def to_json(self) -> dict[str, Any]:
        """One entry of `changes` in a `runner/diff/1` document."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "kind": self.kind,
            "element": self.element.to_json(),
            "was": self.was.to_json() if self.was else None,
            "path": self.path,
            "old": self.old,
            "new": self.new,
            "source": {
                "old": self.old_place.to_json() if self.old_place else None,
                "new": self.new_place.to_json() if self.new_place else None,
            },
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Change:
        """What `to_json` wrote."""
        before, after = entry["source"]["old"], entry["source"]["new"]
        return cls(
            rule=entry["rule"],
            kind=entry["kind"],
            severity=entry["severity"],
            element=ElementRef.from_json(entry["element"]),
            path=entry["path"],
            old=entry["old"],
            new=entry["new"],
            old_place=Place.from_json(before) if before else None,
            new_place=Place.from_json(after) if after else None,
            was=ElementRef.from_json(entry["was"]) if entry["was"] else None,
        )


class Summary(Struct, frozen=True):
    """Counts of a diff.

    Attributes:
        by_kind: Number of changes of each kind, every kind listed.
        by_severity: Number of changes of each severity, every severity listed.
        bump: Suggested version bump.
    """

    by_kind: Mapping[Kind, int]
    by_severity: Mapping[Severity, int]
    bump: Bump

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Summary:
        """Count `changes`."""
        from spiffcli.diff.rules import bump_for

        changes = tuple(changes)
        kinds = Counter(change.kind for change in changes)
        severities = Counter(change.severity for change in changes)
        return cls(
            {kind: kinds[kind] for kind in KINDS},
            {severity: severities[severity] for severity in SEVERITIES},
            bump_for(changes),
        )

    def to_json(self) -> dict[str, Any]:
        """The `summary` object of a `runner/diff/1` document."""
        counts: dict[str, Any] = {str(kind): n for kind, n in self.by_kind.items()}
        return counts | {"by_severity": dict(self.by_severity), "bump": self.bump}


class Dependency(Struct, frozen=True):
    """A called process, decision or form, on one or both sides of a diff.

    Attributes:
        kind: `process`, `decision` or `form`.
        status: `added` and `removed`: only one side refers to it; `missing`: referred to, but one of the
            models does not hold it, so that it could not be compared.
        diff: What changed in it; None unless both sides hold it.
    """

    kind: Literal["process", "decision", "form"]
    key: str
    status: Literal["added", "removed", "changed", "unchanged", "missing"]
    diff: Diff | None = None

    def reversed(self) -> Dependency:
        """The same seen from the other side."""
        diff = self.diff.reversed() if self.diff else None
        if self.status == "added":
            return replace(self, status="removed", diff=diff)
        if self.status == "removed":
            return replace(self, status="added", diff=diff)
        return replace(self, diff=diff)

    def to_json(self) -> dict[str, Any]:
        """One entry of `dependencies` in a `runner/diff/1` document."""
        found: dict[str, Any] = {"kind": self.kind, "key": self.key, "status": self.status}
        if self.diff is not None:
            found |= {
                "summary": self.diff.summary.to_json(),
                "changes": [change.to_json() for change in self.diff.changes],
            }
        return found

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], old_label: str, new_label: str) -> Dependency:
        """What `to_json` wrote, in a diff with these labels."""
        changes = entry.get("changes")
        diff = None if changes is None else Diff(old_label, new_label, tuple(map(Change.from_json, changes)))
        return cls(entry["kind"], entry["key"], entry["status"], diff)


class Diff(Struct, frozen=True):
    """Everything that differs between two models.

    Attributes:
        old_label, new_label: What was compared, in the user's words (`order@1`, `model.bpmn`).
        changes: In the order of the new file; see `ordered`.
        dependencies: Called processes, decisions and forms by `kind:key`; empty unless asked for.
    """

    old_label: str
    new_label: str
    changes: tuple[Change, ...] = ()
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)

    @property
    def summary(self) -> Summary:
        """Counts of `changes`, without those of dependencies."""
        return Summary.of(self.changes)

    @property
    def bump(self) -> Bump:
        """Suggested version bump, dependencies included."""
        inner = [item.diff.bump for item in self.dependencies.values() if item.diff]
        return max([self.summary.bump, *inner], key=BUMPS.index)

    def __bool__(self) -> bool:
        """Whether anything differs, dependencies included."""
        return bool(self.changes) or any(
            item.status in ("added", "removed", "changed") for item in self.dependencies.values()
        )

    @property
    def all_changes(self) -> tuple[Change, ...]:
        """The changes, followed by those of every dependency."""
        inner = (item.diff.changes for item in self.dependencies.values() if item.diff)
        return (*self.changes, *(change for changes in inner for change in changes))

    def only(self, changes: Iterable[Change]) -> Diff:
        """This diff with other `changes`: for readers that filter."""
        return replace(self, changes=tuple(changes))

    def reversed(self) -> Diff:
        """The diff from new to old."""
        changes = ordered(change.reversed() for change in self.changes)
        dependencies = {key: item.reversed() for key, item in self.dependencies.items()}
        return Diff(self.new_label, self.old_label, changes, dependencies)

    def to_json(self) -> dict[str, Any]:
        """A `runner/diff/1` document."""
        return {
            "schema": "runner/diff/1",
            "old": self.old_label,
            "new": self.new_label,
            "summary": self.summary.to_json(),
            "changes": [change.to_json() for change in self.changes],
            "dependencies": {key: item.to_json() for key, item in self.dependencies.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Diff:
        """What `to_json` wrote."""
        labels = document["old"], document["new"]
        dependencies = {key: Dependency.from_json(item, *labels) for key, item in document["dependencies"].items()}
        return cls(*labels, tuple(map(Change.from_json, document["changes"])), dependencies)


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """`changes` by process, then by the line in which their element first shows, layout last.

    It looks at nothing but the changes, so that a reversed diff has the order of the diff the other way.
    """
    changes = tuple(changes)
    first: dict[tuple[str, str, str], int] = {}
    for change in changes:
        key = _owner(change)
        first[key] = min(first.get(key, _line(change)), _line(change))
    return tuple(sorted(changes, key=lambda change: (_group(change, first), _within(change))))


def _owner(change: Change) -> tuple[str, str, str]:
    return change.element.process or "", change.element.type, change.element.id


def _line(change: Change) -> int:
    place = change.new_place or change.old_place
    return place.line if place else 0


def _group(change: Change, first: Mapping[tuple[str, str, str], int]) -> tuple[Any, ...]:
    owner = _owner(change)
    return owner[0], change.kind == "layout", first[owner], owner


def _within(change: Change) -> tuple[Any, ...]:
    return KINDS.index(change.kind), change.path, change.rule, change.before.id, str(change.old), str(change.new)
