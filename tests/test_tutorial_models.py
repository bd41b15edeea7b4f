"""The tutorial models run: every path ends with the data their README promises, with the drawing and without."""

from __future__ import annotations

import datetime
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest
from jsonschema import Draft202012Validator
from lxml import etree
from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.exceptions import WorkflowException
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine, TaskDataEnvironment
from SpiffWorkflow.spiff.parser.process import VALIDATOR, SpiffBpmnParser
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition, SignalEventDefinition

from spiffcli.engine.clock import ManualClock, use_clock

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "bpmn" / "tutorial"
TABLES = sorted(FOLDER.glob("*.dmn"))
ANSWERS = ROOT / "examples" / "answers"
NS = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
}
#: The product order, version by version: the files of each.
VERSIONS = {
    "task_types": ["task_types"],
    "gateway_types": ["gateway_types"],
    "top_level": ["top_level", "call_activity"],
    "top_level_script": ["top_level_script", "call_activity_script"],
}


def example(name: str) -> ModuleType:
    """A module of examples/custom_data."""
    path = ROOT / "examples" / "custom_data" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"custom_data_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SHOP = example("shop")


def root(name: str) -> etree._Element:
    return etree.parse(FOLDER / f"{name}.bpmn").getroot()


class Instance:
    """A running model; answers are checked against the forms before they are used."""

    def __init__(self, key: str, *names: str, collaboration: bool = False, drawn: bool = True) -> None:
        parser = SpiffBpmnParser(validator=VALIDATOR)
        for name in names:
            parser.add_bpmn_xml(root(name) if drawn else without_drawing(root(name)), name)
        parser.add_dmn_files([str(path) for path in TABLES])
        if collaboration:
            spec, called = parser.get_collaboration(key)
        else:
            spec, called = parser.get_spec(key), parser.get_subprocess_specs(key)
        functions = {
            "lookup_product_info": SHOP.lookup_product_info,
            "lookup_shipping_cost": SHOP.lookup_shipping_cost,
        }
        engine = PythonScriptEngine(environment=TaskDataEnvironment(functions))
        self.workflow = BpmnWorkflow(spec, called, script_engine=engine)
        self.workflow.do_engine_steps()

    def open_tasks(self) -> list[str]:
        tasks = self.workflow.get_tasks(state=TaskState.READY, manual=True)
        return [task.task_spec.bpmn_id for task in tasks]

    def complete(self, element: str, **answer: Any) -> Instance:
        tasks = self.workflow.get_tasks(state=TaskState.READY, manual=True)
        task = next(task for task in tasks if task.task_spec.bpmn_id == element)
        properties = (task.task_spec.extensions or {}).get("properties", {})
        if "formJsonSchemaFilename" in properties:
            schema = json.loads((FOLDER / "forms" / properties["formJsonSchemaFilename"]).read_text())
            Draft202012Validator(schema).validate(answer)
        self.render_instructions(task)
        task.data.update(answer)
        task.run()
        self.workflow.do_engine_steps()
        return self

    def render_instructions(self, task: Any) -> None:
        text = task.task_spec.extensions["instructionsForEndUser"]
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
        environment.from_string(text).render(task.data)

    def answer(self, answers: dict[str, Any]) -> Instance:
        """Completes open tasks from an answers file until there is none left."""
        while tasks := self.workflow.get_tasks(state=TaskState.READY, manual=True):
            spec = tasks[0].task_spec
            key = spec.bpmn_id if spec.bpmn_id in answers else spec.bpmn_name
            given = answers[key]
            self.complete(spec.bpmn_id, **(given.pop(0) if isinstance(given, list) else given))
        return self

    def send(self, definition: Any, payload: dict[str, Any], correlations: Any = None) -> None:
        self.workflow.send_event(BpmnEvent(definition, payload, correlations))
        self.workflow.do_engine_steps()

    def result(self) -> dict[str, Any]:
        unfinished = [t for t in self.workflow.get_tasks() if not t.has_state(TaskState.FINISHED_MASK)]
        assert unfinished == []
        assert self.workflow.is_completed()
        return {name: value for name, value in self.workflow.data.items() if name != "data_objects"}


def without_drawing(tree: etree._Element) -> etree._Element:
    for diagram in tree.findall("bpmndi:BPMNDiagram", NS):
        tree.remove(diagram)
    return tree


def answers(name: str) -> dict[str, Any]:
    given: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text())
    return given


