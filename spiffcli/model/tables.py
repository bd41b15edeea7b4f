"""Decisions and forms as values."""

from __future__ import annotations

from collections.abc import Mapping

from spiffcli.model.elements import Layout
from spiffcli.model.fields import Derived, Element, Identity, Line, Part


class Clause(Element, frozen=True):
    """A column of a decision table: an input or output.

    Attributes:
        expression: What an input evaluates; None for outputs.
        values: Allowed values as written, or None.
        default: Default of an output, or None.
    """

    id: str
    type: str
    name: str | None = None
    expression: str | None = None
    data_type: str | None = None
    values: str | None = None
    default: str | None = None
    attributes: Mapping[str, str] = {}
    line: Line = 0

    @property
    def key(self) -> str:
        """What tells columns apart."""
        return self.id


class Rule(Element, frozen=True):
    """A row of a decision table.

    Attributes:
        cells: Entry of each column by the id of the column; blank cells are left out.
        description: Remark of the author, or None.
        order: Position in the table, counted from 0.
    """

    id: str
    cells: Mapping[str, str] = {}
    description: str | None = None
    order: Derived[int] = 0
    line: Line = 0

    @property
    def type(self) -> str:
        """Element name."""
        return "rule"

    @property
    def name(self) -> None:
        """Rows have no name."""
        return


class Decision(Element, frozen=True):
    """A DMN decision: a table, row by row, or an expression.

    Attributes:
        logic: `table`, `expression` or another kind of boxed expression; None where it is empty.
        hit_policy: `UNIQUE`, `FIRST`, `COLLECT` ...
        aggregation: `SUM`, `MIN`, `MAX`, `COUNT` or None.
        expression: Text of an expression, or canonical text of other logic.
        variable: Name of the output variable, or None.
        requires: Ids of required decisions, inputs and knowledge, sorted.
    """

    id: str
    name: str | None = None
    type: str = "decision"
    logic: str | None = None
    hit_policy: str | None = None
    aggregation: str | None = None
    expression: str | None = None
    variable: str | None = None
    data_type: str | None = None
    documentation: str | None = None
    requires: tuple[str, ...] = ()
    settings: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    columns: Part[Mapping[str, Clause]] = {}
    rules: Part[Mapping[str, Rule]] = {}
    layout: Derived[Layout] = {}
    file: Derived[str] = ""
    line: Line = 0

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id


class FormField(Element, frozen=True):
    """A field of a form, or a component of a ui-schema.

    Attributes:
        id: Path of the field (`address.street`); `[]` stands for the items of a list.
        keywords: Every keyword of the field's schema, as JSON text.
        required: Whether the form insists on it.
        order: Position among its siblings, counted from 0.
    """

    id: str
    name: str | None = None
    required: bool = False
    keywords: Mapping[str, str] = {}
    order: Derived[int] = 0
    line: Line = 0

    @property
    def type(self) -> str:
        """Element name."""
        return "field"


class Form(Element, frozen=True):
    """A form resource: a JSON schema, a ui-schema, or a form of another engine.

    Attributes:
        key: File name without folders; the whole path where another form of the model is called alike.
        dialect: `json-schema`, `ui-schema`, `camunda` or `json`.
        keywords: Keywords of the form itself, as JSON text.
        fields: By path, in document order.
    """

    key: Identity
    name: str | None = None
    dialect: str = "json"
    keywords: Mapping[str, str] = {}
    fields: Part[Mapping[str, FormField]] = {}
    file: Derived[str] = ""
    line: Line = 0

    @property
    def id(self) -> str:
        """The key."""
        return self.key

    @property
    def type(self) -> str:
        """Element name."""
        return "form"

    @property
    def label(self) -> str:
        """The key."""
        return self.key
