"""One thing at a time, and never more than one waiting: whatever is asked meanwhile is done by the next one too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct


class Done(Struct, frozen=True):
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
        self._last: Done | None = None
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
    def last(self) -> Done | None:
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
                self._last = Done(number, at, outcome, message)
                self._wanted.notify_all()
