"""Aggregates that live elsewhere are saved together with their instances or not at all, whatever happens in between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spiffcli.errors import ConflictError, DataError, IncidentError, InputError, StoreError
from spiffcli.report.looks import look_lines
from spiffcli.services import (
    AggregateKey,
    AggregateRepository,
    DuplicateStart,
    Registry,
    ServiceError,
    workflow_service,
    workflow_task,
    workflow_value,
)
from spiffcli.store import open_store
from spiffcli.testing import WorkflowEnvironment

from .conftest import Make
from .models import call, choice, many, process, service, user, write
from .repository_worker import CRASHES, STARTERS
from .shop import Order, Parcel
from .tickets import TICKETS, Ticket, Tickets

WORKER = Path(__file__).with_name("repository_worker.py")

# Processes that die, and many at once


@pytest.fixture(scope="module", params=["tinydb", "sqlite"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    model = write(folder / "p.bpmn", process("p", service("A"), user("U"), service("B"), user("V")))
    done = subprocess.run(
        [sys.executable, str(WORKER), request.param, str(folder), str(model)],
        stdout=subprocess.PIPE, text=True, timeout=300, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("at", [f"{call} {count}" for call, count in CRASHES])
def test_wherever_a_process_is_killed_no_effect_is_lost_and_none_is_doubled(told: Any, at: str) -> None:
    """`save` dies between what the repository wrote and the commit, `settle` just after the commit."""
    found = told[at]
    assert found["signal"] == 9
    assert (found["days"], found["at"], found["instances"]) == (11, ["V"], 1)
    assert found["counts"]
    assert found["problems"] == []
    # What nobody names goes with the next revision that is settled; after the last one there was none.
    assert found["kept"] == (2 if at == "settle 3" else 1)


def test_one_of_sixteen_starts_wins_with_a_repository_too(told: Any) -> None:
    every = told["race"]["told"]
    won = [each for each in every if "started" in each]
    lost = [each for each in every if "refused" in each]
    assert (len(won), len(lost)) == (1, STARTERS - 1)
    assert {each["refused"] for each in lost} == {won[0]["started"]}
    assert told["race"]["days"] == 100 * won[0]["number"] + 1
    assert told["race"]["instances"] == 1


# In one process


class Shelf(AggregateRepository[Any]):
    """A repository in memory that says what it was asked."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], Any] = {}
        self.asked: list[str] = []
        self.broken = ""

    def _ask(self, what: str, key: AggregateKey) -> None:
        self.asked.append(f"{what} {key.id}")
        if self.broken == what:
            raise OSError("the shelf is locked")

    def load(self, key: AggregateKey, revision: int) -> Any:
        self._ask("load", key)
        return self.kept[str(key), revision]

    def save(self, key: AggregateKey, revision: int, aggregate: Any) -> None:
        self._ask("save", key)
        assert (str(key), revision) not in self.kept
        self.kept[str(key), revision] = aggregate

    def settle(self, key: AggregateKey, revision: int) -> None:
        self._ask("settle", key)
        for each in [each for each in self.kept if each[0] == str(key) and each[1] < revision]:
            del self.kept[each]

    def of(self, id: str) -> list[Any]:
        """Every revision of an aggregate, oldest first."""
        return [self.kept[each] for each in sorted(self.kept) if each[0].endswith(f"/{id}")]


def on(shelf: Any, *services: type, aggregate: type = Ticket) -> Registry:
    return Registry(*services or (Tickets,)).aggregate(aggregate, repository=shelf)


def test_a_repository_keeps_aggregates_elsewhere(make: Make) -> None:
    shelf = Shelf()
    model = choice("p", "urgent", service("A", "urgent_mail"), user("U"))
    env = make(model + process("q", user("V")), services=on(shelf))
    workflow = env.start(Ticket(1, "NOW"))
    assert [each.title for each in shelf.of("1")] == ["NOW!"]
    assert shelf.asked == ["save 1", "settle 1", "save 1", "settle 1"]
    assert workflow.aggregate.title == "NOW!"
    (record,) = env.runner.catalog.aggregates_of(workflow.id)
    assert (record.body, record.version, record.natural_id) == (b"", 1, "1")
    shown = [
        "".join(span.text for span in each) for each in look_lines(env.runner.look(workflow.id), (), everything=False)
    ]
    assert shown[shown.index("Ticket 1") + 1] == f"  kept elsewhere  revision {record.kept_as}"


