"""What a model asks for runs right, or is refused when it is added: one row for each rule and kind of place."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.deployments.refusals import RULES
from spiffcli.deployments.request import Note
from spiffcli.deployments.validation import Executor, remarks, require_executable
from spiffcli.errors import ModelError
from spiffcli.model import load
from spiffcli.values import Resource

from ..acceptance.commands import Cli

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'xmlns:spiff="http://spiffworkflow.org/bpmn/schema/1.0/core" id="d" targetNamespace="urn:t"{attributes}>'
    '{roots}<message id="m" name="go"/><signal id="sig" name="now"/><error id="er" name="bad" errorCode="E"/>'
    '<escalation id="esc" name="up" escalationCode="U"/>\n<process id="p" isExecutable="true">\n'
)


def resource(body: str, *, roots: str = "", attributes: str = "") -> Resource:
    text = f"{HEAD.format(roots=roots, attributes=attributes)}{body}</process></definitions>"
    return Resource("p.bpmn", "bpmn", text.encode())


def refusal(body: str, executor: Executor | None = None, **file: str) -> ModelError | None:
    """What is said of a process; None where nothing is."""
    given = resource(body, **file)
    model = load([given])
    try:
        require_executable(model, list(model.processes.values()), [given], executor or Executor())
    except ModelError as error:
        return error
    return None


def notes(body: str, executor: Executor | None = None) -> list[Note]:
    model = load([resource(body)])
    return list(remarks(model, list(model.processes.values()), executor or Executor()))


def flow(source: str, target: str, inside: str = "", attributes: str = "") -> str:
    id = f"{source}_{target}"
    return f'<sequenceFlow id="{id}" sourceRef="{source}" targetRef="{target}"{attributes}>{inside}</sequenceFlow>\n'


def chain(*ids: str) -> str:
    return "".join(flow(a, b) for a, b in zip(ids, ids[1:], strict=False))


def task(id: str, inside: str = "", attributes: str = "") -> str:
    return f'<scriptTask id="{id}"{attributes}>{inside}<script>x = 1</script></scriptTask>\n'


def event(kind: str, id: str, definition: str = "", attributes: str = "") -> str:
    return f'<{kind} id="{id}"{attributes}>{definition}</{kind}>\n'


def timer(kind: str, text: str) -> str:
    return f"<timerEventDefinition><{kind}>{text}</{kind}></timerEventDefinition>"


def extended(inside: str) -> str:
    return f"<extensionElements>{inside}</extensionElements>"


def condition(text: str, attributes: str = "") -> str:
    return f"<conditionExpression{attributes}>{text}</conditionExpression>"


def between(node: str, id: str = "n") -> str:
    """A process of one node between start and end."""
    return START + node + END + chain("s", id, "e")


def beside(more: str) -> str:
    """A process of a user task, and something beside it."""
    return START + USER + END + chain("s", "u", "e") + more


def handler(definition: str, attributes: str = "", starts: str = "") -> str:
    """An event sub-process."""
    start = event("startEvent", "hs", definition, attributes)
    return f'<subProcess id="h" triggeredByEvent="true">{start}{starts}{event("endEvent", "he")}{chain("hs", "he")}</subProcess>'


def chosen(text: str, attributes: str = "") -> str:
    gateway = '<exclusiveGateway id="g" default="g_b"/>'
    ways = flow("g", "a", condition(text, attributes)) + chain("s", "g", "b", "e") + flow("a", "e")
    return START + gateway + task("a") + task("b") + END + ways


START, END, USER = event("startEvent", "s"), event("endEvent", "e"), '<userTask id="u" name="Ask"/>\n'
MESSAGE, SIGNAL = '<messageEventDefinition messageRef="m"/>', '<signalEventDefinition signalRef="sig"/>'
ERROR, TERMINATE = '<errorEventDefinition errorRef="er"/>', "<terminateEventDefinition/>"
ESCALATION, CANCEL = '<escalationEventDefinition escalationRef="esc"/>', "<cancelEventDefinition/>"
COMPENSATE, LINK = "<compensateEventDefinition/>", '<linkEventDefinition name="L"/>'
TRUE = "<conditionalEventDefinition><condition>True</condition></conditionalEventDefinition>"
HOUR = timer("timeDuration", '"PT1H"')
TWICE = "<multiInstanceLoopCharacteristics{0}><loopCardinality>{1}</loopCardinality></multiInstanceLoopCharacteristics>"
SUB = '<subProcess id="sub">' + event("startEvent", "s2") + task("i") + event("endEvent", "e2") + chain("s2", "i", "e2")
BOUNDARY = ' attachedToRef="u"'
CATCH, THROW = "intermediateCatchEvent", "intermediateThrowEvent"


def boundary(definition: str, attributes: str = BOUNDARY) -> str:
    return event("boundaryEvent", "b", definition, attributes) + task("x") + flow("b", "x")


#: Model, and the rule, element and words that refuse it.
REFUSED: list[tuple[str, str, str, str]] = [
    (beside(boundary(MESSAGE, ' attachedToRef="zz"')), "attached-to-nothing", "b", "is attached to 'zz'"),
    (beside(boundary(MESSAGE, "")), "attached-to-nothing", "b", "is attached to nothing"),
    (START + SUB + "</subProcess>" + END + chain("s", "sub", "e") + boundary(MESSAGE, ' attachedToRef="i"'),
     "attached-to-nothing", "b", "no activity beside it"),
    (START + task("n") + task("n") + END + chain("s", "n", "e"), "id-twice", "n", "another element of the process"),
    (between(task("n") + '<dataObject id="n"/>'), "id-twice", "n", "another element of the process"),
    (START + SUB + "</subProcess>" + task("n") + END + chain("s", "sub", "n", "e") + flow("i", "n"),
     "flow-over-border", "i_n", "over the border"),
    (between(task("n")) + flow("zz", "e"), "flow-from-nothing", "zz_e", "comes from no element"),
    (START + '<parallelGateway id="g"/>' + task("a") + task("b") + END + chain("s", "g", "a", "e") + flow("b", "e")
     + flow("g", "b", condition("False")), "condition-without-choice", "g_b", "does not choose"),
    (START + END + flow("s", "e", condition("False")), "condition-without-choice", "s_e", "does not choose"),
    (START + USER + END + flow("s", "u") + flow("u", "e", condition("False")),
     "condition-behind-activity", "u_e", "not looked at"),
    (START + END + task("a") + chain("s", "e", "a"), "end-left", "e", "outgoing"),
    (beside(boundary(MESSAGE) + flow("x", "b")), "boundary-entered", "b", "incoming"),
    (START + '<exclusiveGateway id="g"/>' + flow("s", "g"), "gateway-without-exit", "g", "no outgoing"),
    (START + '<parallelGateway id="g"/>' + flow("s", "g"), "gateway-without-exit", "g", "no outgoing"),
    (START + '<eventBasedGateway id="g"/>' + flow("s", "g"), "gateway-without-exit", "g", "no outgoing"),
    (between(task("n")) + task("a") + flow("a", "e"), "never-begins", "a", "would never run"),
    (between(task("n")) + event("startEvent", "s3") + task("a") + flow("s3", "a"), "several-starts", "s3", "only 's'"),
    (between(event(CATCH, "n")), "event-without-definition", "n", "does not say what it waits for"),
    (beside(boundary("")), "event-without-definition", "b", "does not say what it waits for"),
    (between(event(THROW, "n", ERROR)), "event-misplaced", "n", "kind error"),
    (between(event(THROW, "n", TERMINATE)), "event-misplaced", "n", "kind terminate"),
    (between(event(CATCH, "n", ERROR)), "event-misplaced", "n", "kind error"),
    (START + event("endEvent", "n", LINK) + flow("s", "n"), "event-misplaced", "n", "kind link"),
    (event("startEvent", "s", ERROR) + END + flow("s", "e"), "event-misplaced", "s", "kind error"),
    (event("startEvent", "s", ESCALATION) + END + flow("s", "e"), "event-misplaced", "s", "kind escalation"),
    (beside(boundary(TERMINATE)), "event-misplaced", "b", "kind terminate"),
    (START + event("endEvent", "n", CANCEL) + flow("s", "n"), "cancel-outside", "n", "belongs to none"),
    (START + SUB + "</subProcess>" + END + chain("s", "sub", "e") + boundary(CANCEL, ' attachedToRef="sub"'),
     "cancel-outside", "b", "belongs to none"),
    (beside(handler("")), "event-sub-process-start", "h", "one start event with a trigger"),
    (beside(handler(MESSAGE, starts=event("startEvent", "h2", SIGNAL))), "event-sub-process-start", "h", "one start"),
    (between(event(THROW, "n", LINK)), "link", "n", "would not run"),
    (between(event(CATCH, "n", LINK)), "link", "n", "would not run"),
    (between(event(THROW, "n", COMPENSATE)), "compensation", "n", "not supported"),
    (START + event("endEvent", "n", COMPENSATE) + flow("s", "n"), "compensation", "n", "not supported"),
    (beside(event("boundaryEvent", "b", COMPENSATE, BOUNDARY)), "compensation", "b", "not supported"),
    (beside(task("a", attributes=' isForCompensation="true"')), "compensation", "a", "not supported"),
    (between('<adHocSubProcess id="n">' + task("a") + task("b") + "</adHocSubProcess>"), "ad-hoc", "n", "not supported"),
    (event("startEvent", "s", TRUE) + END + flow("s", "e"), "conditional-start", "s", "condition"),
    (beside(handler(TRUE)), "conditional-start", "hs", "condition"),
    (event("startEvent", "s", MESSAGE + SIGNAL, ' parallelMultiple="true"') + END + flow("s", "e"),
     "parallel-multiple-start", "s", "any one"),
    (START + SUB + handler(MESSAGE) + "</subProcess>" + END + chain("s", "sub", "e"),
     "event-sub-process-inside", "h", "inside of 'sub'"),
    (START + '<eventBasedGateway id="g"/>' + event(CATCH, "c", TRUE) + event(CATCH, "k", MESSAGE) + END
     + chain("s", "g", "c", "e") + chain("g", "k", "e"), "conditional-behind-event-gateway", "c", "gateway 'g'"),
    (START + '<eventBasedGateway id="g"/>' + task("a") + event(CATCH, "k", MESSAGE) + END
     + chain("s", "g", "a", "e") + chain("g", "k", "e"), "event-gateway-without-event", "g", "leads to 'a'"),
    (START + '<eventBasedGateway id="g" eventGatewayType="Parallel"/>' + event(CATCH, "c", SIGNAL)
     + event(CATCH, "k", MESSAGE) + END + chain("s", "g", "c", "e") + chain("g", "k", "e"),
     "parallel-event-gateway", "g", "go on with the first"),
    (between('<receiveTask id="n" name="Wait"/>'), "message-missing", "n", "Receive task 'Wait' (n) names no message"),
    (between('<sendTask id="n"/>'), "message-missing", "n", "names no message"),
    (between(event(CATCH, "n", "<messageEventDefinition/>")), "message-missing", "n", "names no message"),
    (between(event(THROW, "n", "<signalEventDefinition/>")), "message-missing", "n", "names no signal"),
    (beside(boundary("<messageEventDefinition/>")), "message-missing", "b", "names no message"),
    (between(task("n", attributes=' scriptFormat="groovy"')), "script-language", "n", "'groovy'"),
    (between(task("n", attributes=' scriptFormat="javascript"')), "script-language", "n", "'javascript'"),
    (chosen("x == 1", ' language="javascript"'), "condition-language", "g_a", "'javascript'"),
    (between('<scriptTask id="n"><script> </script></scriptTask>'), "script-missing", "n", "has no script"),
    (between('<scriptTask id="n"/>'), "script-missing", "n", "has no script"),
    (between('<scriptTask id="n" camunda:resource="a.py"/>'), "script-missing", "n", "file 'a.py'"),
    (chosen("${x == 1}"), "expression-language", "g_a", "${x == 1}"),
    (chosen("#{x}"), "expression-language", "g_a", "#{x}"),
    (chosen("= x"), "expression-language", "g_a", "condition = x"),
    (between(event(CATCH, "n", timer("timeDuration", "${x}"))), "expression-language", "n", "duration ${x}"),
    (between(task("n", TWICE.format("", "=x"))), "expression-language", "n", "cardinality =x"),
    (between(event(CATCH, "n", TRUE.replace("True", "${x}"))), "expression-language", "n", "condition ${x}"),
    (between('<callActivity id="n" calledElement="${x}"/>'), "called-by-expression", "n", "calls '${x}'"),
    (between('<callActivity id="n" calledElement="=x"/>'), "called-by-expression", "n", "calls '=x'"),
    (between(event(CATCH, "n", timer("timeCycle", "0 0 12 * * ?"))), "timer", "n", "cycle 0 0 12"),
    (between(event(CATCH, "n", timer("timeCycle", '"0 0 * * *"'))), "timer", "n", "cron is not supported"),
    (between(event(CATCH, "n", timer("timeDuration", '"soon"'))), "timer", "n", 'duration "soon"'),
    (between(event(CATCH, "n", timer("timeDuration", "5"))), "timer", "n", "duration 5"),
    (between(event(CATCH, "n", timer("timeDate", '"PT1H"'))), "timer", "n", 'date "PT1H"'),
    (between(event(CATCH, "n", timer("timeDate", '"2031-13-01"'))), "timer", "n", "ISO 8601 date"),
    (between(task("n", attributes=' startQuantity="2"')), "quantity", "n", 'startQuantity="2"'),
    (between(task("n", attributes=' completionQuantity="2"')), "quantity", "n", 'completionQuantity="2"'),
    (between(task("n", TWICE.format(' behavior="One"', 2))), "multi-instance-behaviour", "n", 'behavior="One"'),
    ('<dataObject id="o"/>' + between(task("n", '<dataOutputAssociation id="da"><targetRef>o</targetRef>'
     "<transformation>o + 1</transformation></dataOutputAssociation>")), "data-association", "n", "a transformation"),
    ('<dataObject id="o"/>' + between(task("n", '<dataInputAssociation id="da"><sourceRef>o</sourceRef>'
     "<assignment><from>1</from><to>o</to></assignment></dataInputAssociation>")), "data-association", "n", "assignment"),
    (between(task("n", extended("<camunda:inputOutput><camunda:inputParameter name='a'>1</camunda:inputParameter>"
     "</camunda:inputOutput>"))), "mapping", "n", "(in a)"),
    (between('<callActivity id="n" calledElement="q">' + extended("<camunda:in source='a' target='b'/>")
     + "</callActivity>"), "mapping", "n", "(in b)"),
    (between('<userTask id="n">' + extended("<zeebe:ioMapping><zeebe:output source='=a' target='b'/></zeebe:ioMapping>")
     + "</userTask>"), "mapping", "n", "(out b)"),
    (between(task("n", attributes=' camunda:resultVariable="r"')), "result-variable", "n", "into 'r'"),
    (between('<scriptTask id="n">' + extended("<zeebe:script expression='=1' resultVariable='r'/>") + "</scriptTask>"),
     "result-variable", "n", "into 'r'"),
]  # fmt: skip

#: Models that are near to what is refused, and run right.
ACCEPTED: list[str] = [
    between(task("n")),
    beside(boundary(MESSAGE)),
    beside(boundary(timer("timeCycle", '"R2/PT1H"'), BOUNDARY + ' cancelActivity="false"')),
    beside(handler(MESSAGE)),
    beside(handler(SIGNAL, ' isInterrupting="false"')),
    beside(handler(HOUR, ' isInterrupting="false"')),
    beside(handler(HOUR)),
    beside(handler(ERROR)),
    beside(handler(ESCALATION, ' isInterrupting="false"')),
    beside(boundary(timer("timeCycle", '"R2/PT1H"'))),
    between(event(CATCH, "n", "<messageEventDefinition/>", ' name="go"')),
    between(event(CATCH, "n", MESSAGE + SIGNAL, ' parallelMultiple="true"')),
    event("startEvent", "s", MESSAGE + SIGNAL) + END + flow("s", "e"),
    between(task("n")) + event("startEvent", "s3", MESSAGE) + task("a") + flow("s3", "a"),
    between('<transaction id="n">' + event("startEvent", "s2") + event("endEvent", "e2", CANCEL) + flow("s2", "e2")
    + "</transaction>") + boundary(CANCEL, ' attachedToRef="n"'),
    between(task("n", attributes=' scriptFormat="Python"')),
    chosen("x == 1", ' language="python"'),
    chosen("not x"),
    START + '<exclusiveGateway id="g" default="g_e"/>' + END + chain("s", "g", "e") + flow("g", "s", condition("x")),
    between(task("n", TWICE.format(' behavior="All"', 2))),
    *(between(event(CATCH, "n", timer("timeDuration", text)))
      for text in ('"PT1.5S"', "'P1Y2M3DT4H'", '"P2W"', "patience", "PT1H", "P3D", '"P0D"', '"PT" + x')),
    *(between(event(CATCH, "n", timer("timeDate", text)))
      for text in ('"2031-01-01T00:00:00Z"', "2031-01-01T00:00:00+02:00", '"2031-01-01"', '"2031-W01-1"', "when")),
    *(between(event(CATCH, "n", timer("timeCycle", text)))
      for text in ('"R3/PT1H"', "R/PT1H", '"R3/2031-01-01T00:00:00Z/PT5M"', '"R-1/PT5M"')),
]  # fmt: skip


@pytest.mark.parametrize(("body", "rule", "element", "words"), REFUSED, ids=[f"{row[1]}-{row[3]}" for row in REFUSED])
def test_refused(body: str, rule: str, element: str, words: str) -> None:
    error = refusal(body)
    assert error is not None
    fault = next(each for each in error.data["faults"] if each["rule"] == rule and each["element"] == element)
    assert words in f"{fault['message']} {fault['hint']}"
    assert element in fault["message"]
    assert fault["hint"]
    assert fault["file"] == "p.bpmn"
    assert fault["line"] >= 2
    assert fault["message"] in error.message


def test_every_rule_is_tested() -> None:
    assert {rule.id for rule in RULES} == {row[1] for row in REFUSED}


@pytest.mark.parametrize("body", ACCEPTED)
def test_accepted(body: str) -> None:
    error = refusal(body)
    assert error is None, error


def test_what_a_file_demands_of_its_reader() -> None:
    error = refusal(between(task("n")), roots='<extension definition="v:x" mustUnderstand="true"/>')
    assert error is not None
    assert "'v:x' must be understood" in error.message
    error = refusal(between(task("n")), attributes=' expressionLanguage="feel"')
    assert error is not None
    assert "in 'feel'" in error.message
    assert error.line == 1
    for language in ("http://www.w3.org/1999/XPath", "python", ""):
        assert refusal(between(task("n")), attributes=f' expressionLanguage="{language}"') is None
    error = refusal(between(task("n", TWICE.format("", 2).replace("Cardinality>2", 'Cardinality language="juel">2'))))
    assert error is not None
    assert error.element == "n"
    assert "'juel'" in error.message


def test_processes_that_are_served_may_speak_another_language() -> None:
    served = Executor(is_served=lambda process: process == "p")
    mapped = between('<sendTask id="n">' + extended("<camunda:in source='a' target='b'/>") + "</sendTask>")
    for body in (chosen("${x}"), chosen("x", ' language="juel"'), mapped):
        assert refusal(body) is not None
        assert refusal(body, served) is None
    assert [note.rule for note in notes(mapped, served)] == ["mapping"]
    assert refusal(between('<callActivity id="n" calledElement="${x}"/>'), served) is not None


def test_an_engine_module_that_has_a_parser_of_its_own_is_trusted_with_what_is_valid() -> None:
    own = Executor(own_parser=True)
    linked = between(event(THROW, "n", LINK))
    assert refusal(linked, own) is None
    assert [(note.rule, note.element, note.warning) for note in notes(linked, own)] == [("link", "n", True)]
    assert refusal(between(event(CATCH, "n")), own) is not None


def test_two_processes_of_a_file_may_use_the_same_ids() -> None:
    other = f'</process><process id="q" isExecutable="true">{between(task("n"))}'
    assert refusal(between(task("n")) + other) is None


def test_what_is_left_out_and_what_nobody_serves_is_told() -> None:
    listened = between(task("n", extended('<camunda:executionListener class="x.Y" event="start"/>')))
    (note,) = notes(listened)
    assert (note.rule, note.element, note.line) == ("listener", "n", 4)
    assert note.text == "Script task 'n' has listeners, which are ignored: execution listener start."
    (note,) = notes(between('<sendTask id="n" messageRef="m" camunda:class="x.Y"/>'))
    assert note.text == "Send task 'n' sends its message; its class 'x.Y' is ignored."
    operator = extended('<spiff:serviceTaskOperator id="http/Get"/>')
    calls = "".join(f'<serviceTask id="{id}" name="Get">{operator}</serviceTask>' for id in ("n", "o"))
    (note,) = notes(START + calls + END + chain("s", "n", "o", "e"))
    assert note.text.startswith("No service carries out 'http/Get', which service task 'Get' (n) asks for.")
    assert notes(START + calls + END + chain("s", "n", "o", "e"), Executor(calls_services=True)) == []


def test_all_faults_are_told_at_once_and_nothing_is_stored(tmp_path: Path) -> None:
    cli = Cli(tmp_path, "tinydb")
    body = START + '<sendTask id="n"/>\n' + event(CATCH, "c") + END + chain("s", "n", "c", "e")
    cli.write("p.bpmn", resource(body).content)
    refused = cli.fails(2, "add", "-b", "p.bpmn")
    assert "2 things keep this from being executed" in refused.stderr
    assert "p.bpmn:4: Send task 'n' names no message." in refused.stderr
    assert "p.bpmn:5: Intermediate catch event 'c' does not say what it waits for." in refused.stderr
    error = cli.fails(2, "add", "-b", "p.bpmn", "--format", "json").error()
    assert error["type"] == "model"
    assert [(each["element"], each["line"]) for each in error["faults"]] == [("c", 5), ("n", 4)]
    cli.write("p.bpmn", resource(between('<sendTask id="n"/>')).content)
    error = cli.fails(2, "add", "-b", "p.bpmn", "--format", "json").error()
    assert (error["element"], error["line"]) == ("n", 4)
    assert error["message"] == "Send task 'n' names no message."
    assert error["hint"] == "Set messageRef to a message that the file defines."


def test_what_zeebe_calls_is_called(tmp_path: Path) -> None:
    called = between('<callActivity id="n">' + extended('<zeebe:calledElement processId="q"/>') + "</callActivity>")
    other = '</process><process id="q" isExecutable="true">' + START + END + chain("s", "e")
    cli = Cli(tmp_path, "tinydb")
    cli.write("p.bpmn", resource(called + other).content)
    cli.ok("add", "-p", "p", "-b", "p.bpmn")
    assert cli.document("run", "-s", "p", "-a")["state"] == "completed"
