from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.engine import EngineConfig
from spiffcli.engine.registry import Registry, dumps, loads
from spiffcli.errors import ConfigError, CorruptStoreError, DataError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters())
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
HASHABLE = st.none() | st.booleans() | st.integers() | st.text() | st.dates()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.sampled_from(["$type", "typename"]), inner)
        | st.sets(HASHABLE)
        | st.frozensets(HASHABLE)
    ),
    max_leaves=20,
)


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str


@pytest.fixture
def registry() -> Registry:
    return EngineConfig.spiff().registry()


def there_and_back(registry: Registry, value: Any) -> Any:
    return registry.decode(loads(dumps(registry.encode(value))))


def same(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)


@given(VALUES)
def test_every_value_comes_back_with_its_type_and_its_order(value: Any) -> None:
    assert same(there_and_back(EngineConfig.spiff().registry(), value), value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, 2**64, -(2**63) - 1, "\ud800", {"typename": "x"}, {"$type": 1}])
def test_values_that_json_cannot_write_come_back(registry: Registry, value: Any) -> None:
    assert same(there_and_back(registry, {"v": value}), {"v": value})


def test_not_a_number_comes_back(registry: Registry) -> None:
    assert math.isnan(there_and_back(registry, math.nan))


def test_a_registered_type_comes_back(registry: Registry) -> None:
    registry.register(Money, lambda m: {"amount": m.amount, "currency": m.currency}, lambda raw: Money(**raw))
    price = {"price": [Money(Decimal("1.10"), "EUR")]}
    assert there_and_back(registry, price) == price


def test_an_older_layout_of_a_type_can_still_be_read(registry: Registry) -> None:
    registry.register(Money, lambda m: {"a": m.amount}, lambda raw: Money(raw["a"], "EUR"), version=2)
    registry.register_reader("Money", 1, lambda raw: Money(raw["amount"], "USD"))
    old = {"$type": "Money/1", "value": {"amount": {"$type": "decimal/1", "value": "5"}}}
    assert registry.decode(old) == Money(Decimal(5), "USD")


def test_a_type_registered_twice_is_refused(registry: Registry) -> None:
    registry.register(Money, dict, dict)
    with pytest.raises(ConfigError, match="Money is registered twice"):
        registry.register(Money, dict, dict)


def test_an_unknown_type_is_refused_with_its_path_and_the_way_out(registry: Registry) -> None:
    with pytest.raises(DataError, match=r"data\.order\.lines\[1\] is a .*Money") as caught:
        registry.encode({"order": {"lines": [1, Money(Decimal(1), "EUR")]}})
    assert "registry.register" in str(caught.value.hint)


def test_a_stored_type_nobody_registered_is_named(registry: Registry) -> None:
    with pytest.raises(CorruptStoreError, match="Money/1"):
        registry.decode({"$type": "Money/1", "value": {}})


def test_times_with_zones_come_back(registry: Registry) -> None:
    value = [datetime(2026, 1, 2, tzinfo=UTC), date(2026, 1, 2), time(3, 4), timedelta(microseconds=1), UUID(int=7)]
    assert same(there_and_back(registry, value), value)
