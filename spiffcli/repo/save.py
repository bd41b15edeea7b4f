"""Committing what was changed, and bringing it to the remote."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from spiffcli.errors import ConflictError, InputError, ModelError, RunnerError, StateError
from spiffcli.repo.contents import FileFacts, is_model_file, read_facts
from spiffcli.repo.git import Git, GitOutput
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE, is_hidden, owner
from spiffcli.repo.pull import check_free, fetch, move, rebased
from spiffcli.repo.repository import Repository
from spiffcli.repo.snapshots import CommitSnapshot

#: How often a push is tried, where others push at the same time.
_ATTEMPTS = 8

#: What remotes say where a push came second.
_SECOND = (
    "[rejected]",
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
)

_NONE = "0" * 40


class PushResult(Struct, frozen=True):
    """What became of the commits that the remote lacks.

    Attributes:
        outcome: `pushed`; `nothing`, where the remote has all; `no-remote`; or `failed`.
        commit: Where the branch stands now.
        commits: How many were pushed, or still wait.
        rebased: Whether they were put on top of what others had pushed.
        reason: Why it failed.
        hint: The way out.
    """

    outcome: Literal["pushed", "nothing", "no-remote", "failed"]
    branch: str
    commit: str | None
    commits: int = 0
    rebased: bool = False
    reason: str | None = None
    hint: str | None = None


class SaveResult(Struct, frozen=True):
    """What `save` did.

    Attributes:
        commit: The new commit, as it is called now; None where nothing had changed.
        files: What it changed, from the root of the repository.
        pushed: What became of it; None where nothing was to be pushed.
    """

    commit: str | None
    branch: str
    files: tuple[str, ...]
    pushed: PushResult | None


def save(
    repository: Repository,
    paths: Sequence[str],
    message: str,
    *,
    push: bool = True,
    check: bool = True,
    base: str | None = None,
) -> SaveResult:
    """Commit what changed in `paths`, and nothing else, and push it.

    Args:
        paths: From the root of the repository; the folder of the models where there are none.
        push: Bring it to the remote, with whatever a push did not bring there before.
        check: Refuse models that cannot be read, and processes that there are twice.
        base: The revision the paths were edited at; refused where they have changed since then.

    Raises:
        InputError: The message is empty, or there is nothing at one of the paths.
        ModelError: A model in it cannot be read (with `check`).
        ConflictError: The paths have changed since `base`.
        StateError: No branch is checked out, or not the source branch.
        BusyError: Another command has been changing the repository for too long.
    """
    if not message.strip():
        raise InputError("A commit needs a message.", hint="runner repo save -m 'why it was changed'")
    with repository.locked("save"):
        branch = repository.source_branch()
        if base is not None:
            _check_unchanged(repository, paths, base)
        commit, files = commit_paths(repository, branch, paths, message, check=check)
        pushed = push_branch(repository, branch) if push else None
        if pushed is not None and pushed.rebased and commit is not None:
            commit = pushed.commit
    return SaveResult(commit, branch, files, pushed)


def push_all(repository: Repository) -> PushResult:
    """Push the commits that no push has brought to the remote.

    Raises:
        ConfigError: There is no remote.
        StateError: No branch is checked out, or not the source branch.
        BusyError: Another command has been changing the repository for too long.
    """
    repository.require_remote()
    with repository.locked("push"):
        return push_branch(repository, repository.source_branch())


def named_paths(repository: Repository, names: Iterable[str], cwd: Path) -> list[str]:
    """Paths from the root of the repository of what a user names: files and folders from here, or models by id.

    Raises:
        InputError: One lies outside of the folder of the models, or is nothing.
    """
    return [_named_path(repository, name, cwd) for name in names]


def _named_path(repository: Repository, name: str, cwd: Path) -> str:
    top, folder = repository.git.folder, repository.folder
    for place in (cwd / name, folder / name):
        whole = place.parent.resolve() / place.name if place.name not in ("", "..") else place.resolve()
        if not whole.is_relative_to(folder):
            continue
        path = whole.relative_to(top).as_posix()
        if whole.exists() or whole.is_symlink() or repository.git.ask("ls-files", "--", path).output:
            return path
    if not (cwd / name).exists():
        raise InputError(f"There is nothing at {name}.", hint="runner repo status lists what changed.", file=name)
    raise InputError(f"{name} lies outside of the models, which are in {folder}.", file=name)


def _check_unchanged(repository: Repository, paths: Sequence[str], base: str) -> None:
    head, _ = repository.head()
    if head is None:
        return
    below = ["--", *paths] if paths else []
    command = ("diff-tree", "-r", "--name-only", "-z", repository.resolve(base), head)
    changed = [name for name in repository.git.run(*command, *below).text.split("\0") if name]
    if changed:
        raise ConflictError(
            f"Since {base} somebody else changed {', '.join(changed)}. Nothing was committed.",
            hint="Look at what changed (git diff), bring the two together, and save again with the newer --base.",
            files=changed,
        )


def commit_paths(
    repository: Repository, branch: str, paths: Sequence[str], message: str, *, check: bool = True
) -> tuple[str | None, tuple[str, ...]]:
    """Commit what changed in `paths` on the branch that is checked out. For whoever holds the lock.

    The index of the user is left alone but for these paths: it may hold what they have prepared.

    Returns:
        The new commit and what it changed; None and nothing where nothing had changed.
    """
    repository.work_tree()  # a bare repository has none
    below = list(paths) or [repository.prefix or "."]
    parent = repository.tip(branch)
    with tempfile.TemporaryDirectory(prefix="runner-index-") as folder:
        git = repository.git.with_variables({"GIT_INDEX_FILE": str(Path(folder) / "index")})
        git.run("read-tree", parent if parent is not None else "--empty")
        git.run("add", "--all", "--", *below)
        tree = git.text("write-tree")
    changed = _changed(repository, parent, tree)
    if not changed:
        return None, ()
    if check:
        vet(repository, parent, tree, changed)
    commit = commit_tree(repository, tree, [parent] if parent is not None else [], message)
    _advance(repository, branch, parent, commit, message)
    repository.git.run("reset", "--quiet", "--", *below)
    return commit, tuple(changed)


def _changed(repository: Repository, parent: str | None, tree: str) -> list[str]:
    if parent is None:
        answer = repository.git.run("ls-tree", "-r", "--name-only", "-z", "--full-tree", tree)
    else:
        answer = repository.git.run("diff-tree", "-r", "--name-only", "-z", parent, tree)
    return answer.names


def commit_tree(repository: Repository, tree: str, parents: Sequence[str], message: str) -> str:
    """A new commit of a tree, by the user, committed by the service account."""
    git = repository.git.with_variables(repository.identities())
    named = [word for parent in parents for word in ("-p", parent)]
    return git.run("commit-tree", tree, *named, input=message.strip().encode("utf-8", "surrogateescape") + b"\n").text


def _advance(repository: Repository, branch: str, old: str | None, new: str, message: str) -> None:
    subject = message.strip().splitlines()[0]
    answer = repository.git.ask("update-ref", "-m", f"commit: {subject}", f"refs/heads/{branch}", new, old or _NONE)
    if answer.code != 0:
        raise ConflictError(
            f"Somebody else moved the branch '{branch}' meanwhile. Nothing was committed.", hint="Try again."
        )


# Pushing


def push_branch(repository: Repository, branch: str) -> PushResult:
    """Bring a branch to the remote; whatever prevents it is told, and leaves everything here as it was.

    For whoever holds the lock.
    """
    url, local = repository.remote_url, repository.tip(branch)
    if url is None:
        return PushResult("no-remote", branch, local)
    if local is None or local == repository.git.commit(repository.tracking(branch)):
        return PushResult("nothing", branch, local)
    try:
        with repository.git.reaching(url) as git:
            return _push(repository, git, branch, local)
    except RunnerError as error:
        waiting = len(repository.status().stranded)
        return PushResult("failed", branch, local, waiting, reason=error.message, hint=error.hint)


def _push(repository: Repository, git: Git, branch: str, local: str) -> PushResult:
    tip, count = local, _lacking(repository, branch, local)
    for _ in range(_ATTEMPTS):
        answer = push_commit(repository, git, branch, tip)
        if answer.code == 0:
            repository.git.run("update-ref", repository.tracking(branch), tip)
            if tip != local:
                move(repository, branch, local, tip, "runner: rebase on what came from the remote")
            return PushResult("pushed", branch, tip, count, rebased=tip != local)
        if not came_second(answer):
            raise git.failed(answer, "The push")
        remote = fetch(repository, git, branch)
        if remote is None:
            continue
        tip = local if repository.is_ancestor(remote, local) else rebased(repository, local, remote)
        count = _lacking(repository, branch, tip)
        check_free(repository, local, tip)
        if tip == remote:  # the remote has it all, under other ids
            move(repository, branch, local, tip, "runner: rebase on what came from the remote")
            return PushResult("nothing", branch, tip, rebased=True)
    raise StateError("Others pushed all the time, so that this push came second again and again.", hint="Try again.")


def push_commit(repository: Repository, git: Git, branch: str, commit: str, *, to: str | None = None) -> GitOutput:
    """Ask the remote (or the repository `to`) to move a branch forward to `commit`; it is never forced."""
    where = to or repository.settings.remote
    return git.ask("push", "--porcelain", "--no-verify", "--end-of-options", where, f"{commit}:refs/heads/{branch}")


def came_second(answer: GitOutput) -> bool:
    """Whether a push was refused because somebody else had moved the branch."""
    said = answer.output.decode("utf-8", "replace") + answer.error
    return any(words in said for words in _SECOND)


def _lacking(repository: Repository, branch: str, commit: str) -> int:
    tracking = repository.tracking(branch)
    known = [f"^{tracking}"] if repository.git.commit(tracking) is not None else []
    return int(repository.git.text("rev-list", "--count", commit, *known, "--"))


# Models that can be read, and processes that there are once

_HINT = "Mend it, or commit it as it is with --no-check."


def vet(repository: Repository, parent: str | None, tree: str, changed: Sequence[str]) -> None:
    """Refuse what nobody could deploy.

    Args:
        tree: What is to be committed.
        changed: Files that differ from the parent, from the root of the repository.

    Raises:
        ModelError: A file of models that changed cannot be read, is a link, or defines a process that another file
            defines too.
    """
    prefix = repository.prefix
    paths = [path[len(prefix) :] for path in changed if path.startswith(prefix)]
    snapshot = CommitSnapshot(repository.git, tree, prefix)
    there = [path for path in paths if path in snapshot.entries and not is_hidden(path)]
    for path in there:
        if not snapshot.entries[path].is_file and owner(snapshot.model_ids, path) is not None:
            raise ModelError(f"{path} is a link, and links are not followed.", hint=_HINT, file=path)
        if path.rpartition("/")[2] in (MODEL_FILE, GROUP_FILE) and path in snapshot.layout.problems:
            raise ModelError(snapshot.layout.problems[path], hint=_HINT, file=path)
    models = [path for path in there if is_model_file(path) and snapshot.entries[path].is_file]
    contents = snapshot.read(models)
    facts = {path: read_facts(path, contents[path]) for path in models}
    for path, found in facts.items():
        if found.problem is not None:
            raise ModelError(found.problem, hint=_HINT, file=path)
    _refuse_twins(snapshot, facts, repository, tree)


def _refuse_twins(snapshot: CommitSnapshot, facts: dict[str, FileFacts], repository: Repository, tree: str) -> None:
    ids = {id: path for path, found in facts.items() for kind, id in found.defines if kind == "process"}
    if not ids:
        return
    asked = [word for id in ids for word in ("-e", id)]
    prefix = repository.prefix
    below = ["--", prefix] if prefix else []
    names = repository.git.ask("grep", "-l", "-z", "-F", "--full-name", *asked, tree, *below).names
    others = [name.partition(":")[2][len(prefix) :] for name in names]
    others = [path for path in others if is_model_file(path) and path not in facts and snapshot.entries[path].is_file]
    contents = snapshot.read(others)
    all_facts = facts | {path: read_facts(path, contents[path]) for path in others}
    seen: dict[str, str] = {}
    for path, found in all_facts.items():
        for kind, id in found.defines:
            if kind == "process" and id in ids and owner(snapshot.model_ids, path) is not None:
                if seen.setdefault(id, path) != path:
                    raise ModelError(
                        f"The process '{id}' is defined in {seen[id]} and in {path}; ids of processes are unique.",
                        hint="Give one of them another id, or commit it as it is with --no-check.",
                        file=path,
                        element=id,
                    )
