"""A model repository: where it is, which branch counts, who may change it now, and how it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal

from msgspec import Struct

from spiffcli.config import GitSettings, Settings, load_git_settings
from spiffcli.errors import ConfigError, InputError, NotFoundError, ReadOnlyError, StateError
from spiffcli.repo.git import Git, shown
from spiffcli.repo.snapshots import CommitSnapshot, RepoSnapshot, WorkTree
from spiffcli.store.locks import Holder, hold_file, plain_errors
from spiffcli.values import Instance

#: Seconds to wait for the repository while another command changes it.
PATIENCE = 60.0

_NOBODY = "unknown"

_COMMIT = re.compile(r"[0-9a-f]{4,64}")

#: What a rebase or merge that a person began leaves behind in the folder of Git.
_UNDER_WAY = ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


class FileChange(Struct, frozen=True):
    """A file that differs from the last commit.

    Attributes:
        path: From the root of the repository.
        what: `changed`, `added`, `deleted`, `untracked` or `conflict`.
    """

    path: str
    what: Literal["changed", "added", "deleted", "untracked", "conflict"]


class Commit(Struct, frozen=True):
    """A commit in a list.

    Attributes:
        date: When it was written, ISO 8601 in UTC.
    """

    id: str
    date: str
    author: str
    committer: str
    subject: str


class Status(Struct, frozen=True):
    """How a repository stands.

    Attributes:
        commit: Full id; None before the first one.
        branch: That is checked out; None where none is.
        remote: Address of the remote without secrets, or None.
        upstream: Branch of the remote that is compared with, as `origin/main`, or None where it has none.
        behind: Commits of the remote, as it was last seen, that are missing here.
        stranded: Commits that no push has brought to the remote, newest first.
        changes: Files below the folder of the models that differ from the last commit.
        under_way: A rebase or merge that somebody began and has not ended.
    """

    folder: Path
    commit: str | None
    branch: str | None
    remote: str | None
    upstream: str | None
    behind: int
    stranded: tuple[Commit, ...]
    changes: tuple[FileChange, ...]
    under_way: bool

    @property
    def ahead(self) -> int:
        """Commits that the remote lacks."""
        return len(self.stranded)


class Repository:
    """The repository of the models, open.

    Attributes:
        git: Git, at its top.
        bare: Whether it has no work tree.
        prefix: Folder of the models below its top, with a slash at its end, or empty.
        common: The folder of Git that all its work trees share.
        chosen: Whether somebody said who works.
    """

    def __init__(
        self, git: Git, *, bare: bool, prefix: str, git_dir: Path, common: Path, user: str, chosen: bool = True
    ) -> None:
        self.git = git
        self.settings = git.settings
        self.bare = bare
        self.prefix = prefix
        self.git_dir = git_dir
        self.common = common
        self.chosen = chosen
        self._user = user

    @classmethod
    def open(cls, settings: GitSettings, user: str, cwd: Path | None = None, *, chosen: bool = True) -> Repository:
        """The repository that the settings name, or the one around `cwd` (default: the current folder).

        Args:
            user: Who works.
            chosen: Whether that was said; else whom Git knows goes before.

        Raises:
            InputError: There is none, or its folder of models is not there.
        """
        folder = (settings.models or cwd or Path.cwd()).resolve()
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.", hint=f"It is set by {settings.set_by('models')}.")
        asked = ("--is-bare-repository", "--absolute-git-dir", "--git-common-dir", "--show-prefix")
        answer = Git(folder, settings).ask("rev-parse", *asked)
        if answer.code != 0:
            raise _no_repository(folder, answer.error)
        lines = answer.text.split("\n")
        bare, git_dir, common = lines[0] == "true", Path(lines[1]), (folder / lines[2]).resolve()
        here = "" if bare or len(lines) < 4 else lines[3]
        top = git_dir if bare else folder
        for _ in here.strip("/").split("/") if here else ():
            top = top.parent
        # Without a setting the whole work tree is looked at, wherever in it somebody stands.
        prefix = here if settings.models is not None else ""
        subdir = f"{settings.subdir}/" if settings.subdir else ""
        if subdir and not f"/{prefix}".endswith(f"/{subdir}"):
            prefix += subdir
        if not bare and not (top / prefix).is_dir():
            raise InputError(f"There is no folder {top / prefix}.", hint=f"It is set by {settings.set_by('subdir')}.")
        git = Git(top, settings)
        return cls(git, bare=bare, prefix=prefix, git_dir=git_dir, common=common, user=user, chosen=chosen)

    @property
    def folder(self) -> Path:
        """The folder of the models."""
        return self.git.folder / self.prefix

    # Commits

    def resolve(self, revision: str) -> str:
        """Full id of the commit that `revision` names.

        Raises:
            NotFoundError: There is none.
        """
        commit = self.git.commit(revision)
        if commit is None:
            raise NotFoundError(
                f"The repository has no revision '{revision}'.",
                hint="Name a commit, branch or tag that git log shows. "
                "Was the history rewritten, or is the clone shallow?",
                candidates=[],
            )
        return commit

    def head(self) -> tuple[str | None, str | None]:
        """The commit and the branch that count: those checked out; in a bare repository those of the source branch."""
        if self.bare and self.settings.source_branch is not None:
            return self.tip(self.settings.source_branch), self.settings.source_branch
        return self.git.commit("HEAD"), self.git.branch()

    def tip(self, branch: str) -> str | None:
        """The commit of a branch here; None where there is no such branch."""
        return self.git.commit(f"refs/heads/{branch}")

    def common_ancestor(self, one: str, other: str) -> str | None:
        """The last commit that the histories of both have, or None."""
        answer = self.git.ask("merge-base", one, other)
        return answer.text.split("\n")[0] if answer.code == 0 else None

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether the history of `other` has the commit `one`."""
        return self.git.ask("merge-base", "--is-ancestor", one, other).code == 0

    def snapshot(self, revision: str | None = None) -> CommitSnapshot:
        """The files at a revision (default: the last commit).

        Raises:
            NotFoundError: There is no such revision.
            StateError: Nothing was committed yet.
        """
        if revision is not None:
            return CommitSnapshot(self.git, self.resolve(revision), self.prefix)
        commit, _ = self.head()
        if commit is None:
            raise StateError(
                "Nothing has been committed yet.",
                hint="Commit the models (runner repo save -m MESSAGE), or take them as they lie there (--work-tree).",
            )
        return CommitSnapshot(self.git, commit, self.prefix)

    def work_tree(self) -> WorkTree:
        """The files as they are now, committed or not.

        Raises:
            InputError: The repository is bare.
        """
        if self.bare:
            raise InputError(f"{self.git.folder} is a bare repository: it has no work tree.")
        return WorkTree(self.folder)

    def log(self, paths: Sequence[str], *, revision: str | None = None, limit: int | None = None) -> list[Commit]:
        """Commits that changed one of `paths` (from the folder of the models; all of it where none are named)."""
        below = [f"{self.prefix}{path}" for path in paths] or ([self.prefix] if self.prefix else [])
        start = self.resolve(revision) if revision is not None else self.head()[0]
        if start is None:
            return []
        return self.commits(start, limit=limit, paths=below)

    def commits(self, *revisions: str, limit: int | None = None, paths: Sequence[str] = ()) -> list[Commit]:
        """Commits of a range, newest first."""
        form = "--format=%H%x00%cd%x00%an%x00%cn%x00%s%x00"
        most = [f"--max-count={limit}"] if limit is not None else []
        names = ["--", *paths] if paths else ["--"]
        dates = "--date=format-local:%Y-%m-%dT%H:%M:%SZ"
        git = self.git.with_variables({"TZ": "UTC"})
        output = git.run("log", form, dates, *most, *revisions, *names).output.decode("utf-8", "replace")
        parts = [part.removeprefix("\n") for part in output.split("\0")]
        return [Commit(*parts[place : place + 5]) for place in range(0, len(parts) - 4, 5)]

    # Remote and branch

    @cached_property
    def remote_url(self) -> str | None:
        """Address of the remote, which may hold a secret; None where there is no remote."""
        return self.git.configured(f"remote.{self.settings.remote}.url")

    def require_remote(self) -> str:
        """Address of the remote.

        Raises:
            ConfigError: There is none.
        """
        if self.remote_url is None:
            raise ConfigError(
                f"The repository {self.git.folder} has no remote '{self.settings.remote}'.",
                hint=f"Add it: git remote add {self.settings.remote} URL",
            )
        return self.remote_url

    def source_branch(self) -> str:
        """The branch that is committed to, pushed and pulled.

        Raises:
            StateError: No branch is checked out, or another one than the settings name.
        """
        wanted = self.settings.source_branch
        if self.bare and wanted is not None:
            return wanted
        branch = self.git.branch()
        if branch is None:
            raise StateError(
                f"No branch is checked out in {self.git.folder}.",
                hint=f"Check one out: git switch {wanted or 'main'}",
            )
        if wanted is not None and branch != wanted:
            raise StateError(
                f"The branch '{branch}' is checked out, and the source branch is '{wanted}'.",
                hint=f"Check it out: git switch {wanted}",
            )
        return branch

    def tracking(self, branch: str) -> str:
        """Where it is noted what the remote's branch was when it was last seen."""
        return f"refs/remotes/{self.settings.remote}/{branch}"

    def check_branch(self, branch: str) -> str:
        """`branch`, if it can be the name of one.

        Raises:
            InputError: It cannot.
        """
        if branch.startswith("-") or self.git.ask("check-ref-format", "--branch", branch).text != branch:
            raise InputError(f"'{branch}' cannot be the name of a branch.")
        return branch

    # People

    @cached_property
    def user(self) -> str:
        """Who works."""
        known = None if self.chosen else self.git.configured("user.name")
        return known or self._user or _NOBODY

    def identities(self) -> dict[str, str]:
        """Return the variables that tell Git who wrote a commit and who made it: the service account, where one is set.

        The author has the address that is set for them, or that their Git has.
        """
        email = self.settings.author_email or self.git.configured("user.email")
        author = _person(self.user, email or _address(self.user))
        name = self.settings.username
        committer = author if name is None else _person(name, self.settings.user_email or _address(name))
        return {
            "GIT_AUTHOR_NAME": author[0],
            "GIT_AUTHOR_EMAIL": author[1],
            "GIT_COMMITTER_NAME": committer[0],
            "GIT_COMMITTER_EMAIL": committer[1],
        }

    # Changing it

    @contextmanager
    def locked(self, doing: str) -> Iterator[None]:
        """Be the only one who changes the repository.

        Raises:
            BusyError: Another command has been changing it for too long.
            StateError: A person's rebase or merge is under way.
        """
        path, holder = self.common / "runner.lock", Holder("repository", doing)
        subject = f"The repository {self.git.folder} is"
        with plain_errors(path), ExitStack() as stack:
            # Whoever is next waits alone, so that who has just been there cannot be there again first.
            with hold_file(self.common / "runner.next", holder, wait=2 * PATIENCE, subject=subject):
                stack.enter_context(hold_file(path, holder, wait=PATIENCE, subject=subject))
            if self.under_way():
                raise StateError(
                    f"A rebase or merge is under way in {self.git.folder}; nothing was changed.",
                    hint="End it first (git status says how), or give it up: git rebase --abort, git merge --abort",
                )
            yield

    def under_way(self) -> bool:
        """Whether a person's rebase or merge has not ended."""
        return any((self.git_dir / name).exists() for name in _UNDER_WAY)

    # How it stands

    def status(self) -> Status:
        """How it stands, with the remote as it was last seen."""
        commit, branch = self.head()
        counted = self.settings.source_branch or branch
        upstream = self.git.commit(self.tracking(counted)) if counted is not None else None
        behind = 0
        stranded: tuple[Commit, ...] = ()
        if commit is not None and upstream is not None:
            behind = int(self.git.text("rev-list", "--count", f"{commit}..{upstream}"))
            stranded = tuple(self.commits(f"{upstream}..{commit}"))
        elif commit is not None and self.remote_url is not None:  # the remote does not have the branch yet
            stranded = tuple(self.commits(commit, "--not", f"--remotes={self.settings.remote}"))
        return Status(
            folder=self.folder,
            commit=commit,
            branch=branch,
            remote=shown(self.remote_url) if self.remote_url is not None else None,
            upstream=f"{self.settings.remote}/{counted}" if upstream is not None else None,
            behind=behind,
            stranded=stranded,
            changes=tuple(self.changes()),
            under_way=self.under_way(),
        )

    def changes(self) -> list[FileChange]:
        """Files below the folder of the models that differ from the last commit, in order."""
        if self.bare:
            return []
        below = ["--", self.prefix] if self.prefix else []
        command = ("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
        return sorted(map(_change, self.git.run(*command, *below).names), key=lambda each: each.path)


def _change(line: str) -> FileChange:
    state, path = line[:2], line[3:]
    if state == "??":
        return FileChange(path, "untracked")
    if "U" in state or state in ("AA", "DD"):
        return FileChange(path, "conflict")
    if "D" in state:
        return FileChange(path, "deleted")
    return FileChange(path, "added" if "A" in state else "changed")


def _person(name: str, email: str) -> tuple[str, str]:
    """Return name and address of somebody as Git takes them: with neither line ends nor angle brackets."""
    strip = str.maketrans("", "", "<>\n\r\0")
    return name.translate(strip).strip(" .,;:'\"\\") or _NOBODY, email.translate(strip).strip() or "unknown@localhost"


def _address(name: str) -> str:
    word = "".join(character for character in name if character.isalnum() or character in "-_.+") or _NOBODY
    return f"{word}@users.noreply.github.com" if word != _NOBODY else "unknown@example.org"


def _no_repository(folder: Path, said: str) -> InputError:
    if "dubious ownership" in said:
        return InputError(
            f"Git does not trust {folder}: it belongs to another user.",
            hint=f"git config --global --add safe.directory {folder}",
        )
    return InputError(
        f"{folder} lies in no Git repository.",
        hint="Make one here (runner repo init), fetch one (runner repo clone URL), "
        "or name its folder with RUNNER_GIT_MODELS.",
    )


# The repository that the settings name


def open_repository(settings: Settings, cwd: Path | None = None) -> Repository:
    """Return the model repository that the settings name, or the one around the current folder.

    Raises:
        ConfigError: A setting cannot be used.
        InputError: There is none.
    """
    return Repository.open(load_git_settings(settings), settings.user, cwd, chosen="user" in settings.origins)


def refuse_read_only(settings: Settings) -> None:
    """Raise ReadOnlyError where models must not be changed."""
    if settings.read_only:
        raise ReadOnlyError


def chosen_snapshot(repository: Repository, revision: str | None, *, work_tree: bool) -> RepoSnapshot:
    """Return the snapshot that the options of a command name: a revision, the work tree, or the last commit.

    Raises:
        InputError: Both are named.
        NotFoundError: There is no such revision.
    """
    if work_tree and revision is not None:
        raise InputError("Name a revision (--rev) or the work tree (--work-tree), not both.")
    return repository.work_tree() if work_tree else repository.snapshot(revision)


# Instances by the commit their model came from


def commit_named(settings: Settings, revision: str) -> str:
    """Return the commit that `revision` names; the beginning of one as it is, whether Git still knows it or not.

    Raises:
        NotFoundError: The repository has no such revision.
        InputError: There is no repository to ask.
    """
    try:
        return open_repository(settings).resolve(revision)
    except (InputError, NotFoundError):
        if _COMMIT.fullmatch(revision):
            return revision
        raise


def older(settings: Settings, rows: Sequence[Instance], revision: str) -> tuple[list[Instance], int]:
    """Return those whose model comes from a commit before `revision`, and how many of their commits Git does not know.

    Such a commit was in a history that has been rewritten since, so it counts as older. Instances whose model came from
    no repository are left out.

    Raises:
        NotFoundError: The repository has no such revision.
        InputError: There is no repository.
    """
    repository = open_repository(settings)
    end = repository.resolve(revision)
    commits = {row.source.commit for row in rows if row.source.commit is not None}
    unknown = {commit for commit in commits if repository.git.commit(commit) is None}
    before = {commit for commit in commits - unknown if commit != end and repository.is_ancestor(commit, end)}
    found = [row for row in rows if row.source.commit in before | unknown]
    return found, sum(row.source.commit in unknown for row in found)
