"""How aggregates are stored: types of fields, pydantic models, codecs and repositories of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.errors import DataError, IncidentError
from spiffcli.services import NaturalId, ProcessVersion, Registry, ServiceError, workflow_service, workflow_task
from spiffcli.services.codecs import StructuredCodec
from spiffcli.testing import WorkflowEnvironment

from .conftest import Make
from .models import choice, process, service, user
from .tickets import TICKETS, Ticket, Tickets

NIL = UUID(int=0)


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Line:
    name: str
    price: Decimal
    colour: Colour | None = None


@dataclass
class Everything:
    id: Annotated[str, NaturalId()]
    number: int = 0
    share: float = 0.0
    sure: bool = False
    nothing: None = None
    price: Decimal = Decimal(0)
    day: date = date(2030, 1, 1)
    at: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    hour: time = time(9)
    took: timedelta = timedelta(0)
    uuid: UUID = NIL
    raw: bytes = b""
    mode: Literal["a", 1] = "a"
    maybe: int | str | Line | None = None
    lines: list[Line] = field(default_factory=list)
    pair: tuple[int, str] = (0, "")
    many: tuple[int, ...] = ()
    tags: set[str] = field(default_factory=set)
    by_name: dict[str, Line] = field(default_factory=dict)
    by_day: dict[date, int] = field(default_factory=dict)
    anything: Any = None
    log: list[str] = field(default_factory=list, init=False)


lines = st.builds(
    Line, st.text(), st.decimals(allow_nan=False, allow_infinity=False), st.one_of(st.none(), st.sampled_from(Colour))
)
times = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))
everything = st.builds(
    Everything,
    id=st.text(min_size=1),
    number=st.integers(),
    share=st.floats(allow_nan=False, allow_infinity=False),
    sure=st.booleans(),
    price=st.decimals(allow_nan=False, allow_infinity=False),
    day=st.dates(),
    at=times,
    hour=st.times(),
    took=st.timedeltas(min_value=timedelta(days=-1000), max_value=timedelta(days=1000)),
    uuid=st.uuids(),
    raw=st.binary(),
    mode=st.sampled_from(["a", 1]),
    maybe=st.one_of(st.none(), st.integers(), st.text(), lines),
    lines=st.lists(lines, max_size=3),
    pair=st.tuples(st.integers(), st.text()),
    many=st.lists(st.integers(), max_size=3).map(tuple),
    tags=st.sets(st.text(), max_size=3),
    by_name=st.dictionaries(st.text(), lines, max_size=2),
    by_day=st.dictionaries(st.dates(), st.integers(), max_size=2),
    anything=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4),
)


@given(everything)
def test_what_is_stored_comes_back_as_it_was(value: Everything) -> None:
    codec = StructuredCodec(Everything)
    assert codec.from_json(codec.to_json(value)) == value


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({}, "Everything.id is missing."),
        ({"id": 7}, r"Everything.id must be text, not 7 \(int\)."),
        ({"id": "a", "number": "3"}, "Everything.number must be a whole number, not '3'"),
        ({"id": "a", "number": 3.5}, "Everything.number must be a whole number, not 3.5"),
        ({"id": "a", "sure": 1}, "Everything.sure must be true or false, not 1"),
        ({"id": "a", "day": "soon"}, "Everything.day must be a date, not 'soon'"),
        ({"id": "a", "price": True}, "Everything.price must be a decimal number, not True"),
        ({"id": "a", "mode": "b"}, "Everything.mode must be one of 'a', 1, not 'b'"),
        ({"id": "a", "lines": [{"name": "x"}]}, r"Everything.lines\[0\].price is missing."),
        ({"id": "a", "lines": {"name": "x"}}, "Everything.lines must be a list"),
        ({"id": "a", "pair": [1]}, "Everything.pair must be a tuple of 2"),
        ({"id": "a", "maybe": [1]}, "Everything.maybe must be a whole number or text or Line or None"),
        ({"id": "a", "by_name": {"x": {"name": 1, "price": "1"}}}, "Everything.by_name.x.name must be text"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(document: dict[str, Any], wrong: str) -> None:
    with pytest.raises(DataError, match=wrong):
        StructuredCodec(Everything).from_json(document)


def test_a_value_that_does_not_fit_its_field_is_refused_before_it_is_stored() -> None:
    with pytest.raises(DataError, match=r"Everything\.number must be a whole number, not 'three'"):
        StructuredCodec(Everything).to_json(Everything("a", number="three"))  # type: ignore[arg-type]


def test_a_type_that_cannot_be_stored_is_told_with_its_field() -> None:
    @dataclass
    class Odd:
        id: Annotated[str, NaturalId()]
        folder: Path

    with pytest.raises(ServiceError, match=r"Odd.folder: Values of the type .*Path.* cannot be stored"):
        StructuredCodec(Odd)


@dataclass
class Old:
    id: Annotated[str, NaturalId()]
    colour: str = "red"


@dataclass
class New:
    id: Annotated[str, NaturalId()]
    size: int = 1
    log: list[str] = field(default_factory=list)


def test_a_newer_class_reads_what_an_older_one_wrote_and_loses_nothing(make: Make) -> None:
    @workflow_service(aggregate=Old, process_id="p")
    class Before:
        @workflow_task
        def ask(self, old: Old) -> None: ...

    @workflow_service(aggregate=New, process_id="p")
    class After:
        @workflow_task
        def ask(self, new: New) -> None:
            new.size += 1

    env = make(process("p", user("U"), service("A", "ask"), user("V")), services=Before)
    old = env.start(Old("1", "blue"))
    later = WorkflowEnvironment(services=After, store=env.runner.store)
    new = later.workflow("1")
    assert new.aggregate == New("1")
    new.complete("U")
    assert new.aggregate.size == 2
    assert old.aggregate.colour == "blue"


def test_a_class_that_does_not_fit_what_is_stored_any_more_is_told(make: Make) -> None:
    @dataclass
    class Strict:
        id: Annotated[str, NaturalId()]
        needed: int

    @workflow_service(aggregate=Old, process_id="p")
    class Before:
        pass

    @workflow_service(aggregate=Strict, process_id="p")
    class After:
        pass

    env = make(process("p", user("U")), services=Before)
    env.start(Old("1"))
    later = WorkflowEnvironment(services=After, store=env.runner.store)
    with pytest.raises(
        DataError, match=r"The stored Strict '1' does not fit its class any more: Strict.needed is missing"
    ):
        _ = later.workflow("1").aggregate


# Pydantic

pydantic = pytest.importorskip("pydantic")


class Position(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    name: str
    price: Decimal


class Invoice(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    number: Annotated[str, NaturalId()]
    days: int = pydantic.Field(0, ge=0)
    positions: list[Position] = pydantic.Field(default_factory=list)
    version: Annotated[int | None, ProcessVersion()] = None

    @property
    def long(self) -> bool:
        return self.days > 5

    @pydantic.computed_field  # type: ignore[prop-decorator,untyped-decorator,misc]
    @property
    def total(self) -> Decimal:
        return sum((each.price for each in self.positions), Decimal(0))


def test_pydantic_models_are_aggregates(make: Make) -> None:
    @workflow_service(aggregate=Invoice, process_id="p")
    class Invoices:
        @workflow_task
        def add(self, invoice: Invoice) -> None:
            invoice.positions.append(Position(name="cup", price=Decimal("3.50")))

        @workflow_task
        def none(self, invoice: Invoice) -> None: ...

    env = make(choice("p", "long and total == 0", service("A", "add"), service("B", "none")), services=Invoices)
    invoice = env.start(Invoice(number="7", days=6)).aggregate
    assert (invoice.positions, invoice.total, invoice.version) == (
        [Position(name="cup", price="3.50")],
        Decimal("3.50"),
        1,
    )


def test_what_pydantic_refuses_is_refused_with_its_reason(make: Make) -> None:
    @workflow_service(aggregate=Invoice, process_id="p")
    class Invoices:
        pass

    env = make(process("p", user("U")), services=Invoices)
    workflow = env.start(Invoice(number="7"))
    with pytest.raises(IncidentError, match="greater than or equal to 0"):
        workflow.complete("U", {"days": -1})
    workflow.complete("U", {"days": "3"})
    assert workflow.aggregate.days == 3


# Codecs and repositories of one's own


class TicketCodec:
    def to_json(self, aggregate: Ticket) -> dict[str, Any]:
        return {"number": aggregate.number, "title": aggregate.title}

    def from_json(self, document: Mapping[str, Any]) -> Ticket:
        return Ticket(**document)


def test_a_type_that_nothing_knows_how_to_store_says_so(make: Make) -> None:
    from spiffcli.services import WiringError

    with pytest.raises(WiringError, match="Nothing knows how to store the aggregate Ticket"):
        make(TICKETS, services=Tickets).start(Ticket(1))


def test_a_codec_makes_other_types_aggregates(make: Make) -> None:
    env = make(TICKETS, services=Registry(Tickets).aggregate(Ticket, codec=TicketCodec()))
    workflow = env.start(Ticket(1, "broken"))
    workflow.complete("U")
    assert (workflow.instance.natural_id, workflow.aggregate.title) == ("1", "BROKEN")
    workflow.complete("V", {"title": "mended"})
    assert workflow.aggregate.title == "mended"


# Other classes with fields


class Point(NamedTuple):
    x: int
    day: date = date(2030, 1, 1)


class Options(TypedDict, total=False):
    colour: Colour
    limit: Decimal


@attrs.frozen
class Parcel:
    id: Annotated[str, NaturalId()]
    lines: list[Line] = attrs.field(factory=list)
    at: Point = attrs.field(factory=lambda: Point(0))
    options: Options = attrs.field(factory=Options)
    position: Position | None = None


def test_classes_of_attrs_named_tuples_and_typed_dictionaries_come_back_as_they_were() -> None:
    codec = StructuredCodec(Parcel)
    parcel = Parcel(
        "1", [Line("cup", Decimal("3.50"), Colour.RED)], Point(3), {"limit": Decimal(2)}, Position(name="a", price="1")
    )
    document = orjson.loads(orjson.dumps(codec.to_json(parcel)))
    assert document["at"] == {"x": 3, "day": "2030-01-01"}
    assert codec.from_json(document) == parcel
    with pytest.raises(DataError, match=r"Parcel.at.x must be a whole number, not 'a'"):
        codec.from_json({"id": "1", "at": {"x": "a"}})


@dataclass
class Undecided:
    when: date | str = ""
    much: float | None = None


def test_a_value_that_would_come_back_as_another_is_refused() -> None:
    codec = StructuredCodec(Undecided)
    assert codec.to_json(Undecided("soon", 3)) == {"when": "soon", "much": 3}
    with pytest.raises(DataError, match=r"Undecided.when must be a date or text that can be told apart"):
        codec.to_json(Undecided("2030-01-01"))
