"""Commands about deployments: list, show, delete, and write their files out again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from spiffcli.cli.dates import DateParam
from spiffcli.cli.deleting import delete
from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, lines_text, paint, talk
from spiffcli.cli.suggesting import complete_deployments

_deployment = click.argument("deployment", metavar="ID", shell_complete=complete_deployments)


@click.command(epilog="Example: runner list_deployments --by ada --since 2026-11-01")
@click.option("--by", "user", metavar="USER", help="Only those by this user.")
@click.option("--since", type=DateParam(), help="Only those from this date on (UTC).")
@format_option()
@pass_invocation
def list_deployments(invocation: Invocation, user: str | None, since: datetime | None, format: str) -> None:
    """List every add, oldest first: its id, when, by whom, its name, the versions it made, and its commit."""
    from spiffcli.catalog.clock import iso
    from spiffcli.deployments.versions import list_deployments as listed
    from spiffcli.report.deployments import deployment_cells, deployments_json
    from spiffcli.runner import Runner

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
    from spiffcli.report.deployments import definition_cells, deployment_facts, deployment_json
    from spiffcli.runner import Runner

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
def delete_deployment(ctx: click.Context, invocation: Invocation, /, deployment: str, **options: Any) -> None:
    """Delete a deployment with the versions it made and its files.

    Versions that it only lists, because they had not changed, stay. It is refused while instances run on one of its
    versions (see --cascade) and while a spec that stays calls one. Version numbers are never given again.
    """
    from spiffcli.runner import Runner

    with Runner(invocation.settings()) as runner:
        found = runner.catalog.deployment(deployment)
        planned = runner.catalog.plan_deployment_deletion(found.id)
        delete(ctx, runner, planned, deployment=found, **options)


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
    from spiffcli.runner import Runner

    with Runner(invocation.settings()) as runner:
        found = runner.deployment(deployment)
        written = runner.export(found.id, folder, force=force)
    if format == "json":
        files = [{"name": each.name, "path": str(each.path)} for each in written]
        emit_json({"schema": "runner/exported/1", "deployment": found.id, "folder": str(folder), "files": files})
    else:
        emit_text("\n".join(str(each.path) for each in written))
