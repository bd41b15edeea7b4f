"""What of ours explains what bpmn-js-differ reports: by element, and by what it says of it."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from spiffcli.diff import Change, Diff
from spiffcli.model import Model

from .bpmn_js import Said

_CONTENT = ("data-object-*", "lane-*", "node-*", "flow-*", "part-*")
_RETARGETED = ("flow-retargeted", "message-flow-retargeted", "annotation-changed", "data-association-changed")
_EVENTS = ("event-*", "timer-changed", "message-name-changed", "signal-*", "error-*", "payload-changed", "link-*")

#: Our rules that explain an attribute it names, without its place in a list and what leads to it.
_CAUSES: Mapping[str, tuple[str, ...]] = {
    "$type": ("node-type-changed", "gateway-type-changed"),
    "name": ("name-changed", "flow-name-changed", "lane-renamed"),
    "documentation": ("documentation-changed",),
    "script": ("script-changed",),
    "default": ("default-flow-changed",),
    "sourceRef": _RETARGETED,
    "targetRef": _RETARGETED,
    "dataObjectRef": ("data-object-changed",),
    "cancelActivity": ("boundary-interrupting-changed",),
    "calledElement": ("call-target-changed",),
    "isExecutable": ("process-not-executable", "process-made-executable"),
    "eventDefinitions": _EVENTS,
    "flowElements": _CONTENT,
    "laneSets": _CONTENT,
    "ioSpecification": ("task-io-changed",),
    "dataInputs": ("task-io-changed",),
    # It looks into extensions no further; a type that changed took them with it.
    "extensionElements": ("*",),
}

#: Attributes of a container under which it reports what lies in it.
_CONTAINING = frozenset({"flowElements", "laneSets"})


class Explaining:
    """Holds what one comparison of the other tool says against one of ours."""

    def __init__(self, diff: Diff, old: Model, new: Model) -> None:
        self._diff = diff
        self._of: dict[str, list[Change]] = defaultdict(list)
        self._inside: dict[str | None, list[Change]] = defaultdict(list)
        for change in diff.changes:
            for id in {change.before.id, change.element.id}:
                self._of[id].append(change)
            self._inside[change.element.process].append(change)
        self._pools = {
            pool.id: pool.process
            for model in (old, new)
            for collaboration in model.collaborations.values()
            for pool in collaboration.participants.values()
        }
        self._renamed = {change.before.id: change.element.id for change in diff.changes if change.kind == "renamed"}

    def unexplained(self, said: Said) -> list[tuple[str, str]]:
        """What it says and we do not: `added`, `removed`, `layout` or an attribute, and the element."""
        if said.error:
            return [(said.error, "")]
        found = [("added", id) for id in said.added if not self._has(id, "added", "renamed", "moved")]
        found += [("removed", id) for id in said.removed if not self._has(id, "removed", "renamed", "moved")]
        for id, attributes in said.changed.items():
            if not attributes and not self._of[id]:
                found.append(("changed", id))
            found += [(path, id) for path, values in attributes.items() if not self._explained(id, path, *values)]
        return found + [("layout", id) for id in said.layout if not self._drawn_anew(id)]

    def _has(self, id: str, *kinds: str) -> bool:
        return any(change.kind in kinds for change in self._of[id])

    def _drawn_anew(self, id: str) -> bool:
        # What has another id, or went and came under the same id in another process, has its drawing with it.
        return self._has(id, "layout", "renamed") or (self._has(id, "added") and self._has(id, "removed"))

    def _explained(self, id: str, path: str, first: Any, second: Any) -> bool:
        # It calls the new value the old one, where both are there.
        if _reference(second) in self._renamed and self._renamed[_reference(second)] == _reference(first):
            return True
        return any(_matches(change.rule, _CAUSES[_bare(path)]) for change in self._about(id, path))

    def _about(self, id: str, path: str) -> list[Change]:
        owner = self._pools.get(id) or id
        return self._inside[owner] if _bare(path) in _CONTAINING else [*self._of[id], *self._of[owner]]

    def values(self, said: Said) -> Iterator[tuple[str, str, tuple[Any, Any], set[tuple[Any, Any]]]]:
        """Attributes with texts, numbers and truth values: element, path, both values, and those that we say.

        It calls the new value the old one and the old one new, and of what is gone it says 0; here they are right.
        """
        for id, attributes in said.changed.items():
            for path, (first, second) in attributes.items():
                if {} not in (first, second) and self._renamed.get(_reference(second)) is None:
                    values = (None, _plain(second)) if first is None else (_plain(second), _plain(first) or None)
                    about = [each for each in self._about(id, path) if _matches(each.rule, _CAUSES[_bare(path)])]
                    yield id, path, values, set(itertools.chain(*map(_both, about)))


def _both(change: Change) -> Iterator[tuple[Any, Any]]:
    return itertools.product(_scalars(change.old), _scalars(change.new))


def _scalars(value: Any) -> Iterator[Any]:
    yield from map(_plain, value.values() if isinstance(value, Mapping) else [value])


def _bare(path: str) -> str:
    """`processRef.laneSets[0]` without what leads to it and its place."""
    return re.sub(r"\[[0-9]+\]", "", path).rpartition(".")[2]


def _reference(value: Any) -> Any:
    return value.removeprefix("#ref:") if isinstance(value, str) else None


def _plain(value: Any) -> Any:
    """A value as we write it: ids without `#ref:`, types as element names, names without line ends around them."""
    if not isinstance(value, str):
        return value
    if value.startswith("bpmn:"):
        return value[5].lower() + value[6:]
    return " ".join(value.removeprefix("#ref:").split())


def _matches(rule: str, patterns: tuple[str, ...]) -> bool:
    return any(rule.startswith(p[:-1]) if p.endswith("*") else rule == p for p in patterns)
