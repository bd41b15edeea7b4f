"""Commands about the store as a whole: create, check, copy, measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from spiffcli.catalog.maintenance import Stats, check_store
from spiffcli.catalog.maintenance import copy as copy_to
from spiffcli.catalog.maintenance import stats as measure
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_lines, emit_text, talk
from spiffcli.cli.params import format_option
from spiffcli.errors import NoStoreError
from spiffcli.runner import Runner
from spiffcli.store import CopyReport, Problem


@click.command(epilog="Example: runner --store sqlite:shop.db init")
@format_option()
@pass_invocation
def init(invocation: Invocation, /, format: str) -> None:
    """Create the store, and say where it is.

    Without --store it is the folder .runner here. Commands find it from every folder below. A store that is there
    already is left alone.
    """
    with Runner(invocation.settings()) as runner:
        try:
            url, created = runner.store.url, False
        except NoStoreError:
            url, created = runner.init(), True
    if format == "json":
        emit_json({"schema": "runner/store/1", "url": url, "created": created})
    else:
        emit_text(f"Created the store {url}" if created else f"There is a store already: {url}")


@click.group()
def store() -> None:
    """Check, repair, copy and measure the store."""


@store.command(epilog="Example: runner store check --repair")
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@format_option()
@pass_invocation
@click.pass_context
def check(ctx: click.Context, invocation: Invocation, /, repair: bool, format: str) -> None:
    """Verify that everything in the store is there, whole, and fits together.

    The exit code is 1 if a problem remains.
    """
    with Runner(invocation.settings()) as runner:
        url, problems = runner.store.url, check_store(runner.store, repair=repair)
    left = [problem for problem in problems if not problem.repaired]
    if format == "json":
        emit_json(_check_json(url, problems))
    else:
        _show_problems(url, problems, len(left))
    if left:
        if not repair:
            talk("'runner store check --repair' mends what can be mended.")
        ctx.exit(1)


def _check_json(url: str, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "schema": "runner/check/1",
        "url": url,
        "problems": [{"what": problem.what, "repaired": problem.repaired} for problem in problems],
        "ok": all(problem.repaired for problem in problems),
    }


def _show_problems(url: str, problems: Sequence[Problem], left: int) -> None:
    if problems:
        emit_lines([["repaired" if problem.repaired else "problem", problem.what] for problem in problems])
    mended = len(problems) - left
    if left:
        emit_text(f"{url}: {left} {_problems(left)} left" + (f", {mended} repaired." if mended else "."))
    else:
        emit_text(f"{url}: {f'{mended} {_problems(mended)} repaired, ' if mended else ''}everything is well.")


def _problems(count: int) -> str:
    return "problem" if count == 1 else "problems"


@store.command(epilog="Example: runner store copy tinydb:.runner sqlite:shop.db")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@format_option()
def copy(source: str, target: str, format: str) -> None:
    """Copy a whole store to another place, of the same kind or another, and prove that all of it arrived.

    FROM and TO are written as for --store; TO must be empty or not there yet. A copy that was interrupted goes on
    when it is asked for again.
    """
    report = copy_to(source, target)
    if format == "json":
        emit_json(_copy_json(source, target, report))
    else:
        documents = sum(report.documents.values())
        emit_text(
            f"Copied {documents} documents and {report.blobs} blobs, {_bytes(report.size)}, to {target}.\n"
            f"Both stores have the hash {report.hash}."
        )


def _copy_json(source: str, target: str, report: CopyReport) -> dict[str, Any]:
    return {
        "schema": "runner/copy/1",
        "from": source,
        "to": target,
        "documents": dict(report.documents),
        "blobs": report.blobs,
        "size": report.size,
        "hash": report.hash,
    }


@store.command(epilog="Example: runner store stats --format json")
@format_option()
@pass_invocation
def stats(invocation: Invocation, /, format: str) -> None:
    """Count what is in the store, over all tenants."""
    with Runner(invocation.settings()) as runner:
        found = measure(runner.store)
    if format == "json":
        emit_json(found.to_json())
    else:
        emit_lines(list(_stats_lines(found)))


def _stats_lines(found: Stats) -> Iterator[list[str]]:
    yield ["store", found.url]
    if found.tenants not in ((), ("",)):
        yield ["tenants", ", ".join(tenant or "(default)" for tenant in found.tenants)]
    yield ["deployments", str(found.deployments)]
    yield ["definitions", _counted({_noun(kind, count): count for kind, count in found.definitions.items()})]
    yield ["instances", _counted(found.instances)]
    yield ["blobs", f"{found.blobs}, {_bytes(found.size)}"]
    if found.disk is not None:
        yield ["on disk", _bytes(found.disk)]


def _noun(kind: str, count: int) -> str:
    plural = "es" if kind.endswith("s") else "s"
    return kind if count == 1 else kind + plural


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "none"


def _bytes(size: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
