"""Decisions and forms as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from spiffcli.model.elements import Layout
from spiffcli.model.fields import IDENTITY, at_line, derived, parts, texts
from spiffcli.records import record


@record
class Clause:
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
    attributes: Mapping[str, str] = texts()
    line: int = at_line()

    @property
    def key(self) -> str:
        """What tells columns apart."""
        return self.id


@record
class Rule:
    """A row of a decision table.

    Attributes:
        cells: Entry of each column by the id of the column; blank cells are left out.
        description: Remark of the author, or None.
        order: Position in the table, counted from 0.
    """

    id: str
    cells: Mapping[str, str] = texts()
    description: str | None = None
    order: int = derived(0)
    line: int = at_line()

    @property
    def type(self) -> str:
        """Element name."""
        return "rule"

    @property
    def name(self) -> None:
        """Rows have no name."""
        return


@record
class Decision:
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
    settings: Mapping[str, str] = texts()
    attributes: Mapping[str, str] = texts()
    extensions: Mapping[str, str] = texts()
    columns: Mapping[str, Clause] = parts()
    rules: Mapping[str, Rule] = parts()
    layout: Layout = field(default_factory=dict, compare=False)
    file: str = derived("")
    line: int = at_line()

    @property
    def label(self) -> str:
        """Name, or the id where it has none."""
        return self.name or self.id


@record
class FormField:
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
    keywords: Mapping[str, str] = texts()
    order: int = derived(0)
    line: int = at_line()

    @property
    def type(self) -> str:
        """Element name."""
        return "field"


@record
class Form:
    """A form resource: a JSON schema, a ui-schema, or a form of another engine.

    Attributes:
        key: File name without folders; the whole path where another form of the model is called alike.
        dialect: `json-schema`, `ui-schema`, `camunda` or `json`.
        keywords: Keywords of the form itself, as JSON text.
        fields: By path, in document order.
    """

    key: str = field(metadata=IDENTITY)
    name: str | None = None
    dialect: str = "json"
    keywords: Mapping[str, str] = texts()
    fields: Mapping[str, FormField] = parts()
    file: str = derived("")
    line: int = at_line()

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
