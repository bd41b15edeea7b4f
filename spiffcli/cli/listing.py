"""`list_specs`: what was added. It is asked often, so it loads next to nothing (see `store.glance`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, talk
from spiffcli.cli.suggesting import complete_keys


@click.command(epilog="Example: runner list_specs order_product --latest")
@click.argument("key", required=False, metavar="[KEY]", shell_complete=complete_keys)
@click.option("--latest", is_flag=True, help="Only the highest version of every key.")
@click.option("--counts", is_flag=True, help="Count the instances of each.")
@format_option()
@pass_invocation
def list_specs(invocation: Invocation, key: str | None, latest: bool, counts: bool, format: str) -> None:
    """List processes and collaborations, one line for each version: its id, KEY@VERSION, its file, and marks.

    A tag is shown as #TAG. Every id, KEY@VERSION and KEY@TAG can be given to other commands.
    """
    from spiffcli.catalog.listing import add_counts, entries
    from spiffcli.store.glance import rows

    settings = invocation.settings()
    found = entries(rows(settings.store, "definition"), settings.tenant, key, latest=latest)
    if not found and key is not None:
        found = _named(invocation, key)
    if counts:
        add_counts(found, rows(settings.store, "instance"), settings.tenant)
    if format == "json":
        emit_json({"schema": "runner/specs/1", "specs": found})
    elif found:
        emit_lines(spec_lines(found))
    else:
        talk("Nothing has been added yet. Add a model with: runner add -b FILE")


def spec_lines(entries: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The cells of every entry: id, label, file, marks."""
    return [[each["id"], f"{each['key']}@{each['version']}", each["file"], _marks(each)] for each in entries]


def _marks(entry: dict[str, Any]) -> str:
    tags = [f"#{tag}" for tag in entry["tags"]]
    suspended = ["suspended"] if entry["suspended"] else []
    counted = [f"{count} {state}" for state, count in entry.get("instances", {}).items() if count]
    return "  ".join([*tags, *suspended, *([", ".join(counted)] if counted else [])])


def _named(invocation: Invocation, ref: str) -> list[dict[str, Any]]:
    """The one version a reference names that is no key.

    Raises:
        NotFoundError: There is none; the hint has near matches.
    """
    from spiffcli.app import Runner
    from spiffcli.catalog.definitions import STARTABLE
    from spiffcli.catalog.listing import entry

    with Runner(invocation.settings()) as runner:
        definition = runner.catalog.with_scope(fallback=False).find(ref, STARTABLE)
        row = runner.store.get("definition", definition.id, body=False)
    return [] if row is None else [entry(row.id, row.fields)]
