"""The tutorial models hang together: references resolve, forms are sound, and the versions share their ids."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jsonschema import Draft202012Validator
from lxml import etree

FOLDER = Path(__file__).resolve().parents[2] / "bpmn" / "tutorial"
MODELS = sorted(FOLDER.glob("*.bpmn"))
TABLES = sorted(FOLDER.glob("*.dmn"))
FORMS = sorted(path for path in (FOLDER / "forms").glob("*.json") if not path.stem.endswith("_ui"))
NS = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "dmn": "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "spiff": "http://spiffworkflow.org/bpmn/schema/1.0/core",
}
#: The product order, version by version: the files of each.
VERSIONS = {
    "task_types": ["task_types"],
    "gateway_types": ["gateway_types"],
    "top_level": ["top_level", "call_activity"],
    "top_level_script": ["top_level_script", "call_activity_script"],
}
REFERRING_ATTRIBUTES = (
    "sourceRef",
    "targetRef",
    "attachedToRef",
    "messageRef",
    "signalRef",
    "processRef",
    "dataObjectRef",
    "default",
)
REFERRING_ELEMENTS = (
    "incoming",
    "outgoing",
    "flowNodeRef",
    "sourceRef",
    "targetRef",
    "correlationPropertyRef",
    "loopDataInputRef",
    "loopDataOutputRef",
)
EXPRESSIONS = (
    "bpmn:conditionExpression",
    "bpmn:timeDuration",
    "bpmn:timeDate",
    "bpmn:timeCycle",
    "bpmn:messagePath",
    "spiff:messagePayload",
    "spiff:payloadExpression",
)


def root(name: str) -> etree._Element:
    return etree.parse(FOLDER / f"{name}.bpmn").getroot()


def texts(query: str) -> set[str]:
    """What an XPath finds in all models."""
    return {str(found) for path in MODELS for found in etree.parse(path).xpath(query, namespaces=NS)}


def test_every_form_that_a_model_names_exists_and_every_form_is_named() -> None:
    named = texts("//spiff:property[starts-with(@name, 'form')]/@value")
    assert named == {path.name for path in (FOLDER / "forms").iterdir()}


def test_every_decision_that_a_model_names_exists_and_is_the_only_one_of_its_file() -> None:
    decisions = {path.stem: etree.parse(path).xpath("//dmn:decision/@id", namespaces=NS) for path in TABLES}
    assert decisions == {"product_prices": ["product_prices"], "shipping_costs": ["shipping_costs"]}
    assert texts("//spiff:calledDecisionId/text()") == set(decisions)


def test_every_called_process_exists() -> None:
    assert texts("//bpmn:callActivity/@calledElement") <= texts("//bpmn:process/@id")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_reference_inside_a_model_names_an_element_of_it(path: Path) -> None:
    tree = etree.parse(path)
    ids = set(tree.xpath("//bpmn:*/@id", namespaces=NS))
    for attribute in REFERRING_ATTRIBUTES:
        assert set(tree.xpath(f"//bpmn:*/@{attribute}", namespaces=NS)) <= ids, attribute
    for element in REFERRING_ELEMENTS:
        assert set(tree.xpath(f"//bpmn:{element}/text()", namespaces=NS)) <= ids, element


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_human_task_says_what_to_do_and_every_user_task_has_a_form(path: Path) -> None:
    for task in etree.parse(path).iterfind(".//bpmn:userTask", NS):
        names = [p.get("name") for p in task.iterfind(".//spiff:property", NS)]
        assert names == ["formJsonSchemaFilename", "formUiSchemaFilename"], task.get("id")
    environment = jinja2.Environment(autoescape=False)
    for task in etree.parse(path).xpath("//bpmn:userTask | //bpmn:manualTask", namespaces=NS):
        text = task.findtext(".//spiff:instructionsForEndUser", namespaces=NS)
        assert text, task.get("id")
        environment.parse(text)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_diverging_gateway_has_a_condition_on_each_flow_but_the_default_which_comes_last(
    path: Path,
) -> None:
    tree = etree.parse(path)
    for gateway in tree.iterfind(".//bpmn:exclusiveGateway", NS):
        flows = tree.xpath("//bpmn:sequenceFlow[@sourceRef=$id]", id=gateway.get("id"), namespaces=NS)
        if len(flows) > 1:
            assert flows[-1].get("id") == gateway.get("default")
            assert all(flow.find("bpmn:conditionExpression", NS) is not None for flow in flows[:-1])
            assert all(flow.get("name") for flow in flows)


def test_scripts_and_expressions_are_python_that_imports_nothing() -> None:
    found = {code: "eval" for name in EXPRESSIONS for code in texts(f"//{name}/text()")}
    found |= dict.fromkeys(texts("//bpmn:script/text()"), "exec")
    assert len(found) > 20
    for code, mode in found.items():
        nodes = list(ast.walk(ast.parse(code, mode=mode)))
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes), code


# Forms


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_a_sound_schema_whose_defaults_pass_and_whose_ui_knows_its_fields(path: Path) -> None:
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["title"]
    fields = schema["properties"]
    assert set(schema["required"]) <= set(fields)
    for name, field in fields.items():
        assert field["title"], name
        if "default" in field:
            Draft202012Validator(field).validate(field["default"])
    ui = json.loads(path.with_name(f"{path.stem}_ui.json").read_text())
    assert ui.pop("ui:order") == list(fields)
    assert set(ui) <= set(fields)


def test_forms_and_decisions_know_the_same_products_and_shipping_methods() -> None:
    assert choices("select_product_and_quantity", "product") == set(rules("product_prices"))
    assert choices("select_shipping_method", "shipping_method") == set(rules("shipping_costs"))


def form(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / "forms" / f"{name}.json").read_text())
    return schema


def choices(name: str, field: str) -> set[str]:
    return {choice["const"] for choice in form(name)["properties"][field]["oneOf"]}


def rules(table: str) -> dict[str, float]:
    tree = etree.parse(FOLDER / f"{table}.dmn")
    return {
        ast.literal_eval(rule.findtext("dmn:inputEntry/dmn:text", namespaces=NS)): float(
            rule.findtext("dmn:outputEntry/dmn:text", namespaces=NS)
        )
        for rule in tree.iterfind(".//dmn:rule", NS)
    }


# The four versions belong together


def product_order_elements(version: str) -> dict[str, etree._Element]:
    trees = [root(name) for name in VERSIONS[version]]
    nodes = [n for tree in trees for n in tree.iterfind(".//bpmn:process/*[@id]", NS)]
    return {node.get("id"): node for node in nodes if not node.tag.endswith("sequenceFlow")}


def test_an_element_keeps_its_id_over_the_versions() -> None:
    ids: dict[str, set[str]] = {}
    for version in VERSIONS:
        for element, node in product_order_elements(version).items():
            if node.get("name"):
                ids.setdefault(node.get("name"), set()).add(element)
    assert {name: found for name, found in ids.items() if len(found) > 1} == {}


def test_each_version_holds_the_named_tasks_of_the_one_before() -> None:
    names = [{n.get("name") for n in product_order_elements(v).values()} for v in VERSIONS]
    assert {
        "Select Product and Quantity",
        "Look Up Product Price",
        "Calculate Order Total",
        "Review Order",
    } <= names[0]
    assert names[0] < names[1] < names[2] == names[3]


def test_only_lookups_and_the_colour_condition_differ_between_the_last_two_versions() -> None:
    old, new = product_order_elements("top_level"), product_order_elements("top_level_script")
    assert list(old) == list(new)
    changed = [id for id in old if etree.tostring(old[id], with_tail=False) != etree.tostring(new[id], with_tail=False)]
    assert [id for id in changed if old[id].tag != f"{{{NS['bpmn']}}}documentation"] == [
        "look_up_shipping_cost",
        "look_up_product_price",
    ]


@pytest.mark.parametrize(
    "task", ["select_product_and_quantity", "select_colour", "select_shipping_method", "enter_shipping_address"]
)
def test_a_human_task_asks_the_same_in_every_version_that_has_it(task: str) -> None:
    found = [elements[task] for v in VERSIONS if task in (elements := product_order_elements(v))]
    asked = {etree.tostring(node.find("bpmn:extensionElements", NS), with_tail=False) for node in found}
    assert len(found) >= 3
    assert len(asked) == 1
