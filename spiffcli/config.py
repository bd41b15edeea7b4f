"""Where settings come from: flags before environment variables before the project's configuration file.

This module alone reads the environment of the process.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.errors import ConfigError
from spiffcli.trust import TrustFile, is_trusted, trust_file

if TYPE_CHECKING:
    from spiffcli.git_config import GitSettings

ScriptMode = Literal["sandbox", "trusted", "off"]

SCRIPT_MODES: tuple[ScriptMode, ...] = get_args(ScriptMode)

_log = logging.getLogger(__name__)

#: Whether what business code prints goes to standard error: commands, whose standard output is for results, set this.
prints_to_stderr: ContextVar[bool] = ContextVar("spiffcli_prints_to_stderr", default=False)

Severity = Literal["none", "info", "warn", "error"]

#: The engine module that is used where none is named.
DEFAULT_ENGINE = "spiffcli.engines.spiff"

#: Name of the folder that holds the default store of a project.
STORE_FOLDER = ".runner"

CONFIG_FILE = "runner.toml"
_PROJECT_FILE = "pyproject.toml"

#: Settings that lead to code being imported or decide what scripts may do. From a file they count only for commands
#: that add or run, and only where a person trusts the file: it may have come with somebody else's models.
CODE_SETTINGS = frozenset({"engine", "services", "scripts"})

#: Settings of a file that count for all commands, and only where a person trusts it.
GUARDED_SETTINGS = frozenset({"fallback_default_tenant", "default_tenant", "default_tenants"})

#: Settings of the table `[git]` that count only where a person trusts the file: secrets, and where they are sent.
GUARDED_GIT_SETTINGS = frozenset(
    {
        *("accept_new_hosts", "forge", "known_hosts", "publish_clone_url", "remote", "ssh_private_key"),
        *("ssh_private_key_path", "token", "token_user", "webhook_secret"),
    }
)


class Settings(Struct, frozen=True):
    """Everything that can be set, decided.

    Attributes:
        store: URL of the store.
        engine: Name of the engine module.
        tenant: Tenant every command is about; the empty string is the default tenant.
        scripts: What scripts of models may do.
        services: Names of modules that hold business code.
        user: Who is doing this, as recorded with deployments and instances.
        tuning: Whether the engine is tuned for large processes.
        fallback_default_tenant: Whether references are looked up in the default tenant at last.
        default_tenant: The default tenant.
        default_tenants: Default tenants of single keys, where they differ.
        answers: File of answers for human tasks, or None.
        severity: How serious differences between models are to this project, by rule, where it sees them in
            another way than the catalogue does.
        read_only: Whether every change of models is refused.
        git: What the file says about models in Git, as it is written there; see `load_git_settings`.
        folder: Where engine and service modules are looked up: the folder of the file, else the current one.
        file: The configuration file, or None.
        origins: Where each setting that is not a default came from, in words.
        file_code: Settings of the file that name code and are not in force; see `for_running`.
        untrusted: Settings of the file that do not count, since nobody trusts it as it is.
    """

    store: str
    user: str
    folder: Path
    engine: str = DEFAULT_ENGINE
    tenant: str = ""
    scripts: ScriptMode = "sandbox"
    services: tuple[str, ...] = ()
    tuning: bool = True
    fallback_default_tenant: bool = True
    default_tenant: str = ""
    default_tenants: Mapping[str, str] = field(default_factory=dict)
    answers: str | None = None
    severity: Mapping[str, Severity] = field(default_factory=dict)
    read_only: bool = False
    git: Mapping[str, Any] = field(default_factory=dict)
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


class Surroundings(Struct, frozen=True):
    """What the environment says about the terminal, logs and what may be kept.

    Attributes:
        color: Whether colours are welcome (`NO_COLOR` is not set and the terminal is not a dumb one).
        log_folder: Where reports about bugs are written, or None for the system's temporary folder.
        git_pager: Whether Git called this program and shows its output in a pager.
        cache: Folder for what can be computed again, or None: nothing is kept.
    """

    color: bool = True
    log_folder: str | None = None
    git_pager: bool = False
    cache: Path | None = None


def load_surroundings(environ: Mapping[str, str] | None = None) -> Surroundings:
    """What `environ` (default: of the process) says beside settings."""
    environ = os.environ if environ is None else environ
    color = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    paged = environ.get("GIT_PAGER_IN_USE") == "true"
    log_folder = environ.get("RUNNER_LOG_DIR") or None
    return Surroundings(color=color, log_folder=log_folder, git_pager=paged, cache=_cache_folder(environ))


def _cache_folder(environ: Mapping[str, str]) -> Path | None:
    given = environ.get("RUNNER_CACHE", "")
    if given:
        return None if given.lower() == "off" else Path(given).absolute()
    place, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    if place.startswith("/"):  # by its standard, relative ones are to be ignored
        return Path(place, "spiffcli")
    return Path(home, ".cache", "spiffcli") if home.startswith("/") else None


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
    safe_in_file = {name: value for name, value in in_file.items() if name not in CODE_SETTINGS}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source, origin in (
        (flags, "the command line"),
        (_from_environ(environ), "the environment variable {variable}"),
        (safe_in_file, str(file)),
    ):
        for name, value in source.items():
            if value is not None and name not in values:
                origins[name] = origin.replace("{variable}", _VARIABLES.get(name, ""))
                values[name] = _checked(name, value, origins[name], None)
    values.setdefault("store", _default_store(cwd))
    values.setdefault("user", _system_user(environ))
    file_code = {name: in_file[name] for name in CODE_SETTINGS & in_file.keys() - values.keys()}
    return Settings(
        folder=file.parent if file else cwd,
        file=file,
        origins=origins,
        file_code=file_code,
        untrusted=untrusted,
        **values,
    )


def _trusted_part(
    file: Path | None, in_file: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings of a file that count, and the names of those that do not, since nobody trusts the file."""
    git = in_file.get("git", {})
    guarded = sorted((CODE_SETTINGS | GUARDED_SETTINGS) & in_file.keys())
    guarded += [f"git.{name}" for name in sorted(GUARDED_GIT_SETTINGS & git.keys())]
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
    from spiffcli.git_config import read_git_settings

    return read_git_settings(flags or {}, os.environ if environ is None else environ, settings.git, settings.file)


