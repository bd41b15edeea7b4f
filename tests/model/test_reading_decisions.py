from __future__ import annotations

import pytest

from spiffcli.errors import ModelError
from spiffcli.model import Decision

from .writing import read

_DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"

_TABLE = """
<decisionTable id="t" hitPolicy="first">
  <input id="i1" label="Weight"><inputExpression typeRef="number"><text> weight </text></inputExpression>
    <inputValues><text>1,2</text></inputValues></input>
  <input id="i2"><inputExpression><text>country</text></inputExpression></input>
  <output id="o1" label="Cost in EUR" name="cost" typeRef="number"/>
  <rule id="r1"><description>cheap</description><inputEntry id="x"><text>&lt; 5</text></inputEntry>
    <inputEntry><text></text></inputEntry><outputEntry><text>3</text></outputEntry></rule>
  <rule id="r2"><inputEntry><text>-</text></inputEntry><inputEntry><text>"DE"</text></inputEntry>
    <outputEntry><text>4</text></outputEntry></rule>
</decisionTable>
"""


def _decision(inner: str, namespace: str = _DMN) -> Decision:
    content = (
        f'<definitions xmlns="{namespace}"><decision id="d" name="Shipping  cost">{inner}</decision></definitions>'
    )
    return read(content, "costs.dmn").decisions["d"]


@pytest.mark.parametrize("version", ["20151101/dmn.xsd", "20180521/MODEL/", "20191111/MODEL/", "20211108/MODEL/"])
def test_a_table_is_read_row_by_row_in_every_version(version: str) -> None:
    decision = _decision(_TABLE, f"https://www.omg.org/spec/DMN/{version}")

    assert (decision.name, decision.logic, decision.hit_policy) == ("Shipping cost", "table", "FIRST")
    assert [column.type for column in decision.columns.values()] == ["input", "input", "output"]
    assert dict(decision.rules["r1"].cells) == {"i1": "< 5", "o1": "3"}
    assert dict(decision.rules["r2"].cells) == {"i1": "-", "i2": '"DE"', "o1": "4"}
    assert (decision.rules["r1"].description, decision.rules["r2"].order) == ("cheap", 1)


def test_columns_know_what_they_read_and_give() -> None:
    weight, _country, cost = _decision(_TABLE).columns.values()

    assert (weight.name, weight.expression, weight.data_type, weight.values) == ("Weight", "weight", "number", "1,2")
    assert (cost.name, cost.attributes, cost.data_type) == ("Cost in EUR", {"name": "cost"}, "number")


def test_the_hit_policy_is_unique_where_nothing_is_said() -> None:
    assert _decision("<decisionTable/>").hit_policy == "UNIQUE"


def test_rows_without_ids_are_told_apart_by_position() -> None:
    row = "<rule><outputEntry><text>1</text></outputEntry></rule>"

    assert list(_decision(f'<decisionTable><output id="o"/>{row}{row}</decisionTable>').rules) == ["rule~1", "rule~2"]


def test_an_expression_and_what_it_requires() -> None:
    decision = _decision(
        '<variable name="total" typeRef="number"/><informationRequirement><requiredDecision href="#price"/>'
        "</informationRequirement><literalExpression><text>price * 2</text></literalExpression>"
    )

    assert (decision.logic, decision.expression) == ("expression", "price * 2")
    assert (decision.variable, decision.data_type, decision.requires) == ("total", "number", ("price",))


def test_other_logic_is_kept_as_text() -> None:
    decision = _decision('<context><contextEntry><variable name="a"/></contextEntry></context>')

    assert decision.logic == "context"
    assert "contextEntry" in decision.expression


def test_a_decision_defined_twice_is_an_error() -> None:
    with pytest.raises(ModelError, match="decision d is defined twice"):
        read(f'<definitions xmlns="{_DMN}"><decision id="d"/><decision id="d"/></definitions>', "costs.dmn")
