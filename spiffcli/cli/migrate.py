"""What a spec would mean for instances, moving them to it, and taking that back."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

import click
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spiffcli.catalog.instances import Standing
from spiffcli.cli.add import take
from spiffcli.cli.completion import complete_instances, complete_specs
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_report, talk, width
from spiffcli.cli.params import JsonParam, ManyCommand, PastParam, format_option, grouped, many_option
from spiffcli.cli.rules import find_rule
from spiffcli.engine.retarget.values import Policies
from spiffcli.errors import InputError
from spiffcli.instances.select import Selection, listed_ids, select, unmoved_ids
from spiffcli.migrate.apply import planned, require_open_target
from spiffcli.migrate.batch import migrate_all, migrate_as_planned, rollback_all
from spiffcli.migrate.fleet import judge, judge_each
from spiffcli.migrate.plan_file import read_plan
from spiffcli.migrate.target import Target
from spiffcli.migrate.values import ALLOWABLE, MigrationResult, Plan
from spiffcli.repo.deploy import ref_at
from spiffcli.report.impact import fleet_document, impact_document, impact_lines
from spiffcli.report.lines import line
from spiffcli.report.migration import (
    NOT_DONE,
    migration_document,
    plan_document,
    result_json,
    result_line,
    result_lines,
    totals_sentence,
    unfinished_sentence,
)
from spiffcli.runner import Runner
from spiffcli.specs.files import read_bytes, write_bytes


class InstanceOptions(Struct, frozen=True):
    """Which instances are meant, as the command line says it."""

    workflows: tuple[str, ...] = ()
    source: str | None = None
    states: tuple[Literal["running", "error"], ...] = ()
    waiting_at: str | None = None
    started_before: datetime | None = None
    ids: str | None = None
    limit: int | None = None
    retry_failed: str | None = None

    def check(self, ctx: click.Context) -> None:
        """Raise UsageError unless the options say which instances are meant, and do not contradict each other."""
        if not (self.workflows or self.source or self.ids or self.retry_failed):
            raise click.UsageError("Say which instances: -w WF, or --from REF for all of a key or version.", ctx)
        if self.source is None and (self.states or self.waiting_at or self.started_before):
            raise click.UsageError("--state, --waiting-at and --started-before choose among those of --from REF.", ctx)
        if self.ids and self.retry_failed:
            raise click.UsageError("--ids and --retry-failed both name a file of instances; give one.", ctx)

    def where(self) -> Selection:
        """Return which instances are meant.

        Raises:
            InputError: A file cannot be read, or holds something else.
        """
        ids: tuple[str, ...] | None = None
        if self.ids:
            ids = listed_ids(read_bytes(self.ids), self.ids)
        elif self.retry_failed:
            ids = unmoved_ids(read_bytes(self.retry_failed), self.retry_failed)
        return Selection(
            named=self.workflows,
            source=self.source,
            states=self.states,
            waiting_at=self.waiting_at,
            started_before=self.started_before,
            ids=ids,
            limit=self.limit,
        )


class TargetOptions(Struct, frozen=True):
    """Where instances are to go, and how they are moved."""

    spec: str | None = None
    rev: str | None = None
    maps: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    timers: Literal["keep", "restart"] | None = None
    events: Literal["keep", "update"] | None = None
    reset: tuple[str, ...] = ()
    data: str | None = None

    def ref(self, ctx: click.Context, runner: Runner) -> str:
        """Return what names the version to go to: as it is given, or what the repository had at a revision."""
        spec = self.named(ctx)
        return spec if self.rev is None else ref_at(runner.settings, spec, self.rev)

    def named(self, ctx: click.Context) -> str:
        """Return the version as it is given, or raise UsageError."""
        if self.spec is None:
            raise click.UsageError("Missing option '-s' / '--spec'.", ctx)
        return self.spec

    def target(self, ctx: click.Context, runner: Runner, ref: str, *, force: bool = False) -> Target:
        """Return the version `ref`, with the policies and waivers of these options."""
        data, script = _data(ctx, self.data)
        policies = Policies(
            mapping=_mapping(ctx, self.maps),
            timers=self.timers or "keep",
            events=self.events or "keep",
            reset=frozenset(self.reset),
            data=data,
            script=script,
        )
        return runner.target(ref, policies=policies, allow=_allowed(self.allow), force=force)


_spec = click.option(
    "-s",
    "--spec",
    metavar="REF",
    shell_complete=complete_specs,
    help="The version they are to go to, also as REV:MODEL.",
)
_rev = click.option("--rev", metavar="REV", help="With the KEY of -s: the version the model repository had there.")
_which = grouped(
    "chosen",
    InstanceOptions,
    many_option(
        "-w",
        "--workflow",
        "workflows",
        metavar="WF",
        shell_complete=complete_instances,
        help="An instance, or several.",
    ),
    click.option(
        "--from", "source", metavar="REF", shell_complete=complete_specs, help="All open instances of a KEY or version."
    ),
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice(["running", "error"]),
        help="Of --from, those in this state.",
    ),
    click.option("--waiting-at", metavar="TASK", help="Of --from, those that wait at this task (id or name)."),
    click.option(
        "--started-before",
        type=PastParam(),
        help="Of --from, those that were started before a date, or longer ago than an age such as 30d.",
    ),
    click.option("--ids", metavar="FILE", type=click.Path(), help="Those in a file, one id to a line."),
    click.option("--limit", metavar="N", type=click.IntRange(min=1), help="The first N of them, oldest first."),
)
_policies = grouped(
    "wished",
    TargetOptions,
    click.option("--map", "maps", metavar="OLD=NEW", multiple=True, help="Node OLD is NEW now. Repeatable."),
    click.option(
        "--allow",
        metavar="RULE[:ELEMENT]",
        multiple=True,
        help="Move although RULE speaks against it. Repeatable.",
    ),
    click.option(
        "--timers",
        type=click.Choice(["keep", "restart"]),
        help="Deadlines that run: keep them, or start anew. [keep]",
    ),
    click.option(
        "--events",
        type=click.Choice(["keep", "update"]),
        help="Messages, signals, conditions: keep what is waited for, or take what is new. [keep]",
    ),
    click.option("--reset", metavar="TASK", multiple=True, help="Enter the open task of this node again. Repeatable."),
    click.option("--data", metavar="JSON|FILE.py", help="Data to merge into open tasks, or a script for them."),
)


@click.command(
    cls=ManyCommand,
    epilog="Example: runner diff_workflow -s order_product@2 -w 4af0 af18\n\n"
    "Exit code 0: judged, and nothing at or above --fail-on; 1: something is, or an instance cannot be judged.",
)
@_spec
@_rev
@_which
@_policies
@click.option("--fail-on", type=click.Choice(["needs-mapping", "blocked"]), help="Exit with 1 from this verdict on.")
@format_option()
@pass_invocation
@click.pass_context
def diff_workflow(
    ctx: click.Context,
    invocation: Invocation,
    /,
    wished: TargetOptions,
    chosen: InstanceOptions,
    fail_on: str | None,
    format: str,
) -> None:
    """Say what moving instances to another version would mean. Nothing is changed.

    For every instance: whether it can be moved, needs a mapping or cannot be moved, why and what to do; the tasks
    whose node changed; what is new ahead, and what will not run. Of many, those that stand alike are told together.
    """
    wished.named(ctx)
    chosen.check(ctx)
    where = chosen.where()
    with Runner(invocation.settings(running=True)) as runner:
        target = wished.target(ctx, runner, wished.ref(ctx, runner))
        rows = select(runner.catalog, where, target.definition)
        if where.is_fleet:
            document = fleet_document(judge(runner.workspace, target, rows))
        else:
            document = impact_document(judge_each(runner.workspace, target, [row.id for row in rows]))
    if format == "json":
        emit_json(document)
    elif rows:
        emit_report(impact_lines(document, width()))
    if not rows:
        talk(_nobody(where, target))
    reached = {"needs-mapping": ("needs-mapping", "blocked"), "blocked": ("blocked",)}.get(fail_on or "", ())
    hits = sum(document["totals"][verdict] for verdict in reached)
    if hits:
        talk(f"{hits} of {len(rows)} instances at or above --fail-on {fail_on}.")
        ctx.exit(1)


@click.command(
    cls=ManyCommand,
    epilog="Example: runner migrate -s order_product@2 -w 4af0\n\n"
    "Exit code 0: every instance was moved, or runs there already; 1: one was refused or failed, and is as it was.",
)
@_spec
@_rev
@_which
@_policies
@click.option("-f", "--force", is_flag=True, help="Allow all that may be allowed; what was overridden is recorded.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--save-plan", metavar="FILE", type=click.Path(), help="Keep what --dry-run found, for --plan.")
@click.option("--plan", metavar="FILE", type=click.Path(), help="Do exactly what such a file says, or refuse.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Processes that share the work. [1]")
@click.option(
    "--retry-failed",
    metavar="FILE",
    type=click.Path(),
    help="Those that were refused or failed, by what an earlier --format json wrote.",
)
@format_option()
@pass_invocation
@click.pass_context
def migrate(
    ctx: click.Context,
    invocation: Invocation,
    /,
    wished: TargetOptions,
    chosen: InstanceOptions,
    force: bool,
    dry_run: bool,
    save_plan: str | None,
    plan: str | None,
    jobs: int | None,
    format: str,
) -> None:
    """Move instances to another version of their process.

    -s can be a model or file of a commit (HEAD:shop/order); it is added first where it was not yet.

    Each keeps its id, its data and what it has done. One that cannot be moved safely is refused with the task, the
    reason and the way out, and stays as it was; it stops no other. Many are moved in chunks. Whoever is interrupted
    says the same again: those that were moved already are left out.
    """
    if plan is None:
        wished.named(ctx)
        chosen.check(ctx)
    elif wished != TargetOptions() or chosen != InstanceOptions() or force or dry_run or save_plan or jobs:
        raise click.UsageError("--plan says everything; it goes with no other option.", ctx)
    if save_plan is not None and not dry_run:
        raise click.UsageError("--save-plan keeps what --dry-run finds; give both.", ctx)
    with Runner(invocation.settings(running=True)) as runner:
        if plan is not None:
            ctx.exit(_as_planned(runner, plan, format))
        where = chosen.where()
        ref = wished.ref(ctx, runner)
        target = wished.target(ctx, runner, ref if dry_run else take(runner, ref), force=force)
        rows = select(runner.catalog, where, target.definition)
        if not rows:
            talk(_nobody(where, target))
        if dry_run:
            code = _rehearse(runner, target, rows, save_plan, format)
        else:
            results = migrate_all(runner.workspace, target, rows, jobs or 1)
            code = _report(results, target.definition.label, len(rows), format)
    ctx.exit(code)


@click.command(cls=ManyCommand, epilog="Example: runner rollback -w 4af0")
@many_option(
    "-w",
    "--workflow",
    "workflows",
    metavar="WF",
    required=True,
    shell_complete=complete_instances,
    help="An instance, or several.",
)
@format_option()
@pass_invocation
@click.pass_context
def rollback(ctx: click.Context, invocation: Invocation, /, workflows: tuple[str, ...], format: str) -> None:
    """Take the last migration of an instance back.

    The instance is again as it was before. It is refused once the instance has moved on, since that work would be lost.
    """
    with Runner(invocation.settings(running=True)) as runner:
        rows = list({row.id: Standing.of(row) for row in map(runner.catalog.instance, workflows)}.values())
        ctx.exit(_report(rollback_all(runner.workspace, rows), rows[0].label, len(rows), format))


# What is asked


def _mapping(ctx: click.Context, maps: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in maps:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise click.UsageError(f"--map takes OLD=NEW, two ids of nodes, and not '{text}'.", ctx)
        if found.get(old, new) != new:
            raise click.UsageError(f"--map says of '{old}' that it is '{found[old]}' and that it is '{new}'.", ctx)
        found[old] = new
    return found


def _allowed(allow: Iterable[str]) -> list[str]:
    for text in allow:
        rule = find_rule(text.partition(":")[0]).id
        if rule not in ALLOWABLE:
            raise InputError(
                f"'{rule}' is not a rule that can be allowed: an instance moved against it would not be whole.",
                hint=f"These can be: {', '.join(ALLOWABLE)}.",
            )
    return list(allow)


def _data(ctx: click.Context, text: str | None) -> tuple[dict[str, Any], str | None]:
    if text is None:
        return {}, None
    if not text.endswith(".py"):
        found: dict[str, Any] = JsonParam().convert(text, _parameter(ctx, "data"), ctx)
        return found, None

    try:
        return {}, read_bytes(text).decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputError(f"{text} is not text in UTF-8.", file=text) from fault


def _parameter(ctx: click.Context, name: str) -> click.Parameter:
    return next(param for param in ctx.command.params if param.name == name)


def _as_planned(runner: Runner, plan: str, format: str) -> int:
    saved = read_plan(read_bytes(plan), plan)
    waivers = saved.waivers
    target = runner.target(
        saved.target, policies=saved.policies, allow=sorted(waivers.allowed), force=waivers.everything
    )
    rows = [Standing.of(runner.catalog.instance(id)) for id in saved.hashes]
    results = migrate_as_planned(runner.workspace, target, rows, saved.hashes)
    return _report(results, target.definition.label, len(rows), format)


# What is told


def _nobody(chosen: Selection, target: Target) -> str:
    if chosen.source is None:
        return "No instance is named there."
    narrowed = chosen.states or chosen.waiting_at or chosen.started_before or chosen.ids
    also = " of that kind" if narrowed else ""
    return f"There is no open instance of {chosen.source}{also} that does not run on {target.definition.label} already."


def _rehearse(runner: Runner, target: Target, rows: Sequence[Standing], save_plan: str | None, format: str) -> int:
    """Show what would happen, and keep it if that is wanted."""
    require_open_target(target.definition)
    plans = runner.diff_workflow(target, [row.id for row in rows])
    code = _report(map(planned, plans), target.definition.label, len(rows), format, dry_run=True)
    if save_plan is not None:
        _keep(target, plans, save_plan)
    talk("Nothing was changed.")
    return code


def _keep(target: Target, plans: Sequence[Plan], file: str) -> None:
    definition = target.definition
    document = plan_document(definition.id, definition.label, target.policies, target.waivers, plans)
    write_bytes(file, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")
    talk(f"Do exactly this with: runner migrate --plan {file}")


def _report(results: Iterable[MigrationResult], label: str, asked: int, format: str, *, dry_run: bool = False) -> int:
    """Show one result after the other as it comes, then the totals, also where something stops it in between."""
    done: list[MigrationResult] = []
    try:
        for result in with_progress(results, asked, "Looking" if dry_run else "Moving"):
            done.append(result)
            if format == "text":
                _show(result, many=asked > _MANY)
    finally:
        code = _end(done, label, asked, format, dry_run=dry_run)
    return code


#: With more instances than this, those that were moved are only counted, and the others get a line each.
_MANY = 20


def _show(result: MigrationResult, *, many: bool) -> None:
    if not many:
        emit_report(result_lines(result_json(result), width()))
    elif result.outcome in NOT_DONE:
        emit_report([result_line(result_json(result))])


def _end(done: Sequence[MigrationResult], label: str, asked: int, format: str, *, dry_run: bool) -> int:
    totals: dict[str, int] = dict(Counter(str(result.outcome) for result in done))
    if format == "json":
        emit_json(migration_document(label, done, dry_run=dry_run))
    elif asked > 1 and done:
        emit_report([(), line(totals_sentence(totals))])
        if asked > _MANY and totals.get("refused"):
            talk(f"Reasons and ways out of one of them: runner diff_workflow -s {label} -w ID")
    unfinished = unfinished_sentence(totals, asked, dry_run=dry_run)
    if unfinished is None:
        return 0
    talk(unfinished)
    return 1


T = TypeVar("T")

#: Below that, a bar would be gone before anybody has seen it.
_FEW = 20


def with_progress(items: Iterable[T], total: int, doing: str) -> Iterator[T]:
    """The items, with a bar on standard error while they come; it leaves nothing behind.

    What is written meanwhile to a standard output that is the same terminal stands above the bar.

    Args:
        doing: What is being done, as `Moving`.
    """
    if total < _FEW or not sys.stderr.isatty():
        yield from items
        return

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    both = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=both, redirect_stderr=True) as progress:
        yield from progress.track(items, total=total, description=doing)
