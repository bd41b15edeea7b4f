"""Aggregates in the store: forgotten with their instance, checked, copied, and the engine's speed changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.catalog.integrity import check
from spiffcli.engine.patches import install
from spiffcli.errors import ConflictError, DuplicateError
from spiffcli.services import workflow_service, workflow_task
from spiffcli.store import open_store
from spiffcli.store.copy import copy_store
from spiffcli.testing import WorkflowEnvironment
from spiffcli.values import AggregateRecord

from .conftest import Make
from .models import many, process, service, sub, user
from .shop import Item, Order


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task(id="T")
    def task(self, order: Order) -> None:
        order.log.append("done")


MODEL = process("p", user("U"), sub("S", service("T"), inside=many(collection="items", sequential=True)))


def started(make: Make) -> WorkflowEnvironment:
    env = make(MODEL, services=Orders)
    env.start(Order("1", items=[Item("a"), Item("b")]))
    return env


def test_an_aggregate_is_forgotten_with_its_instance(make: Make) -> None:
    env = started(make)
    env.runner.delete_instance("1")
    assert list(env.runner.store.find("aggregate")) == []
    assert env.start(Order("1")).state == "running"


def test_an_aggregate_without_its_instance_is_found(make: Make) -> None:
    env = started(make)
    assert check(env.runner.store) == []
    row = next(env.runner.store.find("instance"))
    with env.runner.store.transaction() as tx:
        tx.delete("instance", row.id, expected=row.revision)
    told = [problem.what for problem in check(env.runner.store)]
    assert f"The aggregate /p/1 belongs to instance {row.id}, which is missing." in told


def test_aggregates_are_copied_with_the_store(make: Make, tmp_path: Path) -> None:
    env = started(make)
    target = open_store(f"sqlite:{tmp_path / 'copy.db'}", create=True)
    assert copy_store(env.runner.store, target).documents["aggregate"] == 1
    there = WorkflowEnvironment(services=Orders, store=target).workflow("1")
    there.complete("U")
    assert (there.state, there.aggregate.log) == ("completed", ["done", "done"])
    target.close()


def test_nobody_overwrites_what_somebody_else_has_stored(make: Make) -> None:
    catalog = started(make).runner.catalog
    (record,) = catalog.aggregates_of(catalog.instance("1").id)
    newer = catalog.put_aggregate(record)
    assert newer.revision == record.revision + 1
    with pytest.raises(ConflictError, match="Order '1' was changed by another command"):
        catalog.put_aggregate(record)
    with pytest.raises(DuplicateError, match="has an aggregate with the natural id '1' already"):
        catalog.put_aggregate(AggregateRecord("p", "1", "Order", 1, "d", "i"))


def test_without_the_speed_overrides_of_the_engine_it_is_the_same(make: Make) -> None:
    try:
        env = started(make)
        install(enabled=False)
        env.complete("U")
        assert env.current.aggregate.log == ["done", "done"]
        assert env.current.state == "completed"
    finally:
        install()
