"""Commands that bring models to the remote and back: save, push."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_text, talk


@click.command(
    short_help="Commit what changed, and push it.",
    epilog="Example: runner repo save finance/invoice -m 'Ask for the cost centre'",
)
@click.argument("paths", metavar="[PATH|MODEL]...", nargs=-1)
@click.option("-m", "--message", required=True, help="Why it was changed.")
@click.option("--base", metavar="REV", help="Where the files were edited; refused if they changed since then.")
@click.option("--no-push", is_flag=True, help="Leave the commit here.")
@click.option("--no-check", is_flag=True, help="Commit also what cannot be read, and processes that there are twice.")
@format_option()
@pass_invocation
@click.pass_context
def save(
    ctx: click.Context,
    invocation: Invocation,
    /,
    paths: tuple[str, ...],
    message: str,
    base: str | None,
    no_push: bool,
    no_check: bool,
    format: str,
) -> None:
    """Commit what changed in the files, folders or models that are named (default: all models), and push it.

    Nothing else is committed, whatever has changed. Author is the user, committer the service account, where one is
    set. Where others have pushed meanwhile, the commit is put on top of theirs. Where the push fails, the commit stays
    here, the exit code is 1, and the next save pushes it too.
    """
    from spiffcli.repo.configured import open_repository, refuse_read_only
    from spiffcli.repo.save import named_paths
    from spiffcli.repo.save import save as commit
    from spiffcli.report.repository import saved_json, saved_sentences

    settings = invocation.settings()
    refuse_read_only(settings)
    repository = open_repository(settings)
    named = named_paths(repository, paths, Path.cwd())
    saved = commit(repository, named, message, push=not no_push, check=not no_check, base=base)
    if format == "json":
        emit_json(saved_json(saved))
    else:
        emit_text("\n".join(saved_sentences(saved)))
    if saved.pushed is not None and saved.pushed.outcome == "failed":
        ctx.exit(1)


@click.command(short_help="Push commits that no push has brought there.", epilog="Example: runner repo push")
@format_option()
@pass_invocation
@click.pass_context
def push(ctx: click.Context, invocation: Invocation, /, format: str) -> None:
    """Push the commits that no push has brought to the remote (see: runner repo status)."""
    from spiffcli.repo.configured import open_repository, refuse_read_only
    from spiffcli.repo.save import push_all
    from spiffcli.report.repository import pushed_json, pushed_sentences

    settings = invocation.settings()
    refuse_read_only(settings)
    pushed = push_all(open_repository(settings))
    if format == "json":
        emit_json(pushed_json(pushed))
    else:
        emit_text("\n".join(pushed_sentences(pushed)))
    if pushed.outcome == "failed":
        ctx.exit(1)


@click.command(short_help="Take over what the remote has, and deploy.", epilog="Example: runner repo pull")
@click.option("--no-deploy", is_flag=True, help="Leave the catalog as it is.")
@format_option()
@pass_invocation
@click.pass_context
def pull(ctx: click.Context, invocation: Invocation, /, no_deploy: bool, format: str) -> None:
    """Take over what the remote has, then deploy the models that changed.

    Local commits are put on top of those of the remote; files that are not committed stay as they are. Where that is
    not possible, nothing is changed. Models are deployed all together or not at all; one that is broken is named and
    skipped, and the exit code is 1.
    """
    _sync(ctx, invocation, format, deploy=not no_deploy)


@click.command(short_help="Pull, push, and deploy.", epilog="Example: runner repo sync --remote-wins")
@click.option("--remote-wins", is_flag=True, help="Make everything as the remote has it; what was done here is kept.")
@click.option("--no-deploy", is_flag=True, help="Leave the catalog as it is.")
@format_option()
@pass_invocation
@click.pass_context
def sync(ctx: click.Context, invocation: Invocation, /, remote_wins: bool, no_deploy: bool, format: str) -> None:
    """Take over what the remote has, push what it lacks, then deploy the models that changed.

    With --remote-wins nothing is pushed: what is not committed goes into a stash, and commits that the remote lacks
    into a branch named runner-sync-backup-..., before everything is made as the remote has it.
    """
    _sync(ctx, invocation, format, push=not remote_wins, remote_wins=remote_wins, deploy=not no_deploy)


def _sync(ctx: click.Context, invocation: Invocation, format: str, **options: Any) -> None:
    from spiffcli.repo.sync import sync as take_over
    from spiffcli.report.sync import synced_json, synced_sentences
    from spiffcli.runner import Runner

    with Runner(invocation.settings(running=True)) as runner:
        synced = take_over(runner.workspace, on_progress=_told if format == "text" else None, **options)
    if format == "json":
        emit_json(synced_json(synced))
    else:
        emit_text("\n".join(synced_sentences(synced)))
    if synced.failed:
        ctx.exit(1)


def _told(model: str, place: int, count: int) -> None:
    talk(f"Looking at {model} ({place + 1} of {count})", level=1)


COMMANDS = (save, push, pull, sync)
