"""One object of a form under the values given so far: which fields it has now, and which of them are needed.

A schema can make a field depend on another one (`if`/`then`/`else`, `dependentSchemas`, `dependentRequired`,
the older `dependencies`, branches told apart by a constant). Here those parts are resolved against values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct

from spiffcli.errors import ModelError
from spiffcli.forms.rules import Schema, follow, is_valid

_MOST_HOPS = 32  # references that lead to references; more is a circle


class Level(Struct, frozen=True):
    """The fields of one object.

    Attributes:
        properties: Schema of each field, references resolved, unconditional fields first.
        required: Names of the fields that must be there.
    """

    properties: Mapping[str, Mapping[str, Any]]
    required: frozenset[str]


class LevelReader(Struct, frozen=True):
    """Reads the levels of one form.

    Attributes:
        name: Name of the form, for messages.
        root: Its whole schema, where references lead.
    """

    name: str
    root: Schema

    def resolved(self, part: Schema) -> Mapping[str, Any]:
        """`part` with a leading reference replaced by what it leads to; keywords beside it win.

        Raises:
            ModelError: The reference leads outside the form, to nothing, or in a circle.
        """
        for _ in range(_MOST_HOPS):
            if isinstance(part, bool):
                return {} if part else {"not": {}}
            if "$ref" not in part:
                return part
            beside = {key: value for key, value in part.items() if key != "$ref"}
            target = follow(self.name, self.root, part["$ref"])
            part = {**target, **beside} if isinstance(target, Mapping) else target
        raise ModelError(f"The form {self.name} refers to itself without end.", file=self.name)

    def plain(self, part: Schema) -> Mapping[str, Any]:
        """The schema of a field with what stands in `allOf`, and the one alternative to null, drawn into it."""
        merged = dict(self.resolved(part))
        if "properties" in merged:
            return merged  # an object's parts are joined field by field, by `fixed` and `current`
        for key in ("allOf", "anyOf", "oneOf"):
            others = [self.resolved(other) for other in merged.get(key, ())]
            others = [other for other in others if other.get("type") != "null"]
            lone = len(others) == 1 and "const" not in others[0]
            if (key == "allOf" or lone) and not any("properties" in other for other in others):
                merged = {key: value for other in others for key, value in self.plain(other).items()} | merged
        return merged

    def fixed(self, schema: Schema) -> Level:
        """The fields that are there whatever the values are."""
        return self._merged(self._fixed_parts(self.resolved(schema)), {})

    def current(self, schema: Schema, value: Mapping[str, Any], pending: Collection[str] = ()) -> Level:
        """The fields under `value`.

        Args:
            pending: Fields that have not been asked yet; a condition on one of them is not decided.
        """
        return self._merged(self._parts(self.resolved(schema), value, pending), value)

    def _merged(self, parts: Iterator[Mapping[str, Any]], value: Mapping[str, Any]) -> Level:
        properties: dict[str, Mapping[str, Any]] = {}
        required: set[str] = set()
        for part in parts:
            for name, found in part.get("properties", {}).items():
                if found is not False:
                    properties[name] = _joined(properties.get(name), self.resolved(found))
            required.update(part.get("required", ()))
            required.update(_needed_beside(part, value))
        return Level(properties, frozenset(required))

    def _fixed_parts(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield schema
        for part in schema.get("allOf", ()):
            yield from self._fixed_parts(self.resolved(part))

    def _parts(
        self, schema: Mapping[str, Any], value: Mapping[str, Any], pending: Collection[str]
    ) -> Iterator[Mapping[str, Any]]:
        yield schema
        for part in schema.get("allOf", ()):
            yield from self._parts(self.resolved(part), value, pending)
        for part in self._conditional(schema, value, pending):
            yield from self._parts(self.resolved(part), value, pending)

    def _conditional(
        self, schema: Mapping[str, Any], value: Mapping[str, Any], pending: Collection[str]
    ) -> Iterator[Schema]:
        if "if" in schema and not self._mentions(schema["if"], pending):
            met = is_valid(self.name, self.root, schema["if"], dict(value))
            yield schema.get("then" if met else "else", {})
        for key in ("dependentSchemas", "dependencies"):
            for name, part in schema.get(key, {}).items():
                if name in value and not isinstance(part, list):
                    yield part
        for key in ("oneOf", "anyOf"):
            yield from (part for part in schema.get(key, ()) if self._is_told_apart(part, value))

    def _mentions(self, condition: Schema, names: Collection[str]) -> bool:
        condition = self.resolved(condition)
        if any(name in names for name in condition.get("properties", ())):
            return True
        inner = [*condition.get("allOf", ()), *condition.get("anyOf", ()), *condition.get("oneOf", ())]
        return any(self._mentions(part, names) for part in inner)

    def _is_told_apart(self, branch: Schema, value: Mapping[str, Any]) -> bool:
        """Whether a constant in `branch` says that this branch, and no other, is meant."""
        properties = self.resolved(branch).get("properties", {})
        marks = {
            name: part
            for name, part in properties.items()
            if name in value and isinstance(part, Mapping) and ("const" in part or "enum" in part)
        }
        return bool(marks) and is_valid(self.name, self.root, {"properties": marks}, dict(value))


def _joined(first: Mapping[str, Any] | None, later: Mapping[str, Any]) -> Mapping[str, Any]:
    """Two statements about one field. The first one says what to ask; a later one can only add to it.

    A constant in a branch tells the branch apart and must not turn the field into one without a choice.
    """
    if first is None:
        return later
    return {**{key: value for key, value in later.items() if key not in ("const", "enum")}, **first}


def _needed_beside(part: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[str]:
    for key in ("dependentRequired", "dependencies"):
        for name, needed in part.get(key, {}).items():
            if name in value and isinstance(needed, list):
                yield from needed
