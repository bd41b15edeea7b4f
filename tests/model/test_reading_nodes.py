"""What a node says about itself, in the words of several engines."""

from __future__ import annotations

import pytest

from spiffcli.model import Correlation, EventDefinition, Listener, Parameter, Port, VariableMapping

from .writing import extended, read_node


def test_names_are_one_line_and_code_is_as_written() -> None:
    node = read_node("scriptTask", "<script>\n x = 1  \n\ty = 2\n</script>", 'name="  Add\n up "')

    assert node.name == "Add up"
    assert node.script.body == "\n x = 1  \n\ty = 2\n"


def test_line_ends_of_code_do_not_count() -> None:
    assert read_node("scriptTask", "<script>a&#13;\nb&#13;c</script>").script.body == "a\nb\nc"


def test_documentation_is_trimmed_and_several_texts_are_joined() -> None:
    node = read_node("task", "<documentation>\n  One. \n  </documentation><documentation>Two.</documentation>")

    assert node.documentation == "One.\n\nTwo."


def test_a_spiff_service_task() -> None:
    node = read_node(
        "serviceTask",
        extended(
            '<spiff:serviceTaskOperator id="http/Get" resultVariable="answer"><spiff:parameters>'
            '<spiff:parameter id="url" type="str" value="\'x\'"/></spiff:parameters>'
            '<spiff:retry retries="3" backoff_base="2"/></spiff:serviceTaskOperator>'
        ),
    )

    service = node.service
    assert (service.kind, service.operator, service.result) == ("operator", "http/Get", "answer")
    assert (service.retries, service.backoff) == ("3", "2")
    assert service.parameters == (Parameter("url", "'x'", "str"),)


def test_a_spiff_user_task() -> None:
    node = read_node(
        "userTask",
        extended(
            "<spiff:preScript>a = 1</spiff:preScript><spiff:postScript>b = 2</spiff:postScript>"
            "<spiff:instructionsForEndUser> Look. </spiff:instructionsForEndUser><spiff:properties>"
            '<spiff:property name="formJsonSchemaFilename" value="forms/order.json"/>'
            '<spiff:property name="formUiSchemaFilename" value="forms/order_ui.json"/>'
            '<spiff:property name="colour" value="red"/></spiff:properties>'
        ),
    )

    assert (node.pre_script, node.post_script, node.instructions) == ("a = 1", "b = 2", "Look.")
    assert (node.form.schema, node.form.ui) == ("forms/order.json", "forms/order_ui.json")
    assert node.properties == {"colour": "red"}


def test_a_spiff_business_rule_task() -> None:
    node = read_node("businessRuleTask", extended("<spiff:calledDecisionId> price </spiff:calledDecisionId>"))

    assert node.decision.key == "price"


@pytest.mark.parametrize("prefix", ["camunda", "flowable"])
def test_attributes_of_a_camunda_or_flowable_user_task(prefix: str) -> None:
    node = read_node(
        "userTask",
        extended(f'<{prefix}:taskListener event="create" class="Notify"/>'),
        f'{prefix}:assignee="ann" {prefix}:candidateGroups="sales" {prefix}:dueDate="P1D" {prefix}:formKey="order" '
        f'{prefix}:asyncBefore="true" {prefix}:exclusive="true"',
    )

    assert node.assignment == {"assignee": "ann", "candidateGroups": "sales", "dueDate": "P1D"}
    assert node.form.key == "order"
    assert node.settings == {f"{prefix}:asyncBefore": "true"}
    assert node.listeners == (Listener("task", "create", "class", "Notify"),)


