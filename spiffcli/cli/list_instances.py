"""`list_instances`: who waits where. It is asked often, so it loads no engine."""

from __future__ import annotations

from typing import get_args

import click

from spiffcli.cli.completion import complete_specs
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, talk, warn
from spiffcli.cli.params import format_option
from spiffcli.config import Settings
from spiffcli.instances.select import find_instances
from spiffcli.repo.repository import commit_named, older
from spiffcli.report.instances import instance_cells, instances_json
from spiffcli.runner import Runner
from spiffcli.values import Instance, InstanceState


@click.command(epilog="Example: runner list_instances order_product --state running --waiting-at review_order")
@click.argument("ref", required=False, shell_complete=complete_specs)
@click.option(
    "--state", "states", multiple=True, type=click.Choice(get_args(InstanceState)), help="Only in this state."
)
@click.option("--waiting-at", metavar="TASK", help="Only those that wait at this task (BPMN id or name).")
@click.option("--rev", metavar="REV", help="Only those whose model came from this commit, branch or tag.")
@click.option(
    "--older-than", metavar="VERSION|REV", help="Only on versions below this one, or from commits before this one."
)
@format_option()
@pass_invocation
def list_instances(
    invocation: Invocation,
    /,
    ref: str | None,
    states: tuple[InstanceState, ...],
    waiting_at: str | None,
    rev: str | None,
    older_than: str | None,
    format: str,
) -> None:
    """List instances, oldest first: id, KEY@VERSION, created, updated, state, where each waits, commit of its model.

    REF is a key (all its versions) or one spec. Times are in UTC. A number after --older-than is a version; anything
    else is a revision of the model repository.
    """
    version = _version(older_than)
    settings = invocation.settings()
    commit = None if rev is None else _commit(settings, rev)
    with Runner(settings) as runner:
        found = find_instances(
            runner.catalog, ref, states=states, waiting_at=waiting_at, older_than=version, commit=commit
        )
    if older_than is not None and version is None:
        found = _older(settings, found, older_than)
    if format == "json":
        emit_json(instances_json(found))
    elif found:
        emit_lines(instance_cells(found))
    else:
        talk("There are no such instances.")


def _version(older_than: str | None) -> int | None:
    """The number of a version, where it is one; digits that are longer belong to a commit."""
    if older_than is None or not (older_than.isascii() and older_than.isdigit() and len(older_than) < 7):
        return None
    if int(older_than) < 1:
        raise click.BadParameter("versions are numbered from 1.", param_hint="'--older-than'")
    return int(older_than)


def _commit(settings: Settings, rev: str) -> str:
    return commit_named(settings, rev)


def _older(settings: Settings, found: list[Instance], revision: str) -> list[Instance]:
    rows, unknown = older(settings, found, revision)
    if unknown:
        instances = "1 instance comes" if unknown == 1 else f"{unknown} instances come"
        warn(f"{instances} from commits that the repository does not have any more; they count as older.")
    return rows