def test_what_was_handed_out_and_what_was_given_is_nobodys_once_it_is_kept(make: Make) -> None:
    seen: list[Ticket] = []

    @workflow_service(aggregate=Ticket, process_id="p")
    class Leaking:
        @workflow_task(id="A")
        def see(self, ticket: Ticket) -> None:
            ticket.title += "!"
            seen.append(ticket)

        @workflow_value
        def leak(self) -> bool:
            seen[-1].title += " leaked"
            return False

    loop = many(cardinality="2", condition="leak", sequential=True)
    shelf = Shelf()
    env = make(process("p", service("A", inside=loop), user("U")), services=on(shelf, Leaking))
    given = Ticket(1, "mine")
    workflow = env.start(given)
    given.title = "yours"
    assert workflow.aggregate.title == "mine!!"


def test_a_step_that_leaves_the_aggregate_alone_writes_no_revision(make: Make) -> None:
    shelf = Shelf()
    env = make(process("p", user("U"), user("V")), services=on(shelf))
    env.start(Ticket(1))
    env.complete("U")
    assert shelf.asked == ["save 1", "settle 1"]


def test_two_processes_and_two_tenants_may_have_one_natural_id_on_one_shelf(tmp_path: Path) -> None:
    @workflow_service(aggregate=Ticket, process_id="q")
    class Others:
        @workflow_task
        def shout(self, ticket: Ticket) -> None:
            ticket.title += "?"

    shelf, store = Shelf(), open_store("memory:")
    model = write(tmp_path / "m.bpmn", TICKETS, process("q", service("A", "shout"), user("V")))
    env = WorkflowEnvironment(model, services=on(shelf, Tickets, Others), store=store)
    first, second = env.start(Ticket(1, "a"), process_id="p"), env.start(Ticket(1, "b"), process_id="q")
    first.complete("U")
    assert (first.aggregate.title, second.aggregate.title) == ("A", "b?")
    assert {key for key, _ in shelf.kept} == {"/p/1", "/q/1"}
    assert str(AggregateKey("north", "p", "1")) == "north/p/1"
    assert str(AggregateKey("a/b", "p", "1")) != str(AggregateKey("a", "b/p", "1"))


def test_a_method_that_fails_leaves_the_repository_alone(make: Make) -> None:
    shelf = Shelf()
    env = make(TICKETS, services=on(shelf))
    bad = env.start(Ticket(1, "bad"))
    with pytest.raises(IncidentError, match="ValueError: no"):
        bad.complete("U")
    assert [each.title for each in shelf.of("1")] == ["bad"]


def test_a_repository_that_cannot_save_undoes_the_step_and_says_so(make: Make) -> None:
    shelf = Shelf()
    env = make(TICKETS, services=on(shelf))
    workflow = env.start(Ticket(2, "good"))
    shelf.broken = "save"
    with pytest.raises(StoreError) as failed:
        workflow.complete("U")
    assert failed.value.message == (
        "Shelf could not save the aggregate '2' of the process 'p': OSError: the shelf is locked."
    )
    shelf.broken = ""
    assert (workflow.aggregate.title, workflow.waiting_at) == ("good", ["U"])
    workflow.complete("U")
    assert (workflow.aggregate.title, workflow.waiting_at) == ("GOOD", ["V"])


