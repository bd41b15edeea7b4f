"""From a form to the questions it asks, in order, under the values given so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.errors import ModelError
from spiffcli.forms import rules
from spiffcli.forms.rules import Level, LevelReader
from spiffcli.forms.schema import (
    NOTHING,
    Choice,
    Count,
    FieldPath,
    Form,
    Question,
    QuestionType,
    check_form,
    is_hidden,
    is_secret,
    option,
    part_of,
)

#: Entries of one list asked for field by field.
MOST_ENTRIES = 1000

_DEEPEST = 8  # levels of nesting asked field by field; what is deeper is asked for as JSON

_TYPES: Mapping[str, QuestionType] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}


def questions(
    form: Form, data: Mapping[str, Any], answers: Mapping[FieldPath, Any] | None = None
) -> tuple[Question, ...]:
    """What to ask, in order.

    Call it again after every answer: a list of entries grows with its count, and conditional fields come
    and go with the fields they depend on.

    Args:
        form: The form.
        data: The task's data; a value that is there already becomes the default.
        answers: Answers given so far by path, `NOTHING` for "left out". A condition on a field without an
            answer is not decided yet. None means that `data` is all there will be.

    Raises:
        ModelError: The schema cannot be used.
    """
    asker = _Asker(form, LevelReader(form.name, form.schema), answers, overlay(data, answers or {}))
    try:
        return tuple(asker.of_object(form.schema, form.ui, data))
    except RecursionError as fault:
        raise ModelError(f"The form {form.name} refers to itself without end.", file=form.name) from fault
    except (AttributeError, TypeError, KeyError, ValueError) as fault:
        check_form(form)  # names the place, if the schema is at fault
        raise ModelError(f"The form {form.name} cannot be read: {fault}.", file=form.name) from fault


def overlay(data: Mapping[str, Any], answers: Mapping[FieldPath, Any]) -> dict[str, Any]:
    """`data` with `answers` put in their places; neither is changed."""
    document: Any = dict(data)
    for path, value in answers.items():
        document = _put(document, path, value)
    result: dict[str, Any] = document
    return result


def _put(container: Any, path: FieldPath, value: Any) -> Any:
    if not path:
        return _resized(container, value) if isinstance(value, Count) else value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        length = len(container) if isinstance(container, list) else 0
        entries = _resized(container, max(step + 1, length))
        entries[step] = _put(entries[step], rest, value)
        return entries
    fields = dict(container) if isinstance(container, Mapping) else {}
    if value is NOTHING and not rest:
        fields.pop(step, None)
    elif value is not NOTHING or step in fields:
        fields[step] = _put(fields.get(step), rest, value)
    return fields


def _resized(container: Any, length: int) -> list[Any]:
    entries = list(container) if isinstance(container, list) else []
    return [*entries[:length], *({} for _ in range(length - len(entries)))]


class _Place(Struct, frozen=True):
    """A field on its way to becoming a question."""

    path: FieldPath
    rule: Mapping[str, Any]
    ui: Mapping[str, Any]
    known: Any  # what the task's data hold here, or NOTHING
    required: bool
    suffix: str  # tells the entry of a list from the others, added to every title


class _Asker(Struct, frozen=True):
    """Walks a schema and makes the questions."""

    form: Form
    reader: LevelReader
    answers: Mapping[FieldPath, Any] | None
    now: Mapping[str, Any]  # the task's data under the answers so far: what conditions look at

    def of_object(
        self, schema: Mapping[str, Any], ui: Mapping[str, Any], known: Any, path: FieldPath = (), suffix: str = ""
    ) -> Iterator[Question]:
        level = self._level(schema, ui, path)
        preset = schema.get("default")
        for name in _ordered(level.properties, ui):
            rule, rule_ui = self.reader.plain(level.properties[name]), part_of(ui, name)
            if is_hidden(rule, rule_ui):
                continue
            value = _field(known, name)
            if value is NOTHING and "default" not in rule:
                value = _field(preset, name)
            yield from self._of_field(_Place((*path, name), rule, rule_ui, value, name in level.required, suffix))

    def _level(self, schema: Mapping[str, Any], ui: Mapping[str, Any], path: FieldPath) -> Level:
        now = _at(self.now, path)
        return self.reader.current(schema, now if isinstance(now, Mapping) else {}, self._pending(schema, ui, path))

    def _pending(self, schema: Mapping[str, Any], ui: Mapping[str, Any], path: FieldPath) -> set[str]:
        if self.answers is None:
            return set()
        depth = len(path)
        answered = {given[depth] for given in self.answers if len(given) > depth and given[:depth] == path}
        fixed = self.reader.fixed(schema).properties
        return {n for n, rule in fixed.items() if n not in answered and not is_hidden(rule, part_of(ui, n))}

    def _of_field(self, place: _Place) -> Iterator[Question]:
        kind = field_type(place.rule)
        shallow = len(place.path) < _DEEPEST
        if kind == "object" and shallow and self.reader.fixed(place.rule).properties:
            yield from self.of_object(place.rule, place.ui, place.known, place.path, place.suffix)
        elif kind == "array" and shallow and self._lists_objects(place.rule):
            yield from self._of_entries(place)
        else:
            yield self._question(place, kind)

    def _lists_objects(self, rule: Mapping[str, Any]) -> bool:
        entry = self._entry(rule)
        return field_type(entry) == "object" and bool(self.reader.fixed(entry).properties)

    def _entry(self, rule: Mapping[str, Any]) -> Mapping[str, Any]:
        entry = rule.get("items")
        return self.reader.plain(entry) if isinstance(entry, Mapping) else {}

    def _of_entries(self, place: _Place) -> Iterator[Question]:
        """How many entries, then each of them."""
        rule = place.rule
        known = place.known if isinstance(place.known, list) else rule.get("default", [])
        usual = max(len(known), int(rule.get("minItems", 0)))
        yield replace(self._question(place, "count"), default=Count(usual))
        length = usual if self.answers is None else int(self.answers.get(place.path, 0))
        for number in range(min(length, MOST_ENTRIES)):
            entry = known[number] if number < len(known) else NOTHING
            suffix = f"{place.suffix} ({number + 1} of {length})"
            yield from self.of_object(
                self._entry(rule), part_of(place.ui, "items"), entry, (*place.path, number), suffix
            )

    def _question(self, place: _Place, kind: QuestionType) -> Question:
        rule, ui = place.rule, place.ui
        entry = self._entry(rule) if kind == "array" else {}
        counted = kind in ("array", "count")
        return Question(
            path=place.path,
            title=f"{option(ui, 'title') or rule.get('title') or place.path[-1]}{place.suffix}",
            type=kind,
            required=place.required,
            form=self.form,
            description=_description(rule, ui),
            choices=() if kind == "count" else _choices(entry or rule, ui, kind),
            default=self._default(rule, place.known),
            secret=is_secret(rule, ui),
            multiline=option(ui, "widget") == "textarea",
            nullable=_takes_null(rule),
            minimum=rule.get("minItems" if counted else "minimum"),
            maximum=rule.get("maxItems" if counted else "maximum"),
            exclusive_minimum=rule.get("exclusiveMinimum"),
            exclusive_maximum=rule.get("exclusiveMaximum"),
            min_length=rule.get("minLength"),
            max_length=rule.get("maxLength"),
            pattern=rule.get("pattern"),
            format=str(rule.get("format", entry.get("format", ""))),
            example=str(option(ui, "placeholder") or ""),
            rule=rule,
        )

    def _default(self, rule: Mapping[str, Any], known: Any) -> Any:
        """What the task holds already, if the form would take it; else what the form says."""
        usable = known is not NOTHING and rules.is_valid(self.form.name, self.form.schema, rule, known)
        return known if usable else rule.get("default", NOTHING)


def field_type(rule: Mapping[str, Any]) -> QuestionType:
    """The one JSON type a field takes besides null; `any` where there are several or none is named."""
    named = [kind for kind in _type_names(rule) if kind != "null"]
    if set(named) == {"integer", "number"}:
        return "number"
    if named:
        return _TYPES.get(named[0], "any") if len(named) == 1 else "any"
    if "properties" in rule:
        return "object"
    return "array" if "items" in rule else "any"


def _type_names(rule: Mapping[str, Any]) -> Sequence[str]:
    named = rule.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def _takes_null(rule: Mapping[str, Any]) -> bool:
    alternatives = [*rule.get("anyOf", ()), *rule.get("oneOf", ())]
    return "null" in _type_names(rule) or any(
        isinstance(other, Mapping) and other.get("type") == "null" for other in alternatives
    )


def _choices(rule: Mapping[str, Any], ui: Mapping[str, Any], kind: QuestionType) -> tuple[Choice, ...]:
    if "enum" in rule:
        titles = option(ui, "enumNames") or rule.get("enumNames") or []
        named = [*titles, *rule["enum"][len(titles) :]]
        return tuple(Choice(value, _title(name)) for value, name in zip(rule["enum"], named, strict=False))
    for key in ("oneOf", "anyOf"):
        options = [other for other in rule.get(key, ()) if isinstance(other, Mapping)]
        if options and all(_constants(other) for other in options):
            return tuple(
                Choice(value, str(other.get("title", _title(value))))
                for other in options
                for value in _constants(other)
            )
    return (Choice(True, "yes"), Choice(False, "no")) if kind == "boolean" else ()


def _constants(rule: Mapping[str, Any]) -> list[Any]:
    if "const" in rule:
        return [rule["const"]]
    values = rule.get("enum", [])
    return list(values) if len(values) == 1 else []


def _title(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _description(rule: Mapping[str, Any], ui: Mapping[str, Any]) -> str:
    parts = [option(ui, "description") or rule.get("description"), option(ui, "help")]
    return "\n".join(str(part) for part in parts if part)


def _ordered(properties: Mapping[str, Any], ui: Mapping[str, Any]) -> list[str]:
    """Names in the order of `ui:order`, where `*` stands for all the others; they come last without it."""
    order = option(ui, "order")
    if not isinstance(order, list):
        return list(properties)
    others = [name for name in properties if name not in order]
    named = [others if name == "*" else [name] for name in (order if "*" in order else [*order, "*"])]
    return [name for names in named for name in names if name in properties]


def _field(container: Any, name: str) -> Any:
    return container.get(name, NOTHING) if isinstance(container, Mapping) else NOTHING


def _at(container: Any, path: FieldPath) -> Any:
    for step in path:
        if isinstance(step, int):
            container = container[step] if isinstance(container, list) and step < len(container) else None
        else:
            container = container.get(step) if isinstance(container, Mapping) else None
    return container
