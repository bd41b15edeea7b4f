"""`repo publish` and `repo promote`: bring models to another branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import emit_json, emit_report, emit_text, talk, width
from spiffcli.cli.params import format_option
from spiffcli.diff import Severity
from spiffcli.repo.promote import Merge, Preview, carry_out, plan, previews
from spiffcli.repo.publish import PublishRequest
from spiffcli.repo.publish import publish as bring
from spiffcli.repo.repository import open_repository, refuse_read_only
from spiffcli.report.diff_json import diff_document
from spiffcli.report.diff_summary import stat_lines
from spiffcli.report.diff_text import diff_lines
from spiffcli.report.findings import Findings, judge
from spiffcli.report.impact import fleet_document, impact_lines
from spiffcli.report.lines import EMPTY, Line, fold, line
from spiffcli.report.repository import promoted_json, promoted_sentences, published_json, published_sentences
from spiffcli.runner import Runner

_VERDICTS = {"needs-mapping": ("needs-mapping", "blocked"), "blocked": ("blocked",)}


@click.command(
    short_help="Bring models into a branch to be merged.",
    epilog="Example: runner repo publish finance/invoice --to staging\n\n"
    "Exit code 0: there is a branch to merge; 1: nothing differs, or it was refused.",
)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--to", metavar="BRANCH", help="Where it is to be merged. [the publish target branch that is set]")
@click.option("--branch", metavar="NAME", help="Name of the branch that is made. [publish-MODEL-to-BRANCH]")
@click.option("--rev", "revision", metavar="REV", help="As the models are there, instead of in the last commit.")
@click.option("--only", is_flag=True, help="Without what the models call; refused where the target lacks it.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@format_option()
@pass_invocation
@click.pass_context
def publish(ctx: click.Context, invocation: Invocation, /, format: str, **wish: Any) -> None:
    """Bring models, with what they call, into a branch that can be merged into another one.

    Of the remote's BRANCH a new branch is made with one commit for each model that differs, and pushed; where it is
    there already, it is brought up to date. The page on which it can be merged is shown, where the forge is known.
    Nothing here changes, and what is not committed is not published.
    """
    settings = invocation.settings()
    if not wish["dry_run"]:
        refuse_read_only(settings)
    done = bring(open_repository(settings), PublishRequest(**wish))
    if format == "json":
        emit_json(published_json(done))
    else:
        emit_text("\n".join(published_sentences(done)))
    if done.outcome == "nothing":
        ctx.exit(1)


@click.command(
    short_help="Merge a branch, after a look at what it means.",
    epilog="Example: runner repo promote --from dev --to staging --dry-run\n\n"
    "Exit code 0: merged, or nothing to merge; 1: refused, or at or above --fail-on.",
)
@click.option("--from", "source", metavar="BRANCH", required=True, help="The branch that is merged.")
@click.option("--to", "target", metavar="BRANCH", required=True, help="The branch it is merged into.")
@click.option("--dry-run", is_flag=True, help="Say what it would mean, and merge nothing.")
@click.option("--stat", is_flag=True, help="Only count what changes in each model.")
@click.option(
    "--fail-on", type=click.Choice(["needs-mapping", "blocked"]), help="Merge nothing where an instance is that far."
)
@format_option()
@pass_invocation
@click.pass_context
def promote(
    ctx: click.Context,
    invocation: Invocation,
    /,
    source: str,
    target: str,
    dry_run: bool,
    stat: bool,
    fail_on: str | None,
    format: str,
) -> None:
    """Merge one branch of the remote into another, after a look at what that means.

    For every model that changes: what changes in it, as diff_spec says it, and which running instances of the store
    it touches, as diff_workflow says it. Then the merge is pushed, unless it is a --dry-run.
    """
    settings = invocation.settings(running=True)
    if not dry_run:
        refuse_read_only(settings)
    repository = open_repository(settings)
    merge = plan(repository, source, target)
    with Runner(settings) as runner:
        seen = list(previews(runner.workspace, repository, merge))
    hits = _hits(seen, fail_on)
    merged = merge.outcome == "merges" and not dry_run and not hits
    if merged:
        carry_out(repository, merge)
    _show(merge, seen, format, stat=stat, merged=merged, severities=settings.severity)
    if hits:
        talk(f"{hits} instances are at or above --fail-on {fail_on}, so nothing was merged.")
        ctx.exit(1)


def _hits(seen: Sequence[Preview], fail_on: str | None) -> int:
    reached = _VERDICTS.get(fail_on or "", ())
    fleets = [fleet for each in seen for fleet in each.impact]
    return sum(count for fleet in fleets for verdict, count in fleet.totals.items() if verdict in reached)


def _show(
    merge: Merge,
    seen: Sequence[Preview],
    format: str,
    *,
    stat: bool,
    merged: bool,
    severities: Mapping[str, Severity],
) -> None:
    judged = {each.model: judge(each.diff, severities=severities) for each in seen if each.diff is not None}
    if format == "json":
        models = [
            {
                "model": each.model,
                "change": each.change,
                "problem": each.problem,
                "diff": diff_document(judged[each.model]) if each.model in judged else None,
                "impact": list(map(fleet_document, each.impact)),
            }
            for each in seen
        ]
        emit_json(promoted_json(merge, models, merged=merged))
        return

    emit_report([line for each in seen for line in _lines(each, judged.get(each.model), stat=stat)])
    for sentence in promoted_sentences(merge, merged=merged):
        talk(sentence)


def _lines(preview: Preview, findings: Findings | None, *, stat: bool) -> Iterator[Line]:
    yield line(f"{preview.model} ({preview.change})", "title")
    if findings is not None:
        yield from (stat_lines if stat else diff_lines)(findings, width())
    if preview.problem is not None:
        yield from fold(f"It could not be deployed: {preview.problem}", width())
    for document in map(fleet_document, preview.impact):
        yield EMPTY
        yield from impact_lines(document, width())
    yield EMPTY


COMMANDS = (publish, promote)
