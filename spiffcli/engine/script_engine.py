"""The script engine that the workflow engine calls, in each of the script modes."""

from __future__ import annotations
import __future__

import builtins
import difflib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from re import Match, Pattern
from types import FrameType, ModuleType
from typing import IO, Any, Final

from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.bpmn.script_engine import BasePythonScriptEngineEnvironment, PythonScriptEngine
from SpiffWorkflow.exceptions import WorkflowException

from spiffcli.engine.clock import now
from spiffcli.errors import RunnerError
from spiffcli.sandbox import worker
from spiffcli.sandbox.source import (
    BUILTINS,
    DELETED,
    REFUSED_BUILTINS,
    SCRIPT_FILE,
    Kind,
    ScriptMode,
    ScriptProblem,
    ScriptRefusedError,
    Source,
    cell_text,
    check_off,
    compiled,
    problems_of,
    read_source,
    syntax_error,
)
from spiffcli.sandbox.values import UnstorableError, describe, measure
from spiffcli.sandbox.worker import Left, Limits, SandboxError, Scene
from spiffcli.text import strip_controls, unwrapped

#: Carries out a service task: (operator name, parameters, task data) -> result.
ServiceCaller = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Any]

Data = MutableMapping[str, Any]

_MISSING: Final = object()

#: Names that running code binds by itself.
_NEVER_DATA: Final = frozenset(
    {"__doc__", "__annotations__", "__annotate__", "__conditional_annotations__", "__builtins__"}
)


