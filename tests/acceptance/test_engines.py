"""The ready engine modules speak their dialects, and what they run is saved and moved like everything else."""

from __future__ import annotations

import pytest

from .commands import Cli

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="x">'
)


def chain(*nodes: str) -> str:
    ids = ["start", *(node.split('id="')[1].split('"')[0] for node in nodes), "end"]
    flows = "".join(
        f'<sequenceFlow id="{one}_{two}" sourceRef="{one}" targetRef="{two}"/>'
        for one, two in zip(ids, ids[1:], strict=False)
    )
    body = f'<startEvent id="start"/>{"".join(nodes)}<endEvent id="end"/>{flows}'
    return f'{HEAD}<process id="p" isExecutable="true">{body}</process></definitions>'


SCRIPT = '<scriptTask id="work"><script>total = 2 * amount</script></scriptTask>'
ASK = '<userTask id="ask" name="Ask"/>'
DECISION = '<businessRuleTask id="decide" camunda:decisionRef="fee"/>'
TABLE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">
  <decision id="fee" name="fee">
    <decisionTable id="t" hitPolicy="UNIQUE">
      <input id="i" label="total"><inputExpression id="e" typeRef="number"><text>total</text></inputExpression></input>
      <output id="o" label="fee" name="fee" typeRef="number"/>
      <rule id="r1"><inputEntry id="c1"><text>&lt;= 10</text></inputEntry><outputEntry id="v1"><text>1</text></outputEntry></rule>
      <rule id="r2"><inputEntry id="c2"><text>&gt; 10</text></inputEntry><outputEntry id="v2"><text>2</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>
"""


@pytest.mark.parametrize("engine", ["spiff", "camunda", "bpmn"])
def test_every_engine_runs_saves_and_migrates(cli: Cli, engine: str) -> None:
    module = ("-e", f"spiffcli.engines.{engine}")
    cli.write("p.bpmn", chain(ASK, SCRIPT))
    cli.ok(*module, "add", "-p", "p", "-b", "p.bpmn")
    first = cli.document(*module, "run", "-s", "p", "-a", "--data", '{"amount": 3}')
    cli.write("p.bpmn", chain(ASK, SCRIPT, '<scriptTask id="more"><script>total = total + 1</script></scriptTask>'))
    cli.ok(*module, "add", "-p", "p", "-b", "p.bpmn")

    cli.ok(*module, "migrate", "-s", "p@2", "-w", first["instance"])
    cli.ok(*module, "complete", "-w", first["instance"], "-t", "ask", "--data", "{}")

    shown = cli.document(*module, "run", "-s", "p@1", "-a", "--data", '{"amount": 3}')
    assert shown["state"] == "running"
    assert "7" in cli.ok(*module, "show", "-w", first["instance"]).stdout
    cli.check()


def test_decisions_are_called_in_the_words_of_camunda(cli: Cli) -> None:
    cli.write("p.bpmn", chain(SCRIPT, DECISION))
    cli.write("fee.dmn", TABLE)
    module = ("-e", "spiffcli.engines.camunda")
    cli.ok(*module, "add", "-p", "p", "-b", "p.bpmn", "-d", "fee.dmn")
    done = cli.document(*module, "run", "-s", "p", "--data", '{"amount": 6}')
    assert (done["state"], done["data"]["fee"]) == ("completed", 2)


def test_a_service_task_runs_nowhere_without_a_service(cli: Cli) -> None:
    cli.write("p.bpmn", chain('<serviceTask id="call" name="Call"/>'))
    refused = cli.fails(2, "add", "-p", "p", "-b", "p.bpmn")
    assert "'Call' cannot be executed: it is a service task without a service operator" in refused.stderr


@pytest.mark.one_store
def test_an_engine_module_that_is_not_there_is_named(cli: Cli) -> None:
    cli.write("p.bpmn", chain(ASK))
    refused = cli.fails(2, "-e", "nowhere.engine", "add", "-p", "p", "-b", "p.bpmn")
    assert "There is no engine module 'nowhere.engine'" in refused.stderr
    cli.write("plain.py", "x = 1\n")
    refused = cli.fails(2, "-e", "plain", "add", "-p", "p", "-b", "p.bpmn")
    assert "exports no engine" in refused.stderr
