"""How often a move is refused that a person who knows the process would allow.

The cases are those of the catalogue that can be told by two models and a state, each with the verdict of such a person:
`moves` (nothing is lost, nothing done twice), `asks` (only a person can say what became of a node), `stays` (work would
be lost, left out or done twice, or nobody can know). Where ours is looser it is a fault; stricter it is nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .bench import Bench
from .build import (
    boundary,
    by_message,
    by_signal,
    call,
    catch,
    date,
    duration,
    event_sub,
    gateway,
    manual,
    message,
    on_condition,
    process,
    repeated,
    script,
    signal,
    sub,
    user,
)

A, B, U, V, N = script("a"), script("b"), user("u"), user("v"), script("n")
ITEMS = {"items": ["a", "b", "c"], "go": False}


@dataclass(frozen=True)
class Case:
    """Two versions of a process, and what a person would say of an instance.

    Attributes:
        done: Tasks that are completed before the move.
    """

    id: str
    old: str
    new: str
    judged: str
    done: tuple[str, ...] = ()


def fork(*names: str, kind: str = "parallel", join: str = "g2", end: str = "z") -> str:
    when = ":True" if kind == "inclusive" else ""
    flows = " ".join(f"g1>{name}{when} {name}>{join}" for name in names)
    nodes = [gateway(kind, "g1"), *map(user, names), gateway(kind, join), script(end)]
    return process(*nodes, flows=f"start>g1 {flows} {join}>{end} {end}>end")


def on_u(*events: str, behind: Sequence[str] = (B,)) -> str:
    names = ["start", "u", *(node.partition('id="')[2].partition('"')[0] for node in behind), "end"]
    flows = " ".join(f"{one}>{two}" for one, two in zip(names, names[1:], strict=False))
    return process(U, *behind, *events, flows=flows)


def waiting(definition: str, id: str = "c") -> str:
    return process(A, catch(id, definition), B)


def either(*names: str) -> str:
    flows = " ".join(f"eg>{name} {name}>end" for name in names)
    return process(gateway("eventBased", "eg"), *(catch(n, by_message(n)) for n in names), flows=f"start>eg {flows}")


def loop(condition: str) -> str:
    return process(U, gateway("exclusive", "g", "u"), flows=f"start>u u>g g>end:{condition} g>u")


def many(**how: object) -> str:
    return process(user("m", loop=repeated(output="results", **how)), B)  # type: ignore[arg-type]


HOUR, FIVE = duration("PT1H"), duration("PT5H")
SP = sub("sp", U)

CASES = (
    Case("P1 nothing", process(A, U, B), process(A, U, B), "moves"),
    Case("U1 added ahead", process(A, U, B), process(A, U, N, B), "moves"),
    Case("U2 renamed", process(A, U, B), process(A, user("u2", name="u"), B), "asks"),
    Case("U3 removed", process(A, U, B), process(A, B), "stays"),
    Case("U6 another kind", process(U, B), process(manual("u"), B), "stays"),
    Case("U7 another title", process(A, U, B), process(A, user("u", name="New"), B), "moves"),
    Case("U7 another form", process(A, U, B), process(A, user("u", form="f.json"), B), "moves"),
    Case("U8 inserted behind", process(A, U, B), process(A, N, U, B), "stays"),
    Case("U10 finished one removed", process(A, U, B), process(U, B), "moves"),
    Case("U10 finished one changed", process(A, U, B), process(script("a", "x = 2", name="A"), U, B), "moves"),
    Case("U11 split", process(U, B), process(U, V, B), "moves"),
    Case("pre-script added", process(U, B), process(user("u", pre="x = 1"), B), "stays"),
    Case("B1 message added", on_u(), on_u(boundary("x", "u", by_message("m"))), "moves"),
    Case("B2 signal added", on_u(), on_u(boundary("x", "u", by_signal("s"))), "moves"),
    Case("B3 timer added", on_u(), on_u(boundary("x", "u", HOUR)), "moves"),
    Case("B5 removed", on_u(boundary("x", "u", HOUR)), on_u(), "moves"),
    Case("B6 unchanged", on_u(boundary("x", "u", HOUR)), on_u(boundary("x", "u", HOUR), behind=(B, N)), "moves"),
    Case("B7 duration", on_u(boundary("x", "u", HOUR)), on_u(boundary("x", "u", FIVE)), "moves"),
    Case("B8 name", on_u(boundary("x", "u", by_message("m"))), on_u(boundary("x", "u", by_message("k"))), "moves"),
    Case(
        "B9 interrupting", on_u(boundary("x", "u", HOUR)), on_u(boundary("x", "u", HOUR, interrupting=False)), "moves"
    ),
    Case("B13 renamed", on_u(boundary("x", "u", HOUR)), on_u(boundary("y", "u", HOUR)), "asks"),
    Case("C1 message kept", waiting(by_message("m")), process(catch("c", by_message("m")), B), "moves"),
    Case("C1 another name", waiting(by_message("m")), waiting(by_message("k")), "moves"),
    Case("C2 signal renamed", waiting(by_signal("s")), waiting(by_signal("s"), "c2"), "asks"),
    Case("C2 becomes a message", waiting(by_signal("s")), waiting(by_message("m")), "stays"),
    Case("C3 duration", waiting(HOUR), waiting(FIVE), "moves"),
    Case("C3 becomes a date", waiting(HOUR), waiting(date("2030-01-01")), "stays"),
    Case("C4 condition", waiting(on_condition("go")), waiting(on_condition("go and 1")), "moves"),
    Case("C5 branch added", either("m", "k"), either("m", "k", "l"), "moves"),
    Case("C5 branch removed", either("m", "k", "l"), either("m", "k"), "moves"),
    Case("G1 at the join", fork("p", "q"), fork("p", "q", end="y"), "moves", ("p",)),
    Case("G2 branch added", fork("p", "q"), fork("p", "q", "r"), "stays", ("p",)),
    Case("G3 branch removed", fork("p", "q", "r"), fork("p", "q"), "stays", ("p",)),
    Case("G4 join renamed", fork("p", "q"), fork("p", "q", join="g3"), "asks", ("p",)),
    Case("G5 inclusive", fork("p", "q", kind="inclusive"), fork("p", "q", kind="inclusive", end="y"), "moves", ("p",)),
    Case("G6 parallel to inclusive", fork("p", "q"), fork("p", "q", kind="inclusive"), "stays", ("p",)),
    Case("G8 condition not asked", loop("x==1"), loop("x==2"), "moves"),
    Case("G8 condition asked", loop("x==1"), loop("x==2"), "moves", ("u",)),
    Case("S1 added inside", process(SP, B), process(sub("sp", U, N), B), "moves"),
    Case("S2 wrapped", process(U, B), process(SP, B), "moves"),
    Case("S3 unwrapped", process(SP, B), process(U, B), "moves"),
    Case("S5 renamed", process(SP, B), process(sub("sp2", U, name="sp", own="sp"), B), "asks"),
    Case("S6 sideways", process(SP, sub("tp", V)), process(sub("sp", V), sub("tp", U)), "stays"),
    Case("S one ahead added", process(U, B), process(U, sub("sp", N), B), "moves"),
    Case("V1 added", process(U, B), process(U, B, event_sub("es", by_message("m"), N)), "moves"),
    Case("V3 removed", process(U, B, event_sub("es", by_message("m"), N)), process(U, B), "moves"),
    Case("M1 unchanged", many(), process(user("m", loop=repeated(output="results")), N, B), "moves", ("m",)),
    Case("M2 in order", many(sequential=True), many(sequential=True), "moves", ("m",)),
    Case("M4 parallel to sequential", many(), many(sequential=True), "stays", ("m",)),
    Case("M5 added", process(user("m"), B), many(), "stays"),
    Case("M6 removed", many(), process(user("m"), B), "stays"),
    Case("M8 another end", many(), many(until="len(results) > 1"), "moves", ("m",)),
    Case("M8 another collection", many(), many(items="others"), "stays", ("m",)),
    Case("A1 caller changed", process(call("ca", "q"), B), process(call("ca", "q"), N, B), "moves"),
    Case("A4 another call", process(call("ca", "q"), B), process(call("ca", "q2"), B), "stays"),
    Case("A5 call removed", process(call("ca", "q"), B), process(B), "stays"),
    Case("A5 call renamed", process(call("ca", "q"), B), process(call("cb", "q"), B), "asks"),
    Case("D3 data object added", process(U, B), process('<dataObject id="d"/>', U, B), "moves"),
)

VERDICTS = {"unchanged": "moves", "migratable": "moves", "needs-mapping": "asks", "blocked": "stays"}


def verdict(folder: Path, case: Case) -> str:
    folder.mkdir()
    (folder / "f.json").write_text("{}")
    others = [*map(message, "mkl"), signal("s"), *(process(user(f"{key}u"), key=key) for key in ("q", "q2"))]
    bench = Bench(folder)
    for model in (case.old, case.new):
        bench.add(*others, model, force_new=True)
    id = bench.start(ITEMS)
    for node in case.done:
        bench.complete(id, node, {"out": 1, "x": 0})
    found = VERDICTS[bench.plan(id).verdict]
    bench.close()
    return found


def test_few_moves_are_refused_that_a_person_would_allow(tmp_path: Path) -> None:
    ours = {case.id: verdict(tmp_path / str(number), case) for number, case in enumerate(CASES)}
    looser = [case.id for case in CASES if case.judged == "stays" and ours[case.id] != "stays"]
    unasked = [case.id for case in CASES if case.judged == "asks" and ours[case.id] == "moves"]
    allowed = [case for case in CASES if case.judged != "stays"]
    refused = [case.id for case in allowed if ours[case.id] == "stays"]
    print(f"{len(CASES)} cases; of {len(allowed)} that a person would allow {len(refused)} are refused: {refused}")
    assert (looser, unasked) == ([], [])
    assert refused == []
