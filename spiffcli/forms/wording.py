"""Forms in our own words: what a field expects, and what is wrong with a value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from spiffcli.forms.rules import Violation
from spiffcli.forms.schema import NOTHING, Form, Question, is_secret, part_of, path_name
from spiffcli.text import one_line, quoted, shorten

_TYPE_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMAT_WORDS: Mapping[str, str] = {
    "date": "a date as YYYY-MM-DD",
    "time": "a time as HH:MM or HH:MM:SS",
    "date-time": "a date and time as YYYY-MM-DDTHH:MM:SS",
    "email": "an e-mail address",
    "uri": "an address such as https://example.org",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "uuid": "a UUID",
}


class Fault(Struct, frozen=True):
    """One thing wrong with the answers.

    Attributes:
        field: Name of the field (`address.street`), or empty for the answers as a whole.
        rule: The keyword of the schema that is not met.
        reason: What is wrong, without the field and without a full stop.
    """

    field: str
    rule: str
    reason: str

    def __str__(self) -> str:
        text = f"{self.reason} ({self.rule})"
        return f"{self.field}: {text}" if self.field else text


def faults_of(form: Form, errors: list[Violation], *, secret: bool = False) -> list[Fault]:
    """Validation errors in our words, each fault once, in the order of the document.

    Values of secret fields are not shown; `secret` says that all of them are.
    """
    return list(dict.fromkeys(fault for error in errors for fault in _faults(form, error, secret)))


def _faults(form: Form, error: Violation, secret: bool) -> Iterator[Fault]:
    path, rule = error.path, error.rule
    if rule == "required":
        for name in error.limit:
            if name not in error.value:
                yield Fault(path_name((*path, name)), rule, "an answer is missing")
    elif rule in ("dependentRequired", "dependencies") and isinstance(error.value, Mapping):
        yield from _missing_beside(path, rule, error)
    elif rule == "additionalProperties" and error.limit is False:
        yield from _unknown(path, error)
    elif rule in ("oneOf", "anyOf") and error.inner and not _constants(error):
        nearest = max(error.inner, key=lambda inner: len(inner.path))
        for fault in _faults(form, nearest, secret):
            yield Fault(fault.field, rule, f"none of the alternatives fits; the nearest one says: {fault.reason}")
    else:
        yield Fault(path_name(path), rule, _reason(error, secret or _is_secret_at(form, error)))


def _missing_beside(path: tuple[str | int, ...], rule: str, error: Violation) -> Iterator[Fault]:
    for name, needed in error.limit.items():
        if name in error.value and isinstance(needed, list):
            for other in needed:
                if other not in error.value:
                    yield Fault(path_name((*path, other)), rule, f"an answer is needed where {name} is given")


def _unknown(path: tuple[str | int, ...], error: Violation) -> Iterator[Fault]:
    known = list(error.schema.get("properties", {}))
    patterns = list(error.schema.get("patternProperties", {}))
    for name in error.value:
        if name in known or any(re.search(pattern, name) for pattern in patterns):
            continue
        near = get_close_matches(name, known, n=1)
        advice = f"; did you mean {near[0]}?" if near else f"; its fields are {', '.join(known)}" if known else ""
        yield Fault(path_name((*path, name)), "additionalProperties", f"the form has no such field{advice}")


def _is_secret_at(form: Form, error: Violation) -> bool:
    ui = form.ui
    for step in error.path:
        ui = part_of(ui, "items" if isinstance(step, int) else step)
    return is_secret(error.schema, ui)


def _reason(error: Violation, secret: bool) -> str:
    value = "the answer" if secret else quoted(error.value)
    limit = error.limit
    words = _LIMITS.get(error.rule)
    if words is not None:
        return words.format(value=value, limit=limit, length=_length(error.value))
    match error.rule:
        case "type":
            return f"{value} is not {_types(limit)}"
        case "format":
            return f"{value} is not {_FORMAT_WORDS.get(limit, f'of the format {limit}')}"
        case "pattern":
            return f"{value} does not match the pattern {one_line(limit)}"
        case "enum":
            return f"{value} is not one of {_listed(limit)}"
        case "const":
            return f"{value} is not {quoted(limit)}"
        case "oneOf" | "anyOf" if constants := _constants(error):
            return f"{value} is not one of {_listed(constants)}"
        case "oneOf" | "anyOf":
            return f"{value} fits more than one of the alternatives"
        case "false" | "":
            return "the form does not allow this field"
    return "the answer is not allowed" if secret else shorten(one_line(error.message), 200)


def _constants(error: Violation) -> list[Any]:
    """The values to choose from, where the alternatives are nothing but constants."""
    options = error.limit
    if all(isinstance(other, Mapping) and "const" in other for other in options):
        return [other["const"] for other in options]
    return []


# Words for the rules that compare a size with a limit.
_LIMITS: Mapping[str, str] = {
    "minimum": "{value} is less than the minimum of {limit}",
    "maximum": "{value} is greater than the maximum of {limit}",
    "exclusiveMinimum": "{value} is not greater than {limit}",
    "exclusiveMaximum": "{value} is not less than {limit}",
    "multipleOf": "{value} is not a multiple of {limit}",
    "minLength": "the text is too short: {length} of at least {limit} characters",
    "maxLength": "the text is too long: {length} of at most {limit} characters",
    "minItems": "too few entries: {length} of at least {limit}",
    "maxItems": "too many entries: {length} of at most {limit}",
    "uniqueItems": "an entry stands in the list twice",
    "contains": "no entry is of the kind that must be in the list",
    "minProperties": "too few fields: {length} of at least {limit}",
    "maxProperties": "too many fields: {length} of at most {limit}",
    "not": "{value} is not allowed",
}


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0


def _types(named: Any) -> str:
    names = [named] if isinstance(named, str) else list(named)
    return " or ".join(_TYPE_WORDS.get(name, name) for name in names)


def _listed(values: list[Any]) -> str:
    shown = [quoted(value) for value in values[:12]]
    return ", ".join([*shown, "…"] if len(values) > len(shown) else shown)


def expects(question: Question) -> str:
    """What the answer to `question` looks like, in a few words; empty where any text will do."""
    if question.choices:
        return "one or more of these, separated by commas" if question.type == "array" else ""
    words = [_kind(question), _range(question), _lengths(question)]
    if question.pattern and not question.description and not question.example:
        words.append(f"matching {one_line(question.pattern)}")
    if question.example:
        words.append(f"such as {quoted(question.example)}")
    return ", ".join(word for word in words if word)


def _kind(question: Question) -> str:
    if question.format in _FORMAT_WORDS and question.type == "string":
        return _FORMAT_WORDS[question.format].split(" ", 1)[1]
    kinds = {
        "integer": "whole number",
        "number": "number",
        "array": "values separated by commas",
        "object": "a JSON object",
        "count": "how many",
        "any": "text or a JSON value",
    }
    return kinds.get(question.type, "")


def _range(question: Question) -> str:
    low, high = question.minimum, question.maximum
    if low is not None and high is not None:
        return f"from {low} to {high}"
    bounds = [
        ("at least", low),
        ("at most", high),
        ("above", question.exclusive_minimum),
        ("below", question.exclusive_maximum),
    ]
    return " and ".join(f"{word} {limit}" for word, limit in bounds if limit is not None)


def _lengths(question: Question) -> str:
    low, high = question.min_length, question.max_length
    if low is not None and high is not None:
        return f"{low} characters" if low == high else f"{low} to {high} characters"
    if high is not None:
        return f"at most {high} characters"
    return f"at least {low} characters" if low is not None and low > 1 else ""


def show(question: Question, value: Any) -> str:
    """A value of `question` as a person reads it: the title of a choice, yes or no; a secret is not shown."""
    if value is NOTHING:
        return "(left empty)"
    if question.secret:
        return "(not shown)"
    if isinstance(value, list) and question.type == "array":
        return ", ".join(show_one(question, item) for item in value) or "(none)"
    return show_one(question, value)


def show_one(question: Question, value: Any) -> str:
    """Like `show`, for one entry of a list."""
    for choice in question.choices:
        if choice.value == value and type(choice.value) is type(value):
            return one_line(choice.title)
    if isinstance(value, str):
        return shorten(one_line(value), 200) or '""'
    return shorten(one_line(json.dumps(value, ensure_ascii=False, default=str)), 200)