def test_a_repository_that_cannot_settle_is_told_and_nothing_else_happens(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    shelf.broken = "settle"
    env = make(TICKETS, services=on(shelf))
    workflow = env.start(Ticket(2, "good"))
    workflow.complete("U")
    assert workflow.aggregate.title == "GOOD"
    assert [each.title for each in shelf.of("2")] == ["good", "GOOD"]
    assert "Shelf could not settle revision" in caplog.text
    assert "OSError: the shelf is locked. The step is saved; older revisions stay for now." in caplog.text


def test_a_revision_that_is_gone_and_a_repository_that_fails_are_told(make: Make) -> None:
    shelf = Shelf()
    workflow = make(TICKETS, services=on(shelf)).start(Ticket(2, "good"))
    shelf.broken = "load"
    with pytest.raises(DataError, match="'2' of the process 'p' is kept by Shelf, which cannot load it: OSError"):
        _ = workflow.aggregate
    shelf.broken = ""
    shelf.kept.clear()
    with pytest.raises(DataError, match=r"is kept by Shelf, which has no revision [0-9]+ of it: KeyError"):
        _ = workflow.aggregate


def test_who_only_reads_looks_again_where_the_next_revision_was_settled_meanwhile(make: Make) -> None:
    class Slow(Shelf):
        env: WorkflowEnvironment | None = None

        def load(self, key: AggregateKey, revision: int) -> Any:
            env, self.env = self.env, None
            if env is not None:
                env.complete("U")
            return super().load(key, revision)

    shelf = Slow()
    env = make(TICKETS, services=on(shelf))
    env.start(Ticket(2, "good"))
    shelf.env = env
    assert env.runner.service(Ticket).load("2").title == "GOOD"


# A store whose commit fails


class Failing:
    """A store whose n-th commit from now fails, after everything was written in it."""

    def __init__(self, error: Exception) -> None:
        self._store: Any = open_store("memory:")
        self._error = error
        self.fail_at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._store.transaction() as tx:
            yield tx
            self.fail_at -= 1
            if self.fail_at == 0:
                raise self._error


@workflow_service(aggregate=Order, process_id="p")
class Orders:
    @workflow_task
    def note(self, order: Order) -> None:
        order.log.append("noted")

    @workflow_task(id="C")
    def parcel(self, order: Order) -> Parcel:
        order.log.append("packed")
        return Parcel(f"{order.order_id}-1")


@workflow_service(aggregate=Parcel, process_id="q")
class Parcels:
    @workflow_task
    def send(self, parcel: Parcel) -> None:
        parcel.log.append("sent")


@pytest.mark.parametrize("error", [ConflictError("Somebody was faster."), StoreError("The disk is full.")])
@pytest.mark.parametrize("at", range(1, 5))
def test_a_commit_that_fails_leaves_nothing_behind_that_counts(tmp_path: Path, at: int, error: Exception) -> None:
    """The first insert, updates, the insert of a called process's aggregate, and its update."""
    model = write(
        tmp_path / "m.bpmn",
        process("p", service("A", "note"), call("C", "q"), user("V")),
        process("q", service("S", "send")),
    )
    shelf, store = Shelf(), Failing(error)
    services = on(shelf, Orders, Parcels, aggregate=Order).aggregate(Parcel, repository=shelf)
    env = WorkflowEnvironment(model, services=services, store=store)  # type: ignore[arg-type]
    orders = env.runner.service(Order)
    store.fail_at = at
    with pytest.raises(type(error)):
        orders.start(Order("1"))
    if at == 1:
        orders.start(Order("1"))
    else:
        with pytest.raises(DuplicateStart):
            orders.start(Order("1"))
    env.run_until_idle()
    workflow = env.workflow("1")
    assert workflow.waiting_at == ["V"]
    assert workflow.aggregate.log == ["noted", "packed"]
    assert env.runner.service(Parcel).load("1-1").log == ["sent"]
    assert store.fail_at < 0


# What does not fit


class Overwriting:
    """The shape of a repository without revisions."""

    def load(self, id: str) -> Any: ...

    def save(self, id: str, aggregate: Any) -> None: ...


def test_what_is_no_repository_is_refused_when_it_is_registered() -> None:
    with pytest.raises(ServiceError) as refused:
        Registry(Tickets).aggregate(Ticket, repository=Overwriting())  # type: ignore[arg-type]
    assert refused.value.message == (
        "Overwriting cannot be the repository of Ticket: it has no method load(key, revision)."
    )


def test_neither_is_a_class_or_what_has_to_be_awaited() -> None:
    class Later(Shelf):
        async def save(self, key: AggregateKey, revision: int, aggregate: Any) -> None: ...  # type: ignore[override]

    with pytest.raises(ServiceError, match="Later cannot be the repository of Ticket: its method save is async"):
        on(Later())
    with pytest.raises(ServiceError, match="The repository of Ticket is the class Shelf, not an object of it"):
        on(Shelf)


def test_an_aggregate_that_was_kept_in_the_other_place_is_told(tmp_path: Path) -> None:
    model = write(tmp_path / "m.bpmn", process("p", user("U")))
    store = open_store("memory:")
    WorkflowEnvironment(model, services=Orders, store=store).start(Order("1"))
    there = WorkflowEnvironment(services=on(Shelf(), Orders, aggregate=Order), store=store)
    with pytest.raises(
        DataError, match="Order '1' is kept in the document store, and Order is registered to live in a"
    ):
        _ = there.workflow("1").aggregate
    there.start(Order("2"))
    back = WorkflowEnvironment(services=Orders, store=store)
    with pytest.raises(
        DataError, match="Order '2' is kept in a repository of its own, and Order is registered to live"
    ):
        _ = back.workflow("2").aggregate


def test_data_make_an_aggregate_of_a_repository_where_something_knows_how(make: Make) -> None:
    shelf = Shelf()
    env = make(process("p", user("U"), user("V")), services=on(shelf, Orders, aggregate=Order))
    with env.runner.start("p", {"order_id": "1", "items": [{"name": "a"}]}) as session:
        session.advance()
    workflow = env.workflow("1")
    workflow.complete("U", {"items": [{"name": "b"}], "days": 3})
    assert [(each.items[0].name, each.days) for each in shelf.of("1")] == [("b", 3)]
    with pytest.raises(IncidentError, match=r"what was given does not fit: Order\.days must be a whole number"):
        workflow.complete("V", {"days": "many"})

    env = make(TICKETS, services=on(shelf))
    with pytest.raises(InputError, match="Nothing knows how to make a Ticket of data"), env.runner.start("p", {}):
        pass
