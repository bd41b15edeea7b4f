"""Scripts, expressions and services inside running workflows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lxml import etree
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.script_engine import ScriptFailure, make_script_engine
from spiffcli.sandbox import ScriptMode

ESCAPE = "().__class__.__base__.__subclasses__()"
RUNNING = [ScriptMode.SANDBOX, ScriptMode.TRUSTED]

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:spiff="http://spiffworkflow.org/bpmn/schema/1.0/core"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
)
DECISION = """
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
  <decision id="price" name="price"><decisionTable id="t">
    <input id="i" label="n"><inputExpression id="e" typeRef="number"><text>{input}</text></inputExpression></input>
    <output id="o" name="result" typeRef="number"/>
    <rule id="r1"><inputEntry id="c1"><text>{cell}</text></inputEntry>
      <outputEntry id="c2"><text>{output}</text></outputEntry></rule>
    <rule id="r2"><inputEntry id="c3"><text></text></inputEntry>
      <outputEntry id="c4"><text>"other"</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""


def workflow(node: str, engine: Any, data: dict[str, Any] | None = None, decision: str = "") -> BpmnWorkflow:
    """A process of one node with the id `work`, ready to run."""
    text = (
        f'{HEAD}<process id="p" isExecutable="true"><startEvent id="start"/>'
        f'<sequenceFlow id="f1" sourceRef="start" targetRef="work"/>{node}'
        '<sequenceFlow id="f2" sourceRef="work" targetRef="end"/><endEvent id="end"/></process></definitions>'
    )
    parser = SpiffBpmnParser()
    if decision:
        parser.add_dmn_xml(etree.fromstring(decision))
    parser.add_bpmn_xml(etree.fromstring(text))
    made = BpmnWorkflow(parser.get_spec("p"), parser.get_subprocess_specs("p"), script_engine=engine)
    made.get_next_task(spec_name="start").data.update(data or {})
    return made


def script(text: str) -> str:
    return f'<scriptTask id="work" name="Compute"><script><![CDATA[{text}]]></script></scriptTask>'


def run(made: BpmnWorkflow) -> dict[str, Any]:
    made.do_engine_steps()
    assert made.completed
    return dict(made.data)


def failure(made: BpmnWorkflow) -> ScriptFailure:
    with pytest.raises(ScriptFailure) as caught:
        run_by_hand(made)
    return caught.value


def run_by_hand(made: BpmnWorkflow) -> None:
    made.do_engine_steps()
    for task in made.get_tasks(state=TaskState.READY, manual=True):
        task.run()


@pytest.mark.parametrize("mode", RUNNING)
def test_a_script_task_runs(mode: ScriptMode) -> None:
    engine = make_script_engine(mode, functions={"double": lambda x: 2 * x})
    assert run(workflow(script("order['total'] += double(2)"), engine, {"order": {"total": 1}})) == {
        "order": {"total": 5}
    }


@pytest.mark.parametrize("mode", RUNNING)
def test_the_real_error_of_a_script_reaches_the_caller(mode: ScriptMode) -> None:
    made = workflow(script("a = 1\nraise KeyError(5)"), make_script_engine(mode))
    error = failure(made)
    assert (error.kind, error.detail, error.line, error.source_line) == ("KeyError", "5", 2, "raise KeyError(5)")
    assert error.task.task_spec.bpmn_id == "work"
    assert error.task_spec is error.task.task_spec
    assert error.task_trace == ["Compute (None)"]
    assert isinstance(error.__cause__, KeyError)
    assert made.get_next_task(spec_name="work").state == TaskState.ERROR


@pytest.mark.parametrize("mode", RUNNING)
def test_a_script_that_exits_is_an_error_of_its_task(mode: ScriptMode) -> None:
    made = workflow(script("exit()"), make_script_engine(mode))
    assert failure(made).kind in ("SystemExit", "NameError")
    assert made.get_next_task(spec_name="work").state == TaskState.ERROR


@pytest.mark.parametrize("mode", RUNNING)
def test_a_run_and_a_resumed_run_see_the_same_data(mode: ScriptMode) -> None:
    engine = make_script_engine(mode)
    made = workflow(script("import math\nr = math.floor(2.5)\ndef f(): pass\np = math"), engine)
    assert run(made) == {"r": 2}
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))
    restored = serializer.deserialize_json(serializer.serialize_json(made))
    assert restored.data == {"r": 2}
    json.dumps([task.data for task in made.tasks.values()])


