"""What a decision or a called process sets is not seen; nothing may be claimed about it."""

from __future__ import annotations

from spiffcli.diff import compare
from spiffcli.model import Model, load
from spiffcli.values import Resource

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:s="http://spiffworkflow.org/bpmn/schema/1.0/core" targetNamespace="x">'
)
READER = '<scriptTask id="sum"><script>total = price + cost</script></scriptTask>'
SCRIPT = '<scriptTask id="look"><script>cost = 3</script></scriptTask>'
PLAIN = '<scriptTask id="look"><script>other = 3</script></scriptTask>'
DECISION = (
    '<businessRuleTask id="look"><extensionElements><s:calledDecisionId>costs</s:calledDecisionId>'
    "</extensionElements></businessRuleTask>"
)


def model(node: str) -> Model:
    flows = "".join(
        f'<sequenceFlow id="{one}_{two}" sourceRef="{one}" targetRef="{two}"/>'
        for one, two in (("start", "look"), ("look", "sum"), ("sum", "end"))
    )
    body = f'<startEvent id="start"/>{node}{READER}<endEvent id="end"/>{flows}'
    content = f'{HEAD}<process id="p" isExecutable="true">{body}</process></definitions>'
    return load([Resource("p.bpmn", "bpmn", content.encode())])


def rules(old: str, new: str) -> set[str]:
    return {change.rule for change in compare(model(old), model(new)).changes}


def test_a_script_in_place_of_a_decision_is_no_news_to_who_reads_the_result() -> None:
    assert "script-variables-changed" not in rules(DECISION, SCRIPT)
    assert "script-variables-changed" not in rules(SCRIPT, DECISION)


def test_a_setter_that_is_gone_is_still_told() -> None:
    assert "script-variables-changed" in rules(SCRIPT, PLAIN)
