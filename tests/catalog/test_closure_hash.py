from __future__ import annotations

from spiffcli.deployments.hashing import Edge, Node, closure_hash, is_current

Graph = dict[str, tuple[Node, list[Edge[str]]]]


def node(key: str, hash: str = "m1:0") -> Node:
    return Node("process", key, hash)


def calls(target: str | None, key: str = "", binding: str = "deployment", element: str = "call") -> Edge[str]:
    return Edge(element, "process", key or (target or ""), binding, target)


def hash_of(graph: Graph, start: str) -> str:
    return closure_hash(start, lambda name: graph[name][0], lambda name: graph[name][1])


def test_the_hash_names_its_algorithm() -> None:
    hash = hash_of({"a": (node("a"), [])}, "a")
    assert hash.startswith("c1:")
    assert len(hash) == 3 + 64
    assert is_current(hash)
    assert not is_current("c0:" + hash[3:])


def test_the_hash_of_a_known_graph_never_changes() -> None:
    graph: Graph = {"a": (node("a", "m1:aa"), [calls("b")]), "b": (node("b", "m1:bb"), [calls(None, "c", "latest")])}
    assert hash_of(graph, "a") == "c1:d4e2f21c178ae03308a0a5ed393a62375c5b26c59a1b47d9b83fb681314c3f66"


def test_what_is_called_counts_however_far_away() -> None:
    def chain(last: str) -> Graph:
        return {
            "a": (node("a"), [calls("b")]),
            "b": (node("b"), [calls("c")]),
            "c": (node("c", last), []),
        }

    assert hash_of(chain("m1:1"), "a") != hash_of(chain("m1:2"), "a")
    assert hash_of(chain("m1:1"), "a") == hash_of(chain("m1:1"), "a")


def test_circles_of_calls_have_a_hash_and_each_member_its_own() -> None:
    graph: Graph = {"a": (node("a"), [calls("b")]), "b": (node("b"), [calls("a")]), "s": (node("s"), [calls("s")])}
    assert len({hash_of(graph, name) for name in graph}) == 3


def test_a_late_reference_counts_by_key_and_binding_only() -> None:
    def graph(key: str, binding: str) -> Graph:
        return {"a": (node("a"), [calls(None, key, binding)])}

    hashes = {hash_of(graph(*each), "a") for each in [("b", "latest"), ("c", "latest"), ("b", "tag:x")]}
    assert len(hashes) == 3


def test_names_of_targets_do_not_count() -> None:
    one: Graph = {"a": (node("a"), [calls("x", "b")]), "x": (node("b"), [])}
    other: Graph = {"a": (node("a"), [calls("y", "b")]), "y": (node("b"), [])}
    assert hash_of(one, "a") == hash_of(other, "a")


def test_two_versions_of_one_callee_are_not_interchangeable() -> None:
    def graph(mine: str, theirs: str) -> Graph:
        return {
            "a": (node("a"), [calls("lib"), calls(mine, "tax", element="own")]),
            "lib": (node("lib"), [calls(theirs, "tax")]),
            "tax1": (node("tax", "m1:1"), []),
            "tax2": (node("tax", "m1:2"), []),
        }

    assert hash_of(graph("tax1", "tax2"), "a") != hash_of(graph("tax2", "tax1"), "a")
