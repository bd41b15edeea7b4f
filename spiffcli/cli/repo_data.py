"""`repo data`: what the data stores hold that models share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, talk

if TYPE_CHECKING:
    from spiffcli.catalog.data_stores import DataStore


@click.command(short_help="Show what data stores hold.", epilog="Example: runner repo data finance/exchange_rates")
@click.argument("store", metavar="[STORE]", required=False)
@format_option()
@pass_invocation
def data(invocation: Invocation, /, store: str | None, format: str) -> None:
    """List the data stores that tasks have written to, or show the value of one.

    STORE is the id of a data store, with the folder that describes it in front where several are called alike. A line
    of the list has folder, id, kind, when it was written last (UTC) and by whom.
    """
    from spiffcli.cli.output import json_text
    from spiffcli.instances.view import find_data_store
    from spiffcli.report.instances import when
    from spiffcli.runner import Runner

    with Runner(invocation.settings(running=store is not None)) as runner:
        if store is None:
            stores = runner.catalog.data_stores()
            documents = [_document(each) for each in stores]
        else:
            found, value = find_data_store(runner.workspace, store)
            documents = [_document(found) | {"value": value}]
    if format == "json":
        emit_json({"schema": "runner/data/1", "stores": documents})
    elif store is not None:
        emit_text(json_text(value))
    elif stores:
        emit_lines([[each.location, each.id, each.kind, when(each.updated), each.user] for each in stores])
    else:
        talk("No task has written to a data store yet.")


def _document(store: DataStore) -> dict[str, Any]:
    return {
        "id": store.id,
        "kind": store.kind,
        "location": store.location,
        "updated": store.updated,
        "user": store.user,
        "revision": store.revision,
    }


COMMANDS = (data,)
