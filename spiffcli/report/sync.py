"""What was taken over from the remote, as a JSON document and in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from spiffcli.repo.deploy import FollowResult, SyncResult
from spiffcli.repo.pull import PullResult
from spiffcli.report.repository import pushed_part, pushed_sentences, short
from spiffcli.text import one_line
from spiffcli.values import JsonObject


def synced_json(synced: SyncResult) -> JsonObject:
    """A `runner/synced/1` document."""
    pulled = synced.pulled
    return {
        "schema": "runner/synced/1",
        "branch": pulled.branch,
        "outcome": pulled.outcome,
        "before": pulled.before,
        "commit": pulled.after,
        "stash": pulled.stash,
        "backup": pulled.backup,
        "pushed": None if synced.pushed is None else pushed_part(synced.pushed),
        "catalog": None if synced.following is None else following_part(synced.following),
    }


def following_part(following: FollowResult) -> JsonObject:
    """The key `catalog` of such a document."""
    return {
        "before": following.before,
        "commit": following.commit,
        "deployed": [
            {"model": each.model, "deployment": each.deployment, "specs": list(each.specs)}
            for each in following.deployed
        ],
        "unchanged": list(following.unchanged),
        "broken": [{"model": model, "reason": reason} for model, reason in following.broken.items()],
        "removed": list(following.removed),
    }


def synced_sentences(synced: SyncResult) -> Iterator[str]:
    """What was done, in sentences."""
    yield from _pulled(synced.pulled)
    if synced.pushed is not None and synced.pushed.outcome != "nothing":
        yield from pushed_sentences(synced.pushed)
    if synced.following is not None:
        yield from _followed(synced.following)


def _pulled(pulled: PullResult) -> Iterator[str]:
    where = f"{pulled.branch} is at {short(pulled.after)}"
    if pulled.stash is not None:
        yield f"What had not been committed is kept in the stash '{pulled.stash}' (git stash list)."
    if pulled.backup is not None:
        yield f"Commits that the remote lacks are kept in the branch '{pulled.backup}'."
    if pulled.outcome == "current":
        yield f"The remote has nothing new; {where}."
    elif pulled.outcome == "rebased":
        yield f"Put the local commits on top of those of the remote; {where}."
    else:
        yield f"Took over what the remote has; {where} (was {short(pulled.before)})."


def _followed(following: FollowResult) -> Iterator[str]:
    for each in following.deployed:
        yield f"Deployed {each.model}: {', '.join(each.specs)}."
    for model, reason in following.broken.items():
        yield f"Skipped {model}, which is broken: {one_line(reason)}"
    if following.broken:
        yield "Of what was skipped, the versions that were deployed before stay in force."
    for model in following.removed:
        yield f"The model {model} is not there any more; its versions stay (runner suspend KEY rests them)."
    if not (following.deployed or following.broken or following.removed):
        yield "No model does anything else than before, so nothing was deployed."
