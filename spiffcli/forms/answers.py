"""From what a person or a script answers to the values a task gets, or to the reason why not."""

from __future__ import annotations

import copy
import csv
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec import Struct

from spiffcli.errors import AnswerError, ModelError
from spiffcli.forms import rules
from spiffcli.forms.questions import MOST_ENTRIES, field_type, overlay, questions
from spiffcli.forms.rules import LevelReader
from spiffcli.forms.schema import NOTHING, Choice, Count, FieldPath, Form, Nothing, Question, check_form
from spiffcli.forms.wording import faults_of
from spiffcli.text import one_line, quoted, strip_controls

_YES = frozenset({"yes", "y", "true", "on"})
_NO = frozenset({"no", "n", "false", "off"})


def free_form() -> Form:
    """The form of a task that has none: asks nothing and takes any JSON object."""
    return Form("", {"type": "object"})


def coerce(question: Question, text: str) -> Any | Nothing:
    """The value a typed answer means.

    Choices are named by number, title or value; lists are separated by commas; dates are ISO text. An empty
    answer means the default, `""` the empty text.

    Returns:
        The JSON value; a `Count` for a question of that type; `NOTHING` to leave an optional field out.

    Raises:
        AnswerError: It means nothing, or the field's schema does not allow it. The message is the reason
            alone; `data` names `field` and `rule`.
        ModelError: The schema of the field cannot be used.
    """
    text = text if question.secret else text.strip()
    if not text:
        return _unanswered(question)
    if text == '""' and question.type in ("string", "any"):
        text = ""
    value = _parse(question, text)
    _check(question, value)
    return value


def _unanswered(question: Question) -> Any | Nothing:
    if question.default is not NOTHING:
        return copy.deepcopy(question.default)
    if not question.required:
        return NOTHING
    if question.nullable:
        return None
    raise _refusal(question, "required", "an answer is needed")


def _check(question: Question, value: Any) -> None:
    form = question.form
    is_count = isinstance(value, Count)
    found = rules.errors(form.name, form.schema, question.rule, [{}] * value if is_count else value)
    if is_count:  # the entries themselves are still to come
        found = [error for error in found if error.rule in ("minItems", "maxItems")]
    for fault in faults_of(form, found, secret=question.secret)[:1]:
        raise _refusal(question, fault.rule, fault.reason)


def _refusal(question: Question, rule: str, reason: str) -> AnswerError:
    return AnswerError(f"{reason} ({rule})", field=question.name, rule=rule)


def _parse(question: Question, text: str) -> Any:
    if question.type == "array":
        return _parse_list(question, text)
    if question.choices:
        return _parse_choice(question, text)
    if question.nullable and text == "null":
        return None
    return _PARSERS[question.type](question, text)


def _parse_list(question: Question, text: str) -> list[Any]:
    if text.startswith("["):
        entries: list[Any] = _json(question, text, list, "a list")
        return entries
    try:
        row = next(csv.reader([",".join(text.splitlines())], skipinitialspace=True))
    except csv.Error as fault:  # an entry beyond 128 KiB
        raise _refusal(question, "type", "this is not a list separated by commas") from fault
    parts = [part.strip() for part in row if part.strip()]
    if question.choices:
        return [_parse_choice(question, part) for part in parts]
    items = question.rule.get("items")
    kind = field_type(LevelReader(question.form.name, question.form.schema).plain(items)) if items else "any"
    return [_PARSERS[kind](question, part) for part in parts]


def _parse_choice(question: Question, text: str) -> Any:
    choices = question.choices
    if question.numbered and re.fullmatch(r"[0-9]{1,6}", text):
        number = int(text)
        if 1 <= number <= len(choices) and not _is_yes_no(question):
            return choices[number - 1].value
    matches = _named(choices, text)
    if len(matches) == 1:
        return matches[0].value
    if not matches and _is_yes_no(question) and text.casefold() in _YES | _NO:
        return text.casefold() in _YES
    titles = ", ".join(quoted(choice.title) for choice in (matches or choices)[:12])
    if matches:
        raise _refusal(question, "enum", f"{quoted(text)} could be any of {titles}")
    more = " …" if len(choices) > 12 else ""
    raise _refusal(question, "enum", f"{quoted(text)} is not one of {titles}{more}")


