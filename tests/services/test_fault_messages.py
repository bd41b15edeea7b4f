"""Every message of the wiring check, as it reads: golden, so that a changed word is looked at.

`--update-golden` writes the file anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any

import pytest

import spiffcli.services as package
from spiffcli.model import load
from spiffcli.services import (
    Element,
    ElementResolver,
    Index,
    NaturalId,
    Payload,
    Registry,
    Service,
    TaskId,
    workflow_service,
    workflow_task,
    workflow_value,
)
from spiffcli.services.checks import check
from spiffcli.services.faults import WiringError, fault_text
from spiffcli.services.wiring import Subject
from spiffcli.values import Resource

from .models import call, choice, document, many, message, process, service, sub, timer, user
from .shop import Order, Parcel

if TYPE_CHECKING:
    from nowhere import Mailer  # type: ignore[import-not-found]

GOLDEN = Path(__file__).with_name("fault_messages.txt")


class Unmakable(ElementResolver[Order, str]):
    def __init__(self, host: str) -> None:
        self.host = host

    def resolve(self, aggregate: Order, scopes: object) -> str:
        return self.host


@dataclass
class NoId:
    name: str


@dataclass
class Strange:
    id: Annotated[str, NaturalId()]
    path: Path | None = None


def serving(
    aggregate: type = Order, process: str = "p", version: str | None = None, **methods: Callable[..., Any]
) -> type:
    """A class with these methods, wired to a process."""
    return workflow_service(aggregate=aggregate, process_id=process, version=version)(type("Orders", (), dict(methods)))


def task(function: Callable[..., Any], **mark: Any) -> Callable[..., Any]:
    return workflow_task(**mark)(copied(function))


def value(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    return workflow_value(name=name)(copied(function))


def copied(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks stay on a function, and each case needs one of its own."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    copy.__annotations__ = dict(function.__annotations__)
    return copy


def a(self: Any, order: Order) -> None: ...
def b(self: Any, order: Order) -> None: ...
def element(self: Any, order: Order, name: Annotated[str, Element()]) -> None: ...
def index(self: Any, order: Order, number: Annotated[int, Index("Region")]) -> None: ...
def resolved(self: Any, order: Order, name: Annotated[str, Element(resolver=Unmakable)]) -> None: ...
def stays_open(self: Any, order: Order, task: TaskId) -> None: ...
def paid(self: Any, order: Order, said: Annotated[dict[str, Any], Payload()]) -> None: ...
def strange(self: Any, order: Order, mailer: int, other) -> None: ...  # type: ignore[no-untyped-def]
def unreadable(self: Any, order: Order, mailer: Mailer) -> None: ...
def talks(self: Any, order: Order) -> str: ...  # type: ignore[empty-body]
def nothing(self: Any, order: Order) -> None: ...
def long(self: Any, order: Order) -> bool: ...  # type: ignore[empty-body]
def makes_parcel(self: Any, order: Order) -> Parcel: ...  # type: ignore[empty-body]
def makes_order(self: Any, order: Order) -> Order: ...  # type: ignore[empty-body]
def makes_itself(self: Any) -> Order: ...  # type: ignore[empty-body]


def wants_mailer(self: Any, mailer: Path) -> None: ...


A = process("p", service("A", "SEND"))
SCRIPT = '<scriptTask id="S"><script>total = 1</script></scriptTask>'
PRE = '<userTask id="U"><extensionElements><spiffworkflow:preScript>x = 1</spiffworkflow:preScript></extensionElements></userTask>'
OUTPUT = (
    '<serviceTask id="A"><multiInstanceLoopCharacteristics><loopDataInputRef>names</loopDataInputRef>'
    "<loopDataOutputRef>results</loopDataOutputRef></multiInstanceLoopCharacteristics></serviceTask>"
)
AD_HOC = '<adHocSubProcess id="H"><userTask id="U"/><completionCondition>paid</completionCondition></adHocSubProcess>'
CORRELATED = (
    '<intermediateCatchEvent id="R"><messageEventDefinition messageRef="message_paid"><extensionElements>'
    "<spiffworkflow:processVariableCorrelation>"
    "<spiffworkflow:propertyId>number</spiffworkflow:propertyId><spiffworkflow:expression>days</spiffworkflow:expression>"
    "</spiffworkflow:processVariableCorrelation></extensionElements></messageEventDefinition></intermediateCatchEvent>"
)
HANDLER = (
    '<subProcess id="Handler" triggeredByEvent="true"><startEvent id="H_start"><errorEventDefinition/></startEvent>'
    "</subProcess>"
)
IGNORED = (
    '<userTask id="V"/><userTask id="W"/><sequenceFlow id="only" sourceRef="V" targetRef="W">'
    "<conditionExpression>paid</conditionExpression></sequenceFlow>"
)
CYCLE = '<timerEventDefinition><timeCycle>"R/PT1H"</timeCycle></timerEventDefinition>'

CASES: dict[str, tuple[list[str], list[Any]]] = {
    "a task without a method": ([A], [serving()]),
    "a task without a name and without a method": ([process("p", service("Activity_1"))], [serving()]),
    "a name that Python cannot have": ([process("p", service("A", "SEND MAIL"))], [serving()]),
    "a send task without a message": ([process("p", '<sendTask id="S"/>')], [serving()]),
    "a business rule task without a decision": ([process("p", '<businessRuleTask id="B"/>')], [serving()]),
    "a task wired twice": ([A], [serving(a=task(a, task_definition="SEND"), b=task(b, id="A"))]),
    "methods without a task": ([process("p", user("U"))], [serving(a=task(a), b=task(b, id="Gone"))]),
    "an element of a loop that counts": (
        [process("p", service("A", inside=many(cardinality="3")))], [serving(a=task(element, id="A"))]),
    "an element of no loop": ([process("p", service("A"))], [serving(a=task(element, id="A"))]),
    "an activity that is not around": (
        [process("p", sub("S", service("A", inside=many(cardinality="3"))))], [serving(a=task(index, id="A"))]),
    "a resolver that nobody can make": (
        [process("p", service("A", inside=many(cardinality="3")))], [serving(a=task(resolved, id="A"))]),
    "a user task that is to stay open": ([process("p", user("A"))], [serving(a=task(stays_open, id="A"))]),
    "a payload that nobody gives": ([process("p", service("A"))], [serving(a=task(paid, id="A"))]),
    "parameters that nobody can give": ([process("p", service("A"))], [serving(a=task(strange, id="A"))]),
    "annotations that cannot be read": ([process("p", service("A"))], [serving(a=task(unreadable, id="A"))]),
    "a task that returns something": ([process("p", service("A"))], [serving(a=task(talks, id="A"))]),
    "a value that returns nothing": ([process("p", user("U"))], [serving(nothing=value(nothing))]),
    "a value that the aggregate has": ([process("p", user("U"))], [serving(long=value(long))]),
    "a value that two methods calculate": (
        [process("p", user("U"))],
        [serving(a=value(long, "soon")), serving(b=value(makes_order, "soon"))]),
    "a service that nobody can make": ([process("p", user("U"))], [serving(__init__=wants_mailer)]),
    "an aggregate without an id": ([process("p", user("U"))], [serving(NoId)]),
    "an aggregate that cannot be stored": ([process("p", user("U"))], [serving(Strange)]),
    "two aggregates": ([process("p", user("U"))], [serving(), serving(Parcel)]),
    "unknown names in expressions": (
        [choice("p", "dais &gt; 5 and urgent", service("A", "a"), user("U"))
         + process("q", user("V"), service("B", "a", many(cardinality="count(nams)"))), ],
        [workflow_service(aggregate=Order, process_id="q")(serving(a=task(a)))]),
    "an unknown collection and an unknown time": (
        [process("p", service("A", "a", many(collection="lines")),
                 f'<intermediateCatchEvent id="T">{timer("patience")}</intermediateCatchEvent>')],
        [serving(a=task(a))]),
    "an expression of another language": (
        [choice("p", "${days &gt; 5 &amp;&amp; paid}", user("A"), user("U"))], [serving()]),
    "scripts": ([process("p", SCRIPT, PRE)], [serving()]),
    "results of a loop": ([process("p", OUTPUT)], [serving(a=task(a, id="A"))]),
    "an ad-hoc sub-process": ([process("p", AD_HOC)], [serving()]),
    "an event sub-process for an error": ([process("p", user("U"), extra=HANDLER)], [serving()]),
    "a condition that nobody looks at": ([process("p", user("U"), extra=IGNORED)], [serving()]),
    "correlation by process data": ([process("p", CORRELATED)], [serving()]),
    "a call of what nobody serves": ([process("p", call("C", "q")), process("q", user("U"))], [serving()]),
    "a call without a creator": ([process("p", call("C", "q"))], [serving(), serving(Parcel, "q")]),
    "a creator that is not needed": ([process("p", call("C", "q"))],
                                     [serving(c=task(makes_order, id="C")), serving(Order, "q")]),
    "a creator of another type": ([process("p", call("C", "q"))],
                                  [serving(c=task(makes_order, id="C")), serving(Parcel, "q")]),
    "a caller that nobody serves": ([process("p", call("C", "q")), process("q", user("U"))], [serving(Parcel, "q")]),
    "a timer start without an aggregate": ([process("p", user("U"), start=CYCLE)], [serving()]),
    "a start whose method makes something else": (
        [process("p", user("U"), start=CYCLE)], [serving(c=task(makes_parcel, id="p_start"))]),
    "a start whose method takes what it is to make": (
        [process("p", user("U"), start=CYCLE)], [serving(c=task(makes_order, id="p_start"))]),
    "a version that is not served": ([process("p", user("U"))], [serving(version=">1")]),
    "functions": ([A], [Service(Order, process_id="p")]),
    "a collection that is no name": (
        [process("p", service("A", inside=many(collection="items[1:]")))], [serving(a=task(a, id="A"))]),
    "a collection that is counted": (
        [process("p", service("A", inside=many(collection="items", cardinality="3")))], [serving(a=task(a, id="A"))]),
}  # fmt: skip

#: Versions that are in use for other reasons than being the newest, with what the check says of them.
USES: dict[str, dict[str, Any]] = {
    "of a version that nobody uses": {"newest": False},
    "of a version with an instance": {"newest": False, "instances": 1},
    "of a version with instances": {"newest": False, "instances": 1200},
    "of a version that is called": {"newest": False, "called": True},
    "of a version that is called and has instances": {"newest": False, "called": True, "instances": 3},
    "of a version of another tenant": {"tenant": "north"},
    "of a version of the default tenant": {"tenant": "", "instances": 2},
}


def faults(processes: list[str], services: list[Any], **use: Any) -> list[Any]:
    content = document(*processes, messages=("paid",)).encode()
    model = load([Resource("shop.bpmn", "bpmn", content)])
    subjects = [Subject(each, 1, decisions=model.decisions, **use) for each in model.processes.values()]
    return check(Registry(*services), subjects)


def scrubbed(text: str) -> str:
    """Lines of this very file change with every edit; those of models are told as they are."""
    return re.sub(r"(?:tests/services/)?(test_fault_messages\.py):\d+", r"\1:NN", text)


def test_every_message_reads_as_it_did(request: pytest.FixtureRequest) -> None:
    written = ""
    told = {name: faults(*case) for name, case in CASES.items()}
    unserved = CASES["a version that is not served"]
    told |= {f"no service {name}": faults(*unserved, **use) for name, use in USES.items()}
    for name, found in told.items():
        assert found, name
        written += f"# {name}\n" + "".join(scrubbed(fault_text(fault)) + "\n" for fault in found) + "\n"
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(written)
    assert written == GOLDEN.read_text()


def test_every_kind_of_fault_is_among_them() -> None:
    folder = Path(package.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*checks.py"))
    words = set(re.findall(r'"([a-z]+(?:-[a-z]+)+|aggregate|annotations|correlation|expression|script)"', source))
    told = {fault.rule for case in CASES.values() for fault in faults(*case)}
    assert words - {"pre-script", "post-script", "task-id"} == told
    assert len(told) > 30


def test_all_faults_are_told_at_once_and_in_order() -> None:
    processes, services = [*CASES["unknown names in expressions"][0]], CASES["unknown names in expressions"][1]
    error = WiringError(faults(processes, services))
    assert error.message.startswith(f"Services and models do not fit together: {len(error.faults)} faults.\nshop.bpmn:")
    assert error.exit_code == 2
    assert error.data["faults"][0]["fix"]
    assert message("paid")


def test_what_fits_has_no_faults() -> None:
    assert faults([A], [serving(a=task(a, task_definition="SEND"))]) == []
    start = [process("p", user("U"), start=CYCLE)]
    assert faults(start, [serving(c=task(makes_itself, id="p_start"))]) == []
