"""`runner` as a user has it: a process of its own, in a folder of its own, with a store of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spiffcli.report.schemas import violations

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "bpmn" / "tutorial"

#: What of the environment of the tests reaches the commands; nothing of it says anything to `runner`.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind.

    Attributes:
        code: Exit code.
    """

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    def json(self) -> dict[str, Any]:
        """The one JSON document on standard output, valid by the schema it names."""
        return _valid(self.stdout)

    def error(self) -> dict[str, Any]:
        """The `error` object of the JSON document on standard error (`--format json`)."""
        error: dict[str, Any] = _valid(self.stderr)["error"]
        return error

    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.stdout.splitlines()

    def __str__(self) -> str:
        line = " ".join(("runner", *self.arguments))
        return f"$ {line}\nexit code {self.code}\n-- stdout\n{self.stdout}-- stderr\n{self.stderr}"


class Cli:
    """Runs `runner` in `folder`, with one store for all commands of the test.

    Example:
        ```python
        def test_a_version_is_listed(cli: Cli) -> None:
            cli.ok("add", "-p", "task_types", "-b", cli.tutorial / "task_types.bpmn")
            assert cli.document("list_specs")["specs"][0]["version"] == 1
            refused = cli.fails(2, "show_spec", "nothing")
            assert "There is no definition 'nothing'" in refused.stderr
        ```

    Attributes:
        folder: Where commands run, empty at first; models written there with `write` are found by name.
        store: `tinydb` (the default one, `.runner` in the folder) or `sqlite`.
        url: The store as `--store` takes it.
        tutorial: Folder of the sample models.
        root: The project's root, for commands run with `at=cli.root`.
    """

    tutorial = TUTORIAL
    root = ROOT

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        self.url = f"sqlite:{folder / 'store.db'}" if store == "sqlite" else f"tinydb:{folder / '.runner'}"

    def __call__(
        self,
        *arguments: str | Path,
        input: str | bytes = b"",
        env: Mapping[str, str] | None = None,
        at: Path | None = None,
        timeout: float = 120,
    ) -> Result:
        """Run a command to its end, whatever its exit code.

        Args:
            input: What it reads from standard input, which is never a terminal.
            env: Variables besides `PATH` and a few others of the system.
            at: Another current folder; the store stays the same.
        """
        words = tuple(map(str, arguments))
        with self.start(*words, env=env, at=at) as process:
            given = input.encode() if isinstance(input, str) else input
            try:
                stdout, stderr = process.communicate(given, timeout)
            except BaseException:
                process.kill()
                raise
        return Result(words, process.returncode, _text(stdout), _text(stderr))

    def ok(self, *arguments: str | Path, **options: Any) -> Result:
        """Run a command that must succeed."""
        return self.fails(0, *arguments, **options)

    def fails(self, code: int, *arguments: str | Path, **options: Any) -> Result:
        """Run a command that must end with this exit code, and without a traceback."""
        result = self(*arguments, **options)
        assert result.code == code, f"{result}{self._logs()}"
        assert "Traceback" not in result.stderr, str(result)
        return result

    def _logs(self) -> str:
        return "".join(f"-- {log.name}\n{log.read_text()}" for log in self.folder.glob("runner-*.log"))

    def document(self, *arguments: str | Path, code: int = 0, **options: Any) -> dict[str, Any]:
        """Run a command with `--format json`; its document, checked against the schema it names."""
        return self.fails(code, *arguments, "--format", "json", **options).json()

    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, at: Path | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Begin a command and do not wait for it: for tests that interrupt, kill, or run several at once.

        Args:
            options: Go to `subprocess.Popen`.
        """
        pipe = subprocess.PIPE
        options = {"stdin": pipe, "stdout": pipe, "stderr": pipe} | options
        return subprocess.Popen(
            self.command(arguments, at), cwd=at or self.folder, env=self.environment(env), **options
        )

    def command(self, arguments: Sequence[str | Path], at: Path | None = None) -> list[str]:
        """The whole command line; the store is named only where it is not the one found by itself."""
        store = [] if self.store == "tinydb" and at is None else ["--store", self.url]
        return [sys.executable, "-m", "spiffcli", *store, *map(str, arguments)]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of the commands."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"PYTHONPATH": str(ROOT), "HOME": str(self.folder), "USER": "ada", "RUNNER_LOG_DIR": str(self.folder)}
        own |= {"RUNNER_TRUST": "all"}  # the settings files of the tests are ours
        return kept | own | {"LANG": "C.UTF-8", "PYTHONWARNINGS": "error"} | dict(more or {})

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    # What many tests begin with

    def add(self, process: str, *files: str | Path, **options: Any) -> dict[str, Any]:
        """`add -p PROCESS` with sample models by name, or files by path; the `runner/added/1` document."""
        bpmn = [self._file(name) for name in files if not str(name).endswith(".dmn")]
        dmn = [self._file(name) for name in files if str(name).endswith(".dmn")]
        decisions = ["-d", *dmn] if dmn else []
        return self.document("add", "-p", process, "-b", *bpmn, *decisions, **options)

    def check(self) -> None:
        """Nothing in the store is missing, damaged or left behind."""
        result = self("store", "check")
        assert result.code == 0, str(result)

    def specs(self) -> list[dict[str, Any]]:
        """What `list_specs` lists."""
        specs: list[dict[str, Any]] = self.document("list_specs")["specs"]
        return specs

    def _file(self, name: str | Path) -> Path:
        return TUTORIAL / name if (TUTORIAL / name).is_file() else Path(name)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, for a command begun with `Cli.start`."""
    process.send_signal(signal.SIGINT)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _valid(text: str) -> dict[str, Any]:
    document = json.loads(text)
    assert isinstance(document, dict)
    wrong = violations(document)
    assert not wrong, "\n".join([*wrong, text])
    return document
