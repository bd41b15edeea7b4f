"""Where scripts run: a namespace of their own, from which only data goes back into the task."""

from __future__ import annotations
import __future__

import builtins
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from functools import partial
from re import Match, Pattern
from types import FrameType, ModuleType
from typing import IO, Any, Final, TypeVar

from SpiffWorkflow.bpmn.script_engine import BasePythonScriptEngineEnvironment

from spiffcli.sandbox.attributes import is_closed
from spiffcli.sandbox.compiling import Compiled, Kind, ScriptRefusedError, compiled
from spiffcli.sandbox.failure import ScriptFailure, failure_of_error, failure_of_problem, hint_for_name
from spiffcli.sandbox.guards import BUILTINS, GUARDS, writer
from spiffcli.sandbox.limits import Checkpoint, Limits, always, run_limited
from spiffcli.sandbox.modes import ScriptMode
from spiffcli.sandbox.modules import MODULES, offered_module
from spiffcli.sandbox.offered import Annotation, OfferedModule
from spiffcli.text import strip_controls

T = TypeVar("T")
Data = MutableMapping[str, Any]

_MISSING: Final = object()
#: Names that running code binds by itself.
_NEVER_DATA: Final = frozenset(
    {"_checkpoint_", "__annotations__", "__annotate__", "__conditional_annotations__", "__builtins__"}
)


