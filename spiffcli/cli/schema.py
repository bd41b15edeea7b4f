"""`schema`: the JSON Schema of what other commands write."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from spiffcli.cli.output import emit_json, emit_lines
from spiffcli.cli.params import format_option
from spiffcli.report.schemas import names, read


def _complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


@click.command(epilog="Example: runner schema diff > diff.schema.json")
@click.argument("name", required=False, shell_complete=_complete_names)
@click.option("--list", "listed", is_flag=True, help="List the kinds of documents.")
@format_option()
def schema(name: str | None, listed: bool, format: str) -> None:
    """Print the JSON Schema of the documents called NAME.

    NAME is the middle of what a document has as its "schema": diff for runner/diff/1. Within one version keys may be
    added; none is taken away or changes its meaning.
    """
    if name is not None and not listed:
        emit_json(read(name))
        return
    if not listed:
        raise click.UsageError("Missing argument 'NAME'. 'runner schema --list' lists the names.")
    schemas = {each: read(each) for each in names()}
    if format == "json":
        emit_json({"schema": "runner/schemas/1", "schemas": [_json(*each) for each in schemas.items()]})
    else:
        emit_lines([[each, found["title"], found["description"].partition(".")[0]] for each, found in schemas.items()])


def _json(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": schema["title"], "description": schema["description"]}
