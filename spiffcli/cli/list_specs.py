"""`list_specs`: what was added. It is asked often, so what only some of its options need is loaded with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from spiffcli.catalog import listing
from spiffcli.cli.completion import complete_keys
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.lazy import load
from spiffcli.cli.output import emit_json, emit_lines, talk
from spiffcli.cli.params import format_option
from spiffcli.runner import Runner


@click.command(epilog="Example: runner list_specs order_product --latest")
@click.argument("key", required=False, metavar="[KEY]", shell_complete=complete_keys)
@click.option("--latest", is_flag=True, help="Only the highest version of every key.")
@click.option("--counts", is_flag=True, help="Count the instances of each, and say what it is bound to.")
@click.option("--outdated", is_flag=True, help="Only versions that are not the latest and that instances still need.")
@format_option()
@pass_invocation
def list_specs(
    invocation: Invocation, key: str | None, latest: bool, counts: bool, outdated: bool, format: str
) -> None:
    """List processes and collaborations, one line for each version: its id, KEY@VERSION, its file, and marks.

    Where models came from Git, the beginning of the commit stands behind the file. A tag is shown as #TAG. Every id,
    KEY@VERSION and KEY@TAG can be given to other commands.
    """
    if latest and outdated:
        raise click.UsageError("The latest versions are not outdated: give --latest or --outdated.")
    found = _found(invocation, key, latest=latest, counts=counts or outdated, outdated=outdated)
    if counts:
        load("spiffcli.cli.specs:add_bindings")(invocation, found)
    if format == "json":
        emit_json({"schema": "runner/specs/1", "specs": found})
    elif found:
        emit_lines(spec_lines(found))
    elif outdated:
        talk("All instances that have not ended run on the latest version, and call the latest.")
    else:
        talk("Nothing has been added yet. Add a model with: runner add -b FILE")


def _found(
    invocation: Invocation, key: str | None, *, latest: bool, counts: bool, outdated: bool
) -> list[dict[str, Any]]:
    settings = invocation.settings()
    with Runner(settings) as runner:
        found = listing.entries(runner.store, settings.tenant, key, latest=latest)
        if not found and key is not None:
            found = load("spiffcli.cli.specs:named")(invocation, key)
        if counts:
            listing.add_counts(found, runner.store, settings.tenant)
    return listing.outdated(found) if outdated else found


def spec_lines(entries: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The cells of every entry: id, label, file, commit where there are any, marks."""
    commits = [[(each["source"]["commit"] or "")[:_COMMIT]] for each in entries]
    shown = commits if any(map(any, commits)) else [[] for _ in entries]
    return [
        [each["id"], f"{each['key']}@{each['version']}", each["file"], *commit, _marks(each)]
        for each, commit in zip(entries, shown, strict=True)
    ]


#: Digits of a commit in a line that begins with a whole id.
_COMMIT = 8


def _marks(entry: dict[str, Any]) -> str:
    marks = " ".join([*(f"#{tag}" for tag in entry["tags"]), *(["suspended"] if entry["suspended"] else [])])
    changed = "not as committed" if entry["source"]["dirty"] else ""
    return "; ".join(filter(None, [marks, changed, *_counted(entry)]))


def _counted(entry: dict[str, Any]) -> list[str]:
    if "instances" not in entry:
        return []
    states = [f"{count} {state}" for state, count in entry["instances"].items() if count]
    waiting = [f"{count} at {task}" for task, count in entry["waiting_at"].items()]
    entered = f"entered by {entry['entered']}" if entry["entered"] else ""
    bound = dict.fromkeys(each["means"] for each in entry.get("references", ()))
    told = [f"bound to {', '.join(bound)}"] if bound else []
    return [", ".join(states), ", ".join(waiting), entered, *told]