@pytest.mark.parametrize(
    ("attributes", "kind", "operator"),
    [
        ('camunda:class="com.Pay"', "class", "com.Pay"),
        ('camunda:delegateExpression="${pay}"', "delegateExpression", "${pay}"),
        ('camunda:expression="${pay.now()}"', "expression", "${pay.now()}"),
        ('camunda:type="external" camunda:topic="pay"', "topic", "pay"),
        ('camunda:topic="pay" camunda:type="external"', "topic", "pay"),
        ('flowable:type="mail"', "type", "mail"),
    ],
)
def test_what_a_camunda_or_flowable_service_task_invokes(attributes: str, kind: str, operator: str) -> None:
    service = read_node("serviceTask", "", attributes).service

    assert (service.kind, service.operator) == (kind, operator)


def test_a_camunda_service_task_with_parameters_and_retries() -> None:
    node = read_node(
        "serviceTask",
        extended(
            '<camunda:inputOutput><camunda:inputParameter name="a">${b}</camunda:inputParameter>'
            '<camunda:outputParameter name="c">d</camunda:outputParameter></camunda:inputOutput>'
            '<camunda:field name="to" stringValue="x"/>'
            "<camunda:failedJobRetryTimeCycle>R3/PT1M</camunda:failedJobRetryTimeCycle>"
        ),
        'camunda:class="Pay" camunda:resultVariable="r"',
    )

    assert node.mappings == (VariableMapping("in", "a", "${b}"), VariableMapping("out", "c", "d"))
    assert node.service.parameters == (Parameter("to", "x"),)
    assert (node.service.retries, node.service.result) == ("R3/PT1M", "r")


def test_a_zeebe_service_task() -> None:
    node = read_node(
        "serviceTask",
        extended(
            '<zeebe:taskDefinition type="pay" retries="5"/><zeebe:taskHeaders><zeebe:header key="k" value="v"/>'
            '</zeebe:taskHeaders><zeebe:ioMapping><zeebe:input source="=a" target="b"/>'
            '<zeebe:output source="=c" target="d"/></zeebe:ioMapping>'
        ),
    )

    assert (node.service.kind, node.service.operator, node.service.retries) == ("job", "pay", "5")
    assert node.service.headers == {"k": "v"}
    assert node.mappings == (VariableMapping("in", "b", "=a"), VariableMapping("out", "d", "=c"))


def test_a_zeebe_user_task() -> None:
    node = read_node(
        "userTask",
        extended(
            '<zeebe:userTask/><zeebe:formDefinition formId="order" bindingType="versionTag" versionTag="v2"/>'
            '<zeebe:assignmentDefinition assignee="=ann"/><zeebe:taskSchedule dueDate="=due"/>'
        ),
    )

    assert (node.form.key, node.form.binding) == ("order", "tag:v2")
    assert node.assignment == {"assignee": "=ann", "dueDate": "=due"}


def test_a_zeebe_script_and_decision() -> None:
    script = read_node("scriptTask", extended('<zeebe:script expression="=a+b" resultVariable="sum"/>')).script
    decision = read_node(
        "businessRuleTask", extended('<zeebe:calledDecision decisionId="price" resultVariable="p"/>')
    ).decision

    assert (script.body, script.result) == ("=a+b", "sum")
    assert (decision.key, decision.result) == ("price", "p")


@pytest.mark.parametrize(
    ("inner", "attributes", "key", "binding"),
    [
        ("", 'calledElement="pay"', "pay", None),
        ("", 'calledElement="tns:pay"', "pay", None),
        ("", 'calledElement="pay" camunda:calledElementBinding="latest"', "pay", "latest"),
        ("", 'calledElement="pay" camunda:calledElementBinding="version" camunda:calledElementVersion="3"',
         "pay", "version:3"),
        ("", 'calledElement="pay" camunda:calledElementBinding="deployment"', "pay", "deployment"),
        ("", 'calledElement="pay" spiff:binding="latest"', "pay", "latest"),
        (extended('<zeebe:calledElement processId="pay" bindingType="versionTag" versionTag="x"/>'), "",
         "pay", "tag:x"),
        ("", "", None, None),
    ],
)  # fmt: skip
def test_the_target_of_a_call_activity(inner: str, attributes: str, key: str | None, binding: str | None) -> None:
    call = read_node("callActivity", inner, attributes).call

    assert (call.key, call.binding) == (key, binding)


