"""Time, memory and recursion of scripts."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from spiffcli.sandbox import ScriptFailure, ScriptMode, make_script_engine
from spiffcli.sandbox.limits import Limits, TimeLimitExceededError, checkpoint, run_limited

SLOW_MODES = [ScriptMode.RESTRICTED, ScriptMode.TRUSTED]


@pytest.mark.parametrize("mode", SLOW_MODES)
def test_an_endless_script_fails_in_words(mode: ScriptMode) -> None:
    environment = make_script_engine(mode, time_limit_s=0.1).environment
    with pytest.raises(ScriptFailure) as caught:
        environment.execute("a = 1\nwhile True:\n    a += 1", {})
    assert caught.value.kind == "TimeLimit"
    assert caught.value.detail == "took longer than 0.1 s"
    assert caught.value.line in (2, 3)


@pytest.mark.parametrize("mode", SLOW_MODES)
def test_an_endless_expression_fails_too(mode: ScriptMode) -> None:
    environment = make_script_engine(mode, time_limit_s=0.1).environment
    with pytest.raises(ScriptFailure, match=r"took longer than 0\.1 s"):
        environment.evaluate("[x for x in iter(int, 1)]", {})


@pytest.mark.parametrize("mode", SLOW_MODES)
def test_the_alarm_of_the_program_is_put_back(mode: ScriptMode) -> None:
    rung: list[int] = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 60, 30)
        make_script_engine(mode).environment.execute("a = [i for i in range(10)]", {})
        left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        assert 50 < left <= 60
        assert interval == 30
        os.kill(os.getpid(), signal.SIGALRM)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_a_script_in_another_thread_is_stopped_at_its_loops() -> None:
    scripts = [
        "while True: pass",
        "f = lambda: f() or f()\ndef g():\n    for i in iter(int, 1): pass\ng()",
        "import itertools\nsum(itertools.count())",
        "[x for x in map(lambda x: x, iter(int, 1)) if x]",
    ]
    kinds: list[str] = []

    def work() -> None:
        environment = make_script_engine(ScriptMode.RESTRICTED, time_limit_s=0.05).environment
        for script in scripts:
            try:
                environment.execute(script, {})
            except ScriptFailure as failure:
                kinds.append(failure.kind)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert kinds == ["TimeLimit"] * len(scripts)


def test_without_a_limit_a_script_may_take_its_time() -> None:
    environment = make_script_engine(ScriptMode.RESTRICTED, time_limit_s=0).environment
    data: dict[str, Any] = {}
    environment.execute("n = sum(1 for _ in range(1000))", data)
    assert data == {"n": 1000}


def test_a_script_inside_a_function_of_another_shares_its_time() -> None:
    inner = make_script_engine(ScriptMode.RESTRICTED, time_limit_s=30).environment
    outer = make_script_engine(
        ScriptMode.RESTRICTED, functions={"nested": lambda: inner.execute("while True: pass", {})}, time_limit_s=0.1
    ).environment
    with pytest.raises(ScriptFailure, match="took longer"):
        outer.execute("nested()", {})
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_checkpoint_outside_of_scripts_lets_everything_pass() -> None:
    assert checkpoint()()


@pytest.mark.parametrize("mode", SLOW_MODES)
def test_a_function_of_the_engine_module_is_broken_off_a_little_later(mode: ScriptMode) -> None:
    environment = make_script_engine(mode, functions={"wait": lambda: time.sleep(60)}, time_limit_s=0.05).environment
    began = time.monotonic()
    with pytest.raises(ScriptFailure, match="took longer"):
        environment.execute("wait()", {})
    assert time.monotonic() - began < 30


def test_a_function_of_the_engine_module_may_finish_what_it_is_doing() -> None:
    finished = []

    def work() -> None:
        time.sleep(0.2)
        finished.append(1)

    environment = make_script_engine(ScriptMode.RESTRICTED, functions={"work": work}, time_limit_s=0.05).environment
    with pytest.raises(ScriptFailure, match="took longer"):
        environment.execute("work()\nwhile True:\n    pass", {})
    assert finished == [1]


def test_code_that_catches_everything_is_stopped_again() -> None:
    caught = []

    def stubborn(_check: object) -> None:
        for _ in range(2):
            try:
                while True:
                    time.sleep(0.001)
            except TimeLimitExceededError:
                caught.append(1)
        raise TimeLimitExceededError

    with pytest.raises(TimeLimitExceededError):
        run_limited(Limits(0.05), stubborn)
    assert caught == [1, 1]


def test_what_was_lowered_for_a_script_is_put_back() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ScriptFailure, match="took longer"):
        make_script_engine(ScriptMode.RESTRICTED, time_limit_s=0.05).environment.execute("while True: pass", {})
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_alarm_that_rings_in_a_finalizer_rings_again() -> None:
    script = """
