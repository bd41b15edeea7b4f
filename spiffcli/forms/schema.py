"""Forms and their questions, and JSON as people write it: any Unicode encoding, faults with line and column."""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, field

from spiffcli.errors import ModelError, RunnerError
from spiffcli.forms import rules
from spiffcli.text import quoted

#: Where a field is: names of fields and numbers of entries, from the outside in.
FieldPath: TypeAlias = tuple[str | int, ...]

QuestionType = Literal["string", "integer", "number", "boolean", "array", "object", "count", "any"]


class Nothing(enum.Enum):
    """The type of `NOTHING`."""

    NOTHING = "nothing"

    def __repr__(self) -> str:
        return "NOTHING"


#: The answer "leave this field out", and a default that is not there. `None` is the JSON value null.
NOTHING: Final = Nothing.NOTHING


class Count(int):
    """Answer to a question of type `count`: how many entries a list of objects has."""


class Form(Struct, frozen=True):
    """A JSON Schema and how to present it.

    Attributes:
        name: Name of the form's file, for messages.
        schema: The JSON Schema; its top is an object.
        ui: The ui-schema (`ui:order`, `ui:widget` ...), or empty.
    """

    name: str
    schema: Mapping[str, Any]
    ui: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Title of the form, or the empty string."""
        return str(option(self.ui, "title") or self.schema.get("title", ""))

    @property
    def description(self) -> str:
        """What the form is about, or the empty string."""
        return str(option(self.ui, "description") or self.schema.get("description", ""))


class Choice(Struct, frozen=True):
    """One value a field may take.

    Attributes:
        value: The JSON value.
        title: What the person sees.
    """

    value: Any
    title: str


class Question(Struct, frozen=True):
    """One thing to ask.

    Attributes:
        path: Where the answer goes.
        title: Short text to ask with.
        type: JSON type of the answer. `count` asks for the number of entries of a list of objects, whose
            own questions follow; `any` takes every JSON value; `object` takes a whole JSON object.
        required: Whether the form needs an answer.
        description: Longer text, or empty.
        choices: The values to choose from, or empty. Of a list: the values of its entries.
        default: What an empty answer means; `NOTHING` where there is no default.
        secret: Whether neither the answer nor the default may be shown.
        multiline: Whether the answer may have several lines.
        nullable: Whether null is an answer.
        minimum: Least number, count, or number of entries of a list.
        maximum: Greatest number, count, or number of entries of a list.
        exclusive_minimum: Number the answer must be above.
        exclusive_maximum: Number the answer must be below.
        min_length: Least number of characters of a text.
        max_length: Greatest number of characters of a text.
        pattern: Regular expression that must be found in a text, or None.
        format: `date`, `date-time`, `email` ..., or the empty string.
        example: What an answer may look like (the ui-schema's placeholder), or empty.
        rule: The schema of this field alone.
        form: The form it belongs to, where the references of `rule` lead.
    """

    path: FieldPath
    title: str
    type: QuestionType
    required: bool
    form: Form
    description: str = ""
    choices: tuple[Choice, ...] = ()
    default: Any = NOTHING
    secret: bool = False
    multiline: bool = False
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str = ""
    example: str = ""
    rule: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path as text: `address.street`, `items[0].product`."""
        return path_name(self.path)

    @property
    def numbered(self) -> bool:
        """Whether choices can be named by number: not where a number could also be one of the values."""
        numbers = {str(number) for number in range(1, len(self.choices) + 1)}
        return not any(str(c.value) in numbers or c.title.strip() in numbers for c in self.choices)


def path_name(path: FieldPath) -> str:
    """A path as text: `address.street`, `items[0].product`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def option(ui: Mapping[str, Any], name: str) -> Any:
    """An option of a ui-schema, written `ui:name` or inside `ui:options`; None where there is none."""
    if f"ui:{name}" in ui:
        return ui[f"ui:{name}"]
    options = ui.get("ui:options")
    return options.get(name) if isinstance(options, Mapping) else None


def part_of(ui: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The ui-schema of one field, or of the entries of a list (`items`)."""
    part = ui.get(name)
    return part if isinstance(part, Mapping) else {}


def is_hidden(rule: Mapping[str, Any], ui: Mapping[str, Any]) -> bool:
    """Whether a field is filled in without asking: constant, read-only or hidden."""
    if "const" in rule or rule.get("readOnly") is True:
        return True
    return option(ui, "widget") == "hidden" or option(ui, "readonly") is True or option(ui, "disabled") is True


def is_secret(rule: Mapping[str, Any], ui: Mapping[str, Any]) -> bool:
    """Whether the value of a field may not be shown."""
    return rule.get("format") == "password" or option(ui, "widget") == "password"


def read_form(name: str, content: bytes, ui: bytes | None = None, *, ui_name: str | None = None) -> Form:
    """Read a form from the bytes of its schema and its ui-schema.

    Args:
        name: Name of the schema's file, for messages.
        content: The JSON Schema.
        ui: The ui-schema, if there is one.
        ui_name: Name of the ui-schema's file.

    Raises:
        ModelError: Not JSON (with the line), or not the schema of an object.
    """
    schema = _read_object(name, content, "form")
    if schema.get("type", "object") != "object":
        raise ModelError(
            f"The form {name} describes something of type {schema['type']}, not an object with fields.",
            hint='Write "type": "object" at the top and put the fields under "properties".',
            file=name,
        )
    return Form(name, schema, {} if ui is None else _read_object(ui_name or f"{name} (ui)", ui, "ui-schema"))


def _read_object(name: str, content: bytes, what: str) -> dict[str, Any]:
    value = read_json(content, file=name, what=what, error=ModelError)
    if not isinstance(value, dict):
        raise ModelError(f"The {what} {name} is not a JSON object.", file=name, line=1)
    return value


def check_form(form: Form) -> None:
    """Make sure that the schema of `form` is a valid JSON Schema that stands on its own.

    Raises:
        ModelError: It is not; the message names the place.
    """
    rules.check_schema(form.name, form.schema)


def read_json(content: bytes, *, file: str, what: str, error: type[RunnerError]) -> Any:
    """The value in `content`, which may be UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        file: Name of the file, as the user gave it.
        what: What the file is, for messages (`form`, `file of answers`).
        error: Class of the error to raise.

    Raises:
        RunnerError: (as `error`) Not JSON, not text, a key twice in one object, or nested too deep.
    """
    try:
        return json.loads(_decode(content), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        message = f"The {what} {file} is not valid JSON: {fault.msg} at {where}."
        raise error(message, file=file, line=fault.lineno, column=fault.colno) from fault
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        message = f"The {what} {file} is not text in UTF-8, UTF-16 or UTF-32 (line {line})."
        raise error(message, hint="Save it as UTF-8.", file=file, line=line) from fault
    except RecursionError as fault:
        raise error(f"The {what} {file} is nested too deep to be read.", file=file) from fault
    except ValueError as fault:
        raise error(f"The {what} {file} cannot be used: {fault}.", file=file) from fault


def _decode(content: bytes) -> str:
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {quoted(twice)} stands twice in one object")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
