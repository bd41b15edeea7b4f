"""Expressions and decisions on the aggregate, in every place where a model has them, and in other dialects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest

from spiffcli.engine import EngineConfig
from spiffcli.errors import IncidentError
from spiffcli.services import (
    Index,
    NaturalId,
    Payload,
    ProcessService,
    Registry,
    workflow_service,
    workflow_task,
    workflow_value,
)
from spiffcli.testing import WorkflowEnvironment

from .conftest import Make
from .models import boundary, choice, many, process, service, timer, user, write
from .shop import Order

DMN = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="dd" name="dd" namespace="urn:t">
<decision id="rating" name="rating"><decisionTable id="table" hitPolicy="FIRST">
<input id="i1" label="days"><inputExpression id="e1"><text>{input}</text></inputExpression></input>
<input id="i2" label="limit"><inputExpression id="e2"><text>limit</text></inputExpression></input>
<output id="o1" name="{output}"/>
<rule id="r1"><inputEntry id="c1"><text>&gt; 5</text></inputEntry><inputEntry id="c2"><text>&gt; 1</text></inputEntry>
<outputEntry id="x1"><text>True</text></outputEntry></rule>
<rule id="r2"><inputEntry id="c3"><text></text></inputEntry><inputEntry id="c4"><text></text></inputEntry>
<outputEntry id="x2"><text>False</text></outputEntry></rule>
</decisionTable></decision></definitions>"""

DECIDE = (
    '<businessRuleTask id="Rate"><extensionElements><spiffworkflow:calledDecisionId>rating'
    "</spiffworkflow:calledDecisionId></extensionElements></businessRuleTask>"
)


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_value
    def limit(self, order: Order) -> int:
        return 2

    @workflow_value
    def naughty(self, order: Order) -> bool:
        order.log.append("a value changes nothing")
        return True

    @workflow_task
    def note(self, order: Order) -> None:
        order.log.append("noted")


def decided(tmp_path: Path, services: Any, input: str = "days", output: str = "paid") -> WorkflowEnvironment:
    model = write(tmp_path / "m.bpmn", process("p", DECIDE, user("U")))
    table = tmp_path / "rating.dmn"
    table.write_text(DMN.format(input=input, output=output))
    return WorkflowEnvironment([model, table], services=services)


def test_a_decision_reads_the_aggregate_and_its_answer_goes_into_the_fields(tmp_path: Path) -> None:
    env = decided(tmp_path, Orders)
    assert env.start(Order("1", days=6)).aggregate.paid
    assert not env.start(Order("2", days=5)).aggregate.paid
    with env.runner.session("1", "look") as session:
        assert all(dict(view.data) == {} for view in session.running.tasks())


def test_or_to_the_method_that_takes_it(tmp_path: Path) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Rating(Orders):
        @workflow_task(id="Rate")
        def rate(self, order: Order, said: Annotated[Mapping[str, Any], Payload()]) -> None:
            order.log.append(f"{dict(said)}")

    assert decided(tmp_path, Rating, output="score").start(Order("1", days=6)).aggregate.log == ["{'score': True}"]


def test_an_input_that_nobody_offers_is_a_fault(tmp_path: Path) -> None:
    from spiffcli.services import WiringError

    with pytest.raises(WiringError, match="input 'days' of decision 'rating': 'dais' is neither"):
        decided(tmp_path, Orders, input="dais").start(Order("1"))


@dataclass
class Plan:
    plan_id: Annotated[str, NaturalId()]
    field: int = 6
    log: list[str] = dataclass_field(default_factory=list)
    paid: bool = False

    @property
    def property(self) -> int:
        return self.field


@workflow_service(aggregate=Plan, process_id="p")
class Plans:
    @workflow_value
    def value(self, plan: Plan) -> int:
        return plan.field

    @workflow_value
    def limit(self, plan: Plan) -> int:
        return 2

    @workflow_task
    def note(self, plan: Plan) -> None:
        plan.log.append("noted")


LOOP = "<standardLoopCharacteristics testBefore={!r}><loopCondition>{}</loopCondition></standardLoopCharacteristics>"