@pytest.mark.parametrize("drawn", [True, False], ids=["with drawing", "without drawing"])
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("task_types", {"product": "mug", "unit_price": 18.5, "order_total": 55.5}),
        ("gateway_types", {"colour": "sea green", "shipping_cost": 12.75, "order_total": 105.25}),
        ("top_level", {"colour": "sand", "unit_price": 24.0, "shipping_cost": 5.5, "order_total": 101.5}),
        ("top_level_script", {"unit_price": 89.0, "shipping_cost": 0.0, "order_total": 89.0}),
    ],
)
def test_a_product_order_runs_to_its_end(version: str, expected: dict[str, Any], drawn: bool) -> None:
    given = answers(version)
    result = Instance("order_product", *VERSIONS[version], drawn=drawn).answer(given).result()
    assert {name: result[name] for name in expected} == expected
    assert ("colour" in result) == ("colour" in expected)


@pytest.mark.parametrize("version", ["gateway_types", "top_level", "top_level_script"])
def test_a_product_without_colours_is_not_asked_for_one(version: str) -> None:
    instance = Instance("order_product", *VERSIONS[version])
    instance.complete("select_product_and_quantity", product="plate", quantity=20)
    assert sorted(instance.open_tasks()) == ["enter_shipping_address", "select_shipping_method"]


@pytest.mark.parametrize("product", ["mug", "bowl", "vase", "plate", "teapot"])
@pytest.mark.parametrize("method", ["pickup", "standard", "express"])
def test_decision_tables_and_the_catalogue_of_the_shop_agree(product: str, method: str) -> None:
    given = answers("gateway_types")
    given["select_product_and_quantity"]["product"] = product
    given["select_shipping_method"]["shipping_method"] = method
    tables, scripts = (
        Instance("order_product", *VERSIONS[version]).answer(dict(given)).result()
        for version in ("top_level", "top_level_script")
    )
    scripts.pop("product_info")
    assert tables == scripts


def test_the_last_version_keeps_what_the_shop_knows_about_the_product() -> None:
    result = Instance("order_product", *VERSIONS["top_level_script"]).answer(answers("top_level_script")).result()
    info = result["product_info"]
    assert info == SHOP.ProductInfo("Teapot, smoke fired", 89.0)
    assert SHOP.product_info_from_dict(json.loads(json.dumps(SHOP.product_info_to_dict(info)))) == info


