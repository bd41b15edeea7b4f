"""Running instances through the adapter: saved, loaded, failed, retried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spiffcli.engine import Event
from spiffcli.errors import IncidentError, ModelError, NotFoundError, StateError

World = Any

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" targetNamespace="x">'
)


def model(folder: Path, body: str, *, name: str = "m", roots: str = "", process: str = "p") -> Path:
    file = folder / f"{name}.bpmn"
    file.write_text(f'{HEAD}{roots}<process id="{process}" isExecutable="true">{body}</process></definitions>')
    return file


def chain(*nodes: str) -> str:
    """Nodes from a start to an end, connected in order."""
    ids = ["start", *(node.split('id="')[1].split('"')[0] for node in nodes), "end"]
    flows = "".join(
        f'<sequenceFlow id="f{i}" sourceRef="{a}" targetRef="{b}"/>'
        for i, (a, b) in enumerate(zip(ids, ids[1:], strict=False))
    )
    return f'<startEvent id="start"/>{"".join(nodes)}<endEvent id="end"/>{flows}'


def script(id: str, code: str) -> str:
    return f'<scriptTask id="{id}" name="{id.title()}"><script>{code}</script></scriptTask>'


USER = '<userTask id="ask"/>'


def test_running_on_and_running_after_a_reload_end_alike(world: World, tutorial: Path) -> None:
    world.deploy("v", tutorial / "task_types.bpmn", tutorial / "product_prices.dmn")
    answers = {"product": "mug", "quantity": 2}
    straight, reloaded = world.start("v"), world.reload(world.start("v"))
    form = straight.human_tasks()[0].id
    for running in (straight, reloaded):
        world.complete(running, form, answers)
    assert [task.id for task in straight.tasks()] == [task.id for task in world.reload(reloaded).tasks()]
    assert straight.human_tasks()[0].data == reloaded.human_tasks()[0].data


def test_saving_what_was_loaded_gives_the_same_bytes(world: World, tutorial: Path) -> None:
    world.deploy("v", tutorial / "gateway_types.bpmn", tutorial / "product_prices.dmn", tutorial / "shipping_costs.dmn")
    running = world.start("v")
    assert world.reload(running).snapshot().state == running.snapshot().state


def test_branches_do_not_share_what_they_change(world: World, tmp_path: Path) -> None:
    body = (
        '<startEvent id="start"/><parallelGateway id="split"/><parallelGateway id="join"/><endEvent id="end"/>'
        + script("one", "box.append(1)")
        + script("two", "log(list(box))")
        + script("zero", "box = []")
    )
    pairs = ["start-zero", "zero-split", "split-one", "split-two", "one-join", "two-join", "join-end"]
    flows = "".join(
        f'<sequenceFlow id="{p}" sourceRef="{p.split("-")[0]}" targetRef="{p.split("-")[1]}"/>' for p in pairs
    )
    world.deploy("v", model(tmp_path, body + flows))
    world.start("v")
    assert world.log == [[]]


def test_two_versions_of_a_called_process_run_side_by_side(world: World, tmp_path: Path) -> None:
    twice = chain('<callActivity id="first" calledElement="sub"/>', '<callActivity id="second" calledElement="sub"/>')
    world.deploy("main", model(tmp_path, twice))
    world.deploy("sub1", model(tmp_path, chain(USER, script("say", "log('one')")), name="s1", process="sub"))
    running = world.start("main")
    world.deploy("sub2", model(tmp_path, chain(USER, script("say", "log('two')")), name="s2", process="sub"))
    running = world.complete(world.reload(running), "ask")
    running = world.complete(world.reload(running), "ask")
    assert running.state == "completed"
    assert world.log == ["U:ask", "one", "U:ask", "two"]


def test_a_failed_script_leaves_the_data_as_they_were_and_can_be_retried(world: World, tmp_path: Path) -> None:
    code = "done = True\nprice = prices[product]"
    world.deploy("v", model(tmp_path, chain(script("look", code))))
    running = world.engine.start("v", world.engine.cache(world), {"prices": {"mug": 3}, "product": "cup"})
    with pytest.raises(
        IncidentError, match=r"Script task 'Look' failed: KeyError: 'cup' \(script line 2: price = prices"
    ) as caught:
        world.advance(running)
    assert caught.value.element == "look"
    assert running.state == "error"

    running = world.reload(running)
    failed = next(task for task in running.tasks() if task.state == "ERROR")
    assert "done" not in failed.data
    running.retry({"product": "mug"})
    assert world.advance(running).data["price"] == 3


@pytest.mark.parametrize("code", ["raise KeyError(5)", "{}[1]", "exit()", "raise SystemExit", "import os\nos._exit(3)"])
def test_no_script_ends_the_program_or_hides_its_error(world: World, tmp_path: Path, code: str) -> None:
    from spiffcli.engine.script_engine import make_script_engine
    from spiffcli.sandbox import ScriptMode

    object.__setattr__(world.engine, "script_engine", make_script_engine(ScriptMode.SANDBOX))
    world.deploy("v", model(tmp_path, chain(script("bad", code))))
    with pytest.raises(IncidentError, match="Script task 'Bad' failed"):
        world.start("v")


def test_a_failure_while_a_task_is_reached_spares_its_siblings(world: World, tmp_path: Path) -> None:
    timer = (
        '<intermediateCatchEvent id="wait"><timerEventDefinition>'
        '<timeDuration xsi:type="tFormalExpression">how_long</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>"
    )
    pairs = ["start-split", "split-wait", "split-ask", "wait-join", "ask-join", "join-end"]
    flows = "".join(
        f'<sequenceFlow id="{p}" sourceRef="{p.split("-")[0]}" targetRef="{p.split("-")[1]}"/>' for p in pairs
    )
    body = (
        '<startEvent id="start"/><parallelGateway id="split"/><parallelGateway id="join"/><endEvent id="end"/>'
        f"{timer}{USER}{flows}"
    )
    world.deploy("v", model(tmp_path, body))
    running = world.engine.start("v", world.engine.cache(world))
    with pytest.raises(IncidentError, match="'wait' could not be reached"):
        world.advance(running)
    running = world.reload(running)
    running.retry({"how_long": "PT1H"})
    running = world.advance(running)
    world.clock.advance(3601)
    assert world.complete(world.advance(running), "ask").state == "completed"


def test_an_endless_loop_is_stopped_by_the_budget(world: World, tmp_path: Path) -> None:
    pairs = ["start-gate", "gate-again", "again-gate", "gate-end"]
    flows = "".join(
        f'<sequenceFlow id="{p}" sourceRef="{p.split("-")[0]}" targetRef="{p.split("-")[1]}">'
        + ("<conditionExpression>True</conditionExpression>" if p == "gate-again" else "")
        + "</sequenceFlow>"
        for p in pairs
    )
    gate = '<exclusiveGateway id="gate" default="gate-end"/>'
    world.deploy(
        "v", model(tmp_path, f'<startEvent id="start"/>{gate}{script("again", "x = 1")}<endEvent id="end"/>{flows}')
    )
    running = world.engine.start("v", world.engine.cache(world))
    with pytest.raises(IncidentError, match="500 steps without stopping"):
        list(running.advance(budget=500))


def test_a_process_that_calls_itself_is_stopped(world: World, tmp_path: Path) -> None:
    world.deploy("v", model(tmp_path, chain('<callActivity id="me" calledElement="p"/>')))
    running = world.engine.start("v", world.engine.cache(world))
    with pytest.raises(IncidentError, match="calls"):
        list(running.advance(budget=100_000))


def test_a_called_process_that_is_missing_is_an_incident_until_it_is_there(world: World, tmp_path: Path) -> None:
    world.deploy("v", model(tmp_path, chain('<callActivity id="call" calledElement="sub"/>')))
    running = world.engine.start("v", world.engine.cache(world))
    with pytest.raises(IncidentError, match="sub"):
        world.advance(running)
    running = world.reload(running)
    world.deploy("s", model(tmp_path, chain(USER), name="s", process="sub"))
    running.retry()
    assert [task.id for task in world.advance(running).human_tasks()] == ["ask"]


def test_completing_what_is_not_ready_is_refused(world: World, tmp_path: Path) -> None:
    world.deploy("v", model(tmp_path, chain(USER)))
    running = world.start("v")
    task = running.human_tasks()[0].task
    running.complete(task)
    with pytest.raises(StateError, match="COMPLETED, not READY"):
        running.complete(task)
    with pytest.raises(NotFoundError):
        running.complete("nonsense")


def test_a_signal_that_nobody_waits_for_reaches_nobody(world: World, tmp_path: Path) -> None:
    world.deploy("v", model(tmp_path, chain(USER)))
    assert world.start("v").send(Event("signal", "fire")) == 0


@pytest.mark.parametrize("id", ["Start", "End"])
def test_reserved_ids_are_refused_with_file_and_line(world: World, tmp_path: Path, id: str) -> None:
    body = f'<startEvent id="{id}"/>\n<endEvent id="e"/><sequenceFlow id="f" sourceRef="{id}" targetRef="e"/>'
    with pytest.raises(ModelError, match=f"'{id}' is reserved") as caught:
        world.deploy("v", model(tmp_path, body))
    assert caught.value.where() == "m.bpmn:1"


def test_a_parse_error_names_file_line_and_element(world: World, tmp_path: Path) -> None:
    body = (
        '<startEvent id="start"/>\n<exclusiveGateway id="gate" name="Which way?"/>\n<endEvent id="end"/>'
        '<endEvent id="other"/><sequenceFlow id="a" sourceRef="start" targetRef="gate"/>'
        '<sequenceFlow id="b" sourceRef="gate" targetRef="end"/><sequenceFlow id="c" sourceRef="gate" targetRef="other"/>'
    )
    with pytest.raises(ModelError) as caught:
        world.deploy("v", model(tmp_path, body))
    assert caught.value.element is not None
    assert caught.value.file == "m.bpmn"
    assert caught.value.line == 3


def test_the_drawing_does_not_change_what_runs(world: World, tmp_path: Path) -> None:
    """The engine alone would try the flow first whose target is drawn higher."""
    pairs = [
        ("start", "gate", ""),
        ("gate", "one", "True"),
        ("gate", "two", "True"),
        ("one", "end", ""),
        ("two", "end", ""),
    ]
    flows = "".join(
        f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}">'
        + (f"<conditionExpression>{c}</conditionExpression>" if c else "")
        + "</sequenceFlow>"
        for a, b, c in pairs
    )
    body = (
        '<startEvent id="start"/><exclusiveGateway id="gate"/>'
        + script("one", "log('one')")
        + script("two", "log('two')")
        + f'<endEvent id="end"/>{flows}'
    )
    diagram = (
        '<bpmndi:BPMNDiagram xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" '
        'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"><bpmndi:BPMNPlane bpmnElement="p">'
        '<bpmndi:BPMNShape id="s1" bpmnElement="one"><dc:Bounds x="0" y="500" width="1" height="1"/></bpmndi:BPMNShape>'
        '<bpmndi:BPMNShape id="s2" bpmnElement="two"><dc:Bounds x="0" y="0" width="1" height="1"/></bpmndi:BPMNShape>'
        "</bpmndi:BPMNPlane></bpmndi:BPMNDiagram>"
    )
    file = model(tmp_path, body)
    file.write_text(file.read_text().replace("</definitions>", f"{diagram}</definitions>"))
    world.deploy("v", file)
    world.start("v")
    assert world.log == ["one"]


def event_sub_process(folder: Path, interrupting: str) -> Path:
    body = (
        f'{chain(USER)}<subProcess id="es" triggeredByEvent="true"><startEvent id="on" {interrupting}>'
        '<signalEventDefinition signalRef="s"/></startEvent>'
        f'{script("react", "reacted = True")}<userTask id="clear"/><endEvent id="es_end"/>'
        '<sequenceFlow id="e1" sourceRef="on" targetRef="react"/><sequenceFlow id="e2" sourceRef="react" targetRef="clear"/>'
        '<sequenceFlow id="e3" sourceRef="clear" targetRef="es_end"/></subProcess>'
    )
    return model(folder, body, roots='<signal id="s" name="alarm"/>')


def test_an_interrupting_event_sub_process_interrupts(world: World, tmp_path: Path) -> None:
    world.deploy("v", event_sub_process(tmp_path, ""))
    running = world.reload(world.send(world.start("v"), "signal", "alarm"))
    assert [task.id for task in running.human_tasks()] == ["clear"]
    running = world.complete(running, "clear")
    assert running.state == "completed"
    assert running.data["reacted"] is True


def test_a_non_interrupting_event_sub_process_runs_beside_the_process(world: World, tmp_path: Path) -> None:
    world.deploy("v", event_sub_process(tmp_path, 'isInterrupting="false"'))
    running = world.reload(world.send(world.start("v"), "signal", "alarm"))
    assert {task.id for task in running.human_tasks()} == {"ask", "clear"}
    assert world.drive(running).state == "completed"


@pytest.mark.parametrize("handler", ["<userTask id='h'/>", "<subProcess id='h'>{}</subProcess>"])
@pytest.mark.parametrize("repetition", ["R1/PT1H", "R3/PT1H"])
def test_what_a_cycle_timer_has_set_off_outlives_the_task(
    world: World, tmp_path: Path, handler: str, repetition: str
) -> None:
    """Whether it fires again or not; the timer itself ends with the task."""
    inner = (
        "<startEvent id='hs'/><userTask id='inner'/><endEvent id='he'/>"
        "<sequenceFlow id='h1' sourceRef='hs' targetRef='inner'/><sequenceFlow id='h2' sourceRef='inner' targetRef='he'/>"
    )
    cycle = f"<timerEventDefinition><timeCycle>'{repetition}'</timeCycle></timerEventDefinition>"
    body = (
        chain('<userTask id="u"/>') + f"<boundaryEvent id='x' attachedToRef='u' cancelActivity='false'>{cycle}"
        f"</boundaryEvent>{handler.format(inner)}<endEvent id='xe'/>"
        "<sequenceFlow id='x1' sourceRef='x' targetRef='h'/><sequenceFlow id='x2' sourceRef='h' targetRef='xe'/>"
    )
    world.deploy("v1", model(tmp_path, body))
    running = world.start("v1")
    world.clock.advance(3601)
    running = world.reload(world.advance(running))
    left = [task.id for task in running.human_tasks() if task.id != "u"]
    running = world.reload(world.complete(running, "u"))
    assert [task.id for task in running.human_tasks()] == left
    assert running.subscriptions() == []
    assert world.complete(running, left[0]).state == "completed"
    assert len(left) == 1
