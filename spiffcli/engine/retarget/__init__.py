"""Moving an instance to another version of its definition, by rewriting its state document.

The engine's own migration resets every waiting task. This one keeps task ids, data, deadlines, multi-instance
items and running children, and touches only what the new version makes different:

1. `document`: the tasks of the state document get the names of their new nodes (`names`); finished tasks whose node is
   gone stay as history, on a node without connections that only this instance has; predicted tasks whose node is
   gone, and boundary events that are gone, are taken out; tokens get into sub-processes that the new version has
   around them, and out of those that it has not (`crossing`, `trees`);
2. `settling`: where the path ahead of a token differs, what was predicted is predicted again; boundary events that are
   new on a live task are armed, new data objects initialised, and what the policies ask for is done.

The same code runs for a plan and for its application. Where nothing differs, nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from spiffcli.engine.adapter import Engine
from spiffcli.engine.data_stores import StoredData
from spiffcli.engine.registry import dumps, loads
from spiffcli.engine.retarget.document import Rewriting
from spiffcli.engine.retarget.settling import settle
from spiffcli.engine.retarget.values import Fault, Move, Policies, Retargeted, Subscribed
from spiffcli.engine.state import Snapshot
from spiffcli.engine.workflow import DefinitionSpecs, LateDecision, SpecCache, SpecSource

__all__ = ["Fault", "Move", "Overlay", "Policies", "Retargeted", "Subscribed", "retarget"]


def retarget(
    engine: Engine,
    source: SpecSource,
    content: bytes,
    target: str,
    policies: Policies | None = None,
    cache: SpecCache | None = None,
) -> Retargeted:
    """Move the instance with the state `content` to the definition `target`.

    Args:
        source: Where specs come from.
        cache: Specs that have been restored already.
    """
    policies = policies or Policies()
    rewriting = Rewriting(source, engine.registry, loads(content), target, policies)
    result = rewriting.run()
    if result.faults:
        return result
    overlay = Overlay(source, rewriting.extra)
    running = engine.restore(dumps(rewriting.document), (cache or engine.cache(source)).over(overlay))
    settle(running, rewriting, policies)
    if result.faults:
        return result
    snapshot = running.snapshot()
    used = set(loads(snapshot.state)["specs"].values())
    extra = {hash: spec for hash, spec in rewriting.extra.items() if hash in used}
    result.snapshot = Snapshot(snapshot.state, {**extra, **snapshot.specs})
    return result


class Overlay:
    """A spec source that also knows specs which are not stored yet."""

    def __init__(self, source: SpecSource, extra: Mapping[str, bytes]) -> None:
        self._source = source
        self._extra = extra

    def specs(self, definition: str) -> DefinitionSpecs:
        """As of the source."""
        return self._source.specs(definition)

    def content(self, hash: str) -> bytes:
        """The spec under `hash`, stored or not."""
        found = self._extra.get(hash)
        return found if found is not None else self._source.content(hash)

    def resolve(self, caller: str, element: str, key: str) -> str:
        """As of the source."""
        return self._source.resolve(caller, element, key)

    def decision(self, caller: str, element: str) -> LateDecision | None:
        """As of the source."""
        return self._source.decision(caller, element)

    def data_store(self, top: str, definition: str, id: str, kind: str) -> StoredData:
        """As of the source."""
        return self._source.data_store(top, definition, id, kind)
