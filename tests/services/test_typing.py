"""Signatures survive decoration: mypy, strict, reads sample code and says what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .repository_worker import documented_code

SAMPLE = """
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from spiffcli.services import (
    Element, ElementResolver, Index, MultiInstance, NaturalId, ProcessService, ProcessVersion, Registry, Service,
    TaskEvent, TaskException, TaskId, Total, WorkflowService, workflow_service, workflow_task, workflow_value,
)
from spiffcli.testing import WorkflowEnvironment


@dataclass
class Order:
    order_id: Annotated[str, NaturalId()]
    names: list[str]
    version: Annotated[int | None, ProcessVersion()] = None


class Names(ElementResolver[Order, str]):
    def resolve(self, aggregate: Order, scopes: Mapping[str, MultiInstance[Any]]) -> str:
        return aggregate.names[scopes["Each"].index]


@workflow_service(aggregate=Order, process_id="order", version="<10")
@workflow_service(aggregate=Order)
class Orders:
    def __init__(self, parcels: ProcessService[Order]) -> None:
        self.parcels = parcels

    @workflow_task
    def plain(self, order: Order) -> None: ...

    @workflow_task(task_definition="SEND", version=">=3")
    async def send(
        self, order: Order, name: Annotated[str, Element(resolver=Names)], index: Annotated[int, Index()],
        total: Annotated[int, Total()], each: MultiInstance[str],
    ) -> None:
        raise TaskException("GONE")

    @workflow_task(id="Pay")
    def pay(self, order: Order, task_id: TaskId, event: TaskEvent) -> None:
        reveal_type(task_id.upper())
        reveal_type(event)

    @workflow_value
    def patience(self, order: Order) -> timedelta:
        return timedelta(days=1)


@workflow_service
class Typed(WorkflowService[Order]): ...


functions = Service(Order, process_id="order")


@functions.task(task_definition="ASK")
def ask(order: Order) -> None: ...


@functions.value
def soon(order: Order) -> bool:
    return True


services = Registry(Orders, Typed, functions, connectors=True).provide(timedelta, timedelta)
env = WorkflowEnvironment("order.bpmn", services=services)
env.stub("SEND", lambda order: None)


def use(parcels: ProcessService[Order], orders: Orders, order: Order) -> None:
    reveal_type(Orders.plain)
    reveal_type(orders.send)
    reveal_type(orders.patience(order))
    reveal_type(ask)
    reveal_type(soon)
    reveal_type(parcels.load("1"))
    parcels.change("1", lambda order: order.names.append("x"))
    parcels.start(order, on_duplicate="existing")
    reveal_type(Orders)
"""

REVEALED = [
    "str",
    "TaskEvent",
    "def (self: Orders, order: Order)",
    "def (order: Order, name: str, index: int, total: int, each: MultiInstance[str]) -> Coroutine[Any, Any, None]",
    "timedelta",
    "def (order: Order)",
    "def (order: Order) -> bool",
    "Order",
    "def (parcels: ProcessService[Order]) -> Orders",
]

WRONG = {
    "Orders.plain(1, 2)": "Argument",
    'workflow_task(id="A", taskDefinition="B")': "No overload variant",
    'workflow_service(aggregate="Order")': "No overload variant",
    'def bad(parcels: ProcessService[Order]) -> None: parcels.start("x")': "Argument 1",
    'def bad(parcels: ProcessService[Order]) -> None: parcels.start(parcels.load("1"), on_duplicate="maybe")': "Argument",
    "Orders()": "Missing positional argument",
}


def mypy(folder: Path, source: str) -> tuple[int, str]:
    pytest.importorskip("mypy")
    (folder / "sample.py").write_text(source)
    (folder / "documented.py").write_text(documented_code())
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(folder / "cache")]
    # Not our own configuration, which knows this package as the one to check; a user's project has none of it.
    (folder / "mypy.ini").write_text("[mypy]\n[mypy-SpiffWorkflow.*]\nignore_missing_imports = True\n")
    done = subprocess.run(
        [*command, "sample.py", "documented.py"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("typing")


def test_sample_code_is_right_under_mypy_strict_and_keeps_its_signatures(folder: Path) -> None:
    code, said = mypy(folder, SAMPLE)
    revealed = [line.partition('Revealed type is "')[2].rstrip('"') for line in said.splitlines() if "Revealed" in line]
    short = [
        text.replace("builtins.", "").replace("sample.", "").replace("datetime.", "").replace("typing.", "")
        .replace("spiffcli.services.markers.", "").replace("spiffcli.services.process_service.", "")
        for text in revealed
    ]  # fmt: skip
    assert short == REVEALED, said
    assert code == 0, said


def test_wrong_code_is_found(folder: Path) -> None:
    lines = SAMPLE.rstrip().replace("reveal_type(Orders)\n", "") + "\n\n\n"
    code, said = mypy(folder, lines + "\n".join(WRONG) + "\n")
    first = lines.count("\n") + 1
    assert code == 1
    for place, words in enumerate(WRONG.values()):
        told = [line for line in said.splitlines() if line.startswith(f"sample.py:{first + place}: error")]
        assert any(words in line for line in told), (list(WRONG)[place], said)


def test_the_package_says_that_it_is_typed() -> None:
    import spiffcli

    assert (Path(spiffcli.__file__).parent / "py.typed").is_file()
