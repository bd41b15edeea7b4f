"""Commands about models under version control: the group, and those that look or begin something."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, lines_text, paint, talk

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
    from spiffcli.repo.configured import refuse_read_only
    from spiffcli.repo.drivers import install

    refuse_read_only(invocation.settings())
    done = install()
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
    from spiffcli.config import load_git_settings
    from spiffcli.repo.configured import refuse_read_only
    from spiffcli.repo.create import init as make

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
    from spiffcli.config import load_git_settings
    from spiffcli.repo.configured import refuse_read_only
    from spiffcli.repo.create import clone as fetch

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
    from spiffcli.repo.configured import make
    from spiffcli.report.repository import made_json, saved_sentences

    made, saved = make(invocation.settings(), id, name=name, group=group)
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
    from spiffcli.repo.configured import commit_of, open_repository
    from spiffcli.repo.layout import check_id
    from spiffcli.report.repository import listed, model_cells, models_json

    snapshot = commit_of(open_repository(invocation.settings()), rev, work_tree=work_tree)
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
    from spiffcli.repo.configured import commit_of, open_repository
    from spiffcli.repo.viewing import file_at, view
    from spiffcli.report.repository import model_facts, model_json

    snapshot = commit_of(open_repository(invocation.settings()), rev, work_tree=work_tree)
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
    from spiffcli.repo.configured import open_repository
    from spiffcli.repo.layout import check_id
    from spiffcli.report.repository import log_cells, log_json

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
    from spiffcli.repo.configured import open_repository
    from spiffcli.report.repository import change_cells, status_facts, status_json, stranded_cells

    repository = open_repository(invocation.settings())
    if fetch:
        repository.look_at_remote()
    found = repository.status()
    if format == "json":
        emit_json(status_json(found))
        return
    text = lines_text(list(status_facts(found)))
    for title, rows in (("Stranded", stranded_cells(found)), ("Not committed", change_cells(found))):
        if rows:
            text += f"{paint(title, '', bold=True)}\n{lines_text([['', *row] for row in rows])}"
    emit_text(text)


def _add_others() -> None:
    from spiffcli.cli import repo_changes, repo_data, repo_publishing

    for command in (*repo_changes.COMMANDS, *repo_data.COMMANDS, *repo_publishing.COMMANDS):
        repo.add_command(command)


_add_others()