def test_a_refused_script_fails_its_task() -> None:
    error = failure(workflow(script("import os\nos.system('true')"), make_script_engine(ScriptMode.SANDBOX)))
    assert error.kind == "ScriptRefused"
    assert error.detail == "the module 'os' is not available to scripts"


def test_a_script_fails_its_task_when_scripts_are_off() -> None:
    error = failure(workflow(script("a = 1"), make_script_engine(ScriptMode.OFF)))
    assert (error.kind, error.detail) == ("ScriptsOff", "scripts are off")
    assert error.task.task_spec.bpmn_name == "Compute"


def around(extension: str) -> str:
    return f'<manualTask id="work"><extensionElements>{extension}</extensionElements></manualTask>'


def timer(kind: str, expression: str) -> str:
    return (
        '<intermediateCatchEvent id="work"><timerEventDefinition id="t">'
        f'<{kind} xsi:type="tFormalExpression">{expression}</{kind}>'
        "</timerEventDefinition></intermediateCatchEvent>"
    )


def gateway(condition: str) -> str:
    return (
        '<exclusiveGateway id="work" default="f2"/>'
        f'<sequenceFlow id="f4" sourceRef="work" targetRef="end">'
        f'<conditionExpression xsi:type="tFormalExpression">{condition}</conditionExpression></sequenceFlow>'
    )


def loop(condition: str) -> str:
    characteristics = (
        '<standardLoopCharacteristics testBefore="true">'
        f'<loopCondition xsi:type="tFormalExpression">{condition}</loopCondition></standardLoopCharacteristics>'
    )
    return f'<scriptTask id="work">{characteristics}<script>n = n + 1</script></scriptTask>'


def cardinality(expression: str) -> str:
    characteristics = (
        '<multiInstanceLoopCharacteristics isSequential="true">'
        f'<loopCardinality xsi:type="tFormalExpression">{expression}</loopCardinality>'
        "</multiInstanceLoopCharacteristics>"
    )
    return f'<scriptTask id="work">{characteristics}<script>n = 1</script></scriptTask>'


PLACES = {
    "script": script,
    "pre-script": lambda text: around(f"<spiff:preScript>{text}</spiff:preScript>"),
    "post-script": lambda text: around(f"<spiff:postScript>{text}</spiff:postScript>"),
    "condition": gateway,
    "duration": lambda text: timer("timeDuration", text),
    "date": lambda text: timer("timeDate", text),
    "cycle": lambda text: timer("timeCycle", text),
    "loop condition": loop,
    "cardinality": cardinality,
    "service parameter": lambda text: service(text),
}


def service(parameter: str = "n") -> str:
    parameters = f'<spiff:parameters><spiff:parameter id="count" type="int" value="{parameter}"/></spiff:parameters>'
    operator = f'<spiff:serviceTaskOperator id="shop/order" resultVariable="r">{parameters}</spiff:serviceTaskOperator>'
    return f'<serviceTask id="work"><extensionElements>{operator}</extensionElements></serviceTask>'


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_a_model_that_holds_code_is_under_the_policy(place: str) -> None:
    engine = make_script_engine(ScriptMode.SANDBOX, service=lambda *_: 1)
    error = failure(workflow(PLACES[place](ESCAPE), engine, {"n": 1}))
    assert error.kind == "AttributeError"
    assert error.task.task_spec.bpmn_id == "work"


@pytest.mark.parametrize("part", ["input", "cell", "output"])
def test_decision_tables_are_under_the_policy(part: str) -> None:
    parts = {"input": "n", "cell": "&gt; 3", "output": '"many"'} | {part: f"len({ESCAPE})"}
    decision = (
        '<businessRuleTask id="work" name="Decide"><extensionElements>'
        "<spiff:calledDecisionId>price</spiff:calledDecisionId></extensionElements></businessRuleTask>"
    )
    error = failure(workflow(decision, make_script_engine(ScriptMode.SANDBOX), {"n": 5}, DECISION.format(**parts)))
    assert error.kind == "AttributeError"
    assert "Business Rule Task 'Decide'" in str(error)


