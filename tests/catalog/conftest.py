"""Fixtures for tests of the catalog."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spiffcli.store import DocumentStore, open_store

from .bench import Bench


@pytest.fixture
def store() -> Iterator[DocumentStore]:
    store = open_store("memory:")
    yield store
    store.close()


@pytest.fixture
def bench(store: DocumentStore) -> Bench:
    return Bench(store)
