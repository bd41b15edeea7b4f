"""Turns paired elements into changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from spiffcli.diff.align import Translation, made_up
from spiffcli.diff.changes import Change, ElementRef, Kind, Place, Value
from spiffcli.diff.classify import Named
from spiffcli.diff.differences import Difference, differences, values_of
from spiffcli.diff.rules import rule

Naming = Callable[[Difference, Any], Named]


class Sides(Struct):
    """Where two versions of one definition stand.

    Attributes:
        old_owner, new_owner: Ids of the definition, or None for what belongs to none.
        old_file, new_file: Files, for the places of changes.
        to_new: Says what an old id is called now.
    """

    old_owner: str | None
    new_owner: str | None
    old_file: str
    new_file: str
    to_new: Translation


class Collector(Struct):
    """Collects the changes between two versions of one definition."""

    sides: Sides
    changes: list[Change] = field(default_factory=list)

    def compare(
        self,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        pairs: Mapping[str, str],
        *,
        naming: Naming,
        added: Callable[[Any], str],
        removed: Callable[[Any], str],
        renamed: Callable[[Any], str],
    ) -> None:
        """Add the changes between elements of one kind.

        Args:
            pairs: New id by old id.
            naming: Gives the rule for a difference.
            added, removed, renamed: Give the rules for elements that came, went, or have another id.
        """
        for id, element in old.items():
            if id in pairs:
                self.pair(element, new[pairs[id]], naming, renamed)
            else:
                self.remove(removed(element), element)
        taken = set(pairs.values())
        for id, element in new.items():
            if id not in taken:
                self.add(added(element), element)

    def pair(self, old: Any, new: Any, naming: Naming, renamed: Callable[[Any], str] | None = None) -> None:
        """Add the changes between two versions of one element."""
        if renamed is not None and old.id != new.id and not (made_up(old.id) and made_up(new.id)):
            self.put(renamed(new), "renamed", old, new, Difference("id", old.id, new.id, old.line, new.line))
        if old == new:
            return
        for difference in differences(old, new, self.sides.to_new):
            rule_id, kind = naming(difference, new)
            self.put(rule_id, kind, old, new, difference)

    def note(self, rule_id: str, kind: Kind, old: Any, new: Any, path: str, values: tuple[Value, Value]) -> None:
        """Add a change that follows from more than the element itself."""
        self.put(rule_id, kind, old, new, Difference(path, *values, old.line, new.line))

    def put(self, rule_id: str, kind: Kind, old: Any, new: Any, difference: Difference) -> None:
        """Add a change of an element that both sides have."""
        element, was = self._new_ref(new), self._old_ref(old)
        self.changes.append(
            Change(
                rule=rule_id,
                kind=kind,
                severity=rule(rule_id).severity,
                element=element,
                path=difference.path,
                old=difference.old,
                new=difference.new,
                old_place=Place(self.sides.old_file, difference.old_line),
                new_place=Place(self.sides.new_file, difference.new_line),
                was=was if was != element else None,
            )
        )

    def add(self, rule_id: str, element: Any, *, extra: Mapping[str, Value] | None = None) -> None:
        """Add that `element` is new."""
        place = Place(self.sides.new_file, element.line)
        value = {**values_of(element), **(extra or {}), **_position(element)}
        severity = rule(rule_id).severity
        self.changes.append(Change(rule_id, "added", severity, self._new_ref(element), new=value, new_place=place))

    def remove(self, rule_id: str, element: Any, *, extra: Mapping[str, Value] | None = None) -> None:
        """Add that `element` is gone."""
        place = Place(self.sides.old_file, element.line)
        value = {**values_of(element), **(extra or {}), **_position(element)}
        severity = rule(rule_id).severity
        self.changes.append(Change(rule_id, "removed", severity, self._old_ref(element), old=value, old_place=place))

    def _old_ref(self, element: Any) -> ElementRef:
        return ElementRef(element.id, element.type, element.name, self.sides.old_owner)

    def _new_ref(self, element: Any) -> ElementRef:
        return ElementRef(element.id, element.type, element.name, self.sides.new_owner)


def _position(element: Any) -> dict[str, Value]:
    order = getattr(element, "order", None)
    return {} if order is None else {"order": order}


def always(rule_id: str) -> Callable[[Any], str]:
    """The same rule for every element."""
    return lambda _element: rule_id


def common_order(old: list[str], new: list[str]) -> tuple[list[str], list[str]] | None:
    """The two orders of what both lists hold, or None where they are the same."""
    shared = set(old) & set(new)
    before = [id for id in old if id in shared]
    after = [id for id in new if id in shared]
    return (before, after) if before != after else None


def layout_changes(collector: Collector, elements: Iterator[tuple[Any, Any]], old_layout: Any, new_layout: Any) -> None:
    """Add changes for elements that are drawn differently.

    Args:
        elements: Old and new version of every paired element.
    """
    for old, new in elements:
        before, after = old_layout.get(old.id, ()), new_layout.get(new.id, ())
        if before == after:
            continue
        drawn_before, drawn_after = [_drawing(shape) for shape in before], [_drawing(shape) for shape in after]
        if drawn_before == drawn_after:
            continue
        bare_before, bare_after = _without_colours(drawn_before), _without_colours(drawn_after)
        rule_id = "colour-changed" if bare_before == bare_after else "layout-changed"
        lines = (before[0].line if before else old.line, after[0].line if after else new.line)
        difference = Difference("layout", drawn_before or None, drawn_after or None, *lines)
        collector.put(rule_id, "layout", old, new, difference)


def _drawing(shape: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"waypoints" if shape.edge else "bounds": list(shape.points)}
    if shape.label:
        found["label"] = list(shape.label)
    for name in ("expanded", "horizontal"):
        value = getattr(shape, name)
        if value is not None:
            found[name] = value
    if shape.colours:
        found["colours"] = dict(sorted(shape.colours.items()))
    return found


def _without_colours(drawings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in drawing.items() if key != "colours"} for drawing in drawings]
