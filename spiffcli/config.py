"""Settings: flags before environment variables before the project's configuration file.

A setting is a field of `Settings` or `GitSettings` with a `Setting` behind its type, which sets its variable, too:
`RUNNER_NAME`, `RUNNER_GIT_NAME`. This module alone reads the environment of the process.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from operator import truediv
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.errors import ConfigError
from spiffcli.setting import (
    ScriptMode,
    Setting,
    SettingsTable,
    Severity,
    read_forge,
    read_inner_path,
    read_names,
    read_path,
    read_positive,
    read_script_mode,
    read_seconds,
    read_severities,
    read_switch,
    read_table,
    read_tenants,
    read_text,
    read_word,
    store_beside,
)
from spiffcli.trust import TrustFile, is_trusted, trust_file

#: The engine module that is used where none is named.
DEFAULT_ENGINE = "spiffcli.engines.spiff"

#: Name of the folder that holds the default store of a project.
STORE_FOLDER = ".runner"

CONFIG_FILE = "runner.toml"
_PROJECT_FILE = "pyproject.toml"

_log = logging.getLogger(__name__)

#: Whether what business code prints goes to standard error: commands, whose standard output is for results, set this.
prints_to_stderr: ContextVar[bool] = ContextVar("spiffcli_prints_to_stderr", default=False)


# What can be set.


_Texts: TypeAlias = Mapping[str, str]


class Settings(Struct, frozen=True):
    """Everything that can be set, decided.

    Attributes:
        store: URL of the store.
        user: Who is doing this, as recorded with deployments and instances.
        folder: Where engine and service modules are looked up: the folder of the file, else the current one.
        engine: Name of the engine module.
        tenant: Tenant every command is about; the empty string is the default tenant.
        scripts: What scripts of models may do.
        services: Names of modules that hold business code.
        tuning: Whether the engine is tuned for large processes.
        fallback_default_tenant: Whether references are looked up in the default tenant at last.
        default_tenant: The default tenant.
        default_tenants: Default tenants of single keys, where they differ.
        answers: File of answers for human tasks, or None.
        severity: How serious differences between models are to this project, by rule, where it sees them in
            another way than the catalogue does.
        read_only: Whether every change of models is refused.
        git: What the file says about models in Git, as it is written there; see `load_git_settings`.
        file: The configuration file, or None.
        origins: Where each setting that is not a default came from, in words.
        file_code: Settings of the file that name code and are not in force; see `for_running`.
        untrusted: Settings of the file that do not count, since nobody trusts it as it is.
    """

    store: Annotated[str, Setting(read_word, secret=True, beside=store_beside)]
    user: Annotated[str, Setting(read_word)]
    folder: Path
    engine: Annotated[str, Setting(read_word, "code")] = DEFAULT_ENGINE
    tenant: Annotated[str, Setting(read_text)] = ""
    scripts: Annotated[ScriptMode, Setting(read_script_mode, "code")] = "sandbox"
    services: Annotated[tuple[str, ...], Setting(read_names, "code")] = ()
    tuning: Annotated[bool, Setting(read_switch, variable="RUNNER_ENGINE_TUNING")] = True
    fallback_default_tenant: Annotated[bool, Setting(read_switch, "trust")] = True
    default_tenant: Annotated[str, Setting(read_text, "trust")] = ""
    default_tenants: Annotated[Mapping[str, str], Setting(read_tenants, "trust", variable="")] = field(
        default_factory=dict
    )
    answers: Annotated[str | None, Setting(read_word, beside=lambda folder, answers: str(folder / answers))] = None
    severity: Annotated[Mapping[str, Severity], Setting(read_severities, variable="")] = field(default_factory=dict)
    read_only: Annotated[bool, Setting(read_switch)] = False
    git: Annotated[Mapping[str, Any], Setting(read_table, variable="")] = field(default_factory=dict)
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    file_code: Mapping[str, Any] = field(default_factory=dict)
    untrusted: tuple[str, ...] = ()

    def for_running(self) -> Settings:
        """The settings for a command that adds or runs: what the file says about code is in force too."""
        if self.untrusted and self.file is not None:
            told = " and ".join(", ".join(self.untrusted).rsplit(", ", 1))
            _log.warning(
                f"{self.file} is not trusted: what it says of {told} does not count. "
                f"If you know what it names, run: runner trust {self.file.parent}"
            )
        origins = {**self.origins, **dict.fromkeys(self.file_code, str(self.file))}
        return replace(self, **self.file_code, origins=origins, file_code={})


_Word: TypeAlias = str | None
_File: TypeAlias = Path | None


class GitSettings(Struct, frozen=True):
    """What is set about models in Git. What is None was not set.

    Attributes:
        models: Folder of the models: a work tree, a folder in one, or a bare repository.
        subdir: Folder of the models inside the repository, where `models` names the repository.
        remote: Name of the remote.
        source_branch: Branch that is committed to, pushed and pulled; else the one that is checked out.
        publish_target_branch: Branch that models are published to.
        publish_clone_url: Repository they are published to; else the remote.
        commit_on_save: Whether every change the tool makes is committed and pushed.
        username, user_email: Who commits; the author is the user, with the address `author_email`.
        ssh_private_key_path, ssh_private_key: The key, as a file or as its text.
        known_hosts, accept_new_hosts: Known keys of hosts, and whether any other is taken on first use.
        token, token_user: Secret for HTTPS, and the name that goes with it.
        webhook_secret: What deliveries are signed with.
        forge: Kind of the forge, where its address does not tell.
        revision_ttl: Seconds for which a server shows a revision without asking again.
        timeout: Seconds after which a command of Git is ended.
        environment: Name of this installation, in messages of publishing.
        origins: Where each setting that is not a default came from, in words.
    """

    models: Annotated[_File, Setting(read_path, theirs="BPMN_SPEC_ABSOLUTE_DIR", beside=truediv)] = None
    subdir: Annotated[str, Setting(read_inner_path, theirs="BPMN_SPEC_SUBDIR_WITHIN_REPO")] = ""
    remote: Annotated[str, Setting(read_word, "trust")] = "origin"
    source_branch: Annotated[_Word, Setting(read_word, theirs="GIT_SOURCE_BRANCH")] = None
    publish_target_branch: Annotated[_Word, Setting(read_word, theirs="GIT_PUBLISH_TARGET_BRANCH")] = None
    publish_clone_url: Annotated[_Word, Setting(read_word, "trust", theirs="GIT_PUBLISH_CLONE_URL", secret=True)] = None
    commit_on_save: Annotated[bool, Setting(read_switch, theirs="GIT_COMMIT_ON_SAVE")] = False
    username: Annotated[_Word, Setting(read_word, theirs="GIT_USERNAME")] = None
    user_email: Annotated[_Word, Setting(read_word, theirs="GIT_USER_EMAIL")] = None
    author_email: Annotated[_Word, Setting(read_word)] = None
    ssh_private_key_path: Annotated[
        _File, Setting(read_path, "trust", None, "GIT_SSH_PRIVATE_KEY_PATH", False, truediv)
    ] = None
    ssh_private_key: Annotated[_Word, Setting(read_word, "trust", theirs="GIT_SSH_PRIVATE_KEY", secret=True)] = None
    known_hosts: Annotated[_File, Setting(read_path, "trust", beside=truediv)] = None
    accept_new_hosts: Annotated[bool, Setting(read_switch, "trust")] = False
    token: Annotated[_Word, Setting(read_word, "trust", secret=True)] = None
    token_user: Annotated[_Word, Setting(read_word, "trust")] = None
    webhook_secret: Annotated[_Word, Setting(read_word, "trust", theirs="GITHUB_WEBHOOK_SECRET", secret=True)] = None
    forge: Annotated[_Word, Setting(read_forge, "trust")] = None
    revision_ttl: Annotated[float, Setting(read_seconds, theirs="GIT_CURRENT_REVISION_CACHE_TTL_SECONDS")] = 10.0
    timeout: Annotated[float, Setting(read_positive)] = 120.0
    environment: Annotated[_Word, Setting(read_word, theirs="ENV_IDENTIFIER")] = None
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown."""
        return tuple(filter(None, (self.token, self.webhook_secret, self.ssh_private_key)))

    def set_by(self, name: str) -> str:
        """Return what set a setting, in words; where nothing did, what can."""
        return self.origins.get(name, f"{_GIT_SETTINGS.prefix}{name.upper()} or [git] {name} in {CONFIG_FILE}")

    def __repr__(self) -> str:
        """Return the settings without secrets."""
        shown = (name for name, setting in _GIT_SETTINGS.settings.items() if not setting.secret)
        return f"GitSettings({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


