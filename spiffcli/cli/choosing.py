"""The options that say which instances a command is about, when they are many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spiffcli.cli.dates import PastParam

if TYPE_CHECKING:
    from spiffcli.instances.select import Selection

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def where_options(command: Decorated) -> Decorated:
    """The options that narrow down which instances are meant."""
    states = click.Choice(["running", "error"])
    for option in reversed(
        (
            click.option("--state", "states", multiple=True, type=states, help="Of --from, those in this state."),
            click.option("--waiting-at", metavar="TASK", help="Of --from, those that wait at this task (id or name)."),
            click.option(
                "--started-before",
                type=PastParam(),
                help="Of --from, those that were started before a date, or longer ago than an age such as 30d.",
            ),
            click.option("--ids", metavar="FILE", type=click.Path(), help="Those in a file, one id to a line."),
            click.option("--limit", metavar="N", type=click.IntRange(min=1), help="The first N of them, oldest first."),
        )
    ):
        command = option(command)
    return command


def check_choice(ctx: click.Context, options: dict[str, Any]) -> None:
    """Nothing, if the options say which instances are meant, and do not contradict each other.

    Raises:
        UsageError: They do not, or do.
    """
    if not any(options.get(each) for each in ("workflows", "source", "ids", "retry_failed")):
        raise click.UsageError("Say which instances: -w WF, or --from REF for all of a key or version.", ctx)
    if options["source"] is None and any(options[each] for each in ("states", "waiting_at", "started_before")):
        raise click.UsageError("--state, --waiting-at and --started-before choose among those of --from REF.", ctx)
    if options["ids"] and options.get("retry_failed"):
        raise click.UsageError("--ids and --retry-failed both name a file of instances; give one.", ctx)


def where(options: dict[str, Any]) -> Selection:
    """Which instances the options mean.

    Raises:
        InputError: A file cannot be read, or holds something else.
    """
    from spiffcli.instances.select import Selection, listed_ids, unmoved_ids
    from spiffcli.specs.files import read_bytes

    ids: tuple[str, ...] | None = None
    if options["ids"]:
        ids = listed_ids(read_bytes(options["ids"]), options["ids"])
    elif options.get("retry_failed"):
        ids = unmoved_ids(read_bytes(options["retry_failed"]), options["retry_failed"])
    return Selection(
        named=tuple(options["workflows"]),
        source=options["source"],
        states=options["states"],
        waiting_at=options["waiting_at"],
        started_before=options["started_before"],
        ids=ids,
        limit=options["limit"],
    )