def g():
    try:
        yield 1
    finally:
        while True:
            pass
while True:
    it = g()
    next(it)
    del it
"""
    with pytest.raises(ScriptFailure) as caught:
        make_script_engine(ScriptMode.RESTRICTED, time_limit_s=0.1).environment.execute(script, {})
    assert caught.value.kind == "TimeLimit"


@pytest.mark.parametrize("mode", SLOW_MODES)
def test_ctrl_c_is_no_script_error(mode: ScriptMode) -> None:
    functions = {"press_ctrl_c": _thread.interrupt_main}
    environment = make_script_engine(mode, functions=functions).environment
    with pytest.raises(KeyboardInterrupt):
        environment.execute("press_ctrl_c()\nfor i in range(1000000):\n    pass", {})
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("script", ["exit()", "quit(3)", "raise SystemExit(1)", "raise KeyboardInterrupt"])
def test_a_trusted_script_cannot_leave_the_program(script: str) -> None:
    with pytest.raises(ScriptFailure) as caught:
        make_script_engine(ScriptMode.TRUSTED).environment.execute(f"import sys\n{script}", {})
    assert caught.value.kind in ("SystemExit", "KeyboardInterrupt")
    assert caught.value.line == 2


def test_a_trusted_script_runs_in_other_threads_and_without_ctrl_c_too() -> None:
    data: dict[str, Any] = {}
    environment = make_script_engine(ScriptMode.TRUSTED).environment
    thread = threading.Thread(target=environment.execute, args=("a = [1, 2]", data))
    thread.start()
    thread.join(20)
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        environment.execute("b = len(a)", data)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert data == {"a": [1, 2], "b": 2}


MEMORY = """
from spiffcli.sandbox import ScriptFailure
from spiffcli.sandbox.environment import RestrictedEnvironment
from spiffcli.sandbox.limits import Limits
environment = RestrictedEnvironment({}, Limits(time_s=60, memory_bytes=50_000_000))
scripts = [
    "s = 'abcd'\\nwhile True: s += s",
    "x = [0]\\nwhile True: x.extend(x)",
    "[list(range(900_000)) for _ in range(99)]",
]
for script in scripts:
    try:
        environment.execute(script, {})
    except ScriptFailure as failure:
        print(failure.kind)
data = {}
environment.execute("n = len('x' * 1000)", data)
print(data)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux only")
def test_memory_is_a_script_error_before_it_is_everybodys() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == ["MemoryError"] * 3 + ["{'n': 1000}"], done.stderr


def test_recursion_through_c_ends_where_the_program_allows_much() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200_000)
    try:
        with pytest.raises(ScriptFailure) as caught:
            make_script_engine(ScriptMode.RESTRICTED).environment.execute(
                "def f(x): return sorted([1], key=f)\nf(1)", {}
            )
        assert caught.value.kind == "RecursionError"
        assert sys.getrecursionlimit() == 200_000
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    "source", ["(" * 5000, "x = " + "-" * 20000 + "1", "x = 1" + " + 1" * 30000, "x" + ".a" * 50000, "x = " + "[" * 150]
)
def test_code_that_is_nested_too_deeply_is_refused(source: str) -> None:
    with pytest.raises(ScriptFailure) as caught:
        make_script_engine(ScriptMode.RESTRICTED).environment.execute(source, {"a": 1})
    assert caught.value.kind == "SyntaxError"
