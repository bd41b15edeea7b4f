"""Running scripts in Monty: a Python interpreter without files, network or clock of its own, in worker processes."""

from __future__ import annotations

import ast
import atexit
import datetime
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct
from pydantic_monty import (
    Monty,
    MontyConversionError,
    MontyCrashedError,
    MontyError,
    MontyRuntimeError,
    MontySession,
    MontySyntaxError,
)

from spiffcli.sandbox.modules import external_modules
from spiffcli.sandbox.source import ScriptProblem, Source
from spiffcli.sandbox.values import HostCalls, UnstorableError, for_sandbox, is_host_object, measure

#: Bytes of memory that one script may use.
MEMORY: Final = 1 << 29

#: Calls of one script into another.
_RECURSION: Final = 400

#: Questions that one script may ask of us: calls of host functions and look-ups of names.
_SUSPENSIONS: Final = 1_000_000

#: Characters from which on a value that is only read is not sent back to see whether it changed.
_LARGE: Final = 20_000

#: Seconds after its time limit in which a worker must have stopped a script by itself.
_GRACE: Final = 0.7

#: What a value looks like that has no counterpart outside of the sandbox.
_MARKS: Final = ("<", "...", "Counter(", "defaultdict(", "OrderedDict(", "deque(", "range(", "dict_")

#: Built-in functions that reading the results needs.
_NEEDED: Final = frozenset({"type", "repr", "locals", "any", "len", "dict", "list", "tuple", "set"})

_RESULTS: Final = (
    "\n{_k_: (_type_(_v_).__name__, _v_, _type_(_v_) in (_dict_, _list_, _tuple_, _set_) and "
    f"(lambda _r_: _any_(_m_ in _r_ for _m_ in {_MARKS!r}))(_repr_(_v_))) "
    "for _k_, _v_ in _locals_().items() if _k_ in %NAMES%}"
)
_RESULT: Final = (
    "(lambda _v_: (_type_(_v_).__name__, _v_, _type_(_v_) in (_dict_, _list_, _tuple_, _set_) and "
    f"(lambda _r_: _any_(_m_ in _r_ for _m_ in {_MARKS!r}))(_repr_(_v_))))(\n%SOURCE%\n)"
)

#: Looks for a part without a counterpart, in a value that may have one; returns its type and where it is.
_SEARCH: Final = """
def _search_(_value_):
    todo, held = [(_value_, '', ())], 0
    while todo:
        item, path, above = todo.pop()
        kind = type(item).__name__
        held += 1
        if held > 2000000 or len(above) > 300:
            return ('structure that is too large or too deep', path)
        if kind in ('dict', 'list', 'tuple', 'set', 'frozenset'):
            if any(item is each for each in above):
                return (kind + ' that contains itself', path)
            parts = item.items() if kind == 'dict' else enumerate(item)
            todo += [(part, path + '[' + repr(key) + ']', above + (item,)) for key, part in parts]
        elif kind in ('Counter', 'defaultdict', 'OrderedDict', 'deque', 'function', 'range') or repr(item)[:1] == '<':
            return (kind, path)
    return None
_search_(%NAME%)"""


class Limits(Struct, frozen=True):
    """What one script may use.

    Attributes:
        time_s: Seconds by the clock, host functions left out; 0 for no limit.
        memory_bytes: Bytes of memory.
    """

    time_s: float = 10.0
    memory_bytes: int = MEMORY


