"""Bringing chosen models, with what they depend on, to another branch, in a branch of their own that can be merged."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal

from msgspec import Struct

from spiffcli.errors import ConfigError, ConflictError, InputError, ModelError, NotFoundError, StateError
from spiffcli.repo.contents import Contents, find_model
from spiffcli.repo.git import Git, compare_url, shown
from spiffcli.repo.layout import GROUP_FILE, MODEL_FILE
from spiffcli.repo.pull import merged_tree
from spiffcli.repo.repository import Repository
from spiffcli.repo.save import came_second, commit_tree
from spiffcli.repo.snapshots import AtCommit

#: How often a push is tried, where others publish at the same time.
_ATTEMPTS = 5

#: Where the branches of the repository that is published to are noted.
_NOTED = "refs/runner/publish"

_NONE = "0" * 40


class Published(Struct, frozen=True):
    """What publishing did.

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
    branch: str | None
    commit: str | None
    source: str
    models: tuple[str, ...]
    files: tuple[str, ...]
    url: str | None
    remote: str
    updated: bool = False
    groups: tuple[str, ...] = ()


class Wish(Struct, frozen=True):
    """What is to be published.

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


def publish(repository: Repository, wish: Wish) -> Published:
    """Bring models to a branch of the remote that can be merged into `wish.to`. Nothing here changes.

    Raises:
        ConfigError: It is not set where to publish to.
        NotFoundError: There is no such model, revision or target branch.
        ModelError: A model cannot be read, or something it calls is missing.
        InputError: A branch cannot have this name.
        ConflictError: The branch is there, and cannot be brought up to date.
        GitError: The remote cannot be reached.
    """
    to = wish.to or repository.settings.publish_target_branch
    if to is None:
        raise ConfigError(
            "It is not set which branch to publish to.",
            hint="Name it with --to BRANCH, or set RUNNER_GIT_PUBLISH_TARGET_BRANCH.",
        )
    base = repository.check_branch(to)
    branch = repository.check_branch(wish.branch or _branch_name(wish.models, base))
    if branch == base:
        hint = "Choose another name with --branch."
        raise InputError(f"The branch '{base}' cannot be published to itself.", hint=hint)
    url = repository.settings.publish_clone_url or repository.require_remote()
    source = repository.snapshot(wish.revision)
    closure = _closure(source, wish)
    with repository.locked("publish"), repository.git.reaching(url) as git:
        for _ in range(_ATTEMPTS):
            done = _Publishing(repository, git, url, base, branch, source, wish).publish(closure)
            if done is not None:
                return done
    raise StateError("Others published to this branch all the time.", hint="Try again.")


def _branch_name(models: Sequence[str], base: str) -> str:
    """`publish-MODEL-to-BASE`, readable for one model and the same each time for several."""
    what = models[0].strip("/") if len(models) == 1 else f"{len(models)}-models-{_digest(models)}"
    words = "".join(each if each.isalnum() or each in "/-_." else "-" for each in what)
    return f"publish-{words}-to-{base}"


def _digest(models: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(sorted(models)).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _closure(source: AtCommit, wish: Wish) -> list[str]:
    """Ids of the models to publish, called ones first."""
    contents = Contents(source)
    found: dict[str, None] = {}
    missing: list[str] = []
    for id in wish.models:
        model = find_model(source, id).id
        closure = contents.closure(model)
        missing += closure.missing
        if not wish.only:
            found.update(dict.fromkeys(reversed(closure.models)))
        found[model] = found.pop(model, None)
    if missing:
        raise ModelError(
            f"What is published calls what no model of the repository has: {'; '.join(dict.fromkeys(missing))}.",
            hint="Add the missing models first, or mend the references.",
            missing=list(dict.fromkeys(missing)),
        )
    return list(found)


class _Publishing:
    def __init__(
        self, repository: Repository, git: Git, url: str, base: str, branch: str, source: AtCommit, wish: Wish
    ) -> None:
        self.repository = repository
        self.git = git
        self.url = url
        self.base = base
        self.branch = branch
        self.source = source
        self.wish = wish
        self.prefix = repository.prefix

    def publish(self, models: list[str]) -> Published | None:
        """Publish once; None where somebody else moved the branch meanwhile."""
        base = self._look(self.base)
        if base is None:
            raise NotFoundError(
                f"{shown(self.url)} has no branch '{self.base}'.",
                hint=f"Make it there, from what it is to begin with: git push URL COMMIT:refs/heads/{self.base}",
                candidates=[],
            )
        before = self._look(self.branch)
        start = base if before is None else self._up_to_date(before, base)
        if self.wish.only:
            self._refuse_missing(base, models)
        tip, changed, groups = self._commits(start, models)
        differs = self._differs(base, tip)
        kept = [model for model in models if any(self._is_of(path, model) for path in differs)]
        outcome: Literal["published", "nothing", "planned"] = "planned" if self.wish.dry_run else "published"
        if not differs:
            return self._told("nothing", None, None, [], differs, groups)
        if not self.wish.dry_run and tip != before and not self._push(tip):
            return None
        return self._told(outcome, self.branch, tip, kept or changed, differs, groups, updated=before is not None)

    def _told(
        self,
        outcome: Literal["published", "nothing", "planned"],
        branch: str | None,
        commit: str | None,
        models: Sequence[str],
        files: Sequence[str],
        groups: Sequence[str],
        *,
        updated: bool = False,
    ) -> Published:
        page = None
        if branch is not None and outcome == "published":
            page = compare_url(self.url, self.base, branch, self.repository.settings.forge)
        dry = outcome == "planned"
        return Published(
            outcome,
            self.base,
            branch,
            None if dry else commit,
            str(self.source.commit),
            tuple(models),
            tuple(files),
            page,
            shown(self.url),
            updated,
            tuple(groups),
        )

    def _look(self, branch: str) -> str | None:
        noted = f"{_NOTED}/{branch}"
        refspec = f"+refs/heads/{branch}:{noted}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options")
        answer = self.git.ask("fetch", *options, self.url, refspec)
        if answer.code == 0:
            return self.repository.git.commit(noted)
        if "couldn't find remote ref" in answer.error:
            return None
        raise self.git.failed(answer, f"Looking at {shown(self.url)}")

    def _up_to_date(self, before: str, base: str) -> str:
        """The branch as it is there, with what the base has got since."""
        if self.repository.is_ancestor(base, before):
            return before
        if self.repository.is_ancestor(before, base):  # it was merged
            return base
        own = [f"{self.prefix}{id}/" for id in self._everything_published()]
        tree, conflicts = merged_tree(self.repository, before, base)
        others = [path for path in conflicts if not path.startswith(tuple(own))]
        if others:
            raise ConflictError(
                f"The branch '{self.branch}' cannot be brought up to date with '{self.base}': "
                f"both changed {', '.join(others)}. Nothing was published.",
                hint="Delete that branch, or choose another name with --branch.",
                files=others,
            )
        return commit_tree(self.repository, tree, [before, base], f"Bring up to date with {self.base}")

    def _everything_published(self) -> list[str]:
        return _closure(self.source, self.wish)

    def _commits(self, start: str, models: Sequence[str]) -> tuple[str, list[str], list[str]]:
        """One commit for each model that differs; where they end, which ones differ, and groups that stay different."""
        tip, changed, different = start, [], []
        for model in models:
            with self._index(tip) as git:
                different += self._put_groups(git, tip, model)
                self._put_model(git, tip, model)
                tree = git.text("write-tree")
            if tree != self.repository.git.text("rev-parse", f"{tip}^{{tree}}"):
                tip = commit_tree(self.repository, tree, [tip], self._message(model))
                changed.append(model)
        return tip, changed, list(dict.fromkeys(different))

    @contextmanager
    def _index(self, commit: str) -> Iterator[Git]:
        with tempfile.TemporaryDirectory(prefix="runner-index-") as folder:
            git = self.repository.git.with_variables({"GIT_INDEX_FILE": str(Path(folder) / "index")})
            git.run("read-tree", commit)
            yield git

    def _put_model(self, git: Git, tip: str, model: str) -> None:
        """The folder of the model as the source has it: files that are not there any more go."""
        there = AtCommit(self.repository.git, tip, self.prefix).entries
        gone = [f"0 {_NONE}\t{self.prefix}{path}" for path in there if path.startswith(f"{model}/")]
        new = [
            f"{entry.mode} {entry.blob}\t{self.prefix}{path}"
            for path, entry in self.source.entries.items()
            if path.startswith(f"{model}/")
        ]
        lines = "".join(f"{line}\0" for line in (*gone, *new))
        git.run("update-index", "-z", "--index-info", input=lines.encode("utf-8", "surrogateescape"))

    def _put_groups(self, git: Git, tip: str, model: str) -> list[str]:
        """The files of groups above the model that the target lacks; those it has and that differ are told."""
        there = AtCommit(self.repository.git, tip, self.prefix).entries
        different = []
        for parent in PurePosixPath(model).parents:
            path = str(parent / GROUP_FILE)
            ours, theirs = self.source.entries.get(path), there.get(path)
            if ours is not None and theirs is None:
                git.run("update-index", "--add", "--cacheinfo", f"{ours.mode},{ours.blob},{self.prefix}{path}")
            elif ours is not None and theirs is not None and ours.blob != theirs.blob:
                different.append(f"{self.prefix}{path}")
        return different

    def _message(self, model: str) -> str:
        where = self.repository.settings.environment
        whence = f" on {where}" if where is not None else ""
        return (
            f"Publish {model} to {self.base}\n\nAs it is in {self.source.commit}, from {self.repository.user}{whence}."
        )

    def _differs(self, base: str, tip: str) -> list[str]:
        """Files in which the tip differs from the base, beside what the base alone has got."""
        output = self.repository.git.run("diff-tree", "-r", "--name-only", "-z", base, tip).output
        return [name for name in output.decode("utf-8", "surrogateescape").split("\0") if name]

    def _is_of(self, path: str, model: str) -> bool:
        return path.startswith(f"{self.prefix}{model}/")

    def _refuse_missing(self, base: str, models: Sequence[str]) -> None:
        """Refuse where a model calls one that the target lacks."""
        there = AtCommit(self.repository.git, base, self.prefix).entries
        contents = Contents(self.source)
        needed = {other for model in models for other in contents.closure(model).models} - set(models)
        missing = sorted(id for id in needed if f"{id}/{MODEL_FILE}" not in there)
        if missing:
            raise ModelError(
                f"'{self.base}' lacks what is called: {', '.join(missing)}. Nothing was published.",
                hint="Publish them too: leave --only out.",
                missing=missing,
            )

    def _push(self, tip: str) -> bool:
        """Bring the branch there; False where somebody else was first."""
        words = ("--porcelain", "--no-verify", "--end-of-options", self.url, f"{tip}:refs/heads/{self.branch}")
        answer = self.git.ask("push", *words)
        if answer.code == 0:
            return True
        if came_second(answer):
            return False
        raise self.git.failed(answer, "The push")