@pytest.mark.parametrize("mode", list(ScriptMode))
@pytest.mark.parametrize(
    ("cell", "n", "result"),
    [
        ("&gt; 3", 5, "many"),
        ("&gt; 3", 2, "other"),
        ("5", 5, "many"),
        ("4 &lt; ? &lt; 6", 5, "many"),
        ("7", 5, "other"),
    ],
)
def test_decision_tables_decide_in_every_mode(mode: ScriptMode, cell: str, n: int, result: str) -> None:
    decision = (
        '<businessRuleTask id="work"><extensionElements>'
        "<spiff:calledDecisionId>price</spiff:calledDecisionId></extensionElements></businessRuleTask>"
    )
    table = DECISION.format(input="n", cell=cell, output='"many"')
    assert run(workflow(decision, make_script_engine(mode), {"n": n}, table)) == {"n": n, "result": result}


def test_half_comparisons_are_told_from_errors_in_the_way_decision_tables_need() -> None:
    engine = make_script_engine(ScriptMode.SANDBOX)
    engine.validate("3")
    with pytest.raises(SyntaxError):
        engine.validate("> 3")
    with pytest.raises(SyntaxError):
        engine.validate("a\0")


# Services


def test_a_service_gets_values_and_gives_a_result() -> None:
    calls: list[Any] = []

    def call(name: str, parameters: Any, data: Any) -> Any:
        calls.append((name, parameters, dict(data)))
        return {"ordered": parameters["count"]}

    made = workflow(service("n + 1"), make_script_engine(ScriptMode.SANDBOX, service=call), {"n": 1})
    assert run(made) == {"n": 1, "r": {"ordered": 2}}
    assert calls == [("shop/order", {"count": 2}, {"n": 1})]


@pytest.mark.parametrize(
    ("error", "kind"), [(ConnectionError("no route"), "ConnectionError"), (SystemExit("no route"), "SystemExit")]
)
def test_the_real_error_of_a_service_reaches_the_caller(error: BaseException, kind: str) -> None:
    def call(*_: Any) -> Any:
        raise error

    raised = failure(workflow(service(), make_script_engine(ScriptMode.SANDBOX, service=call), {"n": 1}))
    assert (raised.kind, raised.detail, raised.line) == (kind, "no route", None)
    assert raised.task.task_spec.bpmn_id == "work"


def test_a_result_that_is_not_json_is_an_error_of_the_task() -> None:
    engine = make_script_engine(ScriptMode.SANDBOX, service=lambda *_: object())
    assert "not JSON serializable" in failure(workflow(service(), engine, {"n": 1})).detail


def test_a_model_with_services_needs_an_engine_module() -> None:
    error = failure(workflow(service(), make_script_engine(ScriptMode.SANDBOX), {"n": 1}))
    assert (error.kind, error.detail) == ("NoService", "no service carries out 'shop/order'")
    assert "-e MODULE" in (error.hint or "")


def test_ctrl_c_in_a_service_is_no_error_of_the_task() -> None:
    def call(*_: Any) -> Any:
        raise KeyboardInterrupt

    made = workflow(service(), make_script_engine(ScriptMode.SANDBOX, service=call), {"n": 1})
    with pytest.raises(KeyboardInterrupt):
        made.do_engine_steps()


def test_notes_of_the_engine_are_kept() -> None:
    error = failure(
        workflow(around("<spiff:preScript>1 / 0</spiff:preScript>"), make_script_engine(ScriptMode.TRUSTED))
    )
    assert isinstance(error, SpiffWorkflowException)
    assert str(error) == ("ZeroDivisionError: division by zero (line 1: 1 / 0). Error occurred in the Pre-Script")


def test_the_engines_own_way_to_make_an_exception_gives_ours() -> None:
    engine = make_script_engine(ScriptMode.SANDBOX)
    task = workflow(script("a = 1"), engine).get_next_task(spec_name="start")
    error = engine.create_task_exec_exception(task, "a = 1", KeyError(5))
    assert (error.kind, error.detail, error.task) == ("KeyError", "5", task)
