from __future__ import annotations

from spiffcli.diff import Dependency, compare
from spiffcli.model import Model

from .make import bpmn, ends, extension, model, task

_DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def _decision(expression: str, id: str = "price", requires: str = "") -> tuple[str, str]:
    required = f'<informationRequirement><requiredDecision href="#{requires}"/></informationRequirement>'
    logic = f"<literalExpression><text>{expression}</text></literalExpression>"
    inner = f'<decision id="{id}">{required if requires else ""}{logic}</decision>'
    return f"{id}.dmn", f'<definitions xmlns="{_DMN}">{inner}</definitions>'


def _process(*called: str, decision: str = "", form: str = "", id: str = "proc") -> bytes:
    calls = "".join(task(f"call_{key}", "callActivity", "", "", f'calledElement="{key}"') for key in called)
    asks = task(
        "ask", "businessRuleTask", "", extension(f"<spiff:calledDecisionId>{decision}</spiff:calledDecisionId>")
    )
    shown = extension(
        f'<spiff:properties><spiff:property name="formJsonSchemaFilename" value="{form}"/></spiff:properties>'
    )
    parts = [calls, asks if decision else "", task("fill", "userTask", "", shown) if form else ""]
    return bpmn(ends(*parts), process=id)


def _status(old: Model, new: Model) -> dict[str, str]:
    found = compare(old, new, old_process="proc", dependencies=True).dependencies
    return {key: item.status for key, item in found.items()}


def test_dependencies_are_matched_by_key_and_followed() -> None:
    form = ("order.json", "{}")
    old = model(_process("pay", decision="price", form="order.json"), _process("bank", id="pay"),
                bpmn(task("x"), process="bank"), _decision("1"), form)  # fmt: skip
    new = model(_process("pay", decision="price", form="order.json"), _process("bank", id="pay"),
                bpmn(task("x", name="X"), process="bank"), _decision("2"), form)  # fmt: skip

    diff = compare(old, new, old_process="proc", dependencies=True)

    assert diff.changes == ()
    assert {key: item.status for key, item in diff.dependencies.items()} == {
        "decision:price": "changed",
        "form:order.json": "unchanged",
        "process:bank": "changed",
        "process:pay": "unchanged",
    }
    assert [change.rule for change in diff.all_changes] == ["decision-logic-changed", "name-changed"]
    assert diff
    assert diff.bump == "minor"


def test_what_is_called_by_one_side_only_is_listed() -> None:
    old = model(_process("pay"), bpmn("", process="pay"))
    new = model(_process("refund"), bpmn("", process="refund"))

    assert _status(old, new) == {"process:pay": "removed", "process:refund": "added"}


def test_what_a_side_does_not_hold_cannot_be_compared_and_is_said() -> None:
    assert _status(model(_process("pay"), bpmn("", process="pay")), model(_process("pay"))) == {
        "process:pay": "missing"
    }


def test_required_decisions_are_dependencies() -> None:
    old = model(_process(decision="total"), _decision("1", "total", "price"), _decision("1"))
    new = model(_process(decision="total"), _decision("1", "total", "price"), _decision("2"))

    assert _status(old, new) == {"decision:total": "unchanged", "decision:price": "changed"}


def test_processes_that_call_each_other_come_to_an_end() -> None:
    old = model(_process("other"), _process("proc", id="other"))

    assert _status(old, old) == {"process:other": "unchanged"}


def test_when_everything_is_compared_dependencies_only_tell_their_status() -> None:
    old, new = (model(_process(decision="price"), _decision(text)) for text in "12")

    diff = compare(old, new, dependencies=True)

    assert diff.dependencies == {"decision:price": Dependency("decision", "price", "changed")}
    assert [change.rule for change in diff.changes] == ["decision-logic-changed"]


def test_dependencies_are_reversed_with_the_diff() -> None:
    old, new = model(_process("pay"), bpmn("", process="pay")), model(_process(decision="price"), _decision("1"))

    diff = compare(old, new, old_process="proc", dependencies=True)

    assert diff.reversed() == compare(new, old, old_process="proc", dependencies=True, old_label="new", new_label="old")


def test_dependencies_are_part_of_the_document() -> None:
    old, new = (model(_process(decision="price"), _decision(text)) for text in "12")

    body = compare(old, new, old_process="proc", dependencies=True).to_json()["dependencies"]["decision:price"]

    assert (body["kind"], body["key"], body["status"]) == ("decision", "price", "changed")
    assert body["summary"]["changed"] == 1
    assert body["changes"][0]["old"] == "1"
