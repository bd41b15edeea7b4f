"""How settings are read: what each takes, from the command line, the environment or a table of a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from msgspec import Struct

from spiffcli.errors import ConfigError
from spiffcli.forges import FORGES

ScriptMode = Literal["sandbox", "trusted", "off"]
Severity = Literal["none", "info", "warn", "error"]

_log = logging.getLogger(__name__)


class Setting(Struct, frozen=True):
    """How a setting is read.

    Attributes:
        convert: Makes the value of what is given; raises TypeError with what that must be.
        guard: `code`: it leads to code being imported, or decides what scripts may do. From a file it counts only for
            commands that add or run, and only where a person trusts the file: it may have come with somebody else's
            models. `trust`: from a file it counts only where a person trusts that.
        variable: Its environment variable where that is not made of its name; the empty string: it has none.
        theirs: What it is called behind `SPIFFWORKFLOW_BACKEND_` by the system whose model repositories are read, so
            that an environment that is set up for that one works here.
        secret: Whether no message repeats what it is set to.
        beside: Makes of a folder and a value what the value means in a file of that folder.
    """

    convert: Callable[[Any], Any]
    guard: Literal["", "code", "trust"] = ""
    variable: str | None = None
    theirs: str = ""
    secret: bool = False
    beside: Callable[[Path, Any], Any] | None = None

    def variables(self, own: str) -> Iterator[str]:
        """Yield its environment variables; the first that is set counts."""
        own = own if self.variable is None else self.variable
        yield from filter(None, (own, self.theirs and f"SPIFFWORKFLOW_BACKEND_{self.theirs}"))


class SettingsTable:
    """The settings among the fields of a Struct.

    Args:
        kind: Its settings have a `Setting` in `Annotated`.
        prefix: How their environment variables begin.
        section: Table of the file that holds them, for messages; the empty string is the whole file.
    """

    def __init__(self, kind: type[Struct], prefix: str, section: str = "") -> None:
        self._kind = kind
        self._section = section
        self.prefix = prefix

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The settings by their names."""
        hints = get_type_hints(self._kind, include_extras=True)
        found = {name: getattr(hint, "__metadata__", (None,))[0] for name, hint in hints.items()}
        return {name: each for name, each in found.items() if isinstance(each, Setting)}

    def guarded(self, *guards: str) -> frozenset[str]:
        """Return the names of the settings with one of these guards."""
        return frozenset(name for name, setting in self.settings.items() if setting.guard in guards)

    def decide(
        self, flags: Mapping[str, Any], environ: Mapping[str, str], in_file: Mapping[str, Any], file: Path | None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values that were given, and where each came from: flags, then the environment, then the file.

        Args:
            flags: None means not given.
            environ: An empty variable counts as not set.
            in_file: What `in_file` returned.

        Raises:
            ConfigError: A value cannot be used.
        """
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name, setting in self.settings.items():
            given, origin = flags.get(name), "the command line"
            for variable in setting.variables(self.prefix + name.upper()):
                if given is None and environ.get(variable):
                    given, origin = environ[variable], f"the environment variable {variable}"
            if given is not None:
                values[name], origins[name] = self._checked(name, given, origin), origin
            elif name in in_file:
                values[name], origins[name] = in_file[name], str(file)
        return values, origins

    def in_file(self, table: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """Return what a table of a file says, with paths that are meant from its folder.

        Raises:
            ConfigError: A value cannot be used, or nobody knows a key.
        """
        found: dict[str, Any] = {}
        for name, given in table.items():
            if name not in self.settings:
                raise self._unknown(name, file)
            value, beside = self._checked(name, given, str(file), file), self.settings[name].beside
            found[name] = value if beside is None else beside(file.parent, value)
        return found

    def _checked(self, name: str, value: Any, origin: str, file: Path | None = None) -> Any:
        setting = self.settings[name]
        try:
            return setting.convert(value)
        except TypeError as fault:
            shown = "what is given" if setting.secret else repr(value)  # a database URL may hold a password
            called = f"{self._section}.{name}" if self._section else name
            message = f"The setting {called} from {origin} must be {fault}, not {shown}."
            raise ConfigError(message, file=str(file) if file else None, setting=name) from None

    def _unknown(self, name: str, file: Path) -> ConfigError:
        near = get_close_matches(name.replace("-", "_"), self.settings, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(sorted(self.settings))}."
        where = f"[{self._section}] in {file}" if self._section else str(file)
        return ConfigError(f"{where} has a setting nobody knows: {name}.", hint=hint, file=str(file), setting=name)


# What settings take.


def read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def read_word(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise TypeError("a text that is not empty")
    return value


def read_path(value: Any) -> Path:
    return Path(read_word(value)).expanduser()


def read_inner_path(value: Any) -> str:
    parts = read_word(value).strip("/").split("/")
    if value.startswith("/") or any(part in ("", ".", "..", ".git") for part in parts):
        raise TypeError("a path below the root of the repository")
    return "/".join(parts)


_SWITCHES = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def read_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _SWITCHES:
        raise TypeError("on or off")
    return _SWITCHES[value.lower()]


def read_seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds < 1e9:
        raise TypeError("a number of seconds")
    return seconds


def read_positive(value: Any) -> float:
    if not (seconds := read_seconds(value)):
        raise TypeError("a number of seconds above 0")
    return seconds


def read_names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise TypeError("a list of module names")
    return tuple(value)


def read_script_mode(value: Any) -> str:
    if value == "restricted":
        _log.warning("The script mode 'restricted' is called 'sandbox' now; the old name will go.")
        return "sandbox"
    if value not in get_args(ScriptMode):
        raise TypeError(" or ".join(get_args(ScriptMode)))
    return str(value)


def read_forge(value: Any) -> str:
    if value not in FORGES:
        *names, last = FORGES
        raise TypeError(f"{', '.join(names)} or {last}")
    return str(value)


def read_severities(value: Any) -> dict[str, Severity]:
    known = get_args(Severity)
    if not isinstance(value, Mapping) or not all(severity in known for severity in value.values()):
        raise TypeError(f"a table of rules with {', '.join(known[:-1])} or {known[-1]}")
    return dict(value)


def read_table(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("a table")
    return dict(value)


def read_tenants(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(tenant, str) for tenant in value.values()):
        raise TypeError("a table of keys with their tenants")
    return dict(value)


def store_beside(folder: Path, url: str) -> str:
    """A store URL whose relative path is meant from the folder; a URL with a host has none."""
    scheme, colon, place = url.partition(":")
    return f"{scheme}:{folder / place}" if colon and place and not place.startswith(("~", "//")) else url