def test_variables_that_a_call_copies() -> None:
    node = read_node(
        "callActivity",
        extended(
            '<camunda:in source="a" target="b"/><camunda:in businessKey="${k}"/><camunda:out variables="all"/>'
            '<flowable:out sourceExpression="${x}" target="y"/>'
        ),
        'calledElement="pay"',
    )

    assert node.mappings == (
        VariableMapping("in", "b", "a"),
        VariableMapping("out", None, "all"),
        VariableMapping("out", "y", "${x}"),
    )
    assert node.call.options == {"businessKey": "${k}"}


def test_a_multi_instance_activity() -> None:
    loop = read_node(
        "task",
        '<multiInstanceLoopCharacteristics isSequential="true"><loopDataInputRef>items</loopDataInputRef>'
        '<loopDataOutputRef>results</loopDataOutputRef><inputDataItem id="item"/><outputDataItem id="result" name="r"/>'
        "<completionCondition>done</completionCondition></multiInstanceLoopCharacteristics>",
    ).loop

    assert (loop.kind, loop.input, loop.input_item) == ("sequential", "items", "item")
    assert (loop.output, loop.output_item, loop.condition) == ("results", "result (r)", "done")


@pytest.mark.parametrize(
    "written",
    [
        '<multiInstanceLoopCharacteristics camunda:collection="items" camunda:elementVariable="item"/>',
        (
            "<multiInstanceLoopCharacteristics><extensionElements>"
            '<zeebe:loopCharacteristics inputCollection="items" inputElement="item"/>'
            "</extensionElements></multiInstanceLoopCharacteristics>"
        ),
    ],
)
def test_a_multi_instance_activity_of_camunda(written: str) -> None:
    loop = read_node("task", written).loop

    assert (loop.kind, loop.input, loop.input_item) == ("parallel", "items", "item")


def test_a_standard_loop() -> None:
    loop = read_node(
        "task",
        '<standardLoopCharacteristics testBefore="true" loopMaximum="3"><loopCondition>n &lt; 3</loopCondition>'
        "</standardLoopCharacteristics>",
    ).loop

    assert (loop.kind, loop.maximum, loop.condition, loop.test_before) == ("standard", "3", "n < 3", True)


def test_data_inputs_and_outputs() -> None:
    interface = read_node(
        "task",
        '<ioSpecification><dataInput id="a" name="A"/><dataInput id="b" isCollection="true"/><dataOutput id="c"/>'
        "<inputSet><dataInputRefs>a</dataInputRefs></inputSet>"
        "<outputSet><dataOutputRefs>c</dataOutputRefs></outputSet></ioSpecification>",
    ).interface

    assert interface.inputs == (Port("a", "A"), Port("b", collection=True, listed=False))
    assert interface.outputs == (Port("c"),)


def test_people_by_resource_role() -> None:
    node = read_node(
        "userTask",
        "<potentialOwner><resourceAssignmentExpression><formalExpression> sales </formalExpression>"
        "</resourceAssignmentExpression></potentialOwner><performer><resourceRef>r1</resourceRef></performer>",
        beside='<resource id="r1" name="Chief"/>',
    )

    assert node.assignment == {"potentialOwner": "sales", "performer": "Chief"}


