"""Modules of the user (`-e`, `--services`), looked up beside the project's configuration."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from spiffcli.errors import ConfigError, RunnerError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from spiffcli.config import Settings
    from spiffcli.engine import Engine, EngineConfig
    from spiffcli.engine.clock import Clock
    from spiffcli.engine.ports import Business


#: Group of entry points under which installed packages offer services.
SERVICES = "spiffcli.services"


def offered_services() -> list[EntryPoint]:
    """The services that installed packages offer, by name."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=SERVICES), key=lambda each: each.name)


def load_module(name: str, folder: Path, what: str, hint: str = "") -> ModuleType:
    """A module of the user.

    Args:
        name: Its dotted name.
        folder: Where it is looked up besides the installed packages; it stays importable, since the module's
            functions may import their neighbours later.
        what: What it is, for messages.
        hint: What else to say where it is not there.

    Raises:
        ConfigError: It is not there, or fails.
    """
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        return importlib.import_module(name)
    except RunnerError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"There is no {what} '{name}'.",
                hint=f"It is looked up in {place} and among the installed packages.{hint}",
            ) from error
        raise ConfigError(f"The {what} '{name}' needs the module '{error.name}', which is not installed.") from error
    except Exception as error:
        from spiffcli.engine.failures import in_words

        raise ConfigError(f"The {what} '{name}' failed: {in_words(error)}.") from error


def load_engine(name: str, folder: Path) -> EngineConfig:
    """The `engine` that a module exports; see `load_module`.

    Raises:
        ConfigError: The module is not there, fails, or exports no engine.
    """
    from spiffcli.engine import EngineConfig

    built_in = " Built in: spiffcli.engines.spiff, spiffcli.engines.camunda, spiffcli.engines.bpmn."
    module = load_module(name, folder, "engine module", built_in)
    engine = getattr(module, "engine", None)
    if not isinstance(engine, EngineConfig):
        raise ConfigError(
            f"The module '{name}' exports no engine.",
            hint="It needs a variable `engine`, an EngineConfig: engine = EngineConfig.spiff().extended(...)",
        )
    return engine


def make_engine(settings: Settings, config: EngineConfig, clock: Clock | None, business: Business | None) -> Engine:
    """The engine of an engine module, with the script mode and the tuning of the settings.

    Args:
        clock: What timers ask instead of the machine.
        business: Business code that serves processes, or None.
    """
    from spiffcli.engine import Engine
    from spiffcli.engine.clock import SystemClock
    from spiffcli.engine.patches import install
    from spiffcli.engine.script_engine import make_script_engine
    from spiffcli.sandbox import ScriptMode

    install(enabled=settings.tuning)
    scripts = make_script_engine(ScriptMode(settings.scripts), functions=config.functions, service=config.service)
    return Engine(config, scripts, clock or SystemClock(), business)
