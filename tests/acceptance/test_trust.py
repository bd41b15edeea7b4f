"""Settings that came with somebody else's models choose no code, loosen no guard and name no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import Cli

MODULE = "from pathlib import Path\nPath('ran').touch()\nfrom spiffcli.engines.spiff import engine\n"
MODEL = Path(__file__).parents[2] / "bpmn" / "tutorial" / "task_types.bpmn"
TABLE = MODEL.with_name("product_prices.dmn")


@pytest.fixture
def folder(cli: Cli) -> Path:
    """The folder of the commands, with settings that name a module which leaves a trace."""
    (cli.folder / "runner.toml").write_text('engine = "evil"\nscripts = "trusted"\n')
    (cli.folder / "evil.py").write_text(MODULE)
    return cli.folder


@pytest.fixture
def nobody(cli: Cli) -> dict[str, str]:
    """An environment in which nothing is trusted yet."""
    return {"RUNNER_TRUST": "", "XDG_CONFIG_HOME": str(cli.folder / "config")}


@pytest.mark.one_store
def test_without_trust_no_code_of_a_folder_runs(cli: Cli, folder: Path, nobody: dict[str, str]) -> None:
    added = cli.ok("add", "-b", MODEL, "-d", TABLE, env=nobody)
    assert not (folder / "ran").exists()
    assert "runner.toml is not trusted: what it says of engine and scripts does not count." in added.stderr
    assert f"runner trust {folder}" in added.stderr
    assert "--scripts sandbox" in added.stderr


@pytest.mark.one_store
def test_trust_holds_until_the_file_or_its_module_changes(cli: Cli, folder: Path, nobody: dict[str, str]) -> None:
    assert "which names evil" in cli.ok("trust", folder, env=nobody).stdout
    assert str(folder / "runner.toml") in cli.ok("trust", "--list", env=nobody).stdout
    assert "not trusted" not in cli.ok("add", "-b", MODEL, "-d", TABLE, env=nobody).stderr
    assert (folder / "ran").exists()
    (folder / "ran").unlink()
    (folder / "evil.py").write_text(f"{MODULE}# another\n")
    assert "is not trusted" in cli.ok("add", "-b", MODEL, "-d", TABLE, env=nobody).stderr
    assert not (folder / "ran").exists()


@pytest.mark.one_store
def test_trust_can_be_taken_back(cli: Cli, folder: Path, nobody: dict[str, str]) -> None:
    cli.ok("trust", env=nobody)
    assert "not trusted any more" in cli.ok("untrust", env=nobody).stdout
    assert "was not trusted" in cli.fails(1, "untrust", env=nobody).stderr
    assert cli.ok("trust", "--list", env=nobody).stdout == "No settings file is trusted.\n"
    assert "is not trusted" in cli.ok("add", "-b", MODEL, "-d", TABLE, env=nobody).stderr


@pytest.mark.one_store
def test_a_pipeline_trusts_by_its_environment(cli: Cli, folder: Path, nobody: dict[str, str]) -> None:
    cli.ok("add", "-b", MODEL, "-d", TABLE, env={**nobody, "RUNNER_TRUST": str(folder)})
    assert (folder / "ran").exists()


@pytest.mark.one_store
def test_flags_of_a_person_count_without_trust(cli: Cli, folder: Path, nobody: dict[str, str]) -> None:
    cli.ok("-e", "evil", "--scripts", "trusted", "add", "-b", MODEL, "-d", TABLE, env=nobody)
    assert (folder / "ran").exists()


@pytest.mark.one_store
def test_there_must_be_something_to_trust(cli: Cli, nobody: dict[str, str]) -> None:
    assert "There is no runner.toml in" in cli.fails(2, "trust", env=nobody).stderr