_SETTINGS = SettingsTable(Settings, "RUNNER_")
_GIT_SETTINGS = SettingsTable(GitSettings, "RUNNER_GIT_", "git")


# Reading.


class Surroundings(Struct, frozen=True):
    """What the environment says about the terminal and logs.

    Attributes:
        color: Whether colours are welcome (`NO_COLOR` is not set and the terminal is not a dumb one).
        log_folder: Where reports about bugs are written, or None for the system's temporary folder.
        git_pager: Whether Git called this program and shows its output in a pager.
    """

    color: bool = True
    log_folder: str | None = None
    git_pager: bool = False


def load_surroundings(environ: Mapping[str, str] | None = None) -> Surroundings:
    """What `environ` (default: of the process) says beside settings."""
    environ = os.environ if environ is None else environ
    color = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    log_folder = environ.get("RUNNER_LOG_DIR") or None
    return Surroundings(color=color, log_folder=log_folder, git_pager=environ.get("GIT_PAGER_IN_USE") == "true")


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Settings:
    """Decide every setting.

    Args:
        flags: Values from the command line by name of the setting; None means not given.
        environ: Environment variables (default: those of the process); an empty one counts as not set.
        cwd: The current folder (default: that of the process).

    Raises:
        ConfigError: A value cannot be used, or the configuration file is broken or has a key nobody knows.
    """
    environ = os.environ if environ is None else environ
    cwd = _current_folder() if cwd is None else cwd.absolute()
    file, in_file = _read_file(cwd)
    in_file, untrusted = _trusted_part(file, in_file, environ)
    code = _SETTINGS.guarded("code")
    safe_in_file = {name: value for name, value in in_file.items() if name not in code}
    values, origins = _SETTINGS.decide(flags, environ, safe_in_file, file)
    file_code = {name: value for name, value in in_file.items() if name in code and name not in values}
    values.setdefault("store", _default_store(cwd))
    values.setdefault("user", _system_user(environ))
    return Settings(
        folder=file.parent if file else cwd,
        file=file,
        origins=origins,
        file_code=file_code,
        untrusted=untrusted,
        **values,
    )