#: A process for every place where a model has an expression: what it notes says what the expression gave.
PLACES: dict[str, Callable[[str], str]] = {
    "condition": lambda name: choice("p", f"{name} == 6", service("A", "note"), user("U")),
    "cardinality": lambda name: process("p", service("A", "note", many(cardinality=name))),
    "cardinality of a sequence": lambda name: process(
        "p", service("A", "note", many(cardinality=name, sequential=True))
    ),
    "completion condition": lambda name: process(
        "p", service("A", "note", many(cardinality="9", condition=f"len(log) == {name}"))
    ),
    "loop condition": lambda name: process("p", service("A", "note", LOOP.format("true", f"len(log) &lt; {name}"))),
    "loop condition, after": lambda name: process(
        "p", service("A", "note", LOOP.format("false", f"len(log) &lt; {name}"))
    ),
}

each_name = pytest.mark.parametrize("name", ["field", "property", "value"])


@each_name
@pytest.mark.parametrize("place", PLACES)
def test_every_expression_reads_fields_properties_and_values_by_name(make: Make, place: str, name: str) -> None:
    workflow = make(PLACES[place](name), services=Plans).start(Plan("1"))
    assert workflow.state == "completed"
    assert len(workflow.aggregate.log) == (1 if place == "condition" else 6)


@each_name
def test_timers_read_them_too(make: Make, name: str) -> None:
    events = {
        "duration": timer(f"f'P{{{name}}}D'"),
        "date": f"<timerEventDefinition><timeDate>f'2030-01-0{{{name} + 1}}T09:00:00Z'</timeDate></timerEventDefinition>",
    }
    for kind, event in events.items():
        env = make(process("p", f'<intermediateCatchEvent id="T">{event}</intermediateCatchEvent>'), services=Plans)
        workflow = env.start(Plan(kind))
        env.skip(timedelta(days=5, hours=23))
        workflow.assert_waiting_at("T")
        env.skip(timedelta(hours=2))
        assert workflow.state == "completed"


@each_name
def test_inputs_of_decisions_read_them_too(tmp_path: Path, name: str) -> None:
    env = decided(tmp_path, Plans, input=name)
    assert env.start(Plan("1")).aggregate.paid
    assert not env.start(Plan("2", field=5)).aggregate.paid


def test_a_standard_loop_reads_its_condition_from_the_aggregate(make: Make) -> None:
    loop = '<standardLoopCharacteristics testBefore="true"><loopCondition>len(log) &lt; days</loopCondition></standardLoopCharacteristics>'
    env = make(process("p", service("A", "note", loop)), services=Orders)
    assert env.start(Order("1", days=3)).aggregate.log == ["noted"] * 3


def test_timers_and_conditional_events_read_the_aggregate(make: Make) -> None:
    condition = "<conditionalEventDefinition><condition>paid</condition></conditionalEventDefinition>"
    wait = f'<intermediateCatchEvent id="W">{condition}</intermediateCatchEvent>'
    late = f"""<intermediateCatchEvent id="T">{timer("f'P{days}D'")}</intermediateCatchEvent>"""
    env = make(process("p", late, wait, user("U")), services=Orders)
    workflow = env.start(Order("1", days=2))
    env.skip(timedelta(days=1, hours=23))
    workflow.assert_waiting_at("T")
    env.skip(timedelta(hours=2))
    workflow.assert_waiting_at("W")
    env.runner.service(Order).change("1", lambda order: setattr(order, "paid", True))
    env.run_until_idle()
    workflow.assert_waiting_at("U")


