"""Completion of commands, options and values in the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from spiffcli.cli.output import emit_text

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