def load_git_settings(
    settings: Settings, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> GitSettings:
    """Decide the settings about models in Git, which only commands about them need.

    Args:
        flags: Values from the command line by name of the setting; None means not given.
        environ: Environment variables (default: those of the process); an empty one counts as not set.

    Raises:
        ConfigError: A value cannot be used, or the table `[git]` of the file has a key nobody knows.
    """
    file = settings.file
    in_file = {} if file is None else _GIT_SETTINGS.in_file(settings.git, file)
    values, origins = _GIT_SETTINGS.decide(flags or {}, os.environ if environ is None else environ, in_file, file)
    return GitSettings(origins=origins, **values)


def _trusted_part(
    file: Path | None, in_file: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings of a file that count, and the names of those that do not, since nobody trusts the file."""
    git = in_file.get("git", {})
    guarded = sorted(_SETTINGS.guarded("code", "trust") & in_file.keys())
    guarded += [f"git.{name}" for name in sorted(_GIT_SETTINGS.guarded("trust") & git.keys())] if git else []
    if file is None or not guarded or is_trusted(file, modules_of(in_file), environ):
        return dict(in_file), ()
    safe = {name: value for name, value in in_file.items() if name not in guarded}
    if git:
        safe["git"] = {name: value for name, value in git.items() if f"git.{name}" not in guarded}
    return safe, tuple(guarded)


def modules_of(in_file: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the modules that the settings of a file name."""
    return tuple(name for name in (in_file.get("engine"), *in_file.get("services", ())) if name)


def read_settings_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The settings file in a folder, or the nearest above it, with what it says.

    Raises:
        ConfigError: There is none, or it is broken.
    """
    file, in_file = _read_file(folder.absolute())
    if file is None:
        raise ConfigError(
            f"There is no {CONFIG_FILE} in {folder} or above it, and no pyproject.toml with [tool.runner].",
            hint="Name the folder of the file: runner trust DIR",
        )
    return file, in_file


def user_trust() -> TrustFile:
    """Where it is kept which settings files the user trusts."""
    return trust_file(os.environ)


def variable(name: str) -> str:
    """The value of an environment variable of this process; empty where it is not set."""
    return os.environ.get(name, "")


def variable_names() -> tuple[str, ...]:
    """Names of the environment variables of this process."""
    return tuple(os.environ)


# The configuration file.


def _read_file(cwd: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest `runner.toml`, or `pyproject.toml` with `[tool.runner]`, in `cwd` or above it."""
    for folder in (cwd, *cwd.parents):
        file = folder / CONFIG_FILE
        if file.is_file():
            return file, _in_file(_parse(file, _content(file)), file)
        project = folder / _PROJECT_FILE
        if project.is_file():
            content = _content(project)
            if re.search(rb"tool\s*\.\s*[\"']?runner", content) or b"[tool]" in content:  # parsed only where it may pay
                table = _parse(project, content).get("tool", {}).get("runner")
                if table is not None:
                    return project, _in_file(table, project)
    return None, {}


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise ConfigError(f"The configuration {file} cannot be read: {fault.strerror}.", file=str(file)) from fault


def _parse(file: Path, content: bytes) -> dict[str, Any]:
    import tomllib  # only where there is such a file

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as fault:
        raise ConfigError(f"The configuration {file} is not text in UTF-8.", file=str(file)) from fault
    except tomllib.TOMLDecodeError as fault:
        at = re.search(r"line (\d+)", str(fault))
        line = int(at[1]) if at else None
        raise ConfigError(f"The configuration {file} is not valid TOML: {fault}.", file=str(file), line=line) from fault


def _in_file(table: Any, file: Path) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"[tool.runner] in {file} is not a table.", file=str(file))
    return _SETTINGS.in_file(table, file)


# Defaults.


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as fault:
        raise ConfigError("The current folder does not exist any more.", hint="Change to another folder.") from fault


def _default_store(cwd: Path) -> str:
    folders = (folder / STORE_FOLDER for folder in (cwd, *cwd.parents))
    return f"tinydb:{next((folder for folder in folders if folder.is_dir()), cwd / STORE_FOLDER)}"


def _system_user(environ: Mapping[str, str]) -> str:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if environ.get(variable):
            return environ[variable]
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # not Unix, or a user without a name (some containers)
        return "unknown"
