"""`repo`: work with models in a Git repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from spiffcli.catalog.data_stores import DataStore
from spiffcli.cli import repo_publish
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, json_text, lines_text, paint, talk
from spiffcli.cli.params import format_option
from spiffcli.config import load_git_settings
from spiffcli.instances.view import find_data_store
from spiffcli.repo.contents import file_at, view
from spiffcli.repo.create import clone as fetch
from spiffcli.repo.create import init as make
from spiffcli.repo.create import make as make_model
from spiffcli.repo.deploy import sync as take_over
from spiffcli.repo.drivers import install
from spiffcli.repo.layout import check_id
from spiffcli.repo.pull import look_at_remote
from spiffcli.repo.repository import chosen_snapshot, open_repository, refuse_read_only
from spiffcli.repo.save import named_paths, push_all
from spiffcli.repo.save import save as commit
from spiffcli.report.instances import when
from spiffcli.report.repository import (
    change_cells,
    listed,
    log_cells,
    log_json,
    made_json,
    model_cells,
    model_facts,
    model_json,
    models_json,
    pushed_json,
    pushed_sentences,
    saved_json,
    saved_sentences,
    status_facts,
    status_json,
    stranded_cells,
)
from spiffcli.report.sync import synced_json, synced_sentences
from spiffcli.runner import Runner

_rev = click.option("--rev", metavar="REV", help="At this commit, branch or tag instead of the last commit.")
_work_tree = click.option("--work-tree", is_flag=True, help="As the files lie here, committed or not.")


class _Group(click.Group):
    """A group whose commands are found with underscores and with hyphens."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name.replace("_", "-"))


@click.group(cls=_Group)
def repo() -> None:
    """Work with models in a Git repository.

    A folder with process_group.json is a group, one with process_model.json is a model; its id is its path below the
    folder of the models. That is the work tree around the current folder, unless RUNNER_GIT_MODELS or [git] models of
    runner.toml name another folder or a bare repository.
    """


@repo.command(
    "install-diff", short_help="Teach Git to compare models here.", epilog="Example: runner repo install-diff"
)
@format_option()
@pass_invocation
def install_diff(invocation: Invocation, /, format: str) -> None:
    """Teach Git to compare models here: git diff, git log -p and git show.

    Sets diff.bpmn.command and diff.bpmn.textconv in the configuration of the repository, and adds *.bpmn and *.dmn to
    its .gitattributes. Commit that file; the configuration is yours alone.
    """
    refuse_read_only(invocation.settings())
    done = install(Path.cwd())
    if format == "json":
        document = {"settings": done.settings, "patterns": list(done.patterns), "attributes": str(done.attributes)}
        emit_json({"schema": "runner/driver/1", **document})
        return
    lines = [f"Set {name} to '{value}'." for name, value in done.settings.items()]
    if done.patterns:
        lines.append(f"Added {' and '.join(done.patterns)} to {done.attributes}; commit that file.")
    emit_text("\n".join(lines) or "Everything is set up already.")


@repo.command(short_help="Make a Git repository for models.", epilog="Example: runner repo init models --branch main")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--branch", metavar="NAME", help="Its first branch. [the source branch that is set, or main]")
@click.option("--bare", is_flag=True, help="Without a work tree, for others to clone.")
@format_option()
@pass_invocation
def init(invocation: Invocation, /, folder: Path, branch: str | None, bare: bool, format: str) -> None:
    """Make a Git repository for models in DIR (default: here). One that is there already is left alone."""
    settings = invocation.settings()
    refuse_read_only(settings)
    created = make(folder, load_git_settings(settings), branch=branch, bare=bare)
    _tell_repository(folder, created, format, "Made a repository in", "There is a repository already in")


@repo.command(
    short_help="Fetch a repository of models.", epilog="Example: runner repo clone git@example.org:team/models.git"
)
@click.argument("url")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@format_option()
@pass_invocation
def clone(invocation: Invocation, /, url: str, folder: Path | None, format: str) -> None:
    """Fetch the repository at URL into DIR (default: named like it), with the key or token that is set."""
    settings = invocation.settings()
    refuse_read_only(settings)
    place = fetch(url, folder, load_git_settings(settings), Path.cwd())
    _tell_repository(place, True, format, "Cloned into", "")


def _tell_repository(folder: Path, created: bool, format: str, made: str, there: str) -> None:
    place = folder.resolve()
    if format == "json":
        emit_json({"schema": "runner/repository/1", "folder": str(place), "created": created})
    else:
        emit_text(f"{made if created else there} {place}")


@repo.command(
    short_help="Write a new group or model.", epilog="Example: runner repo new finance/invoice --name 'Pay an invoice'"
)
@click.argument("id", metavar="GROUP[/MODEL]")
@click.option("--name", help="What people call it. [made from its id]")
@click.option("--group", is_flag=True, help="Make a group, also below another one.")
@format_option()
@pass_invocation
@click.pass_context
def new(ctx: click.Context, invocation: Invocation, /, id: str, name: str | None, group: bool, format: str) -> None:
    """Write a new group, or a new model with a process that begins and ends.

    Groups above it are made too. With commit-on-save it is committed and pushed.
    """
    made, saved = make_model(invocation.settings(), id, name=name, group=group)
    if format == "json":
        emit_json(made_json(made, saved))
    else:
        emit_text("\n".join(made.files))
        for sentence in saved_sentences(saved) if saved is not None else ():
            talk(sentence)
    if saved is not None and saved.pushed is not None and saved.pushed.outcome == "failed":
        ctx.exit(1)