class ScriptFailure(WorkflowTaskException):
    """A script, expression or service failed.

    Attributes:
        kind: Name of the exception class (`KeyError`), or `TimeLimit`, `ScriptRefused`, `ScriptsOff`, `SyntaxError`.
        detail: Its message.
        line: Line in the script, counted from 1, or None where the failure has none.
        source_line: The text of that line.
        hint: The way out, or None.
        source: The script or expression.
        task: The engine's task it ran for, or None where the engine evaluates without one.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        source: str = "",
        line: int | None = None,
        hint: str | None = None,
        task: Any = None,
    ) -> None:
        WorkflowException.__init__(self, f"{kind}: {detail}" if detail else kind, getattr(task, "task_spec", None))
        self.kind = kind
        self.detail = detail
        self.source = source
        self.line = line
        self.hint = hint
        self.source_line = _line_of(source, line)
        # The names under which the engine keeps the same.
        self.error_type = kind
        self.line_number = line
        self.error_line = self.source_line
        self.offset = None
        self.task_trace: list[str] = []
        self.task = None
        if task is not None:
            self.happened_in(task)

    def happened_in(self, task: Any) -> None:
        """Note the task whose script failed."""
        self.task = task
        self.task_spec = task.task_spec
        self.task_trace = self.get_task_trace(task)

    def __str__(self) -> str:
        where = f" (line {self.line}: {self.source_line.strip()})" if self.source_line else ""
        return ". ".join([f"{self.args[0]}{where}", *self.notes])


def _line_of(source: str, line: int | None) -> str:
    lines = source.splitlines()
    return lines[line - 1] if line and line <= len(lines) else ""


def failure_of_error(source: str, error: BaseException, *, time_s: float = 0.0) -> ScriptFailure:
    """Return an exception of a script, or of a service, as a failure.

    Args:
        time_s: The time limit it ran under.
    """
    if isinstance(error, _TimeIsUpError):
        detail, hint = f"took longer than {time_s:g} s", "Look for a loop that does not end."
        return ScriptFailure("TimeLimit", detail, source=source, line=_line_of_error(error), hint=hint)
    given = getattr(error, "hint", None)
    known = given if isinstance(given, str) else None
    line = _line_of_error(error)
    return ScriptFailure(type(error).__name__, describe(error), source=source, line=line, hint=known)


def _line_of_error(error: BaseException) -> int | None:
    """Return the line of the script that was running when `error` was raised."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SCRIPT_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


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

    def evaluate(self, expression: str, context: Any, external_context: Any = None, *, seed: str | None = None) -> Any:
        """Return the value of an expression.

        Raises:
            ScriptFailure: It cannot be evaluated; it belongs to no task yet.
        """
        source = self._read(expression, "eval")
        if not isinstance(context, Mapping):  # correlation properties look into whatever a message carries
            detail = f"there are no names to look up in a {type(context).__name__}"
            raise ScriptFailure("TypeError", detail, source=expression, line=1)
        names = {**(external_context or {}), **context}
        with self._failures(expression, names, context):
            return self._value(source, names, seed)

    def execute(self, script: str, context: Data, external_context: Any = None, *, seed: str | None = None) -> bool:
        """Run a script, and put the names it bound into `context` when it succeeds.

        Where it fails, the names in `context` are as before.

        Raises:
            ScriptFailure: It failed; it belongs to no task yet.
        """
        source = self._read(script, "exec")
        names = {**(external_context or {}), **context}
        with self._failures(script, names, context):
            left = self._run(source, names, seed)
            kept = {name: value for name, value in left.items() if self._keeps(name, value)}
            for name, value in kept.items():
                _measured(source, name, value.value)
        for name in left:
            if name in kept and name in (external_context or {}) and name not in context:
                continue  # a data object that was read: the engine keeps those itself
            if name in kept:
                context[name] = kept[name].value
            else:
                context.pop(name, None)
        return True

    def names(self, expression: str) -> frozenset[str]:
        """Return every name that an expression says.

        Raises:
            ScriptFailure: It does not compile.
        """
        return self._read(expression, "eval").reads

    # Steps

    def _value(self, source: Source, names: Mapping[str, Any], seed: str | None) -> Any:
        raise NotImplementedError

    def _run(self, source: Source, names: Mapping[str, Any], seed: str | None) -> dict[str, Left]:
        raise NotImplementedError

    def _read(self, source: Any, kind: Kind) -> Source:
        if not isinstance(source, str):
            raise ScriptFailure("TypeError", f"a script or expression is text, not {type(source).__name__}")
        try:
            if self.mode is ScriptMode.OFF:
                check_off(source, kind)
            read = read_source(source, kind)
            if read.refused and self.mode is not ScriptMode.TRUSTED:
                raise ScriptRefusedError(sorted(read.refused, key=lambda problem: problem.line))
            return read
        except ScriptRefusedError as error:
            problem = error.problems[0]
            raise ScriptFailure(
                error.kind, problem.message, source=source, line=problem.line, hint=problem.hint
            ) from error

    @contextmanager
    def _failures(self, source: str, names: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[None]:
        """Turn whatever a script raises into a failure."""
        try:
            yield
        except SandboxError as error:
            hint = getattr(error.cause, "hint", None)
            failure = ScriptFailure(error.kind, error.detail, source=source, line=error.line, hint=hint)
            if error.kind == "TimeLimit":
                failure.hint = "Look for a loop that does not end."
            failure.hint = failure.hint or self._hint(error.kind, error.detail, names, context)
            raise failure from error.cause or error
        except UnstorableError as error:
            raise ScriptFailure("TypeError", str(error), source=source, hint=error.hint) from error
        except KeyboardInterrupt as error:
            if not self._raised_by_script():
                raise
            raise failure_of_error(source, error) from error
        except ScriptFailure:
            raise
        except BaseException as error:
            failure = failure_of_error(source, error, time_s=self.limits.time_s)
            failure.hint = failure.hint or self._hint(failure.kind, failure.detail, names, context)
            raise failure from error

    def _hint(self, kind: str, detail: str, names: Mapping[str, Any], context: Mapping[str, Any]) -> str | None:
        if kind == "NameError":
            name = detail.partition("'")[2].partition("'")[0]
            return self._hint_for_name(name, [*names, *self.globals, *BUILTINS])
        if kind == "PermissionError":
            return REFUSED_BUILTINS["open"]
        if kind == "TypeError" and "not callable" in detail:
            hidden = [name for name in context if name in self.globals or name in BUILTINS]
            return f"The data of the task hides these functions: {', '.join(hidden)}." if hidden else None
        return None

    def _hint_for_name(self, name: str, names: Iterable[str]) -> str | None:
        if name in self._lost:
            return self._lost[name]
        if name in REFUSED_BUILTINS:
            return REFUSED_BUILTINS[name] or f"The built-in {name} is not available to scripts."
        texts = [each for each in names if isinstance(each, str) and not each.startswith("_")]
        near = difflib.get_close_matches(name, texts, 3, 0.75)
        return f"Did you mean {' or '.join(near)}?" if near else None

    def _raised_by_script(self) -> bool:
        """Return whether a KeyboardInterrupt is not somebody's Ctrl-C. Sandboxed scripts never get so far."""
        return False

    def _keeps(self, name: str, left: Left) -> bool:
        """Return whether what a name holds becomes data, and note why not: tools are gone after a script."""
        why = _why_lost(name, left)
        if why is None:
            self._lost.pop(name, None)
        elif why:
            self._lost[name] = why
        return why is None

    def _print(self, *values: object, sep: str | None = " ", end: str | None = "\n", flush: bool = False) -> None:
        """`print(...)` of scripts: to standard error, as standard output is for data."""
        self._write((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))

    def _write(self, text: str) -> None:
        (sys.stderr if self._stderr is None else self._stderr).write(strip_controls(text))


class SandboxEnvironment(ScriptEnvironment):
    """Runs scripts in an interpreter of their own."""

    mode = ScriptMode.SANDBOX

    def _scene(self, names: Mapping[str, Any], seed: str | None) -> Scene:
        return Scene(names, self.globals, self.limits, now(), seed, self._write)

    def _value(self, source: Source, names: Mapping[str, Any], seed: str | None) -> Any:
        if source.plain:  # it cannot do anything
            return eval(compiled(source.original, "eval"), {"__builtins__": {}}, {**self.globals, **names})
        return worker.evaluate(source, self._scene(names, seed))

    def _run(self, source: Source, names: Mapping[str, Any], seed: str | None) -> dict[str, Left]:
        return worker.run_script(source, self._scene(names, seed))


class OffEnvironment(SandboxEnvironment):
    """Evaluates plain expressions and refuses everything else."""

    mode = ScriptMode.OFF


class TrustedEnvironment(ScriptEnvironment):
    """Runs scripts as plain Python."""

    mode = ScriptMode.TRUSTED

    def __init__(self, functions: Mapping[str, Any], limits: Limits, stderr: IO[str] | None = None) -> None:
        super().__init__(functions, limits, stderr)
        self.globals.setdefault("print", self._print)
        self._changeable = [name for name, value in self.globals.items() if isinstance(value, list | dict | set)]
        self._interrupted = False

    def _value(self, source: Source, names: Mapping[str, Any], seed: str | None) -> Any:
        namespace = self._namespace(source, names)
        return self._limited(lambda: eval(compiled(source.original, "eval"), namespace))

    def _run(self, source: Source, names: Mapping[str, Any], seed: str | None) -> dict[str, Left]:
        namespace = self._namespace(source, names)
        before = dict(namespace)
        self._limited(lambda: exec(compiled(source.original, "exec"), namespace))
        gone = {name: Left("NameError", _GONE) for name in names if name not in namespace}
        bound = {
            name: Left(type(value).__name__, value)
            for name, value in namespace.items()
            if name not in _NEVER_DATA and name not in source.typing and before.get(name, _MISSING) is not value
        }
        return {**bound, **gone}

    def _namespace(self, source: Source, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a script gets; lists and dictionaries of the engine module, and the built-ins, as copies."""
        said = source.reads | source.binds
        copies = {name: deepcopy(self.globals[name]) for name in self._changeable if name in said}
        return {**self.globals, **copies, **names, "__builtins__": dict(vars(builtins))}

    def _limited(self, call: Callable[[], Any]) -> Any:
        """Call a script; in the main thread an alarm ends it, and Ctrl-C is told apart from what it raises."""
        self._interrupted = False
        if threading.current_thread() is not threading.main_thread():
            return call()
        with _interrupts_noted(self._interrupt), _alarm(self.limits.time_s):
            return call()

    def _interrupt(self) -> None:
        self._interrupted = True

    def _raised_by_script(self) -> bool:
        return not self._interrupted


class _TimeIsUpError(BaseException):
    """Not an `Exception`: `except Exception` in a script must not catch it."""


@contextmanager
def _interrupts_noted(note: Callable[[], None]) -> Iterator[None]:
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous):
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> Any:
        note()
        return previous(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt a script that takes too long, in the main thread of systems with interval timers."""
    if seconds <= 0 or not hasattr(signal, "setitimer") or signal.getsignal(signal.SIGALRM) is None:
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TimeIsUpError

    previous = signal.signal(signal.SIGALRM, ring)
    before = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, previous)


def _measured(source: Source, name: str, value: Any) -> None:
    try:
        measure(value, f"'{name}'")
    except UnstorableError as error:
        message = f"{error}: task data cannot hold that"
        raise SandboxError("TypeError", message, source.line_of(name), error) from error


#: What stands for a name that a script deleted.
_GONE: Final = NameError("deleted")

_Feature: Final = type(__future__.annotations)

#: Types of the sandbox that are no data, and why a name that held one is gone.
_TOOLS: Final[Mapping[str, str]] = {
    "module": "An earlier script imported '{name}'. Modules are not kept: import it in this script too.",
    "function": "An earlier script defined '{name}'. Functions are not kept: define it here, or in an engine module.",
    "type": "An earlier script defined '{name}'. Classes are not kept: define it here, or in an engine module.",
}


_FUNCTIONS: Final = frozenset({"function", "builtin_function_or_method", "method", "functools.partial", "partial"})
_ITERATORS: Final = frozenset({"map", "filter", "zip", "generator", "enumerate", "reversed"})


def _why_lost(name: str, left: Left) -> str | None:
    """Return why a name is not kept; None where it is kept, and nothing where a script deleted it."""
    kind, value = left.type, left.value
    if isinstance(value, NameError) and str(value) in (str(_GONE), DELETED):
        return ""
    if isinstance(value, ModuleType) or kind == "module":
        return _TOOLS["module"].format(name=name)
    if isinstance(value, Iterator) or "iterator" in kind or kind in _ITERATORS:
        return f"An earlier script set '{name}' to a {kind}, which is not kept. Make it a list there: list(...)."
    if isinstance(value, type) or kind in ("type", "MontyStdTypeProxy"):
        return _TOOLS["type"].format(name=name)
    if kind in _FUNCTIONS:
        return _TOOLS["function"].format(name=name)
    written_out = type(value).__module__.startswith("pydantic_monty") or (type(value) is str and kind != "str")
    if written_out or isinstance(value, BaseException | Pattern | Match | _Feature):
        return f"An earlier script set '{name}' to a {kind}, which is not kept."
    return None


class RunnerScriptEngine(PythonScriptEngine):
    """Runs scripts, expressions and services for tasks, and says what went wrong in them.

    The engine's own class loses the error on the way (a `KeyError(5)` becomes a `TypeError` about strings, a failing
    service a `NameError`), so every way out is ours.
    """

    def __init__(self, environment: ScriptEnvironment, service: ServiceCaller | None = None) -> None:
        super().__init__(environment)
        self.service = service

    def validate(self, expression: str) -> None:
        """Check that a text is Python. Decision tables ask for every cell, at every decision.

        Raises:
            SyntaxError: It is not; decision tables go on from there, so this is no `ScriptFailure`.
        """
        error = syntax_error(expression)
        if error is not None:
            raise SyntaxError(error)

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> Any:
        """Return the value of an expression on the data of a task.

        Raises:
            ScriptFailure: It cannot be evaluated.
        """
        try:
            expression, external_context = self._with_business(task, expression, external_context)
            return self.environment.evaluate(expression, task.data, external_context, seed=_seed(task))
        except ScriptFailure as failure:
            failure.happened_in(task)
            raise

    def _with_business(self, task: Any, expression: str, given: Any) -> tuple[str, Any]:
        """Return the expression without the wrapper of another language, and what business code knows of its names."""
        from spiffcli.engine.places import is_served, place_of  # it needs the workflow, which needs us

        if not isinstance(expression, str) or not is_served(task):
            return expression, given
        expression = unwrapped(expression)
        names = self.environment.names(expression)
        try:
            values = task.workflow.top_workflow.unit.values(place_of(task), names)
        except RunnerError:
            raise
        except Exception as error:
            raise failure_of_error(expression, error) from error
        return expression, {**values, **(given or {})}

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:
        """Run a script on the data of a task.

        Raises:
            ScriptFailure: It failed.
        """
        try:
            return self.environment.execute(script, task.data, external_context, seed=_seed(task))
        except ScriptFailure as failure:
            failure.happened_in(task)
            raise

    def call_service(self, task: Any, *, operation_name: str, operation_params: Mapping[str, Any], **_: Any) -> str:
        """Carry out a service task.

        Returns:
            The result as JSON text, which is what the engine expects.

        Raises:
            ScriptFailure: There is no service, it failed, or its result is not JSON.
        """
        if not operation_name:
            hint = (
                "Wire one with @workflow_task, and name its module with --services MODULE. "
                "An instance that began without services has no aggregate: start it anew with them."
            )
            raise ScriptFailure("NoService", "no method is wired to it", hint=hint, task=task)
        if self.service is None:
            hint = "Name an engine module that offers services: -e MODULE."
            raise ScriptFailure("NoService", f"no service carries out '{operation_name}'", hint=hint, task=task)
        values = {name: param["value"] for name, param in operation_params.items()}
        try:
            return json.dumps(self.service(operation_name, values, task.data))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failure = failure_of_error("", error)
            failure.happened_in(task)
            raise failure from error

    def create_task_exec_exception(self, task: Any, script: str, err: BaseException) -> ScriptFailure:
        """Return the failure of a script, for callers that still ask the engine's way."""
        failure = err if isinstance(err, ScriptFailure) else failure_of_error(script, err)
        failure.happened_in(task)
        return failure


def _seed(task: Any) -> str | None:
    """Return the seed of a step: the same task draws the same numbers when it is run again."""
    return str(getattr(task, "id", "")) or None


_ENVIRONMENTS: Final[Mapping[ScriptMode, type[ScriptEnvironment]]] = {
    ScriptMode.SANDBOX: SandboxEnvironment,
    ScriptMode.TRUSTED: TrustedEnvironment,
    ScriptMode.OFF: OffEnvironment,
}


def make_script_engine(
    mode: ScriptMode,
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    time_limit_s: float = 10.0,
    stderr: IO[str] | None = None,
    service: ServiceCaller | None = None,
) -> RunnerScriptEngine:
    """Return the script engine for `BpmnWorkflow(script_engine=...)`.

    Args:
        mode: How scripts run.
        functions: What the engine module offers to scripts, by name.
        time_limit_s: Seconds one script or expression may take; 0 for no limit. In trusted mode it holds in the
            main thread only.
        stderr: Where `print` of a script goes; standard error when None.
        service: Carries out service tasks.
    """
    environment = _ENVIRONMENTS[ScriptMode(mode)](functions or {}, Limits(time_limit_s), stderr)
    return RunnerScriptEngine(environment, service)


def check_script(
    source: str,
    *,
    expression: bool = False,
    cell: bool = False,
    mode: ScriptMode = ScriptMode.SANDBOX,
    functions: Iterable[str] = (),
) -> list[ScriptProblem]:
    """Return what of a script or expression of a model would not run, found without running it.

    Args:
        source: The script or expression.
        expression: Whether it is an expression (condition, timer, output of a decision table ...).
        cell: Whether it is an input cell of a decision table, which may be half a comparison (`> 3`).
        mode: The mode it would run in.
        functions: Names that the engine module offers.
    """
    text = cell_text(source) if cell else source
    kind: Kind = "eval" if expression or cell else "exec"
    try:
        if mode is ScriptMode.OFF:
            check_off(text, kind)
        read = read_source(text, kind)
    except ScriptRefusedError as error:
        return error.problems
    if mode is ScriptMode.TRUSTED:
        return []
    found = problems_of(text, kind, functions)
    if found or read.plain:
        return found
    problem = worker.interpreter_problem(read)
    return [problem] if problem else []
