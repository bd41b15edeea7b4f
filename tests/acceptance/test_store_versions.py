"""A store that version 0.1.0 made opens, and everything in it goes on.

Two instances wait for a person: `first`, which was migrated from version 1 to 2 there, and `second`, which was not.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from .commands import Cli

_STORES = Path(__file__).parents[1] / "store" / "version_0_1_0.zip"


@pytest.fixture
def cli(cli: Cli) -> Cli:
    """The command line on a copy of the old store."""
    with ZipFile(_STORES) as archive:
        archive.extractall(cli.folder)
    return cli


def _instances(cli: Cli) -> dict[str, tuple[str, int, str]]:
    found = cli.document("list_instances")["instances"]
    return {each["natural_id"]: (each["id"], each["version"], each["state"]) for each in found}


def test_an_old_store_is_sound_and_listed(cli: Cli) -> None:
    cli.ok("store", "check")
    assert [each["version"] for each in cli.document("list_specs", "--counts")["specs"]] == [1, 2]
    assert {name: rest for name, (_, *rest) in _instances(cli).items()} == {
        "first": [2, "running"],
        "second": [1, "running"],
    }


def test_instances_of_an_old_store_run_to_their_end(cli: Cli) -> None:
    for name, data in (("first", {"amount": 42, "booked": 84}), ("second", {"amount": 42})):
        id = _instances(cli)[name][0]
        cli.ok("complete", "-w", id, "-t", "approve")
        shown = cli.document("show", "-w", id)
        assert (shown["instance"]["state"], shown["data"]) == ("completed", data)
    cli.ok("store", "check")


def test_an_instance_of_an_old_store_migrates_and_goes_back(cli: Cli) -> None:
    id = _instances(cli)["second"][0]
    assert cli.document("diff_workflow", "-s", "approval@2", "-w", id)["totals"]["migratable"] == 1
    cli.ok("migrate", "-s", "approval@2", "-w", id)
    cli.ok("rollback", "-w", id)
    cli.ok("migrate", "-s", "approval@2", "-w", id)
    cli.ok("complete", "-w", id, "-t", "approve")
    assert cli.document("show", "-w", id)["data"]["booked"] == 84


def test_a_migration_of_an_old_store_is_taken_back(cli: Cli) -> None:
    id = _instances(cli)["first"][0]
    cli.ok("rollback", "-w", id)
    assert _instances(cli)["first"] == (id, 1, "running")
    cli.ok("complete", "-w", id, "-t", "approve")
    assert "booked" not in cli.document("show", "-w", id)["data"]