@repo.command(short_help="List groups and models.", epilog="Example: runner repo ls finance --rev HEAD~1")
@click.argument("group", metavar="[GROUP]", required=False)
@_rev
@_work_tree
@format_option()
@pass_invocation
def ls(invocation: Invocation, /, group: str | None, rev: str | None, work_tree: bool, format: str) -> None:
    """List groups and models: id, name, and the process that is meant. Ids of groups end in a slash."""
    snapshot = chosen_snapshot(open_repository(invocation.settings()), rev, work_tree=work_tree)
    groups, models = listed(snapshot.layout, None if group is None else check_id(group))
    if format == "json":
        emit_json(models_json(snapshot.commit, groups, models))
    elif groups or models:
        emit_lines(model_cells(groups, models))
    else:
        talk("There are no models there. Begin one with: runner repo new GROUP/MODEL")
    for path, problem in snapshot.layout.problems.items():
        talk(f"{path}: {problem}" if path not in problem else problem)


@repo.command(
    short_help="Show a model, or write one of its files.", epilog="Example: runner repo show finance/invoice --rev v1.2"
)
@click.argument("id", metavar="MODEL|FILE")
@_rev
@_work_tree
@format_option()
@pass_invocation
def show(invocation: Invocation, /, id: str, rev: str | None, work_tree: bool, format: str) -> None:
    """Show a model: its files, what it defines and what it calls; or write one of its files, byte for byte.

    FILE is the id of a model with the name of a file behind it: finance/invoice/invoice.bpmn
    """
    snapshot = chosen_snapshot(open_repository(invocation.settings()), rev, work_tree=work_tree)
    if format == "text" and id.strip("/") in snapshot.entries:
        sys.stdout.buffer.write(file_at(snapshot, id))
        return
    shown = view(snapshot, id)
    if format == "json":
        emit_json(model_json(shown))
        return
    facts = lines_text([["", *row] for row in model_facts(shown)])
    files = lines_text([["", name] for name in shown.model.files])
    emit_text(f"{paint(shown.model.name, '', bold=True)}\n{facts}{paint('Files', '', bold=True)}\n{files}")


@repo.command(
    short_help="List the commits that changed models.", epilog="Example: runner repo log finance/invoice -n 5"
)
@click.argument("paths", metavar="[MODEL|PATH]...", nargs=-1)
@click.option("--rev", metavar="REV", help="From this commit, branch or tag backwards.")
@click.option("-n", "--limit", type=click.IntRange(1), help="So many at most.")
@format_option()
@pass_invocation
def log(invocation: Invocation, /, paths: tuple[str, ...], rev: str | None, limit: int | None, format: str) -> None:
    """List the commits that changed models, newest first: commit, time (UTC), author, subject."""
    commits = open_repository(invocation.settings()).log([check_id(path) for path in paths], revision=rev, limit=limit)
    if format == "json":
        emit_json(log_json(commits))
    elif commits:
        emit_lines(log_cells(commits))
    else:
        talk("There are no such commits.")


@repo.command(short_help="Say how the repository stands.", epilog="Example: runner repo status --fetch")
@click.option("--fetch", is_flag=True, help="Ask the remote first; without it, as it was last seen.")
@format_option()
@pass_invocation
def status(invocation: Invocation, /, fetch: bool, format: str) -> None:
    """Say how the repository stands: commits the remote lacks or has more, files that are not committed.

    Stranded are commits that no push has brought to the remote.
    """
    repository = open_repository(invocation.settings())
    if fetch:
        look_at_remote(repository)
    found = repository.status()
    if format == "json":
        emit_json(status_json(found))
        return
    text = lines_text(list(status_facts(found)))
    for title, rows in (("Stranded", stranded_cells(found)), ("Not committed", change_cells(found))):
        if rows:
            text += f"{paint(title, '', bold=True)}\n{lines_text([['', *row] for row in rows])}"
    emit_text(text)


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


def _sync(
    ctx: click.Context,
    invocation: Invocation,
    format: str,
    *,
    deploy: bool,
    push: bool = False,
    remote_wins: bool = False,
) -> None:
    with Runner(invocation.settings(running=True)) as runner:
        tell = _told if format == "text" else None
        synced = take_over(runner.workspace, push=push, remote_wins=remote_wins, deploy=deploy, on_progress=tell)
    if format == "json":
        emit_json(synced_json(synced))
    else:
        emit_text("\n".join(synced_sentences(synced)))
    if synced.failed:
        ctx.exit(1)


def _told(model: str, place: int, count: int) -> None:
    talk(f"Looking at {model} ({place + 1} of {count})", level=1)


@click.command(short_help="Show what data stores hold.", epilog="Example: runner repo data finance/exchange_rates")
@click.argument("store", metavar="[STORE]", required=False)
@format_option()
@pass_invocation
def data(invocation: Invocation, /, store: str | None, format: str) -> None:
    """List the data stores that tasks have written to, or show the value of one.

    STORE is the id of a data store, with the folder that describes it in front where several are called alike. A line
    of the list has folder, id, kind, when it was written last (UTC) and by whom.
    """
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


for command in (save, push, pull, sync, data, *repo_publish.COMMANDS):
    repo.add_command(command)
