"""Deleting what was added, after asking: what the commands about specs and about deployments share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from spiffcli.cli.output import emit_json, emit_text, talk

if TYPE_CHECKING:
    from spiffcli.catalog.deletion import Deletion
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
    from spiffcli.errors import InputError

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
