"""Rules of a form: its parts checked by `jsonschema` without any network access, and the fields it has now.

A schema can make a field depend on another one (`if`/`then`/`else`, `dependentSchemas`, `dependentRequired`,
the older `dependencies`, branches told apart by a constant): a `Level` is one object under the values given so far.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from msgspec import Struct
from referencing import Registry
from referencing.exceptions import Unresolvable

from spiffcli.errors import ModelError
from spiffcli.text import one_line, shorten

Schema = Mapping[str, Any] | bool


class Violation(Struct, frozen=True):
    """A rule of a schema that a value does not meet.

    Attributes:
        path: Where in the value.
        rule: The keyword that is not met; empty where the schema allows nothing at all.
        limit: What the keyword says.
        value: The value at fault.
        schema: The part of the schema that holds the keyword.
        message: The words of the validator.
        inner: For alternatives: why each of them does not fit.
    """

    path: tuple[str | int, ...]
    rule: str
    limit: Any
    value: Any
    schema: Mapping[str, Any]
    message: str
    inner: tuple[Violation, ...] = ()


def check_schema(name: str, schema: Schema) -> None:
    """Make sure that `schema` is a JSON Schema whose references all lead into itself.

    Raises:
        ModelError: It is not; the message names the place in the schema.
    """
    try:
        _class_for(schema).check_schema(schema)
    except SchemaError as fault:
        place = "/".join(str(part) for part in fault.absolute_path) or "the top"
        reason = shorten(one_line(fault.message), 200)
        raise ModelError(f"The form {name} is not a valid JSON Schema, at {place}: {reason}.", file=name) from fault
    except RecursionError as fault:
        raise ModelError(f"The form {name} is nested too deep to be read.", file=name) from fault
    for ref in _references(schema):
        follow(name, schema, ref)


def follow(name: str, root: Schema, ref: object) -> Schema:
    """The part of `root` that a `$ref` leads to.

    Raises:
        ModelError: It leads to another document or to nothing.
    """
    if not isinstance(ref, str) or (ref != "#" and not ref.startswith("#/")):
        raise ModelError(
            f"The form {name} refers to {ref}, which is not a place inside the form.",
            hint='Copy that part into the form and refer to it as "#/definitions/...".',
            file=name,
        )
    part: Any = root
    for step in ref.split("/")[1:]:
        part = _child(part, step.replace("~1", "/").replace("~0", "~"))
    if not isinstance(part, Mapping | bool):
        raise ModelError(f"The form {name} refers to {ref}, which it does not contain.", file=name)
    return part


def _child(part: Any, step: str) -> Any:
    if isinstance(part, Mapping):
        return part.get(step)
    if isinstance(part, list) and step.isdecimal() and int(step) < len(part):
        return part[int(step)]
    return None


def _references(part: Any) -> Iterator[str]:
    # A list instead of recursion: a schema may be nested deeper than Python recurses.
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, Mapping):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            waiting.extend(value for key, value in part.items() if key not in ("enum", "const", "default", "examples"))


def errors(name: str, root: Schema, part: Schema, value: Any) -> list[Violation]:
    """What is wrong with `value` under `part` of the schema `root`, ordered by the place in the value.

    Raises:
        ModelError: The schema itself cannot be used (a reference without a target, one that never ends).
    """
    try:
        found = validator(root).evolve(schema=part).iter_errors(value)
        return sorted(map(_violation, found), key=lambda fault: [str(step) for step in fault.path])
    except Unresolvable as fault:
        raise ModelError(f"The form {name} refers to something it does not contain: {fault}.", file=name) from fault
    except RecursionError as fault:
        raise ModelError(f"The form {name} refers to itself without end.", file=name) from fault
    except re.error as fault:
        raise ModelError(f"The form {name} has a pattern that cannot be used: {fault}.", file=name) from fault


def _violation(error: ValidationError) -> Violation:
    schema: Any = error.schema
    return Violation(
        path=tuple(error.absolute_path),
        rule=error.validator if isinstance(error.validator, str) else "",
        limit=error.validator_value,
        value=error.instance,
        schema=schema if isinstance(schema, Mapping) else {},
        message=error.message,
        inner=tuple(_violation(inner) for inner in error.context or ()),
    )


def is_valid(name: str, root: Schema, part: Schema, value: Any) -> bool:
    """Whether `value` meets `part` of the schema `root`."""
    return not errors(name, root, part, value)


def validator(root: Schema) -> Validator:
    """A validator of `root` with formats checked and every remote reference refused."""
    # An empty registry knows no other document and fetches none.
    made: Validator = _class_for(root)(root, format_checker=_format_checker(), registry=Registry())
    return made


def _class_for(schema: Schema) -> Any:
    return _extended(validator_for(schema, default=Draft202012Validator))


@cache
def _extended(base: Any) -> Any:
    """`base` with two changes.

    `dependencies`, which newer drafts split in two but form editors still write, is checked everywhere; and a
    field that is forbidden (`"field": false`) is reported under its name.
    """
    own: dict[str, Any] = {"properties": _properties}
    if "dependencies" not in base.VALIDATORS:
        own["dependencies"] = _dependencies
    return extend(base, own)  # type: ignore[no-untyped-call]


def _properties(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for name, part in properties.items():
        if name not in instance:
            continue
        if part is False:
            yield ValidationError("forbidden", validator="false", path=[name], validator_value=False)
        else:
            yield from validator.descend(instance[name], part, path=name, schema_path=name)


def _dependencies(validator: Any, dependencies: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict) or not isinstance(dependencies, dict):
        return
    for name, needed in dependencies.items():
        if name not in instance:
            continue
        if isinstance(needed, list):
            missing = [other for other in needed if other not in instance]
            yield from (ValidationError(f"{other} is needed where {name} is given") for other in missing)
        else:
            yield from validator.descend(instance, needed, schema_path=name)


@cache
def _format_checker() -> FormatChecker:
    """The stock checks, and our own for the formats that those leave to optional packages."""
    checker = FormatChecker(formats=())
    checker.checkers = dict(Draft202012Validator.FORMAT_CHECKER.checkers)
    checker.checks("date", raises=ValueError)(_is_date)
    checker.checks("time", raises=ValueError)(_is_time)
    checker.checks("date-time", raises=ValueError)(_is_datetime)
    checker.checks("email")(_is_email)
    checker.checks("uri")(_is_uri)
    return checker


def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return True
    datetime.date.fromisoformat(value)
    return len(value) == len("2024-05-03")  # the shorter ISO forms are legal, but nobody else reads them


def _is_time(value: object) -> bool:
    if isinstance(value, str):
        datetime.time.fromisoformat(value)
    return True


def _is_datetime(value: object) -> bool:
    if not isinstance(value, str):
        return True
    datetime.datetime.fromisoformat(value)
    return len(value) > len("2024-05-03")


def _is_email(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[^\s@]+@[^\s@]+", value) is not None


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", value) is not None


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
