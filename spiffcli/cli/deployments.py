"""Commands about deployments: list, show, export, delete; and deleting what was added, after asking."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from spiffcli.catalog.clock import iso
from spiffcli.catalog.deletion import Deletion
from spiffcli.cli.completion import complete_deployments
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, lines_text, paint, talk
from spiffcli.cli.params import DateParam, format_option
from spiffcli.deployments.versions import list_deployments as listed
from spiffcli.errors import InputError
from spiffcli.report.deployments import (
    definition_cells,
    deployment_cells,
    deployment_facts,
    deployment_json,
    deployments_json,
)
from spiffcli.runner import Runner
from spiffcli.values import Definition, Deployment

_SHOWN = 10


def delete(
    ctx: click.Context,
    runner: Runner,
    planned: Deletion,
    *,
    deployment: Deployment | None = None,
    cascade: bool,
    yes: bool,
    format: str,
) -> None:
    """Delete what was planned, if it may be and the person at the terminal agrees.

    Args:
        deployment: What is named first, where a deployment is to go.
        yes: Do not ask.

    Raises:
        StateError: Instances run (without `cascade`), or something else is bound to it.
        InputError: There is nobody to ask.
    """
    planned.check(cascade=cascade)
    if not yes and not _agreed(planned, deployment, cascade):
        talk("Nothing was deleted.")
        ctx.exit(1)
    deleted = runner.catalog.delete(planned, cascade=cascade)
    if format == "json":
        emit_json(_deleted_json(deleted, cascade))
    else:
        emit_text(f"Deleted {_in_words(deleted, deployment, cascade)}.")


def short(definition: Definition) -> dict[str, Any]:
    """A definition as documents name it where nothing more is needed."""
    return {"id": definition.id, "kind": definition.kind, "key": definition.key, "version": definition.version}


def _agreed(deletion: Deletion, deployment: Deployment | None, cascade: bool) -> bool:
    what = _in_words(deletion, deployment, cascade)
    if sys.stdin.isatty():
        return click.confirm(f"Delete {what}?", err=True)

    raise InputError(
        f"This would delete {what}, and there is nobody to ask.",
        hint="Say --yes if that is what you want.",
        specs=[each.id for each in deletion.definitions],
        instances=_instances(deletion, cascade),
    )


def _instances(deletion: Deletion, cascade: bool) -> list[str]:
    return [each.id for each in (*deletion.running, *deletion.ended)] if cascade else []


def _in_words(deletion: Deletion, deployment: Deployment | None, cascade: bool) -> str:
    parts = [_some([each.label for each in deletion.definitions])] if deletion.definitions else []
    ids = _instances(deletion, cascade)
    if ids:
        noun = "instance" if len(ids) == 1 else "instances"
        parts.append(f"{len(ids)} {noun} ({len(deletion.running)} running): {_some(ids)}")
    if deployment is None:
        return " and ".join(parts)
    named = f"deployment {deployment.id}" + (f" '{deployment.name}'" if deployment.name else "")
    return f"{named} with {' and '.join(parts)}" if parts else named


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _deleted_json(deletion: Deletion, cascade: bool) -> dict[str, Any]:
    return {
        "schema": "runner/deleted/1",
        "specs": [short(each) for each in deletion.definitions],
        "deployments": list(deletion.deployments),
        "instances": _instances(deletion, cascade),
    }


_deployment = click.argument("deployment", metavar="ID", shell_complete=complete_deployments)


@click.command(epilog="Example: runner list_deployments --by ada --since 2026-11-01")
@click.option("--by", "user", metavar="USER", help="Only those by this user.")
@click.option("--since", type=DateParam(), help="Only those from this date on (UTC).")
@format_option()
@pass_invocation
def list_deployments(invocation: Invocation, user: str | None, since: datetime | None, format: str) -> None:
    """List every add, oldest first: its id, when, by whom, its name, the versions it made, and its commit."""
    with Runner(invocation.settings()) as runner:
        found = listed(runner.catalog, user=user, since=None if since is None else iso(since.timestamp()))
    pairs = [(each.deployment, each.made) for each in found]
    if format == "json":
        emit_json(deployments_json(pairs))
    elif pairs:
        emit_lines(deployment_cells(pairs))
    else:
        talk("There are no such deployments.")


@click.command(epilog="Example: runner show_deployment 4af0")
@_deployment
@format_option()
@pass_invocation
def show_deployment(invocation: Invocation, deployment: str, format: str) -> None:
    """Show a deployment: where it came from, the specs it lists, and its files by the hash of their content.

    ID is the id or its beginning, a name (the last deployment of that name), or an instance: what it runs came from
    its deployment.
    """
    with Runner(invocation.settings()) as runner:
        found = runner.deployment(deployment)
    if format == "json":
        emit_json(deployment_json(found))
        return
    parts = ["\n" + _block(list(deployment_facts(found)))]
    files = [[each.name, each.kind, each.hash] for each in found.resources]
    for title, rows in (("Specs", definition_cells(found)), ("Files", files)):
        if rows:
            parts.append(f"{paint(title, '', bold=True)}\n{_block(rows)}")
    emit_text(f"{paint('Deployment', '', bold=True)}" + "\n".join(parts))


def _block(rows: list[list[str]]) -> str:
    return lines_text([["", *row] for row in rows])


@click.command(epilog="Example: runner delete_deployment 4af0 --cascade --yes")
@_deployment
@click.option("--cascade", is_flag=True, help="Delete the instances of its versions as well, running or ended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option()
@pass_invocation
@click.pass_context
def delete_deployment(
    ctx: click.Context, invocation: Invocation, /, deployment: str, cascade: bool, yes: bool, format: str
) -> None:
    """Delete a deployment with the versions it made and its files.

    Versions that it only lists, because they had not changed, stay. It is refused while instances run on one of its
    versions (see --cascade) and while a spec that stays calls one. Version numbers are never given again.
    """
    with Runner(invocation.settings()) as runner:
        found = runner.catalog.deployment(deployment)
        planned = runner.catalog.plan_deployment_deletion(found.id)
        delete(ctx, runner, planned, deployment=found, cascade=cascade, yes=yes, format=format)


@click.command(epilog="Example: runner export_deployment 4af0 restored/")
@_deployment
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
@format_option()
@pass_invocation
def export_deployment(invocation: Invocation, /, deployment: str, folder: Path, force: bool, format: str) -> None:
    """Write the files of a deployment below DIR, byte for byte as they were added.

    ID can be an instance: models with their drawing, decisions and forms are written as they were when what it runs
    was added, whatever became of the repository since.

    They keep their names. What would lead out of DIR (a leading /, .., a drive) is left out of them.
    """
    with Runner(invocation.settings()) as runner:
        found = runner.deployment(deployment)
        written = runner.export(found.id, folder, force=force)
    if format == "json":
        files = [{"name": each.name, "path": str(each.path)} for each in written]
        emit_json({"schema": "runner/exported/1", "deployment": found.id, "folder": str(folder), "files": files})
    else:
        emit_text("\n".join(str(each.path) for each in written))
