"""What the server follows: one branch of one repository, and the catalog behind it, with one sync at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from spiffcli.config import Settings
from spiffcli.errors import RunnerError
from spiffcli.repo.deploy import sync
from spiffcli.repo.repository import Repository, open_repository
from spiffcli.report.sync import synced_sentences
from spiffcli.runner import Runner
from spiffcli.web.deliveries import Answer, Delivery, judge


class Follower:
    """A branch of the model repository, kept as the remote has it.

    Attributes:
        repository: The repository.
        branch: The branch that is followed.
        remote: Its remote's address, which may hold a secret.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        remote_wins: bool = False,
        say: Callable[[str], object],
        report: Callable[[Exception], str] = repr,
    ) -> None:
        """Look at the repository.

        Args:
            say: Is told how a sync ended.
            report: Is given what must not happen, and puts it in a sentence.

        Raises:
            InputError: There is none.
            StateError: The source branch is not checked out.
            ConfigError: There is no remote.
        """
        self.settings = settings
        self.repository = open_repository(settings)
        self.branch = self.repository.source_branch()
        self.remote = self.repository.require_remote()
        self._remote_wins = remote_wins
        self._say = say
        self._report = report
        self._revision = Revision(self.repository, self.repository.settings.revision_ttl)

    def answer(self, delivery: Delivery) -> Answer:
        """What a delivery comes to. Nothing is changed.

        Raises:
            Refusal: It is about another repository.
        """
        answer = judge(delivery, self.remote, self.branch)
        if answer.needed and self.settings.read_only:
            return Answer(False, "read-only", False)
        if answer.needed and self._has(delivery.after or ""):
            return Answer(True, "current", False)
        return answer

    def _has(self, commit: str) -> bool:
        """Whether a commit is here already, so that a delivery that comes again has nothing to do."""
        tip = self.repository.tip(self.branch)
        if tip is None or self._remote_wins:  # the remote may have gone back to an earlier commit
            return tip == commit
        return tip == commit or self.repository.is_ancestor(commit, tip)

    def sync(self) -> tuple[str, str]:
        """Take over what the remote has; how it ended, in one word and in a sentence."""
        try:
            with Runner(self.settings.for_running()) as runner:
                synced = sync(
                    runner.workspace, remote_wins=self._remote_wins, repository=open_repository(self.settings)
                )
        except RunnerError as error:
            return self._ended("failed", " ".join(filter(None, (error.message, error.hint))))
        except Exception as error:  # a bug; the server goes on
            return self._ended("failed", self._report(error))
        return self._ended("broken" if synced.failed else "done", " ".join(synced_sentences(synced)))

    def _ended(self, outcome: str, message: str) -> tuple[str, str]:
        self._revision.forget()
        self._say(message)
        return outcome, message

    @property
    def commit(self) -> str | None:
        """The commit of the branch, not older than the settings allow."""
        return self._revision.commit(self.branch)


class Revision:
    """The commit of a branch, asked for again only after a while."""

    def __init__(self, repository: Repository, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare to look.

        Args:
            ttl: Seconds for which an answer is given again; 0 asks every time.
        """
        self._repository = repository
        self._ttl = ttl
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, str | None] | None = None

    def commit(self, branch: str) -> str | None:
        """The commit of `branch`."""
        with self._lock:
            now = self._clock()
            if self._known is None or now - self._known[0] >= self._ttl:
                self._known = (now, self._repository.tip(branch))
            return self._known[1]

    def forget(self) -> None:
        """Ask again next time."""
        with self._lock:
            self._known = None


class SyncRun(Struct, frozen=True):
    """How the last run ended.

    Attributes:
        number: Of the run, counted from 1.
        outcome: In one word.
        message: In a sentence, without secrets.
    """

    number: int
    at: str
    outcome: str
    message: str


class Worker:
    """Runs an action in a thread of its own whenever it is asked to.

    However often it is asked while the action runs, it runs once more afterwards: a flood costs no more than two runs.
    """

    def __init__(self, action: Callable[[], tuple[str, str]]) -> None:
        """Prepare a worker; `start` lets it work.

        Args:
            action: Gives outcome and message. It must not raise.
        """
        self._action = action
        self._wanted = threading.Condition()
        self._asked = 0
        self._begun = 0
        self._stopped = False
        self._last: SyncRun | None = None
        self._thread = threading.Thread(target=self._work, name="sync", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, wait: float) -> None:
        """End the work after what is running, waiting so many seconds for that."""
        with self._wanted:
            self._stopped = True
            self._wanted.notify_all()
        self._thread.join(wait)

    def ask(self) -> int:
        """Ask for a run; the number of the run that will have seen what is there now."""
        with self._wanted:
            if self._asked <= self._begun:
                self._asked = self._begun + 1
            self._wanted.notify_all()
            return self._asked

    @property
    def last(self) -> SyncRun | None:
        """How the last run ended; None before the first one."""
        with self._wanted:
            return self._last

    @property
    def waiting(self) -> bool:
        """Whether a run is asked for or under way."""
        with self._wanted:
            done = self._last.number if self._last is not None else 0
            return max(self._asked, self._begun) > done

    def _work(self) -> None:
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._stopped or self._asked > self._begun)
                if self._stopped:
                    return
                self._begun = number = self._asked
            outcome, message = self._action()
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            with self._wanted:
                self._last = SyncRun(number, at, outcome, message)
                self._wanted.notify_all()
