"""Engine modules named with `-e`, looked up beside the project's configuration."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spiffcli.errors import ConfigError, RunnerError

if TYPE_CHECKING:
    from spiffcli.engine import EngineConfig


def load_engine(name: str, folder: Path) -> EngineConfig:
    """The `engine` that a module exports.

    Args:
        name: Dotted name of the module.
        folder: Where it is looked up besides the installed packages; it stays importable, since the module's
            functions may import their neighbours later.

    Raises:
        ConfigError: The module is not there, fails, or exports no engine.
    """
    from spiffcli.engine import EngineConfig

    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        module = importlib.import_module(name)
    except RunnerError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"There is no engine module '{name}'.",
                hint=f"It is looked up in {place} and among the installed packages. Built in: "
                "spiffcli.engines.spiff, spiffcli.engines.camunda, spiffcli.engines.bpmn.",
            ) from error
        raise ConfigError(
            f"The engine module '{name}' needs the module '{error.name}', which is not installed."
        ) from error
    except Exception as error:
        raise ConfigError(f"The engine module '{name}' failed: {type(error).__name__}: {error}.") from error
    engine = getattr(module, "engine", None)
    if not isinstance(engine, EngineConfig):
        raise ConfigError(
            f"The module '{name}' exports no engine.",
            hint="It needs a variable `engine`, an EngineConfig: engine = EngineConfig.spiff().extended(...)",
        )
    return engine
