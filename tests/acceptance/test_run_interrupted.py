"""Commands that meet, are interrupted, or die: what is stored is old or new, never half."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .commands import Cli, interrupt

#: How often each command is killed at a random moment.
ROUNDS = int(os.environ.get("RUNNER_KILL_ROUNDS", "10"))

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" id="d" targetNamespace="urn:test">'
)

SLOW = """
import time
from pathlib import Path
from spiffcli.engine import EngineConfig

def wait(name, parameters, data):
    Path("waiting").touch()
    while not Path("go_on").exists():
        time.sleep(0.01)
    return 1

engine = EngineConfig.spiff().extended(service=wait)
"""

SERVICE = (
    '<serviceTask id="wait" name="Wait"><extensionElements><spiffworkflow:serviceTaskOperator id="machine/wait" '
    'resultVariable="waited"><spiffworkflow:parameters/></spiffworkflow:serviceTaskOperator>'
    "</extensionElements></serviceTask>"
)


def script(id: str, code: str) -> str:
    return f'<scriptTask id="{id}"><script>{code}</script></scriptTask>'


def model(cli: Cli, key: str, *nodes: str, roots: str = "") -> Path:
    """A file with one process whose nodes follow each other."""
    nodes = ('<startEvent id="start"/>', *nodes, '<endEvent id="end"/>')
    ids = [node.partition('id="')[2].partition('"')[0] for node in nodes]
    flows = [
        f'<sequenceFlow id="f{n}" sourceRef="{a}" targetRef="{b}"/>' for n, (a, b) in enumerate(itertools.pairwise(ids))
    ]
    body = "\n".join(
        [HEAD, roots, f'<process id="{key}" isExecutable="true">', *nodes, *flows, "</process></definitions>"]
    )
    return cli.write(f"{key}.bpmn", body)


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def only(cli: Cli) -> dict[str, Any]:
    (row,) = cli.document("list_instances")["instances"]
    return dict(row)


@pytest.fixture
def slow(cli: Cli) -> Iterator[Cli]:
    """A process `shop` whose service waits until a file `go_on` is there."""
    cli.write("slow.py", SLOW)
    cli.ok("-e", "slow", "add", "-p", "shop", "-b", model(cli, "shop", script("first", "x = 1"), SERVICE))
    yield cli
    cli.write("go_on", "")


def test_a_second_command_waits_a_moment_and_says_who_holds_the_instance(slow: Cli) -> None:
    with slow.start("-e", "slow", "run", "-s", "shop") as process:
        wait_for(slow.folder / "waiting", process)
        row = only(slow)
        assert row["state"] == "running"
        for command in (("run", "-w", row["id"]), ("cancel", "-w", row["id"]), ("delete", "-w", row["id"], "--yes")):
            busy = slow.fails(1, *command)
            assert f"in use by start shop@1 (process {process.pid} on " in busy.stderr
        assert slow.fails(1, "cancel", "-w", row["id"], "--format", "json").error()["holder"]["pid"] == process.pid
        assert slow.document("show", "-w", row["id"])["instance"]["state"] == "running"
        ticked = slow.document("tick", code=1)["instances"]
        assert [(each["id"], "in use by" in each["reason"]) for each in ticked] == [(row["id"], True)]
        slow.write("go_on", "")
        process.communicate()
    assert process.returncode == 0
    assert only(slow)["state"] == "completed"


def test_a_command_that_comes_second_but_not_too_late_gets_its_turn(slow: Cli) -> None:
    with slow.start("-e", "slow", "run", "-s", "shop") as first:
        wait_for(slow.folder / "waiting", first)
        id = only(slow)["id"]
        with slow.start("cancel", "-w", id) as second:
            slow.write("go_on", "")
            _, error = second.communicate()
        first.communicate()
    assert (first.returncode, second.returncode) == (0, 1)
    assert b"was completed at" in error


@pytest.mark.parametrize("work", ["service", "script"])
def test_ctrl_c_keeps_what_was_saved_last(cli: Cli, work: str) -> None:
    cli.write("slow.py", SLOW)
    loop = script("wait", "log(1)\nwhile True:\n    x = 2")
    cli.write("slow.py", SLOW + 'engine = engine.extended(functions={"log": lambda value: Path("waiting").touch()})\n')
    node = SERVICE if work == "service" else loop
    cli.ok("-e", "slow", "add", "-p", "shop", "-b", model(cli, "shop", script("first", "x = 1"), node))
    with cli.start("-e", "slow", "run", "-s", "shop", "--step") as process:
        wait_for(cli.folder / "waiting", process)
        interrupt(process)
        _, error = process.communicate()
    row = only(cli)
    assert process.returncode == 130, error.decode()
    assert f"Continue with: runner run -w {row['id']}" in error.decode()
    assert b"Traceback" not in error
    assert [task["id"] for task in row["active"]] == ["wait"]
    assert cli.document("show", "-w", row["id"])["data"] == {"x": 1}
    cli.check()
    if work == "service":
        cli.write("go_on", "")
        assert cli.document("-e", "slow", "run", "-w", row["id"])["data"] == {"x": 1, "waited": 1}


def killed(cli: Cli, moments: random.Random, duration: float, *command: str) -> bool:
    """Run a command and kill it at a random moment; whether it had ended before."""
    with cli.start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(duration * moments.uniform(0.3, 1.0))
        ended = process.poll() is not None
        process.kill()
    return ended


def timed(cli: Cli, *command: str) -> float:
    began = time.monotonic()
    cli.ok(*command)
    return time.monotonic() - began


def test_a_run_that_is_killed_goes_on_where_it_was_saved(cli: Cli) -> None:
    steps = 60
    nodes = [script(f"step_{n}", f"done = done + [{n}]") for n in range(steps)]
    cli.ok("add", "-p", "count", "-b", model(cli, "count", *nodes))
    run = ("run", "-s", "count", "--step", "--data", '{"done": []}')
    duration = timed(cli, *run)
    moments = random.Random(7)
    for _ in range(ROUNDS):
        killed(cli, moments, duration, *run)
        cli.check()
        for row in cli.document("list_instances", "--state", "running")["instances"]:
            data = cli.document("show", "-w", row["id"])["data"]["done"]
            assert data == list(range(len(data)))
            assert cli.document("run", "-w", row["id"])["data"]["done"] == list(range(steps))
    assert all(row["state"] == "completed" for row in cli.document("list_instances")["instances"])


def test_a_completion_that_is_killed_has_happened_or_not(cli: Cli) -> None:
    """What it sends has arrived, too, or not."""
    declared = '<message id="ping" name="ping"/>'
    throw = '<intermediateThrowEvent id="say"><messageEventDefinition messageRef="ping"/></intermediateThrowEvent>'
    catch = '<intermediateCatchEvent id="hear"><messageEventDefinition messageRef="ping"/></intermediateCatchEvent>'
    cli.ok("add", "-p", "call", "-b", model(cli, "call", '<manualTask id="ask"/>', throw, roots=declared))
    cli.ok("add", "-p", "hear", "-b", model(cli, "hear", catch, roots=declared))

    def pair() -> tuple[str, str]:
        hears = cli.document("run", "-s", "hear", "-a")["instance"]
        return cli.document("run", "-s", "call", "-a")["instance"], hears

    def states(calls: str, hears: str) -> tuple[str, str]:
        rows = {row["id"]: row for row in cli.document("list_instances")["instances"]}
        received = bool(rows[hears]["ended"]) or rows[hears]["due"] == 0.0
        return rows[calls]["state"], "received" if received else "waiting"

    calls, _ = pair()
    duration = timed(cli, "complete", "-w", calls, "-t", "ask")
    moments = random.Random(11)
    for _ in range(ROUNDS):
        calls, hears = pair()
        killed(cli, moments, duration, "complete", "-w", calls, "-t", "ask")
        cli.check()
        left = states(calls, hears)
        assert left in {("running", "waiting"), ("completed", "received"), ("running", "received")}
        if left[1] == "waiting":
            cli.ok("complete", "-w", calls, "-t", "ask")
        cli.ok("tick")
        assert states(calls, hears) == ("completed", "received")
        happened = [entry["what"] for entry in cli.document("history", "-w", hears)["entries"]]
        assert happened.count("received") == 1
