"""What wires classes and methods to processes and tasks: R1 to R12 and R20 to R27."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from spiffcli.errors import ConfigError
from spiffcli.services import (
    Element,
    NaturalId,
    Registry,
    Service,
    ServiceError,
    WiringError,
    WorkflowService,
    workflow_service,
    workflow_task,
    workflow_value,
)
from spiffcli.services.decorators import parse_range
from spiffcli.testing import WorkflowEnvironment

from . import shop
from .conftest import Make
from .models import choice, process, service, user, write
from .shop import Order, Parcel


def faults(error: pytest.ExceptionInfo[WiringError]) -> set[str]:
    return {fault.rule for fault in error.value.faults}


def test_r01_a_class_serves_the_process_of_its_name_with_a_small_first_letter(make: Make) -> None:
    @workflow_service(aggregate=Order)
    class ApprovalOfVacationRequests:
        @workflow_task
        def ask(self, order: Order) -> None:
            order.log.append("asked")

    env = make(process("approvalOfVacationRequests", service("A", "ask")), services=ApprovalOfVacationRequests)
    assert env.start(Order("1")).aggregate.log == ["asked"]


def test_r01_only_the_first_letter_becomes_small() -> None:
    @workflow_service(aggregate=Order)
    class URLCheck:
        pass

    assert Registry(URLCheck).processes == {"uRLCheck"}


def test_r02_a_process_id_wires_to_that_id_and_only_that(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="Process_X")
    class Orders:
        @workflow_task
        def ask(self, order: Order) -> None:
            order.log.append("asked")

    assert Registry(Orders).processes == {"Process_X"}
    env = make(process("Process_X", service("A", "ask")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["asked"]


def test_r03_a_class_serves_several_processes_each_with_its_versions() -> None:
    @workflow_service(aggregate=Order, process_id="old", version="<3")
    @workflow_service(aggregate=Order, process_id="new")
    class Orders:
        pass

    registry = Registry(Orders)
    assert registry.processes == {"old", "new"}
    assert [len(registry.serving("old", version)) for version in (1, 2, 3)] == [1, 1, 0]
    assert len(registry.serving("new", 9)) == 1


def test_r03_both_ids_run(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="old")
    @workflow_service(aggregate=Order, process_id="new")
    class Orders:
        @workflow_task
        def ask(self, order: Order) -> None:
            order.log.append("asked")

    env = make(process("old", service("A", "ask")), process("new", service("B", "ask")), services=Orders)
    assert env.start(Order("1"), process_id="old").state == "completed"
    assert env.start(Order("1"), process_id="new").state == "completed"


def test_r04_the_methods_of_several_classes_are_pooled(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class One:
        @workflow_task
        def first(self, order: Order) -> None:
            order.log.append("first")

    @workflow_service(aggregate=Order, process_id="p")
    class Two:
        @workflow_task
        def second(self, order: Order) -> None:
            order.log.append("second")

    env = make(process("p", service("A", "first"), service("B", "second")), services=[One, Two])
    assert env.start(Order("1")).aggregate.log == ["first", "second"]


def test_r05_a_task_wired_twice_is_told_with_both_methods_before_anything_moves(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Bad:
        @workflow_task(task_definition="SEND")
        def a(self, order: Order) -> None: ...

        @workflow_task(id="T2")
        def b(self, order: Order) -> None: ...

    env = make(process("p", service("T2", "SEND")), services=Bad)
    with pytest.raises(WiringError) as error:
        env.start(Order("1"))
    (fault,) = error.value.faults
    assert fault.rule == "wired-twice"
    assert [method.label for method in fault.methods] == ["Bad.a", "Bad.b"]
    assert "process 'p' v1, service task 'T2' (task definition 'SEND'): wired twice, by Bad.a (" in error.value.message
    assert env.runner.instances() == []


def test_r05_ranges_that_do_not_overlap_are_no_duplicates(make: Make, tmp_path: Path) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Fine:
        @workflow_task(id="A", version="<2")
        def old(self, order: Order) -> None:
            order.log.append("old")

        @workflow_task(id="A", version=">=2")
        def new(self, order: Order) -> None:
            order.log.append("new")

    env = make(process("p", service("A")), services=Fine)
    assert env.start(Order("1")).aggregate.log == ["old"]
    env.add(write(tmp_path / "v2.bpmn", process("p", service("A"), user("U"))))
    assert env.start(Order("2")).aggregate.log == ["new"]


def test_r06_a_service_has_one_type_of_aggregate() -> None:
    with pytest.raises(ServiceError, match="Mixed is bound to two types of aggregates: Order and Parcel"):

        @workflow_service(aggregate=Parcel, process_id="q")
        @workflow_service(aggregate=Order, process_id="p")
        class Mixed:
            pass


def test_r06_services_of_a_process_have_the_same_aggregate(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class One:
        pass

    @workflow_service(aggregate=Parcel, process_id="p")
    class Two:
        pass

    with pytest.raises(WiringError) as error:
        make(process("p", user("U")), services=[One, Two]).start(Order("1"))
    assert faults(error) == {"two-aggregates"}
    assert "One with Order and Two with Parcel" in error.value.message


def test_r06_two_aggregates_of_one_name_are_told_apart(make: Make) -> None:
    @dataclass
    class Order:
        order_id: Annotated[str, NaturalId()]

    @workflow_service(aggregate=Order, process_id="p")
    class One:
        pass

    @workflow_service(aggregate=shop.Order, process_id="p")
    class Two:
        pass

    with pytest.raises(WiringError) as error:
        make(process("p", user("U")), services=[One, Two]).run_until_idle()
    here = "tests.services.test_requirements_wiring.test_r06_two_aggregates_of_one_name_are_told_apart.<locals>.Order"
    assert f"One with {here} and Two with tests.services.shop.Order" in error.value.message


def test_r07_models_carry_names_and_nothing_is_imported_by_them(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(task_definition="shop.mail:send")
        def send(self, order: Order) -> None:
            order.log.append("sent")

    # A name that looks like a place in the code is a name like any other: it must match, and nothing is looked up.
    env = make(process("p", service("A", "shop.mail:send")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["sent"]
    with pytest.raises(WiringError) as error:
        make(process("p", service("A", "os.path:join")), services=Orders).start(Order("1"))
    assert faults(error) == {"task-without-method", "method-without-task"}


def test_r08_the_service_of_a_process_starts_it_with_an_aggregate(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        pass

    env = make(process("p", user("U")), services=Orders)
    env.run_until_idle()
    instance = env.runner.service(Order).start(Order("A-7", days=3))
    assert (instance.natural_id, instance.key, instance.state) == ("A-7", "p", "running")
    assert env.runner.service(Order).load("A-7").days == 3


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (None, {1, 2, 3, 4, 5, 6}),
        ("*", {1, 2, 3, 4, 5, 6}),
        ("1", {1}),
        ("1-3", {1, 2, 3}),
        ("<3", {1, 2}),
        ("<=3", {1, 2, 3}),
        (">3", {4, 5, 6}),
        (">=3", {3, 4, 5, 6}),
    ],
)
def test_r09_the_formats_of_version_ranges(text: str | None, versions: set[int]) -> None:
    assert {version for version in range(1, 7) if version in parse_range(text)} == versions


@pytest.mark.parametrize("text", ["3-1", "<", "a", "", "1 - 3", "=3", "1,2", "-1", " 1", "1-", "٣", 3])
def test_r10_anything_else_is_refused_when_the_decorator_runs(text: str) -> None:
    with pytest.raises(ServiceError) as error:

        @workflow_service(aggregate=Order, version=text)
        class Orders:
            pass

    assert error.value.hint == ("Write one of: '*' (all), '3' (only 3), '1-3' (1 to 3), '<3', '<=3', '>3', '>=3'.")
    with pytest.raises(ServiceError):
        workflow_task(version=text)


def test_r10_versions_are_compared_as_numbers() -> None:
    assert 9 in parse_range("<10")
    assert 10 not in parse_range("<10")
    assert 10 in parse_range(">9")


def test_r11_a_version_nobody_serves_stops_everything_if_it_is_the_newest(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p", version=">1")
    class Orders:
        pass

    with pytest.raises(WiringError) as error:
        make(process("p", user("U")), services=Orders).start(Order("1"))
    assert faults(error) == {"version-not-served"}


def test_r11_or_if_instances_run_on_it_which_are_counted(tmp_path: Path, make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class All:
        pass

    @workflow_service(aggregate=Order, process_id="p", version=">1")
    class New:
        pass

    env = make(process("p", user("U")), services=All)
    env.start(Order("1"))
    env.start(Order("2"))
    env.add(write(tmp_path / "v2.bpmn", process("p", user("V"))))
    later = WorkflowEnvironment(services=New, store=env.runner.store)
    with pytest.raises(WiringError) as error:
        later.start(Order("3"))
    (fault,) = error.value.faults
    assert (fault.rule, fault.version, fault.instances) == ("version-not-served", 1, 2)
    assert "no service is for this version (New >1), and 2 instances of it have not ended" in fault.message


def test_r11_an_old_version_without_instances_is_a_warning(tmp_path: Path, make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p", version=">1")
    class New:
        pass

    @workflow_service(aggregate=Order, process_id="p")
    class All:
        pass

    env = make(process("p", user("U")), services=All)
    env.run_until_idle()
    later = WorkflowEnvironment(services=New, store=env.runner.store)
    later.add(write(tmp_path / "v2.bpmn", process("p", user("V"))))
    assert later.start(Order("1")).instance.version == 2


def test_r12_versions_count_up_with_every_change_of_a_process(tmp_path: Path, make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        pass

    env = make(process("p", user("U")), services=Orders)
    assert env.start(Order("1")).aggregate.version == 1
    env.add(write(tmp_path / "same.bpmn", process("p", user("U"))))
    assert env.start(Order("2")).aggregate.version == 1
    env.add(write(tmp_path / "other.bpmn", process("p", user("V"))))
    assert env.start(Order("3")).aggregate.version == 2


def test_r20_values_are_calculated_and_tasks_are_performed(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_value
        def isLarge(self, order: Order) -> bool:  # noqa: N802
            return order.days > 10

        @workflow_task
        def large(self, order: Order) -> None:
            order.log.append("large")

        @workflow_task
        def small(self, order: Order) -> None:
            order.log.append("small")

    env = make(choice("p", "isLarge", service("A", "large"), service("B", "small")), services=Orders)
    assert env.start(Order("1", days=11)).aggregate.log == ["large"]
    assert env.start(Order("2", days=10)).aggregate.log == ["small"]


def test_r20_a_name_that_the_aggregate_and_a_method_offer_is_a_fault(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_value
        def long(self, order: Order) -> bool:
            return True

    with pytest.raises(WiringError) as error:
        make(process("p", user("U")), services=Orders).start(Order("1"))
    assert faults(error) == {"name-offered-twice"}


def test_r21_an_unmarked_method_is_not_wired(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        def ask(self, order: Order) -> None: ...

    with pytest.raises(WiringError) as error:
        make(process("p", service("A", "ask")), services=Orders).start(Order("1"))
    assert faults(error) == {"task-without-method"}


def test_r21_a_subclass_that_is_not_marked_is_no_service() -> None:
    @workflow_service(aggregate=Order)
    class Orders:
        pass

    class Special(Orders):
        pass

    with pytest.raises(ServiceError, match="is no service"):
        Registry(Special)


def test_r22_without_arguments_the_name_of_the_method_is_the_name_in_the_model(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def sendAcceptedMail(self, order: Order) -> None:  # noqa: N802
            order.log.append("accepted")

    env = make(process("p", service("A", "sendAcceptedMail")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["accepted"]


def test_r23_a_task_definition_is_the_name_in_the_model(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(task_definition="SEND_ACCEPTED")
        def send(self, order: Order) -> None:
            order.log.append("accepted")

    env = make(process("p", service("A", "SEND_ACCEPTED")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["accepted"]


def test_r24_an_id_is_that_of_the_element(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task(id="Activity_SendAcceptedMail")
        def send(self, order: Order) -> None:
            order.log.append("accepted")

    env = make(process("p", service("Activity_SendAcceptedMail")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["accepted"]
    sent = make(process("p", '<sendTask id="Activity_SendAcceptedMail"/>'), services=Orders)
    assert sent.start(Order("1")).aggregate.log == ["accepted"]


def test_r25_a_name_and_an_id_are_refused() -> None:
    with pytest.raises(ServiceError, match="task_definition='SEND' and id='A'"):
        workflow_task(task_definition="SEND", id="A")


def test_r25_without_both_the_method_matches_name_or_id(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def by_id(self, order: Order) -> None:
            order.log.append("by id")

        @workflow_task
        def by_name(self, order: Order) -> None:
            order.log.append("by name")

    env = make(process("p", service("by_id"), service("B", "by_name")), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["by id", "by name"]


def test_r26_a_method_gets_the_aggregate_as_it_was_saved_and_what_it_changes_is_saved(make: Make) -> None:
    seen: list[Order] = []

    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def one(self, order: Order) -> None:
            seen.append(order)
            order.log.append("one")

        @workflow_task
        def two(self) -> None:
            """It need not take the aggregate."""

        @workflow_task
        def three(self, order: Order) -> None:
            assert order.log == ["one"]
            seen.append(order)
            order.log.append("three")

    env = make(process("p", *(service(name, name) for name in ("one", "two", "three"))), services=Orders)
    assert env.start(Order("1")).aggregate.log == ["one", "three"]
    seen[0].log.append("too late")
    assert env.current.aggregate.log == ["one", "three"]


def test_r27_an_unknown_parameter_names_parameter_and_method(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        @workflow_task
        def ask(self, order: Order, mailer: int) -> None: ...

        @workflow_task
        def tell(self, order: Order) -> str:
            return ""

    with pytest.raises(WiringError) as error:
        make(process("p", service("A", "ask"), service("B", "tell")), services=Orders).start(Order("1"))
    assert faults(error) == {"unknown-parameter", "returns-something"}
    assert "its parameter 'mailer' is annotated as int" in error.value.message
    assert (
        "Orders.ask (test_requirements_wiring.py:" in error.value.message or "Orders.ask (tests/" in error.value.message
    )


def test_functions_are_wired_as_methods_are(make: Make) -> None:
    orders = Service(Order, process_id="p")

    @orders.task(task_definition="ASK")
    def ask(order: Order) -> None:
        order.log.append("asked")

    @orders.value
    def soon(order: Order) -> bool:
        return order.days < 2

    @orders.task
    async def tell(order: Order) -> None:
        order.log.append("told")

    env = make(choice("p", "soon", service("A", "ASK"), service("B", "tell")), services=orders)
    assert env.start(Order("1", days=1)).aggregate.log == ["asked"]
    assert env.start(Order("2", days=3)).aggregate.log == ["told"]


def test_the_aggregate_may_be_a_type_argument(make: Make) -> None:
    @workflow_service
    class Orders(WorkflowService[Order]):
        @workflow_task
        def ask(self, order: Order) -> None:
            order.log.append("asked")

    assert make(process("orders", service("A", "ask")), services=Orders).start(Order("1")).aggregate.log == ["asked"]
    with pytest.raises(ServiceError, match="does not say which aggregate"):

        @workflow_service
        class Other:
            pass


def test_camel_case_names_of_models_meet_python_names_where_that_is_asked_for(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p", naming="camel")
    class Orders:
        @workflow_task
        def send_accepted_mail(self, order: Order) -> None:
            order.log.append("accepted")

        @workflow_task
        def send_rejected_mail(self, order: Order) -> None:
            order.log.append("rejected")

    model = choice("p", "orderId == 'A'", service("A", "sendAcceptedMail"), service("B", "sendRejectedMail"))
    env = make(model, services=Orders)
    assert env.start(Order("A")).aggregate.log == ["accepted"]
    assert env.start(Order("B")).aggregate.log == ["rejected"]


def test_constructors_get_what_factories_make(make: Make) -> None:
    class Mailer:
        def __init__(self, host: str) -> None:
            self.host = host

    @workflow_service(aggregate=Order, process_id="p")
    class Orders:
        def __init__(self, mailer: Mailer) -> None:
            self.mailer = mailer

        @workflow_task
        def ask(self, order: Order) -> None:
            order.log.append(self.mailer.host)

    model = process("p", service("A", "ask"))
    made = Registry().add(Orders, factory=lambda: Orders(Mailer("by hand")))
    assert make(model, services=made).start(Order("1")).aggregate.log == ["by hand"]
    with pytest.raises(WiringError) as error:
        make(model, services=Orders).start(Order("1"))
    assert faults(error) == {"service-not-made"}


@pytest.mark.parametrize("name", ["", " ", 3])
def test_a_name_that_names_nothing_is_refused_when_the_decorator_runs(name: str) -> None:
    for decorate in (
        lambda: workflow_service(aggregate=Order, process_id=name),
        lambda: workflow_task(id=name),
        lambda: workflow_task(task_definition=name),
        lambda: workflow_value(name=name),
        lambda: Service(Order, process_id=name),
    ):
        with pytest.raises(ServiceError, match=f"={name!r} names nothing"):
            decorate()


@pytest.mark.parametrize("resolver", [int, object()])
def test_what_is_no_resolver_is_refused_at_once(resolver: type) -> None:
    with pytest.raises(ServiceError, match="is no resolver"):
        Element(resolver=resolver)


def test_functions_of_one_name_are_all_wired(make: Make) -> None:
    orders = Service(Order, process_id="p")

    @orders.task(id="A")
    def _(order: Order) -> None:
        order.log.append("first")

    @orders.task(id="B")
    def _(order: Order) -> None:
        order.log.append("second")

    env = make(process("p", service("A"), service("B")), services=orders)
    assert env.start(Order("1")).aggregate.log == ["first", "second"]


def test_r05_methods_of_two_classes_and_a_function_are_told_too(make: Make) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class One:
        @workflow_task
        def send(self, order: Order) -> None: ...

    @workflow_service(aggregate=Order, process_id="p")
    class Two:
        @workflow_task(id="A")
        def other(self, order: Order) -> None: ...

    functions = Service(Order, process_id="p")

    @functions.task(task_definition="send")
    def third(order: Order) -> None: ...

    env = make(process("p", service("A", "send")), services=[One, Two, functions])
    with pytest.raises(WiringError) as error:
        env.start(Order("1"))
    (fault,) = error.value.faults
    assert [method.label for method in fault.methods] == ["One.send", "Two.other", "third"]
    assert env.runner.instances() == []


def test_a_module_without_services_says_so() -> None:
    import math

    with pytest.raises(ConfigError, match="The module 'math' has no services"):
        Registry(math)
