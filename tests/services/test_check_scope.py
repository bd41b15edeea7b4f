"""Which versions are checked: everything that this tenant can start, that its instances run on, and what those call."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from spiffcli.config import Settings
from spiffcli.engine import EngineConfig
from spiffcli.runner import Runner
from spiffcli.services import WiringError, workflow_service, workflow_task
from spiffcli.store import open_store
from spiffcli.wiring.check import check_services

from .models import call, process, service, user, write
from .shop import Order


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task
    def note(self, order: Order) -> None:
        order.log.append("noted")


@workflow_service(aggregate=Order, process_id="q")
class Called:
    @workflow_task
    def note(self, order: Order) -> None:
        order.log.append("called")


@workflow_service(aggregate=Order, process_id="q", version=">1")
class CalledLater:
    @workflow_task
    def note(self, order: Order) -> None:
        order.log.append("called")


class Shop:
    """One store, looked at by several tenants with services of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, open_store("memory:")

    def runner(self, *services: Any, tenant: str = "north", fallback: bool = True) -> Runner:
        config = EngineConfig.spiff()
        settings = Settings(
            store="memory:", user="test", folder=self.folder, tenant=tenant, fallback_default_tenant=fallback
        )
        if services:
            config = config.extended(services=list(services))
        return Runner(settings, store=self.store, engine=config)

    def add(self, *processes: str, runner: Runner | None = None) -> None:
        model = write(self.folder / "m.bpmn", *processes)
        (runner or self.runner(tenant="")).add([model])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def faults(runner: Runner) -> list[str]:
    services = runner.services
    assert services is not None
    return [f"{each.rule} {each.process}@{each.version}" for each in check_services(runner.workspace, services)[1]]


def refused(runner: Runner) -> str:
    with pytest.raises(WiringError) as error:
        runner.require_wired()
    return error.value.message


FITS = process("p", service("A", "note"), user("U"))
FITS_NOT = process("p", service("A", "unknown"), user("U"))


def test_what_the_default_tenant_has_is_checked_where_this_one_has_none(shop: Shop) -> None:
    shop.add(FITS_NOT)
    told = refused(shop.runner(Orders))
    assert (
        "m.bpmn:4: process 'p' v1 of the default tenant, service task 'A' (task definition 'unknown'): no method"
        in told
    )
    runner = shop.runner(Orders)
    assert faults(runner) == ["task-without-method p@1", "method-without-task p@None"]
    assert runner.services is not None
    checked, found = check_services(runner.workspace, runner.services, "p")
    assert checked == ["p@1 of the default tenant"]
    assert [each.to_json()["tenant"] for each in found] == ["", None]


def test_a_version_of_its_own_hides_that_of_the_default_tenant(shop: Shop) -> None:
    shop.add(FITS_NOT)
    runner = shop.runner(Orders)
    shop.add(FITS, runner=runner)
    runner.require_wired()
    assert faults(shop.runner(Orders)) == []


def test_older_versions_of_the_default_tenant_count_where_instances_of_this_one_run_on_them(shop: Shop) -> None:
    shop.add(FITS)
    with shop.runner(Orders).start("p", {"order_id": "1"}) as session:
        session.advance()
    shop.add(process("p", user("U")))
    assert faults(shop.runner(Orders)) == []
    shop.add(FITS, runner=shop.runner(Orders))

    @workflow_service(aggregate=Order, process_id="p")
    class Renamed:
        pass

    # Also where it does not fall back any more: what runs goes on.
    for fallback in (True, False):
        told = refused(shop.runner(Renamed, fallback=fallback))
        assert told.count("no method is wired to it") == 2
        assert "process 'p' v1 of the default tenant" in told
    assert faults(shop.runner(Renamed, tenant="south")) == []


def test_without_falling_back_the_default_tenant_does_not_count(shop: Shop) -> None:
    shop.add(FITS_NOT)
    shop.runner(Orders, fallback=False).require_wired()


def test_what_is_added_is_refused_where_what_it_calls_is_not_served(shop: Shop) -> None:
    """The caller is this tenant's, and what it calls the default tenant's."""
    shop.add(process("q", service("B", "unknown")))
    parent = process("p", service("A", "note"), call("C", "q"))
    with pytest.raises(WiringError, match="process 'q' v1 of the default tenant, service task 'B'"):
        shop.add(parent, runner=shop.runner(Orders, Called))
    assert shop.runner().specs() == []


def test_a_version_that_is_only_called_is_in_use(shop: Shop) -> None:
    """The caller is bound to the first version of what it calls, which was added anew since."""
    runner = shop.runner(Orders, Called, tenant="")
    shop.add(process("q", service("B", "note")), runner=runner)
    shop.add(process("p", service("A", "note"), call("C", "q")), runner=runner)
    shop.add(process("q", service("B", "note"), user("V")), runner=runner)
    assert faults(shop.runner(Orders, Called, tenant="")) == []
    later = shop.runner(Orders, CalledLater, tenant="")
    assert "process 'q' v1: no service is for this version (CalledLater >1), and versions in use call it" in refused(
        later
    )


def test_a_bound_version_of_the_default_tenant_is_in_use_too(shop: Shop) -> None:
    shop.add(process("q", service("B", "note")))
    shop.add(process("p", service("A", "note"), call("C", "q")), runner=shop.runner(Orders, Called))
    shop.add(process("q", service("B", "note"), user("V")))
    told = refused(shop.runner(Orders, CalledLater))
    assert "process 'q' v1 of the default tenant: no service is for this version" in told


def test_a_method_without_a_task_is_told_by_what_moves_and_keeps_nothing_from_moving(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    @workflow_service(aggregate=Order, process_id="p")
    class Ahead(Orders):
        @workflow_task
        def first(self, order: Order) -> None: ...

        @workflow_task(id="Nowhere")
        def second(self, order: Order) -> None: ...

    runner = shop.runner(Ahead)
    shop.add(FITS, runner=runner)
    with caplog.at_level(logging.WARNING), runner.start("p", {"order_id": "1"}) as session:
        session.advance()
    told = [record.message.partition("it is wired to no task: ")[2] for record in caplog.records]
    fix = 'Correct the name or take the method away; if a later version is to have it, say so: version=">=2".'
    assert told == [
        f"no version of 'p' that it is for has a task definition 'first'\n  Fix: {fix}",
        f"no version of 'p' that it is for has the element 'Nowhere'\n  Fix: {fix}",
    ]


def test_code_starts_the_process_of_the_default_tenant_that_no_other_calls(shop: Shop) -> None:
    shop.add(process("p", service("A", "note"), call("C", "q")), process("q", service("B", "note"), user("V")))
    runner = shop.runner(Orders, Called)
    started = runner.service(Order).start(Order("1"))
    assert (started.key, started.tenant, started.natural_id) == ("p", "north", "1")
    assert runner.service(Order).load("1").log == ["noted", "called"]
