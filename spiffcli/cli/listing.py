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
        _add_bindings(invocation, found)
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
    from spiffcli.catalog import listing
    from spiffcli.store.glance import rows

    settings = invocation.settings()
    found = listing.entries(rows(settings.store, "definition"), settings.tenant, key, latest=latest)
    if not found and key is not None:
        found = _named(invocation, key)
    if counts:
        listing.add_counts(found, rows(settings.store, "instance"), settings.tenant)
    return listing.outdated(found) if outdated else found


def _add_bindings(invocation: Invocation, entries: Sequence[dict[str, Any]]) -> None:
    """Give every entry its `references`: what it refers to, and what that means."""
    from spiffcli.deployments.rebinding import meant
    from spiffcli.runner import Runner

    if not entries:
        return
    with Runner(invocation.settings()) as runner:
        for each in entries:
            references = runner.catalog.definition(each["id"]).references
            each["references"] = [
                {
                    "element": r.element,
                    "kind": r.kind,
                    "key": r.key,
                    "binding": r.binding,
                    "means": meant(runner.store, r),
                }
                for r in references
            ]


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


def _named(invocation: Invocation, ref: str) -> list[dict[str, Any]]:
    """The one version a reference names that is no key.

    Raises:
        NotFoundError: There is none; the hint has near matches.
    """
    from spiffcli.catalog.definitions import STARTABLE
    from spiffcli.catalog.listing import entry
    from spiffcli.runner import Runner

    with Runner(invocation.settings()) as runner:
        definition = runner.catalog.with_scope(fallback=False).find(ref, STARTABLE)
        row = runner.store.get("definition", definition.id, body=False)
    return [] if row is None else [entry(row.id, row.fields)]
