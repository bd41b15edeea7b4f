"""`serve`: answering over HTTP."""

from __future__ import annotations

import click

from spiffcli.cli.bugs import report_bug
from spiffcli.cli.invocation import Invocation, pass_invocation
from spiffcli.cli.output import talk, warn
from spiffcli.web.serve import serve_webhook

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command(epilog="Example: RUNNER_GIT_WEBHOOK_SECRET=... runner serve --webhook --port 8000")
@click.option("--webhook", is_flag=True, help="Take deliveries of GitHub, GitLab and Gitea, and sync at pushes.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--remote-wins", is_flag=True, help="Sync as 'repo sync --remote-wins' does.")
@click.option("--max-body", type=click.IntRange(1), metavar="BYTES", help="Longest delivery. [25000000]")
@pass_invocation
def serve(
    invocation: Invocation, /, webhook: bool, host: str, port: int, remote_wins: bool, max_body: int | None
) -> None:
    """Answer over HTTP until interrupted.

    With --webhook, POST /v1.0/github-webhook-receive takes signed deliveries: a push to the source branch is pulled,
    and the models that changed are deployed, as 'repo pull' does it. The secret is set by RUNNER_GIT_WEBHOOK_SECRET;
    without it nothing is served. GET /v1.0/status tells the commit and how the last sync ended.
    """
    if not webhook:
        raise click.UsageError("Say what to serve: --webhook.")
    if host not in _LOOPBACK:
        warn(f"Listening at {host}, where other machines reach it. Put a server that speaks HTTPS in front of it.")
    serve_webhook(
        invocation.settings(), host, port, remote_wins=remote_wins, most_bytes=max_body, say=talk, report=_report
    )


def _report(error: Exception) -> str:
    bug = report_bug(error, ["serve"])
    return f"{bug.message} {bug.hint}"