def _is_yes_no(question: Question) -> bool:
    return [choice.title for choice in question.choices] == ["yes", "no"]


def _named(choices: tuple[Choice, ...], text: str) -> list[Choice]:
    """The choices `text` names: exactly, else whatever the case, else by the beginning of the title."""
    folded = text.casefold()
    tests: list[Callable[[Choice], bool]] = [
        lambda choice: text in (choice.title, _written(choice.value)),
        lambda choice: folded in (one_line(choice.title).casefold(), _written(choice.value).casefold()),
        lambda choice: one_line(choice.title).casefold().startswith(folded),
    ]
    for test in tests:
        found = [choice for choice in choices if test(choice)]
        if found:
            return found
    return []


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _parse_string(question: Question, text: str) -> str:
    if text != strip_controls(text):
        raise _refusal(question, "type", "the answer contains control characters")
    if question.format == "date-time" and text[10:11] == " ":
        return f"{text[:10]}T{text[11:]}"  # people write a blank where the standard has a T
    return text


def _parse_integer(question: Question, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", text):
        raise _refusal(question, "type", f"{quoted(text)} is not a whole number")
    return int(text)


def _parse_number(question: Question, text: str) -> int | float:
    if re.fullmatch(r"[+-]?[0-9]{1,4000}", text):
        return int(text)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text):
        advice = "; write the decimals after a point" if re.fullmatch(r"[+-]?[0-9.]+,[0-9]+", text) else ""
        raise _refusal(question, "type", f"{quoted(text)} is not a number{advice}")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _refusal(question, "type", f"{quoted(text)} is too large a number")
    return value


def _parse_boolean(question: Question, text: str) -> bool:
    if text.casefold() not in _YES | _NO:
        raise _refusal(question, "type", f"{quoted(text)} is not yes or no")
    return text.casefold() in _YES


def _parse_count(question: Question, text: str) -> Count:
    count = _parse_integer(question, text)
    if not 0 <= count <= MOST_ENTRIES:
        raise _refusal(question, "type", f"{quoted(text)} is not a number from 0 to {MOST_ENTRIES}")
    return Count(count)


def _parse_object(question: Question, text: str) -> Any:
    return _json(question, text, dict, "an object")


