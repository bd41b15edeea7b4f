"""Many processes start one natural id at once: one wins, the others are told which instance has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spiffcli.config import Settings
from spiffcli.engine import EngineConfig
from spiffcli.runner import Runner
from spiffcli.services import workflow_service

from .models import process, user, write
from .shop import Order

STARTERS = 16

WORKER = Path(__file__).with_name("start_worker.py")


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    pass


@pytest.mark.parametrize("kind", ["tinydb", "sqlite"])
def test_one_of_sixteen_starts_wins_and_fifteen_are_told_by_whom(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:{tmp_path / 'store.db'}" if kind == "sqlite" else f"tinydb:{tmp_path / 'store'}"
    settings = Settings(store=url, user="test", folder=tmp_path)
    with Runner(settings, engine=EngineConfig.spiff().extended(services=Orders)) as runner:
        runner.add([write(tmp_path / "p.bpmn", process("p", user("U")))])
    gate = tmp_path / "go"
    command = [sys.executable, str(WORKER), url, str(gate)]
    workers = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in range(STARTERS)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    gate.touch()
    told = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
    won = [each for each in told if each["outcome"] == "started"]
    lost = [each for each in told if each["outcome"] == "duplicate"]
    assert (len(won), len(lost)) == (1, STARTERS - 1)
    assert {each["instance"] for each in told} == {won[0]["instance"]}
    with Runner(settings, engine=EngineConfig.spiff().extended(services=Orders)) as runner:
        (row,) = runner.instances()
        assert (row.id, row.natural_id) == (won[0]["instance"], "A-1")
        (record,) = runner.catalog.aggregates_of(row.id)
        assert json.loads(record.body)["days"] == won[0]["number"]
        assert runner.service(Order).load("A-1").days == won[0]["number"]
        assert runner.store.check() == []
