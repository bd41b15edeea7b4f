"""What commands write with `--format json` is what the schemas and the page about them say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from spiffcli.cli.main import cli as program
from spiffcli.errors import NotFoundError
from spiffcli.report.schemas import names, read, violations
from spiffcli.report.schemas.pages import refreshed

from ..catalog.models import bpmn, process
from .commands import Cli

#: Commands whose documents are held against their schemas elsewhere, where their stories are told.
ELSEWHERE = {"diff_spec", "diff_workflow", "migrate", "rollback", "send", "tick"}


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, by its words."""
    if not isinstance(group, click.Group):
        yield " ".join(path), group
        return
    with click.Context(group, info_name=path[-1] if path else "runner") as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, (*path, name))


def writes_json(command: click.Command) -> bool:
    formats = [option.type for option in command.params if option.name == "format"]
    return any(isinstance(format, click.Choice) and "json" in format.choices for format in formats)


def tell(cli: Cli) -> dict[str, dict[str, Any]]:
    """Everything a small shop does in a day: the document of every command, each valid."""
    told: dict[str, dict[str, Any]] = {}

    def run(*words: str | Path, name: str = "", **options: Any) -> dict[str, Any]:
        told[name or str(words[0])] = document = cli.document(*words, **options)
        return document

    models = cli.tutorial
    run("init")
    run(
        "add", "-b", models / "task_types.bpmn", "-d", models / "product_prices.dmn", "--name", "shop", "--tag", "first"
    )
    run("list_specs", "--counts")
    run("show_spec", "order_product@first")
    run("tag", "order_product", "stable")
    run("suspend", "order_product")
    run("activate", "order_product")
    instance = run("run", "-s", "order_product", "--id", "A-1", "-a")["instance"]
    run("list_instances")
    run("show", "-w", instance)
    run("tasks", "-w", instance)
    answer = json.dumps({"product": "mug", "quantity": 2})
    run("complete", "-w", instance, "-t", "select_product_and_quantity", "--data", answer)
    run("history", "-w", instance)
    run("cancel", "-w", instance)
    run("delete", "-w", instance, "--yes")
    cli.write("fails.bpmn", bpmn("fails.bpmn", process("fails", script="share = 12 / people")).content)
    cli.ok("add", "-b", "fails.bpmn")
    failed = cli.fails(1, "run", "-s", "fails", "--data", '{"people": 0}', "--format", "json").error()["instance"]
    run("retry", "-w", failed, "--data", '{"people": 4}')
    run("why", "fails")
    run("list_deployments")
    run("show_deployment", "shop")
    run("export_deployment", "shop", "shop")
    services = ("--services", "vacation")
    folder = cli.root / "examples" / "vacation_approval"
    cli.write("vacation.py", (folder / "vacation.py").read_text())
    cli.ok(*services, "add", "-b", folder / "version_1.bpmn")
    run(*services, "check", name="check")
    run(*services, "wiring", name="wiring")
    run("delete_spec", "fails", "--cascade", "--yes")
    run("delete_deployment", "shop", "--yes")
    run("store", "check", name="store check")
    run("store", "stats", name="store stats")
    run("store", "copy", cli.url, "sqlite:copy.db", name="store copy")
    run("schema", "--list", name="schema")
    run("rules")
    return told


def test_every_command_writes_documents_by_its_schema(cli: Cli) -> None:
    told = tell(cli)
    json_writers = {name for name, command in commands(program) if writes_json(command)}
    in_git = {name for name in json_writers if name.startswith("repo ")}
    assert json_writers - ELSEWHERE - in_git == set(told)


@pytest.mark.one_store
def test_help_needs_no_store(cli: Cli) -> None:
    assert "list_specs" in cli.ok("--help").stdout
    assert list(cli.folder.iterdir()) == []


@pytest.mark.parametrize("name", names())
def test_every_schema_is_one_and_names_its_documents(name: str) -> None:
    schema = read(name)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"] == {"const": f"runner/{name}/1"}
    assert schema["$id"] == f"urn:spiffcli:runner:{name}:1"
    assert schema["title"]
    assert schema["description"].endswith(".")
    assert read(f"runner/{name}/1") == schema


@pytest.mark.parametrize("name", names())
def test_every_definition_of_a_schema_is_there_and_used(name: str) -> None:
    schema = read(name)
    used = {ref.removeprefix("#/$defs/") for ref in refs(schema)}
    assert used == set(schema.get("$defs", {}))


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
        for each in part.values():
            yield from refs(each)
    elif isinstance(part, list):
        for each in part:
            yield from refs(each)


def test_the_page_about_json_says_what_the_schemas_say(root: Path) -> None:
    page = (root / "docs" / "json.md").read_text("utf-8")
    assert page == refreshed(page), "run: python -m spiffcli.report.schemas.pages docs/json.md"


@pytest.mark.one_store
def test_schema_prints_what_validators_take(cli: Cli) -> None:
    schema = json.loads(cli.ok("schema", "runner/specs/1").stdout)
    assert schema == json.loads(cli.ok("schema", "specs", "--format", "json").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert [line.split()[0] for line in cli.ok("schema", "--list").lines()] == list(names())


@pytest.mark.one_store
def test_an_unknown_schema_is_answered_with_near_ones(cli: Cli) -> None:
    assert "Did you mean specs?" in cli.fails(2, "schema", "specss").stderr
    assert "There are: added, " in cli.fails(2, "schema", "zzz").stderr
    assert "'runner schema --list' lists the names." in cli.fails(2, "schema").stderr


@pytest.mark.one_store
def test_wrong_usage_is_a_document_too(cli: Cli) -> None:
    error = cli.fails(2, "list_specs", "--nonsense", "--format", "json").error()
    assert error["type"] == "input"
    assert "list_specs --help" in error["hint"]


def test_a_document_with_an_unknown_key_is_found_out() -> None:
    document = {"schema": "runner/store/1", "url": "tinydb:.runner", "created": True}
    assert violations(document) == []
    assert violations(document | {"colour": "red"}) != []
    assert violations(document | {"colour": "red"}, closed=False) == []
    assert violations({**document, "created": "yes"}) == ["$.created: 'yes' is not of type 'boolean'"]
    with pytest.raises(NotFoundError, match="no kind of document 'None'"):
        violations({})
