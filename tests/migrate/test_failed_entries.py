"""Tasks whose way in has failed: nothing of it was done, so the new version's way in is gone on retry."""

from __future__ import annotations

import pytest

from spiffcli.errors import IncidentError

from .bench import Bench
from .build import process, script, user


def failed(bench: Bench) -> str:
    with pytest.raises(IncidentError):
        bench.start()
    (row,) = bench.runner().instances()
    assert row.state == "error"
    return row.id


def test_a_mended_pre_script_is_run_on_retry(bench: Bench) -> None:
    bench.versions(process(user("u", pre="n = 1 / 0")), process(user("u", pre="log('in')")))
    id = failed(bench)
    bench.moved(id)
    bench.retry(id)
    assert (bench.drive(id), bench.log) == ("completed", ["in", "U:u"])


def test_a_pre_script_that_has_run_is_still_asked_about(bench: Bench) -> None:
    bench.versions(process(user("u", pre="n = 1")), process(user("u", pre="log('in')")))
    assert bench.refused(bench.start()) == {("entry-not-repeated", "u")}


def test_a_mended_cardinality_is_counted_on_retry(bench: Bench) -> None:
    def loop(count: str) -> str:
        text = f"<loopCardinality>{count}</loopCardinality>"
        return f'<multiInstanceLoopCharacteristics isSequential="true">{text}</multiInstanceLoopCharacteristics>'

    bench.versions(process(script("a", loop=loop("missing"))), process(script("a", loop=loop("2"))))
    id = failed(bench)
    bench.moved(id)
    bench.retry(id)
    assert (bench.drive(id), bench.log) == ("completed", ["a", "a"])
