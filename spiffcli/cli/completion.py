"""Completion in the shell: its script, and what is completed from the store.

Each `complete_` function is a `shell_complete` of an argument or option. A store that is not there or cannot be read
completes nothing: the command itself will say why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem, get_completion_class

from spiffcli.catalog.listing import entries
from spiffcli.cli.output import emit_text
from spiffcli.config import load_settings
from spiffcli.errors import RunnerError
from spiffcli.store import Reader, open_store
from spiffcli.store.protocol import Fields

T = TypeVar("T")

#: So many ids are offered at most: nobody reads more.
_MOST = 200


def complete_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys of specs."""
    names = {each["key"]: each["name"] for each in _specs(ctx)}
    return _items(names.items(), incomplete)


def complete_specs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys; behind an `@` versions and tags; for the beginning of an id, ids."""
    specs = _specs(ctx)
    if "@" in incomplete:
        return _items(_versions(specs), incomplete)
    keys = {each["key"]: each["name"] for each in specs}
    ids = [(each["id"], f"{each['key']}@{each['version']}") for each in specs] if incomplete else []
    return _items([*keys.items(), *ids], incomplete)


def complete_deployments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of deployments, and their names."""
    rows = sorted(_rows(ctx, "deployment"), key=lambda row: (row[1]["created"], row[0]))
    names = {row["name"]: row["created"] for _, row in rows if row.get("name")}
    return _items([*names.items(), *((id, row["created"]) for id, row in rows)], incomplete)


def complete_instances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of instances, those that have not ended first."""
    rows = sorted(_rows(ctx, "instance"), key=lambda row: (row[1].get("ended") or "", row[0]))
    return _items(((id, f"{row['key']}@{row['version']}, {row['state']}") for id, row in rows), incomplete)


def _versions(specs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in specs:
        yield f"{each['key']}@{each['version']}", each["file"]
        yield from ((f"{each['key']}@{tag}", f"version {each['version']}") for tag in each["tags"])


def _specs(ctx: click.Context) -> list[dict[str, Any]]:
    return _read(ctx, entries)


def _rows(ctx: click.Context, kind: str) -> list[tuple[str, Fields]]:
    return _read(ctx, lambda store, tenant: [(row.id, row.fields) for row in store.find(kind, {"tenant": tenant})])


def _read(ctx: click.Context, read: Callable[[Reader, str], list[T]]) -> list[T]:
    # While the shell completes, no command has run yet: the global options are in the context of the group.
    given = ctx.find_root().params
    try:
        settings = load_settings({name: given.get(name) for name in ("store", "tenant")})
        with closing(open_store(settings.store, create=False)) as store:
            return read(store, settings.tenant)
    except RunnerError:
        return []


def _items(names: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    matching = ((name, help) for name, help in names if name.startswith(incomplete))
    return [CompletionItem(name, help=help) for name, help in islice(matching, _MOST)]


_HOW = {
    "bash": 'eval "$(runner completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(runner completion zsh)"  # in ~/.zshrc',
    "fish": "runner completion fish > ~/.config/fish/completions/runner.fish",
}


# Bash takes an `@` for the end of a word and would complete `order@2` as two.
_BEFORE = {"bash": "COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}\n"}


@click.command(epilog="Example: " + _HOW["bash"])
@click.argument("shell", type=click.Choice(list(_HOW)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete what you type after runner."""
    kind = get_completion_class(shell)
    if kind is None:  # a Click without support for this shell
        raise click.UsageError(f"There is no completion for {shell}.", ctx)
    source = kind(ctx.find_root().command, {}, "runner", "_RUNNER_COMPLETE").source()
    emit_text(f"# {_HOW[shell]}\n{_BEFORE.get(shell, '')}{source}")