@pytest.mark.parametrize(
    ("inner", "beside", "expected"),
    [
        ("<timerEventDefinition><timeDuration>PT1S</timeDuration></timerEventDefinition>", "",
         EventDefinition("timer", time="duration", expression="PT1S")),
        ("<timerEventDefinition><timeCycle>R3/PT1S</timeCycle></timerEventDefinition>", "",
         EventDefinition("timer", time="cycle", expression="R3/PT1S")),
        ('<signalEventDefinition signalRef="x"/>', '<signal id="x" name="stop"/>',
         EventDefinition("signal", name="stop")),
        ('<errorEventDefinition errorRef="x"/>', '<error id="x" name="E" errorCode="7"/>',
         EventDefinition("error", name="E", code="7")),
        ('<escalationEventDefinition escalationRef="x"/>', '<escalation id="x" name="E" escalationCode="7"/>',
         EventDefinition("escalation", name="E", code="7")),
        ("<conditionalEventDefinition><condition>a > 1</condition></conditionalEventDefinition>", "",
         EventDefinition("conditional", expression="a > 1")),
        ('<linkEventDefinition name="A"/>', "", EventDefinition("link", name="A")),
        ('<compensateEventDefinition activityRef="t"/>', "", EventDefinition("compensate", target="t")),
        ("<terminateEventDefinition/>", "", EventDefinition("terminate")),
        ("<cancelEventDefinition/>", "", EventDefinition("cancel")),
        ('<messageEventDefinition messageRef="gone"/>', "", EventDefinition("message", reference="gone")),
        ('<messageEventDefinition messageRef="x"/>', '<message id="x"/>', EventDefinition("message", reference="x")),
        ('<messageEventDefinition/>', "", EventDefinition("message", name="Wait")),
        ("<eventDefinitionRef>x</eventDefinitionRef>",
         '<signal id="y" name="z"/><signalEventDefinition id="x" signalRef="y"/>',
         EventDefinition("signal", name="z")),
    ],
)  # fmt: skip
def test_what_an_event_waits_for_or_throws(inner: str, beside: str, expected: EventDefinition) -> None:
    assert read_node("intermediateCatchEvent", inner, 'name="Wait"', beside=beside).events == (expected,)


def test_a_spiff_message_with_correlation() -> None:
    beside = (
        '<message id="m" name="paid"/><collaboration id="c"><correlationKey name="order">'
        "<correlationPropertyRef>number</correlationPropertyRef></correlationKey></collaboration>"
        '<correlationProperty id="number"><correlationPropertyRetrievalExpression messageRef="m">'
        "<messagePath>order.id</messagePath></correlationPropertyRetrievalExpression></correlationProperty>"
    )
    inner = (
        '<messageEventDefinition messageRef="m"><extensionElements><spiff:messageVariable>got</spiff:messageVariable>'
        "<spiff:processVariableCorrelation><spiff:propertyId>number</spiff:propertyId>"
        "<spiff:expression>mine.id</spiff:expression></spiff:processVariableCorrelation></extensionElements>"
        "</messageEventDefinition>"
    )

    (event,) = read_node("intermediateCatchEvent", inner, beside=beside).events

    assert (event.name, event.variable) == ("paid", "got")
    assert event.correlations == (
        Correlation("number", "order.id", ("order",)),
        Correlation("number", "mine.id", of="process"),
    )


def test_send_and_receive_tasks_name_their_message_themselves() -> None:
    (event,) = read_node("receiveTask", "", 'messageRef="m"', beside='<message id="m" name="paid"/>').events

    assert (event.kind, event.name) == ("message", "paid")


def test_a_zeebe_message_keeps_its_correlation_key() -> None:
    beside = '<message id="m" name="paid"><extensionElements><zeebe:subscription correlationKey="=id"/></extensionElements></message>'

    (event,) = read_node("intermediateCatchEvent", '<messageEventDefinition messageRef="m"/>', beside=beside).events

    assert event.options == {"zeebe:subscription": "correlationKey==id"}


def test_what_no_reader_knows_is_kept_as_text() -> None:
    node = read_node(
        "task",
        '<monitoring/><extensionElements><other:x b="2" a="1"><other:y/></other:x></extensionElements>',
        'other:z="3" startQuantity="2" completionQuantity="1"',
    )

    assert node.attributes == {"monitoring": "<monitoring></>"}
    assert node.settings == {"startQuantity": "2"}
    assert node.extensions == {
        "{http://example.com/other}x": '<{http://example.com/other}x a="1" b="2"><{http://example.com/other}y></></>',
        "{http://example.com/other}z": "3",
    }