def user_trust() -> TrustFile:
    """Where it is kept which settings files the user trusts."""
    return trust_file(os.environ)


def variable_names() -> tuple[str, ...]:
    """Names of the environment variables of this process."""
    return tuple(os.environ)


_VARIABLES: Mapping[str, str] = {
    "engine": "RUNNER_ENGINE",
    "store": "RUNNER_STORE",
    "tenant": "RUNNER_TENANT",
    "scripts": "RUNNER_SCRIPTS",
    "services": "RUNNER_SERVICES",
    "user": "RUNNER_USER",
    "tuning": "RUNNER_ENGINE_TUNING",
    "fallback_default_tenant": "RUNNER_FALLBACK_DEFAULT_TENANT",
    "default_tenant": "RUNNER_DEFAULT_TENANT",
    "answers": "RUNNER_ANSWERS",
    "read_only": "RUNNER_READ_ONLY",
}


def _from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    found = {name: environ.get(variable, "") for name, variable in _VARIABLES.items()}
    return {name: value for name, value in found.items() if value}


# Values.


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _word(value: Any) -> str:
    if not _text(value).strip():
        raise TypeError("a text that is not empty")
    return str(value)


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    if not isinstance(value, str) or value.lower() not in words:
        raise TypeError("on or off")
    return words[value.lower()]


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise TypeError("a list of module names")
    return tuple(value)


def _script_mode(value: Any) -> str:
    if value == "restricted":
        _log.warning("The script mode 'restricted' is called 'sandbox' now; the old name will go.")
        return "sandbox"
    if value not in SCRIPT_MODES:
        raise TypeError(" or ".join(SCRIPT_MODES))
    return str(value)


def _severities(value: Any) -> dict[str, Severity]:
    known = get_args(Severity)
    if not isinstance(value, Mapping) or not all(severity in known for severity in value.values()):
        raise TypeError(f"a table of rules with {', '.join(known[:-1])} or {known[-1]}")
    return dict(value)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("a table")
    return dict(value)


def _tenants(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(tenant, str) for tenant in value.values()):
        raise TypeError("a table of keys with their tenants")
    return dict(value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "engine": _word,
    "store": _word,
    "tenant": _text,
    "scripts": _script_mode,
    "services": _names,
    "user": _word,
    "tuning": _switch,
    "fallback_default_tenant": _switch,
    "default_tenant": _text,
    "default_tenants": _tenants,
    "answers": _word,
    "severity": _severities,
    "read_only": _switch,
    "git": _table,
}


def _checked(name: str, value: Any, origin: str, file: Path | None) -> Any:
    try:
        return _READERS[name](value)
    except TypeError as fault:
        shown = f"{value!r}" if name != "store" else "what is given"  # a database URL may hold a password
        message = f"The setting {name} from {origin} must be {fault}, not {shown}."
        raise ConfigError(message, file=str(file) if file else None, setting=name) from None


# The configuration file.


def _read_file(cwd: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest `runner.toml`, or `pyproject.toml` with `[tool.runner]`, in `cwd` or above it."""
    for folder in (cwd, *cwd.parents):
        file = folder / CONFIG_FILE
        if file.is_file():
            return file, _settings_of(file, _parse(file, _content(file)))
        project = folder / _PROJECT_FILE
        if project.is_file():
            content = _content(project)
            if re.search(rb"tool\s*\.\s*[\"']?runner", content) or b"[tool]" in content:  # parsed only where it may pay
                table = _parse(project, content).get("tool", {}).get("runner")
                if table is not None:
                    return project, _settings_of(project, table)
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


def _settings_of(file: Path, table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"[tool.runner] in {file} is not a table.", file=str(file))
    for name in table:
        if name not in _READERS:
            raise _unknown_key(file, name)
    values = {name: _checked(name, value, str(file), file) for name, value in table.items()}
    if "store" in values:
        values["store"] = _beside(file, values["store"])
    if "answers" in values:
        values["answers"] = str(file.parent / values["answers"])
    return values


def _unknown_key(file: Path, name: str) -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(name.replace("-", "_"), _READERS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(sorted(_READERS))}."
    return ConfigError(f"{file} has a setting nobody knows: {name}.", hint=hint, file=str(file), setting=name)


def _beside(file: Path, url: str) -> str:
    """A store URL whose relative path is meant from the folder of the file."""
    scheme, colon, place = url.partition(":")
    if colon and scheme in ("tinydb", "sqlite") and not place.startswith("~"):
        return f"{scheme}:{file.parent / place}"
    return url


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