def test_the_example_engine_offers_what_the_last_version_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shop", SHOP)
    engine = example("shop_engine").engine
    assert set(engine.functions) == {"lookup_product_info", "lookup_shipping_cost"}
    assert [registered for registered, _, _ in engine.types] == [SHOP.ProductInfo]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[ManualClock]:
    """The time that timers go by, with the engine as it is and as the runner tunes it."""
    manual = ManualClock(datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC))

    class Now(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return datetime.datetime.fromtimestamp(manual.now(), tz)

    monkeypatch.setattr("SpiffWorkflow.bpmn.specs.event_definitions.timer.datetime", Now)
    with use_clock(manual):
        yield manual


PLAN = {
    "batch": "mugs",
    "drying_time": "PT3H",
    "kiln_free_from": "2025-01-06T08:00:00+00:00",
    "remind_every": "PT2H",
    "patience": "PT8H",
}


def fire_kiln(clock: ManualClock, *hours: float) -> Instance:
    instance = Instance("fire_kiln", "timers").complete("plan_firing", **PLAN)
    for step in hours:
        let_pass(instance, clock, step)
    return instance


def let_pass(instance: Instance, clock: ManualClock, hours: float) -> None:
    clock.advance(datetime.timedelta(hours=hours))
    for _ in range(3):  # what one timer lets through may wait for the next
        instance.workflow.refresh_timers()
        instance.workflow.do_engine_steps()


def test_timers_wait_for_duration_and_date_and_remind_while_the_task_is_open(clock: ManualClock) -> None:
    assert fire_kiln(clock, 2.9).open_tasks() == []
    instance = fire_kiln(clock, 3.1, 2.1, 2.1)
    assert instance.open_tasks() == ["read_cones"]
    instance.complete("read_cones", firing="done")
    let_pass(instance, clock, 1)
    assert instance.result() == {**PLAN, "firing": "done", "reminder": "Kiln of mugs: the cones want to be read."}


def test_the_kiln_shuts_down_when_nobody_looks(clock: ManualClock) -> None:
    instance = fire_kiln(clock, 3.1, 8.1)
    assert instance.open_tasks() == []
    assert instance.result()["firing"] == "stopped unseen"


def test_a_message_reaches_the_order_whose_number_it_carries() -> None:
    instance = Instance("reorder_clay", "messages_and_signals")
    instance.complete("choose_clay", order_number="C-7", clay="porcelain", kilos=50)
    (sent,) = instance.workflow.get_events()
    assert sent.payload == {"order_number": "C-7", "clay": "porcelain", "kilos": 50}
    confirmation = MessageEventDefinition("clay_confirmation")
    with pytest.raises(WorkflowException, match="not waiting for clay_confirmation"):
        instance.send(confirmation, {"order_number": "C-8"}, {"clay_order_key": {"clay_order_number": "C-8"}})
    instance.send(confirmation, {"order_number": "C-7"}, {"clay_order_key": {"clay_order_number": "C-7"}})
    assert instance.result() == {**sent.payload, "confirmation": {"order_number": "C-7"}}
    (signal,) = instance.workflow.get_events()
    assert (signal.event_definition.name, signal.payload) == ("clay_in_stock", {"clay": "porcelain", "kilos": 50})


def test_the_signal_lets_the_course_begin() -> None:
    instance = Instance("run_pottery_course", "messages_and_signals")
    instance.complete("open_course", topic="Throwing for beginners", seats=8)
    assert instance.open_tasks() == []
    instance.send(SignalEventDefinition("clay_in_stock"), {"clay": "stoneware", "kilos": 50})
    result = instance.complete("hold_course").result()
    assert result["stock"] == {"clay": "stoneware", "kilos": 50}


def test_a_return_goes_back_to_the_customer_and_on_to_the_workshop() -> None:
    instance = Instance("handle_return", "lanes")
    lanes = {s.bpmn_id: s.lane for s in instance.workflow.spec.task_specs.values() if getattr(s, "lane", None)}
    assert [lanes[task] for task in ("describe_damage", "judge_claim", "repair_piece")] == [
        "Customer",
        "Service desk",
        "Workshop",
    ]
    result = instance.answer(answers("lanes")).result()
    assert (result["verdict"], result["photo_attached"]) == ("repair", True)
    assert result["damage"].startswith("It broke along the rim")


def test_a_refund_ends_at_the_service_desk() -> None:
    instance = Instance("handle_return", "lanes").complete("describe_damage", damage="cracked")
    assert instance.complete("judge_claim", verdict="refund").result()["outcome"] == "money returned"


def test_data_objects_stay_out_of_the_data_of_other_tasks() -> None:
    instance = Instance("mix_glaze", "data_objects").answer(answers("data_objects"))
    assert instance.result() == {"glaze": "celadon", "litres": 5, "label": "celadon, 10000 g"}
    assert instance.workflow.data_objects["batch"] == {"glaze": "celadon", "powder_g": 5250, "water_g": 4750}


def test_every_item_of_a_large_order_is_packed_labelled_and_handed_over() -> None:
    instance = Instance("pack_large_order", "multi_instance")
    assert instance.open_tasks() == ["pack_box"] * 3
    result = instance.answer(answers("multi_instance")).result()
    assert result["box_weights"] == [5.4, 4.2, 1.6]
    assert result["box_labels"] == ["large parcel, 5.4 kg", "large parcel, 4.2 kg", "small parcel, 1.6 kg"]
    assert result["receipts"] == ["4711", "4712", "4713"]


def test_a_transaction_books_the_seat_as_a_whole_or_not_at_all() -> None:
    booked = Instance("book_course", "transaction").answer(answers("transaction")).result()
    assert booked == {"seat_held": True, "paid": True}
    cancelled = Instance("book_course", "transaction").complete("pay_deposit", paid=False).result()
    assert cancelled == {"outcome": "seat released"}


def test_calls_are_noted_while_the_work_goes_on() -> None:
    instance = Instance("throw_commission", "event_subprocess")
    instance.complete("agree_on_shape", shape="slim", height_cm=30)
    for text in ("Could it be blue?", "Or white?"):
        instance.send(MessageEventDefinition("customer_call"), {"caller": "Ada", "text": text})
        assert sorted(instance.open_tasks()) == ["note_call", "throw_vase"]
        instance.complete("note_call", note=text)
    assert instance.complete("throw_vase").complete("fire_vase").result() == {"shape": "slim", "height_cm": 30}


@pytest.mark.parametrize("accepted", [True, False])
def test_customer_and_studio_come_to_an_end_together(accepted: bool) -> None:
    instance = Instance("commission", "collaboration", collaboration=True)
    instance.complete("describe_wish", customer="Ada", wish="a lamp").complete("estimate_price", price=90)
    instance.complete("decide_on_offer", accepted=accepted)
    assert instance.open_tasks() == (["make_piece"] if accepted else [])
    if accepted:
        instance.complete("make_piece")
    instance.result()
    sides = {sub.spec.name: sub.data for sub in instance.workflow.subprocesses.values()}
    assert sides["commission_customer"]["offer"] == {"customer": "Ada", "price": 90}
    assert sides["commission_studio"]["decision"] == {"customer": "Ada", "accepted": accepted}
