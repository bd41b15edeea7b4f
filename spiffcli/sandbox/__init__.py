"""Running the scripts and expressions of models, with as much freedom as the user gives them.

`restricted` runs them under a policy and guards of ours on top of RestrictedPython, `trusted` as plain Python, and
`off` evaluates nothing but comparisons and arithmetic. Restricted mode keeps a model from reaching files, the
network, the program and the next script. It is not a wall against somebody who writes models in order to break out:
code and interpreter share one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

from spiffcli.sandbox.modes import ScriptMode, ScriptProblem

if TYPE_CHECKING:
    from spiffcli.sandbox.engine import RunnerScriptEngine, ServiceCaller
    from spiffcli.sandbox.failure import ScriptFailure

__all__ = ["ScriptFailure", "ScriptMode", "ScriptProblem", "check_script", "make_script_engine"]


def __getattr__(name: str) -> Any:
    # The command line imports the modes; the engine is loaded only by commands that run something.
    if name == "ScriptFailure":
        from spiffcli.sandbox.failure import ScriptFailure

        return ScriptFailure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def make_script_engine(
    mode: ScriptMode,
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    time_limit_s: float = 10.0,
    stderr: IO[str] | None = None,
    service: ServiceCaller | None = None,
) -> RunnerScriptEngine:
    """The script engine for `BpmnWorkflow(script_engine=...)`.

    Args:
        mode: How much scripts may do.
        functions: What the engine module offers to scripts, by name.
        time_limit_s: Seconds one script or expression may take; 0 for no limit. In trusted mode it holds in the
            main thread only.
        stderr: Where `print` of a script goes; standard error when None.
        service: Carries out service tasks.
    """
    from spiffcli.sandbox.engine import RunnerScriptEngine
    from spiffcli.sandbox.environment import OffEnvironment, RestrictedEnvironment, TrustedEnvironment
    from spiffcli.sandbox.limits import Limits

    environments = {
        ScriptMode.RESTRICTED: RestrictedEnvironment,
        ScriptMode.TRUSTED: TrustedEnvironment,
        ScriptMode.OFF: OffEnvironment,
    }
    environment = environments[ScriptMode(mode)](functions or {}, Limits(time_limit_s), stderr)
    return RunnerScriptEngine(environment, service)


def check_script(
    source: str,
    *,
    expression: bool = False,
    cell: bool = False,
    mode: ScriptMode = ScriptMode.RESTRICTED,
    functions: Iterable[str] = (),
) -> list[ScriptProblem]:
    """What of a script or expression of a model would not run, found without running it.

    Args:
        source: The script or expression.
        expression: Whether it is an expression (condition, timer, output of a decision table ...).
        cell: Whether it is an input cell of a decision table, which may be half a comparison (`> 3`).
        mode: The mode it would run in.
        functions: Names that the engine module offers.
    """
    from spiffcli.sandbox.compiling import check, check_cell

    if cell:
        return check_cell(source, mode, functions)
    return check(source, "eval" if expression else "exec", mode, functions)