class ScriptEnvironment(BasePythonScriptEngineEnvironment):
    """Runs scripts and expressions on task data.

    Names are looked up in this order: what the script binds itself, task data, the data objects of the process,
    the functions of the engine module, the built-ins. Data therefore hides a function of the same name, as a
    variable called `list` hides the built-in; the opposite order would make a form field unreadable that happens
    to be called like a function. Nothing a script does to a name outlives it, except in data.

    Attributes:
        globals: What the engine module offers to scripts, by name.
        limits: What one script may use.
    """

    mode: ScriptMode

    def __init__(self, functions: Mapping[str, Any], limits: Limits, stderr: IO[str] | None = None) -> None:
        super().__init__(dict(functions))
        self.limits = limits
        self._stderr = stderr
        self._lost: dict[str, str] = {}
        self._changeable = [name for name, value in self.globals.items() if isinstance(value, list | dict | set)]

    # What the engine calls

    def evaluate(self, expression: str, context: Any, external_context: Any = None) -> Any:
        """The value of an expression.

        Raises:
            ScriptFailure: It cannot be evaluated; it belongs to no task yet.
        """
        code = self._compiled(expression, "eval")
        if not isinstance(context, Mapping):  # correlation properties look into whatever a message carries
            detail = f"there are no names to look up in a {type(context).__name__}"
            raise ScriptFailure("TypeError", detail, source=expression, line=1)
        namespace = {**self._given(code, external_context), **context, **self._own_names()}
        return self._limited(expression, code, namespace, context, lambda: eval(code.code, namespace))

    def execute(self, script: str, context: Data, external_context: Any = None) -> bool:
        """Run a script, and put the names it bound into `context` when it succeeds.

        Where it fails, the names in `context` are as before.

        Raises:
            ScriptFailure: It failed; it belongs to no task yet.
        """
        code = self._compiled(script, "exec")
        given = self._given(code, external_context)
        namespace = {**given, **context, **self._own_names()}
        self._limited(script, code, namespace, context, lambda: exec(code.code, namespace))
        self._put_back(namespace, context, given)
        return True

    def names(self, expression: str) -> frozenset[str]:
        """Every name that an expression says.

        Raises:
            ScriptFailure: It does not compile.
        """
        return self._compiled(expression, "eval").names

    # Steps

    def _compiled(self, source: Any, kind: Kind) -> Compiled:
        if not isinstance(source, str):
            detail = f"a script or expression is text, not {type(source).__name__}"
            raise ScriptFailure("TypeError", detail)
        try:
            return compiled(source, kind, self.mode)
        except ScriptRefusedError as error:
            raise failure_of_problem(source, error.problems[0], kind=error.kind) from error

    def _given(self, code: Compiled, external_context: Mapping[str, Any] | None) -> dict[str, Any]:
        """What scripts get besides task data. Of lists and dictionaries they get a copy of their own."""
        copies = {name: deepcopy(self.globals[name]) for name in self._changeable if name in code.names}
        return {**self.globals, **copies, **(external_context or {})}

    def _own_names(self) -> Mapping[str, Any]:
        """Names that belong to the environment: never data, never lost."""
        raise NotImplementedError

    def _limited(
        self, source: str, code: Compiled, namespace: dict[str, Any], context: Mapping[str, Any], call: Callable[[], T]
    ) -> T:
        try:
            if code.plain:
                return call()
            return run_limited(self.limits, partial(self._run, namespace, call))
        except KeyboardInterrupt as error:
            if not self._raised_by_script(error):
                raise
            raise failure_of_error(source, error) from error
        except BaseException as error:
            failure = failure_of_error(source, error, time_s=self.limits.time_s)
            failure.hint = failure.hint or self._hint(error, [*namespace, *BUILTINS], context)
            raise failure from error

    def _hint(self, error: BaseException, names: list[str], context: Mapping[str, Any]) -> str | None:
        if isinstance(error, NameError):
            return hint_for_name(error.name or "", names, self._lost)
        if isinstance(error, TypeError) and "not callable" in str(error):
            hidden = [name for name in context if name in self.globals or name in BUILTINS]
            return f"The data of the task hides these functions: {', '.join(hidden)}." if hidden else None
        return None

    def _run(self, namespace: dict[str, Any], call: Callable[[], T], check: Checkpoint) -> T:
        namespace["_checkpoint_"] = check
        return call()

    def _raised_by_script(self, error: KeyboardInterrupt) -> bool:
        """Whether a KeyboardInterrupt is not somebody's Ctrl-C. Restricted scripts have no name for it."""
        return False

    def _put_back(self, namespace: dict[str, Any], context: Data, given: Mapping[str, Any]) -> None:
        own = self._own_names()
        for name in [name for name in context if name not in namespace]:
            del context[name]
        for name, value in namespace.items():
            if name in own or name in _NEVER_DATA:
                continue
            if context.get(name, _MISSING) is value:
                continue
            if name not in context and given.get(name, _MISSING) is value:
                continue
            if is_tool(value):
                context.pop(name, None)
                self._lost[name] = _why_lost(name, value)
            else:
                context[name] = value
                self._lost.pop(name, None)

    def _print(self, *values: object, sep: str | None = " ", end: str | None = "\n", flush: bool = False) -> None:
        """`print(...)` of scripts: to standard error, as standard output is for data."""
        text = (" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end)
        stream = sys.stderr if self._stderr is None else self._stderr
        stream.write(strip_controls(text))
        if flush:
            stream.flush()


class RestrictedEnvironment(ScriptEnvironment):
    """Runs scripts under the policy."""

    mode = ScriptMode.RESTRICTED

    def __init__(self, functions: Mapping[str, Any], limits: Limits, stderr: IO[str] | None = None) -> None:
        super().__init__({name: _wrapped(value) for name, value in functions.items()}, limits, stderr)
        self.globals.setdefault("print", self._print)
        self._own = {**GUARDS, "_write_": writer(self.globals.values()), "_checkpoint_": always}

    def _own_names(self) -> Mapping[str, Any]:
        return self._own


class OffEnvironment(RestrictedEnvironment):
    """Evaluates plain expressions and refuses everything else."""

    mode = ScriptMode.OFF


class TrustedEnvironment(ScriptEnvironment):
    """Runs scripts as plain Python."""

    mode = ScriptMode.TRUSTED

    def __init__(self, functions: Mapping[str, Any], limits: Limits, stderr: IO[str] | None = None) -> None:
        # A script that runs out of memory here does so on purpose of its author.
        super().__init__(functions, Limits(limits.time_s, 0), stderr)
        self.globals.setdefault("print", self._print)
        self._interrupted = False

    def _own_names(self) -> Mapping[str, Any]:
        # A copy: what a script does to it is gone with the next.
        return {"__builtins__": dict(vars(builtins))}

    def _run(self, namespace: dict[str, Any], call: Callable[[], T], check: Checkpoint) -> T:
        self._interrupted = False
        if threading.current_thread() is not threading.main_thread():
            return call()
        previous = signal.getsignal(signal.SIGINT)
        if not callable(previous):
            return call()

        def interrupt(number: int, frame: FrameType | None) -> Any:
            self._interrupted = True
            return previous(number, frame)

        signal.signal(signal.SIGINT, interrupt)
        try:
            return call()
        finally:
            signal.signal(signal.SIGINT, previous)

    def _raised_by_script(self, error: KeyboardInterrupt) -> bool:
        return not self._interrupted


def _wrapped(value: Any) -> Any:
    """What a restricted script gets of an object of the engine module: never a module itself."""
    if not isinstance(value, ModuleType):
        return value
    if value.__name__ in MODULES:
        return offered_module(value.__name__)
    public = getattr(value, "__all__", None) or [name for name in vars(value) if _belongs_to(value, name)]
    offered = {name: getattr(value, name) for name in public}
    return OfferedModule(value.__name__, {n: v for n, v in offered.items() if not isinstance(v, ModuleType)})


def _belongs_to(module: ModuleType, name: str) -> bool:
    """Whether a name is the module's own: not private, and not a function or class from elsewhere."""
    value = getattr(module, name)
    home = getattr(value, "__module__", None) or module.__name__
    return not name.startswith("_") and (home == module.__name__ or not callable(value))


#: What `from __future__ import annotations` leaves behind.
_Feature: Final = type(__future__.annotations)

#: Values that only make sense while a script runs. They are not data: nobody could store them.
_TOOLS: Final = (ModuleType, OfferedModule, Annotation, Pattern, Match, BaseException, _Feature, type)
_PLAIN: Final = frozenset({type(None), str, int, float, bool, list, dict, tuple, set, bytes})


def is_tool(value: Any) -> bool:
    """Whether a value is removed from task data after a script: modules, functions, classes, iterators ..."""
    kind = type(value)
    if kind in _PLAIN:
        return False
    # An object of an engine module's own type is data, also where it can be called: the registry knows the type.
    return isinstance(value, _TOOLS) or (is_closed(kind) and (callable(value) or isinstance(value, Iterator)))


def _why_lost(name: str, value: Any) -> str:
    if isinstance(value, ModuleType | OfferedModule):
        return f"An earlier script imported '{name}'. Modules are not kept: import it in this script too."
    if isinstance(value, Iterator):
        kind = type(value).__name__
        return f"An earlier script set '{name}' to a {kind}, which is not kept. Make it a list there: list(...)."
    if callable(value):
        return f"An earlier script defined '{name}'. Functions are not kept: define it here, or in an engine module."
    return f"An earlier script set '{name}' to a {type(value).__name__}, which is not kept."
