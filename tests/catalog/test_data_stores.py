from __future__ import annotations

from contextlib import suppress

import pytest
from msgspec.structs import replace

from spiffcli.catalog.data_stores import DataStore
from spiffcli.errors import ConflictError

from .bench import Bench

RATES = DataStore("rates", "json", "finance", b"1", updated="2026-01-01T00:00:00.000000Z", user="ada")


def test_a_data_store_is_empty_until_it_is_written_to(bench: Bench) -> None:
    assert bench.catalog.data_store("json", "finance", "rates") == DataStore("rates", "json", "finance")
    assert bench.catalog.data_stores() == []
    bench.catalog.put_data_store(RATES)
    assert bench.catalog.data_store("json", "finance", "rates") == replace(RATES, revision=1)
    assert bench.catalog.data_stores() == [replace(RATES, revision=1, content=None)]
    bench.assert_sound()


def test_folder_kind_and_tenant_tell_data_stores_apart(bench: Bench) -> None:
    others = [
        replace(RATES, location="finance/rates", id="rates"),
        replace(RATES, kind="kkv"),
        replace(RATES, id="r/s"),
    ]
    for each in (RATES, *others):
        bench.catalog.put_data_store(each)
    acme = bench.catalog.with_scope(tenant="acme")
    assert acme.data_stores() == []
    acme.put_data_store(replace(RATES, content=b"2"))
    assert bench.catalog.data_store("json", "finance", "rates").content == b"1"
    assert len(bench.catalog.data_stores()) == 4


def test_a_stale_value_is_not_written(bench: Bench) -> None:
    bench.catalog.put_data_store(RATES)
    bench.catalog.put_data_store(replace(RATES, content=b"2", revision=1))
    with pytest.raises(ConflictError, match="wrote to the data store 'rates' meanwhile"):
        bench.catalog.put_data_store(replace(RATES, content=b"3", revision=1))
    assert bench.catalog.data_store("json", "finance", "rates").content == b"2"


def test_a_value_is_stored_with_what_belongs_to_it_or_not_at_all(bench: Bench) -> None:
    with suppress(RuntimeError), bench.catalog.transaction() as catalog:
        catalog.put_data_store(RATES)
        raise RuntimeError
    assert bench.catalog.data_stores() == []