def _parse_any(question: Question, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _parse_string(question, text)


_PARSERS: Mapping[str, Callable[[Question, str], Any]] = {
    "string": _parse_string,
    "integer": _parse_integer,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "count": _parse_count,
    "object": _parse_object,
    "array": lambda question, text: _json(question, text, list, "a list"),
    "any": _parse_any,
}


def _json(question: Question, text: str, kind: type, words: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as fault:
        raise _refusal(question, "type", f"this is not valid JSON: {fault.msg} at column {fault.colno}") from fault
    except (ValueError, RecursionError) as fault:
        raise _refusal(question, "type", "this JSON cannot be read") from fault
    if not isinstance(value, kind):
        raise _refusal(question, "type", f"this is JSON, but not {words}")
    return value


def assemble(form: Form, data: Mapping[str, Any], answers: Mapping[FieldPath, Any]) -> dict[str, Any]:
    """The document that typed answers make, each under its path.

    Answers to questions that are no longer asked (a condition changed, a list became shorter) are left out.
    """
    asked = (question.path for question in questions(form, data, answers))
    return overlay({}, {path: answers[path] for path in asked if path in answers})


def validate(
    form: Form,
    answers: Any,
    *,
    task: str,
    data: Mapping[str, Any] | None = None,
    omitted: Collection[FieldPath] = (),
) -> dict[str, Any]:
    """The answers with everything filled in that the form fills in, if the whole of it fits the form.

    Args:
        form: The form, or `free_form()`.
        answers: A JSON object.
        task: What to call the task in messages.
        data: The task's data: where given, fields of the form that are not answered keep their value.
        omitted: Fields that were left out on purpose and get no default.

    Raises:
        AnswerError: The answers do not fit. The message names task, field and rule of every fault;
            `data` holds `task`, `field` and `rule` of the first, and all of them in `faults`.
        ModelError: The schema cannot be used.
    """
    if not isinstance(answers, Mapping):
        message = f"The answers for task {quoted(task)} are not a JSON object but {quoted(answers)}."
        raise AnswerError(message, task=task, field="", rule="type")
    document = _filled(form, answers, data or {}, frozenset(omitted))
    faults = faults_of(form, rules.errors(form.name, form.schema, form.schema, document))
    if not faults:
        return document
    if len(faults) == 1:
        message = f"Task {quoted(task)}: {faults[0]}."
    else:
        lines = "".join(f"\n  {fault}" for fault in faults)
        message = f"Task {quoted(task)}: the answers do not fit the form:{lines}"
    raise AnswerError(
        message,
        task=task,
        field=faults[0].field,
        rule=faults[0].rule,
        faults=[{"field": fault.field, "rule": fault.rule, "reason": fault.reason} for fault in faults],
    )


def _filled(
    form: Form, answers: Mapping[str, Any], data: Mapping[str, Any], omitted: frozenset[FieldPath]
) -> dict[str, Any]:
    filler = _Filler(form, LevelReader(form.name, form.schema), omitted)
    try:
        return filler.object(form.schema, answers, data, ())
    except RecursionError as fault:
        raise ModelError(f"The form {form.name} refers to itself without end.", file=form.name) from fault
    except (AttributeError, TypeError, KeyError) as fault:
        check_form(form)  # names the place, if the schema is at fault
        raise ModelError(f"The form {form.name} cannot be read: {fault}.", file=form.name) from fault


class _Filler(Struct, frozen=True):
    """Fills in what a form says without being asked: constants, known values, defaults."""

    form: Form
    reader: LevelReader
    omitted: frozenset[FieldPath]

    def object(self, rule: Mapping[str, Any], value: Mapping[str, Any], known: Any, path: FieldPath) -> dict[str, Any]:
        result = dict(value)
        while True:
            level = self.reader.current(rule, result)
            added = {}
            for name, part in level.properties.items():
                if name not in result and (*path, name) not in self.omitted:
                    added[name] = self._missing(self.reader.plain(part), known, name, name in level.required)
            added = {name: filled for name, filled in added.items() if filled is not NOTHING}
            result.update(added)
            if not added:  # else a field just filled in may bring others with it
                break
        for name, part in level.properties.items():
            if name in result:
                result[name] = self._inside(self.reader.plain(part), result[name], _get(known, name), (*path, name))
        return result

    def _missing(self, rule: Mapping[str, Any], known: Any, name: str, required: bool) -> Any:
        value = _get(known, name)
        if value is not NOTHING and rules.is_valid(self.form.name, self.form.schema, rule, value):
            return copy.deepcopy(value)
        for key in ("const", "default"):
            if key in rule:
                return copy.deepcopy(rule[key])
        is_group = field_type(rule) == "object" and self.reader.fixed(rule).properties
        return {} if required and is_group else NOTHING

    def _inside(self, rule: Mapping[str, Any], value: Any, known: Any, path: FieldPath) -> Any:
        if isinstance(value, dict) and "properties" in rule:
            return self.object(rule, value, known, path)
        if isinstance(value, list) and isinstance(rule.get("items"), Mapping):
            entry = self.reader.plain(rule["items"])
            return [self._inside(entry, item, NOTHING, (*path, number)) for number, item in enumerate(value)]
        return value


def _get(container: Any, name: str) -> Any:
    return container.get(name, NOTHING) if isinstance(container, Mapping) else NOTHING
