"""Bringing chosen models, with what they depend on, to another branch, in a branch of their own that can be merged."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.errors import ConfigError, ConflictError, InputError, ModelError, NotFoundError, StateError
from spiffcli.repo.contents import RepoContents, find_model
from spiffcli.repo.git import Git, compare_url, shown
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE
from spiffcli.repo.pull import merged_tree
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import came_second, commit_tree, push_commit
from spiffcli.repo.snapshots import CommitSnapshot, TreeEntry

#: How often a push is tried, where others publish at the same time.
_ATTEMPTS = 5

#: Where the branches of the repository that is published to are noted.
_NOTED = "refs/runner/publish"

_NONE = "0" * 40


class Publication(Struct, frozen=True, kw_only=True):
    """Result of publishing.

    Attributes:
        outcome: `published`; `nothing`, where the target has it all; `planned` for a dry run.
        base: The branch it is to be merged into.
        branch: The branch that was made or moved; None where nothing differs.
        commit: Where that branch is.
        source: The commit the models were taken from.
        models: Ids of the models that differ, called ones first.
        files: What differs from the base, from the root of the repository.
        url: Page on which it can be looked at and merged, or None where the forge is not known.
        remote: Address of the repository, without secrets.
        updated: Whether the branch was there already.
        groups: Files of groups that differ and were not published, since the target has its own.
    """

    outcome: Literal["published", "nothing", "planned"]
    base: str
    branch: str | None = None
    commit: str | None = None
    source: str
    models: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    url: str | None = None
    remote: str
    updated: bool = False
    groups: tuple[str, ...] = ()


class PublishRequest(Struct, frozen=True):
    """Models to publish, and where to.

    Attributes:
        to: The branch it is to be merged into; None takes the one that is set.
        branch: Name of the branch that is made; None makes one up from the models.
        revision: Where the models are taken from; None takes the last commit.
        only: Leave out what the models call; refused where the target lacks it.
        dry_run: Say what would be done.
    """

    models: tuple[str, ...]
    to: str | None = None
    branch: str | None = None
    revision: str | None = None
    only: bool = False
    dry_run: bool = False


def publish(repository: Repository, request: PublishRequest) -> Publication:
    """Bring models to a branch of the remote that can be merged into `request.to`. Nothing here changes.

    Raises:
        ConfigError: It is not set where to publish to.
        NotFoundError: There is no such model, revision or target branch.
        ModelError: A model cannot be read, or something it calls is missing.
        InputError: A branch cannot have this name.
        ConflictError: The branch is there, and cannot be brought up to date.
        GitError: The remote cannot be reached.
    """
    to = request.to or repository.settings.publish_target_branch
    if to is None:
        raise ConfigError(
            "It is not set which branch to publish to.",
            hint="Name it with --to BRANCH, or set RUNNER_GIT_PUBLISH_TARGET_BRANCH.",
        )
    base = repository.check_branch(to)
    branch = repository.check_branch(request.branch or _branch_name(request.models, base))
    if branch == base:
        hint = "Choose another name with --branch."
        raise InputError(f"The branch '{base}' cannot be published to itself.", hint=hint)
    url = repository.settings.publish_clone_url or repository.require_remote()
    source = repository.snapshot(request.revision)
    models = _models_to_publish(source, request)
    with repository.locked("publish"), repository.git.reaching(url) as git:
        for _ in range(_ATTEMPTS):
            done = _Publisher(repository, git, url, base, branch, source, request, models).publish()
            if done is not None:
                return done
    raise StateError("Others published to this branch all the time.", hint="Try again.")


def _branch_name(models: Sequence[str], base: str) -> str:
    """Return `publish-MODEL-to-BASE`, readable for one model and the same each time for several."""
    what = models[0].strip("/") if len(models) == 1 else f"{len(models)}-models-{_digest(models)}"
    words = "".join(each if each.isalnum() or each in "/-_." else "-" for each in what)
    return f"publish-{words}-to-{base}"


def _digest(models: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(sorted(models)).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _models_to_publish(source: CommitSnapshot, request: PublishRequest) -> list[str]:
    """Return the ids of the models to publish, called ones first."""
    contents = RepoContents(source)
    found: dict[str, None] = {}
    missing: list[str] = []
    for id in request.models:
        model = find_model(source, id).id
        closure = contents.closure(model)
        missing += closure.missing
        if not request.only:
            found.update(dict.fromkeys(reversed(closure.models)))
        found[model] = found.pop(model, None)
    if missing:
        raise ModelError(
            f"What is published calls what no model of the repository has: {'; '.join(dict.fromkeys(missing))}.",
            hint="Add the missing models first, or mend the references.",
            missing=list(dict.fromkeys(missing)),
        )
    return list(found)


class _Publisher(Struct):
    """One attempt to publish."""

    repository: Repository
    git: Git
    url: str
    base: str
    branch: str
    source: CommitSnapshot
    request: PublishRequest
    models: list[str]

    def publish(self) -> Publication | None:
        """Publish once; None where somebody else moved the branch meanwhile."""
        base = self._fetch(self.base)
        if base is None:
            raise NotFoundError(
                f"{shown(self.url)} has no branch '{self.base}'.",
                hint=f"Make it there, from what it is to begin with: git push URL COMMIT:refs/heads/{self.base}",
                candidates=[],
            )
        before = self._fetch(self.branch)
        start = base if before is None else self._up_to_date(before, base)
        if self.request.only:
            self._refuse_missing(base)
        tip, changed, groups = self._commits(start)
        files = self.repository.git.run("diff-tree", "-r", "--name-only", "-z", base, tip).names
        done = Publication(
            outcome="nothing",
            base=self.base,
            source=str(self.source.commit),
            files=tuple(files),
            remote=shown(self.url),
            groups=tuple(groups),
        )
        if not files:
            return done
        models = [model for model in self.models if any(path.startswith(self._folder(model)) for path in files)]
        done = replace(
            done, outcome="planned", branch=self.branch, models=tuple(models or changed), updated=before is not None
        )
        if self.request.dry_run:
            return done
        if tip != before and not self._push(tip):
            return None
        page = compare_url(self.url, self.base, self.branch, self.repository.settings.forge)
        return replace(done, outcome="published", commit=tip, url=page)

    def _fetch(self, branch: str) -> str | None:
        """Return the commit of a branch there, or None."""
        noted = f"{_NOTED}/{branch}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options")
        answer = self.git.ask("fetch", *options, self.url, f"+refs/heads/{branch}:{noted}")
        if answer.code == 0:
            return self.git.commit(noted)
        if "couldn't find remote ref" in answer.error:
            return None
        raise self.git.failed(answer, f"Looking at {shown(self.url)}")

    def _folder(self, model: str) -> str:
        return f"{self.repository.prefix}{model}/"

    def _up_to_date(self, before: str, base: str) -> str:
        """Return the branch as it is there, with what the base has got since."""
        if self.repository.is_ancestor(base, before):
            return before
        if self.repository.is_ancestor(before, base):  # it was merged
            return base
        tree, conflicts = merged_tree(self.repository, before, base)
        others = [path for path in conflicts if not path.startswith(tuple(map(self._folder, self.models)))]
        if others:
            raise ConflictError(
                f"The branch '{self.branch}' cannot be brought up to date with '{self.base}': "
                f"both changed {', '.join(others)}. Nothing was published.",
                hint="Delete that branch, or choose another name with --branch.",
                files=others,
            )
        return commit_tree(self.repository, tree, [before, base], f"Bring up to date with {self.base}")

    def _commits(self, start: str) -> tuple[str, list[str], list[str]]:
        """One commit for each model that differs; where they end, which ones differ, and groups that stay different."""
        tip, changed, different = start, [], []
        for model in self.models:
            with self._index(tip) as git:
                there = CommitSnapshot(git, tip, self.repository.prefix).entries
                different += self._put_groups(git, there, model)
                self._put_model(git, there, model)
                tree = git.text("write-tree")
            if tree != self.git.text("rev-parse", f"{tip}^{{tree}}"):
                tip = commit_tree(self.repository, tree, [tip], self._message(model))
                changed.append(model)
        return tip, changed, list(dict.fromkeys(different))

    @contextmanager
    def _index(self, commit: str) -> Iterator[Git]:
        with tempfile.TemporaryDirectory(prefix="runner-index-") as folder:
            git = self.repository.git.with_variables({"GIT_INDEX_FILE": str(Path(folder) / "index")})
            git.run("read-tree", commit)
            yield git

    def _put_model(self, git: Git, there: Mapping[str, TreeEntry], model: str) -> None:
        """Make the folder of the model as the source has it: files that are not there any more go."""
        prefix, start = self.repository.prefix, f"{model}/"
        gone = [f"0 {_NONE}\t{prefix}{path}" for path in there if path.startswith(start)]
        entries = self.source.entries.items()
        new = [f"{entry.mode} {entry.blob}\t{prefix}{path}" for path, entry in entries if path.startswith(start)]
        lines = "".join(f"{line}\0" for line in (*gone, *new))
        git.run("update-index", "-z", "--index-info", input=lines.encode("utf-8", "surrogateescape"))

    def _put_groups(self, git: Git, there: Mapping[str, TreeEntry], model: str) -> list[str]:
        """Add the files of groups above the model that the target lacks; return those it has and that differ."""
        different = []
        for parent in PurePosixPath(model).parents:
            path = str(parent / GROUP_FILE)
            ours, theirs = self.source.entries.get(path), there.get(path)
            name = f"{self.repository.prefix}{path}"
            if ours is not None and theirs is None:
                git.run("update-index", "--add", "--cacheinfo", f"{ours.mode},{ours.blob},{name}")
            elif ours is not None and theirs is not None and ours.blob != theirs.blob:
                different.append(name)
        return different

    def _message(self, model: str) -> str:
        where = self.repository.settings.environment
        whence = f" on {where}" if where is not None else ""
        return (
            f"Publish {model} to {self.base}\n\nAs it is in {self.source.commit}, from {self.repository.user}{whence}."
        )

    def _refuse_missing(self, base: str) -> None:
        """Raise ModelError where a model calls one that the target lacks."""
        there = CommitSnapshot(self.git, base, self.repository.prefix).entries
        contents = RepoContents(self.source)
        needed = {other for model in self.models for other in contents.closure(model).models} - set(self.models)
        missing = sorted(id for id in needed if f"{id}/{MODEL_FILE}" not in there)
        if missing:
            raise ModelError(
                f"'{self.base}' lacks what is called: {', '.join(missing)}. Nothing was published.",
                hint="Publish them too: leave --only out.",
                missing=missing,
            )

    def _push(self, tip: str) -> bool:
        """Bring the branch there; return False where somebody else was first."""
        answer = push_commit(self.repository, self.git, self.branch, tip, to=self.url)
        if answer.code != 0 and not came_second(answer):
            raise self.git.failed(answer, "The push")
        return answer.code == 0