class SandboxError(Exception):
    """A script or expression failed in the sandbox.

    Attributes:
        kind: Name of the exception class, or `TimeLimit`.
        line: Line in the script, or None where the failure has none.
        cause: What was raised: by a host function, where that was it.
    """

    def __init__(self, kind: str, detail: str, line: int | None = None, cause: BaseException | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.line = line
        self.cause = cause


class Scene(Struct, frozen=True):
    """What a script or expression gets.

    Attributes:
        data: Task data and what else is read by name.
        functions: What the engine module offers.
        limits: What it may use.
        now: The time that it sees, in seconds since the epoch; None for the time of the machine.
        seed: Seed of its random numbers; None for another each time.
        write: Takes what it prints.
    """

    data: Mapping[str, Any]
    functions: Mapping[str, Any]
    limits: Limits
    now: float | None
    seed: str | None
    write: Callable[[str], object]


class Left(Struct, frozen=True):
    """What a name holds after a script.

    Attributes:
        type: Name of its type in the sandbox.
        value: Its value here.
    """

    type: str
    value: Any


def run_script(source: Source, scene: Scene) -> dict[str, Left]:
    """Run a script; return what the names hold that it bound or that may have changed, in their order.

    Raises:
        SandboxError: It failed, or left something that cannot be kept.
    """
    wanted = source.binds | source.reads.intersection(scene.data)
    with _Session(source, scene) as session:
        session.refuse_lost_attributes()
        large = {name: text for name, text in session.texts.items() if len(text) > _LARGE and name not in source.binds}
        named = "{" + ", ".join(map(repr, sorted(wanted - large.keys()))) + ",}" if wanted - large.keys() else "()"
        tagged = session.feed(source.text + session.own(_RESULTS).replace("%NAMES%", named))
        changed = [name for name, text in large.items() if session.feed(f"repr({name}) != _before_", _before_=text)]
        if changed:
            tagged |= session.feed(session.own(_RESULTS).replace("%NAMES%", repr(tuple(changed))))
        tagged = {name: found for name, found in tagged.items() if name not in source.typing}
        left = {name: session.kept(name, *found) for name, found in tagged.items()}
        same = {name for name in left if name in session.texts and _text(left[name].value) == session.texts[name]}
    return {name: value for name, value in left.items() if name not in same}


def evaluate(source: Source, scene: Scene) -> Any:
    """Return the value of an expression.

    Raises:
        SandboxError: It cannot be evaluated, or has a value that cannot be used here.
    """
    with _Session(source, scene) as session:
        kind, value, suspicious = session.feed(session.own(_RESULT).replace("%SOURCE%", source.text), shift=1)
        if kind in ("range", "dict_keys", "dict_values", "dict_items", "map", "filter", "zip", "enumerate", "reversed"):
            value = session.feed(f"list(\n{source.text}\n)", shift=1)
        elif suspicious:
            session.search(f"(\n{source.text}\n)", "the value")
        return session.plain(value, "the value")


def interpreter_problem(source: Source) -> ScriptProblem | None:
    """Return what of a text the interpreter of the sandbox cannot read or import; nothing else of it is run."""
    imports = [each for each in ast.walk(source.tree) if isinstance(each, ast.Import | ast.ImportFrom)]
    limits: Any = {"max_feed_duration_secs": 2.0, "max_memory": MEMORY}
    with _pool().checkout(limits=limits, external_modules=external_modules()) as session:
        try:
            session.feed_run(f"0 / 0\n{source.text}")
        except MontyError as error:
            if not isinstance(error.exception(), ZeroDivisionError):
                return ScriptProblem(max((_line(error) or 2) - 1, 1), _readable(str(error)), _UNREADABLE_HINT)
        for each in imports:
            try:
                session.feed_run(ast.unparse(each))
            except MontyError as error:
                return ScriptProblem(each.lineno, _readable(_detail(error)), _UNREADABLE_HINT)
    return None


_UNREADABLE_HINT: Final = (
    "Write it in another way, offer a function in an engine module, or run with --scripts trusted."
)


class _Session:
    """One fresh interpreter for one script or expression, with the names that it reads."""

    def __init__(self, source: Source, scene: Scene) -> None:
        self.source = source
        self.scene = scene
        self.calls = HostCalls()
        given = {name: scene.data[name] for name in source.reads if name in scene.data}
        # A mutable value that is read may be changed; its text tells whether it was.
        self.texts = {name: _text(value) for name, value in given.items()}
        handed = {name: for_sandbox(value, self.calls) for name, value in given.items()}
        self.inputs = {name: value for name, value in handed.items() if not callable(value)}
        wanted = (name for name in source.reads if name in scene.functions and name not in given)
        offered = {name: for_sandbox(scene.functions[name], self.calls) for name in wanted}
        self.lookup = {name: value for name, value in (offered | handed).items() if callable(value)}
        self.inputs |= {name: value for name, value in offered.items() if not callable(value)}
        self.shadowed = bool(_NEEDED & (source.binds | given.keys()))
        self._monty: MontySession | None = None

    def __enter__(self) -> _Session:
        limits, now = self.scene.limits, self.scene.now
        policy: dict[str, Any] = {"sleep": "zero"}
        if now is not None:
            policy["datetime"] = datetime.datetime.fromtimestamp(now).astimezone()
        if self.scene.seed is not None:
            policy["random_start"] = {"seed": self.scene.seed}
        self._monty = _pool().checkout(
            limits={
                "max_feed_duration_secs": limits.time_s or None,
                "max_memory": limits.memory_bytes or None,
                "max_recursion_depth": _RECURSION,
                "max_suspensions": _SUSPENSIONS,
            },
            os_policy=policy,  # type: ignore[arg-type]
            external_modules=external_modules(),
            assert_message_annotations=False,
        )
        self._monty.__enter__()
        if self.shadowed:  # before the data take the names
            self._feed("; ".join(f"_{name}_ = {name}" for name in sorted(_NEEDED)), {})
        return self

    def __exit__(self, *details: Any) -> None:
        if self._monty is not None:
            self._monty.__exit__(*details)

    def own(self, code: str) -> str:
        """Return code of ours with the built-in functions it needs, by names that nobody hides."""
        if self.shadowed:
            return code
        for name in _NEEDED:
            code = code.replace(f"_{name}_", name)
        return code

    def feed(self, code: str, *, shift: int = 0, **more: Any) -> Any:
        """Run code with the inputs, which are given once.

        Args:
            shift: Lines before the first of the script.

        Raises:
            SandboxError: It failed.
        """
        inputs, self.inputs = {**self.inputs, **more}, {}
        try:
            return self._feed(code, inputs)
        except MontyCrashedError as error:
            raise self._crashed(error) from error
        except MontyConversionError as error:
            raise SandboxError("TypeError", str(error)) from error
        except MontyError as error:
            raise self._failed(error, shift) from error
        except (ValueError, RecursionError) as error:
            raise SandboxError("ValueError", f"a value cannot be handed to a script: {error}") from error

    def _feed(self, code: str, inputs: dict[str, Any]) -> Any:
        assert self._monty is not None

        def write(_stream: str, text: str) -> None:
            self.scene.write(text)

        return self._monty.feed_run(code, inputs=inputs, external_lookup=self.lookup, print_callback=write)

    def _crashed(self, error: MontyCrashedError) -> SandboxError:
        if getattr(error, "timed_out", False):
            return self._too_long(None)
        return SandboxError("MemoryError", "the script needed more memory than scripts may use")

    def _too_long(self, line: int | None) -> SandboxError:
        return SandboxError("TimeLimit", f"took longer than {self.scene.limits.time_s:g} s", line)

    def _failed(self, error: MontyError, shift: int) -> SandboxError:
        line = _line(error)
        line = None if line is None else max(line - shift, 1)
        raised = error.exception()
        if isinstance(raised, TimeoutError) and "time limit exceeded" in str(raised):
            return self._too_long(line)
        if isinstance(error, MontySyntaxError):
            return SandboxError("SyntaxError", _readable(str(error)), line)
        cause = self.calls.cause_of(raised)
        if isinstance(cause, KeyboardInterrupt):
            raise cause
        kind = type(cause or raised).__name__
        detail = self.calls.told[id(cause)] if cause is not None else _detail(error)
        if "exceptions can only be called" in str(error):
            kind, detail = "TypeError", "an exception of a script takes one argument, a text"
        return SandboxError(kind, _readable(detail), line, cause or raised)

    def refuse_lost_attributes(self) -> None:
        """Raise SandboxError where a script sets attributes of host objects: they would not reach the object."""
        if self.source.sets_attributes:
            given = [name for name in self.source.reads if is_host_object(self.scene.data.get(name))]
            if given:
                detail = f"a script cannot set attributes of '{given[0]}', which is an object of an engine module"
                raise SandboxError("ScriptRefused", detail)

    def kept(self, name: str, kind: str, value: Any, suspicious: bool) -> Left:
        """Return what a name holds.

        Raises:
            SandboxError: It holds something that has no counterpart here.
        """
        if suspicious:
            self.search(name, f"'{name}'")
        if kind in ("Counter", "defaultdict", "OrderedDict", "deque"):
            plain = "list" if kind == "deque" else "dict"
            self._refuse(f"'{name}' is a {kind}", self.source.line_of(name), f"Make it a {plain}: {plain}({name}).")
        return Left(kind, value)

    def search(self, expression: str, name: str) -> None:
        """Raise SandboxError where a part of a value has no counterpart here."""
        found = self.feed(_SEARCH.replace("%NAME%", expression))
        if found:
            kind, path = found
            bare = name.strip("'")
            self._refuse(f"{bare}{path} is a {kind}", self.source.line_of(bare), None)

    def _refuse(self, what: str, line: int | None, hint: str | None) -> None:
        raise SandboxError("TypeError", f"{what}, which task data cannot hold", line, UnstorableError(what, hint))

    def plain(self, value: Any, name: str) -> Any:
        """Return a value that is no larger than task data may be.

        Raises:
            SandboxError: It is too large, too deep, or of a type of the sandbox's own.
        """
        try:
            measure(value, name)
        except UnstorableError as error:
            raise SandboxError("TypeError", str(error), None, error) from error
        return value


def _text(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # numbers with too many digits, deep structures
        return ""


def _line(error: MontyError) -> int | None:
    frames = error.traceback() if isinstance(error, MontyRuntimeError | MontySyntaxError) else []
    return frames[-1].line if frames else None


def _detail(error: MontyError) -> str:
    return error.display("msg") if isinstance(error, MontyRuntimeError | MontySyntaxError) else str(error)


def _readable(message: str) -> str:
    """Return a message of the interpreter in our words."""
    for before in ("NotImplementedError: ", "The monty syntax parser does not yet support "):
        if message.startswith(before):
            message = message.removeprefix(before)
            if "monty" in before:
                return f"{message.strip()} cannot be used in scripts"
    return message


_lock = threading.Lock()
_pools: dict[int, Monty] = {}


def _pool() -> Monty:
    """Return the workers of this process, started on first use: a copy of this process must not use ours."""
    with _lock:
        pool = _pools.get(os.getpid())
        if pool is None:
            _pools.clear()
            pool = Monty(min_processes=1, feed_duration_limit_grace=_GRACE)
            pool.__enter__()
            _pools[os.getpid()] = pool
        return pool


@atexit.register
def _stop() -> None:
    pool = _pools.pop(os.getpid(), None)
    if pool is not None:
        pool.__exit__(None, None, None)
