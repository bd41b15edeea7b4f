"""`why`: what changed from one version to the next."""

from __future__ import annotations

import click

from spiffcli.cli.options import Invocation, format_option, pass_invocation
from spiffcli.cli.output import emit_json
from spiffcli.cli.suggesting import complete_specs


@click.command(epilog="Example: runner why order_product@3")
@click.argument("ref", shell_complete=complete_specs)
@format_option()
@pass_invocation
def why(invocation: Invocation, ref: str, format: str) -> None:
    """Say why there is the version REF: what changed from the version before, in it and in what it calls."""
    from spiffcli.runner import Runner

    settings = invocation.settings()
    with Runner(settings) as runner:
        found = runner.why(ref)
    from spiffcli.report.deployments import rebound_cells, why_json, why_title
    from spiffcli.report.findings import judge

    findings = None if found.diff is None else judge(found.diff, severities=settings.severity)
    if format == "json":
        from spiffcli.report.diff_json import diff_document

        document = None if findings is None else diff_document(findings)
        emit_json(why_json(found.definition, found.previous, document, found.rebound))
        return
    from spiffcli.cli.showing import emit_report, width
    from spiffcli.report.diff_summary import stat_lines
    from spiffcli.report.lines import EMPTY, fold, line
    from spiffcli.report.outcomes import section

    lines = list(fold(why_title(found.definition, found.previous), width()))
    if findings is not None and found.previous is not None:
        lines += [EMPTY, line(f"Since {found.previous.label}", "title"), *stat_lines(findings, width())]
        lines += section("Means another version now", rebound_cells(found.rebound))
        lines += [EMPTY, line(f"All of it: runner diff_spec -d -o {found.previous.label} -n {found.definition.label}")]
    emit_report(lines)
