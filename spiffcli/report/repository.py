"""Models in Git, as JSON documents and as the cells of aligned lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from spiffcli.report.instances import when
from spiffcli.text import one_line
from spiffcli.values import JsonObject

if TYPE_CHECKING:
    from spiffcli.repo.contents import ModelView
    from spiffcli.repo.create import NewFiles
    from spiffcli.repo.layout import Layout, ModelFolder, ModelGroup
    from spiffcli.repo.promote import Merge
    from spiffcli.repo.publish import Publication
    from spiffcli.repo.repository import Commit, Status
    from spiffcli.repo.save import PushResult, SaveResult

#: Digits of a commit that people read.
_COMMIT = 12


def short(commit: str | None) -> str:
    """The beginning of a commit, as people read it."""
    return commit[:_COMMIT] if commit else "nothing"


# What there is


def models_json(commit: str | None, groups: Sequence[ModelGroup], models: Sequence[ModelFolder]) -> JsonObject:
    """A `runner/models/1` document."""
    return {
        "schema": "runner/models/1",
        "commit": commit,
        "groups": [{"id": each.id, "name": each.name} for each in groups],
        "models": [_model_json(each) for each in models],
    }


def _model_json(model: ModelFolder) -> JsonObject:
    return {
        "id": model.id,
        "name": model.name,
        "primary_file": model.primary_file,
        "primary_process": model.primary_process,
        "files": list(model.files),
        "problem": model.problem,
    }


def listed(layout: Layout, below: str | None) -> tuple[list[ModelGroup], list[ModelFolder]]:
    """Groups and models, in order; only those in the group `below` where that is named."""

    def is_in(id: str) -> bool:
        return below is None or id == below or id.startswith(f"{below}/")

    groups = [each for id, each in sorted(layout.groups.items()) if is_in(id)]
    return groups, [each for id, each in sorted(layout.models.items()) if is_in(id)]


def model_cells(groups: Sequence[ModelGroup], models: Sequence[ModelFolder]) -> list[list[str]]:
    """Id, name and process of each model; groups end in a slash."""
    rows = [[f"{each.id}/", one_line(each.name), ""] for each in groups]
    rows += [[each.id, one_line(each.name), one_line(each.problem or each.primary_process or "")] for each in models]
    return sorted(rows, key=lambda row: row[0].rstrip("/").split("/"))


def model_json(view: ModelView) -> JsonObject:
    """A `runner/model/1` document."""
    return {
        "schema": "runner/model/1",
        "commit": view.commit,
        "model": _model_json(view.model),
        "processes": list(view.processes),
        "decisions": list(view.decisions),
        "calls": [{"what": what, "model": model} for what, model in view.calls],
        "problems": list(view.problems),
        "properties": dict(view.model.properties),
    }


def model_facts(view: ModelView) -> Iterator[list[str]]:
    """What is known of a model, fact by fact."""
    yield ["id", view.model.id]
    yield ["commit", view.commit or "not committed (work tree)"]
    description = view.model.properties.get("description")
    if isinstance(description, str) and description.strip():
        yield ["about", one_line(description)]
    if view.model.primary_process:
        yield ["process", view.model.primary_process]
    for what, ids in (("processes", view.processes), ("decisions", view.decisions)):
        if ids:
            yield [what, ", ".join(ids)]
    for what, model in view.calls:
        yield ["calls", f"{what} ({model})" if model else f"{what}, which is in no model here"]
    for problem in view.problems:
        yield ["problem", one_line(problem)]


def log_json(commits: Sequence[Commit]) -> JsonObject:
    """A `runner/log/1` document."""
    return {"schema": "runner/log/1", "commits": [_commit_json(each) for each in commits]}


def _commit_json(each: Commit) -> JsonObject:
    return {
        "id": each.id,
        "date": each.date,
        "author": each.author,
        "committer": each.committer,
        "subject": each.subject,
    }


def log_cells(commits: Sequence[Commit]) -> list[list[str]]:
    """Commit, time, author and subject."""
    return [[short(each.id), when(each.date), one_line(each.author), one_line(each.subject)] for each in commits]


# How it stands


def status_json(status: Status) -> JsonObject:
    """A `runner/status/1` document."""
    return {
        "schema": "runner/status/1",
        "folder": str(status.folder),
        "commit": status.commit,
        "branch": status.branch,
        "remote": status.remote,
        "upstream": status.upstream,
        "ahead": status.ahead,
        "behind": status.behind,
        "dirty": bool(status.changes),
        "under_way": status.under_way,
        "stranded": [_commit_json(each) for each in status.stranded],
        "changes": [{"path": each.path, "what": each.what} for each in status.changes],
    }


def status_facts(status: Status) -> Iterator[list[str]]:
    """How a repository stands, fact by fact."""
    yield ["models", str(status.folder)]
    yield ["commit", f"{status.commit or 'none yet'} on {status.branch or 'no branch'}"]
    if status.remote is None:
        yield ["remote", "none"]
    else:
        yield ["remote", one_line(status.remote)]
        yield ["branch there", status.upstream or "not known; runner repo status --fetch looks"]
        yield ["ahead, behind", f"{status.ahead}, {status.behind}"]
    if status.under_way:
        yield ["under way", "a rebase or merge that has not ended"]


def stranded_cells(status: Status) -> list[list[str]]:
    """Commits that no push has brought to the remote."""
    return log_cells(status.stranded)


def change_cells(status: Status) -> list[list[str]]:
    """Files that differ from the last commit."""
    return [[each.what, one_line(each.path)] for each in status.changes]


# What was done


def made_json(made: NewFiles, saved: SaveResult | None) -> JsonObject:
    """A `runner/made/1` document."""
    return {
        "schema": "runner/made/1",
        "id": made.id,
        "kind": made.kind,
        "files": list(made.files),
        "saved": None if saved is None else _saved_json(saved),
    }


def saved_json(saved: SaveResult) -> JsonObject:
    """A `runner/saved/1` document."""
    return {"schema": "runner/saved/1", **_saved_json(saved)}


def _saved_json(saved: SaveResult) -> JsonObject:
    return {
        "commit": saved.commit,
        "branch": saved.branch,
        "files": list(saved.files),
        "pushed": None if saved.pushed is None else pushed_part(saved.pushed),
    }


def pushed_json(pushed: PushResult) -> JsonObject:
    """A `runner/pushed/1` document."""
    return {"schema": "runner/pushed/1", **pushed_part(pushed)}


def pushed_part(pushed: PushResult) -> JsonObject:
    """The key `pushed` of documents that have more to tell."""
    return {
        "outcome": pushed.outcome,
        "branch": pushed.branch,
        "commit": pushed.commit,
        "commits": pushed.commits,
        "rebased": pushed.rebased,
        "reason": pushed.reason,
        "hint": pushed.hint,
    }


def saved_sentences(saved: SaveResult) -> list[str]:
    """What a save did, in sentences."""
    if saved.commit is None:
        told = ["Nothing had changed, so nothing was committed."]
    else:
        files = "1 file" if len(saved.files) == 1 else f"{len(saved.files)} files"
        told = [f"Committed {files} as {short(saved.commit)} on {saved.branch}."]
    return told + ([] if saved.pushed is None else pushed_sentences(saved.pushed))


def pushed_sentences(pushed: PushResult) -> list[str]:
    """What became of the commits that the remote lacked, in sentences."""
    count = "1 commit" if pushed.commits == 1 else f"{pushed.commits} commits"
    if pushed.outcome == "pushed":
        how = ", on top of what others had pushed" if pushed.rebased else ""
        return [f"Pushed {count} to {pushed.branch}{how}."]
    if pushed.outcome == "failed":
        waits = "waits" if pushed.commits == 1 else "wait"
        return [
            f"{count} could not be pushed and {waits} here: {pushed.reason}",
            *([pushed.hint] if pushed.hint else []),
            "The next save pushes again; so does: runner repo push",
        ]
    if pushed.outcome == "no-remote":
        return ["There is no remote, so nothing was pushed."]
    return ["The remote has it all already."]


# From branch to branch


def published_json(done: Publication) -> JsonObject:
    """A `runner/published/1` document."""
    return {
        "schema": "runner/published/1",
        "outcome": done.outcome,
        "base": done.base,
        "branch": done.branch,
        "commit": done.commit,
        "source": done.source,
        "models": list(done.models),
        "files": list(done.files),
        "groups": list(done.groups),
        "url": done.url,
        "remote": done.remote,
        "updated": done.updated,
    }


def published_sentences(done: Publication) -> Iterator[str]:
    """What publishing did, in sentences."""
    if done.outcome == "nothing":
        yield f"Nothing to publish: {done.base} has it all."
    else:
        made = "Would publish" if done.outcome == "planned" else "Published"
        branch = f"{done.branch}, which was there" if done.updated else f"{done.branch}"
        files = "1 file differs" if len(done.files) == 1 else f"{len(done.files)} files differ"
        yield f"{made} {', '.join(done.models)} to {branch}; {files} from {done.base}."
    for path in done.groups:
        yield f"{path} differs too, and was left as {done.base} has it."
    if done.url is not None:
        yield f"Merge it at: {done.url}"
    elif done.outcome == "published":
        yield f"Merge that branch into {done.base} of {done.remote}."


def promoted_json(merge: Merge, models: Sequence[JsonObject], *, merged: bool) -> JsonObject:
    """A `runner/promoted/1` document."""
    return {
        "schema": "runner/promoted/1",
        "from": merge.source,
        "to": merge.target,
        "outcome": _outcome(merge, merged=merged),
        "old": merge.old,
        "new": merge.new,
        "commit": merge.merge if merged else None,
        "models": list(models),
    }


def _outcome(merge: Merge, *, merged: bool) -> str:
    return "merged" if merged else "nothing" if merge.outcome == "nothing" else "not-merged"


def promoted_sentences(merge: Merge, *, merged: bool) -> Iterator[str]:
    """What promoting did, in sentences."""
    if merge.outcome == "nothing":
        yield f"Nothing to merge: {merge.target} has all of {merge.source}."
        return
    models = "1 model changes" if len(merge.models) == 1 else f"{len(merge.models)} models change"
    if merged:
        yield f"Merged {merge.source} into {merge.target} as {short(merge.merge)}; {models}."
    else:
        yield f"Nothing was merged; {models} if {merge.source} is merged into {merge.target}."