def test_a_value_that_changes_the_aggregate_changes_nothing(make: Make) -> None:
    env = make(choice("p", "naughty and len(log) == 0", service("A", "note"), user("U")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["noted"]


def test_an_expression_that_fails_is_an_incident_with_its_reason(make: Make) -> None:
    env = make(choice("p", "1 / days &gt; 0", service("A", "note"), user("U")), services=Orders)
    with pytest.raises(IncidentError, match="ZeroDivisionError"):
        env.start(Order("1"))
    env.runner.service(Order).change("1", lambda order: setattr(order, "days", 1))
    workflow = env.workflow("1")
    workflow.retry()
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["noted"])


@pytest.mark.parametrize("engine", [EngineConfig.camunda(), EngineConfig.bpmn(), EngineConfig.spiff()])
@pytest.mark.parametrize(
    "attribute", ['camunda:expression="${note}"', 'camunda:delegateExpression="#{note}"', 'camunda:topic="note"']
)
def test_camunda_names_are_task_definitions_in_every_dialect(make: Make, engine: EngineConfig, attribute: str) -> None:
    task = f'<serviceTask id="A" {attribute}/>'
    env = make(choice("p", "${days &gt; 5}", task, user("U")), services=Orders, engine=engine)
    assert env.start(Order("1", days=6)).aggregate.log == ["noted"]


def test_zeebe_names_are_too(make: Make) -> None:
    zeebe = "http://camunda.org/schema/zeebe/1.0"
    task = f'<serviceTask id="A"><extensionElements><z:taskDefinition xmlns:z="{zeebe}" type="note"/></extensionElements></serviceTask>'
    env = make(process("p", task), services=Orders, engine=EngineConfig.bpmn())
    assert env.start(Order("1")).aggregate.log == ["noted"]


def test_operators_that_no_method_does_may_be_left_to_the_engine_module(make: Make) -> None:
    asked: list[str] = []

    def call(name: str, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        asked.append(name)

    engine = EngineConfig.spiff().extended(service=call)
    env = make(process("p", service("A", "note"), service("B", "http/Get")),
               services=Registry(Orders, connectors=True), engine=engine)  # fmt: skip
    assert env.start(Order("1")).aggregate.log == ["noted"]
    assert asked == ["http/Get"]


def test_a_service_may_start_workflows_of_others(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Parents:
        def __init__(self, orders: ProcessService[Order]) -> None:
            self.orders = orders

        @workflow_task
        def spread(self, order: Order) -> None:
            self.orders.start(Order(f"child of {order.order_id}"), process_id="q")

    @workflow_service(aggregate=Order, process_id="q")
    class Children:
        pass

    env = make(process("p", service("A", "spread")), process("q", user("U")), services=[Parents, Children])
    assert env.start(Order("1"), process_id="p").state == "completed"
    assert env.workflow("child of 1").waiting_at == ["U"]


def test_what_a_message_from_outside_says_goes_into_a_field_or_to_a_method(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Told(Orders):
        @workflow_task(id="W2")
        def told(self, order: Order, said: Annotated[Mapping[str, Any], Payload()]) -> None:
            order.log.append(f"{dict(said)}")

    def catch(id: str, variable: str) -> str:
        extensions = f"<extensionElements><spiffworkflow:messageVariable>{variable}</spiffworkflow:messageVariable></extensionElements>"
        definition = f'<messageEventDefinition messageRef="message_paid">{extensions}</messageEventDefinition>'
        return f'<intermediateCatchEvent id="{id}">{definition}</intermediateCatchEvent>'

    env = make(process("p", catch("W1", "days"), catch("W2", "order")), services=Told, messages=("paid",))
    workflow = env.start(Order("1"))
    with pytest.raises(IncidentError, match=r"Order.days must be a whole number, not \{'sum': 3\}"):
        env.runner.send("message", "paid", {"sum": 3}, instance=workflow.id)
    env = make(process("p", catch("W2", "order")), services=Told, messages=("paid",))
    workflow = env.start(Order("1"))
    env.runner.send("message", "paid", {"sum": 3}, instance=workflow.id)
    assert (workflow.state, workflow.aggregate.log) == ("completed", ["{'order': {'sum': 3}}"])


def test_an_instance_from_before_there_were_services_goes_on_with_its_data(make: Make, tmp_path: Path) -> None:
    model = write(tmp_path / "old.bpmn", choice("p", "days > 5".replace(">", "&gt;"), user("A"), user("U")))
    before = WorkflowEnvironment(model)
    with before.runner.start("p", {"days": 6}) as session:
        session.advance()
        id = session.instance.id
    after = WorkflowEnvironment(services=Orders, store=before.runner.store)
    workflow = after.workflow(id)
    workflow.assert_waiting_at("A")
    workflow.complete("A", {"said": 1})
    assert workflow.state == "completed"


def test_a_loop_counter_of_a_boundary_event_is_that_of_its_activity(make: Make) -> None:
    from .models import sub

    @workflow_service(aggregate=Order, process_id="p")
    class Timed(Orders):
        @workflow_task(id="Late")
        def late(self, order: Order, index: Annotated[int, Index()]) -> None:
            order.log.append(f"late {index}")

    inner = sub("S", user("U"), inside="")
    outer = (
        '<subProcess id="O">\n<startEvent id="os"/><endEvent id="oe"/>'
        + many(cardinality="2")
        + inner
        + boundary("T", "S", timer('"PT1H"'), service("Late"))
        + '<sequenceFlow id="o1" sourceRef="os" targetRef="S"/><sequenceFlow id="o2" sourceRef="S" targetRef="oe"/></subProcess>'
    )
    env = make(process("p", outer), services=Timed)
    workflow = env.start(Order("1"))
    env.skip(timedelta(hours=2))
    assert sorted(workflow.aggregate.log) == ["late 0", "late 1"]
