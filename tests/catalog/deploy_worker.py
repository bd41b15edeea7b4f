"""One of several processes that deploy at once: `deploy_worker.py URL FOLDER NUMBER ROUNDS`.

It waits for FOLDER/go, then deploys in every round a content that all workers share and one of its own, and prints
one JSON line per deployment: key, version, whether it is new, and the content.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from spiffcli.catalog import Catalog
from spiffcli.deployments.request import Deploy
from spiffcli.store import open_store
from spiffcli.values import Resource

_MODEL = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:test">'
    '<process id="order" isExecutable="true"><startEvent id="s"/>'
    '<scriptTask id="t"><script>x = "{}"</script></scriptTask><endEvent id="e"/>'
    '<sequenceFlow id="f1" sourceRef="s" targetRef="t"/><sequenceFlow id="f2" sourceRef="t" targetRef="e"/>'
    "</process></definitions>"
)


def main(url: str, folder: str, number: str, rounds: str) -> None:
    catalog = Catalog(open_store(url, create=False))
    Path(folder, f"ready{number}").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.005)
    for turn in range(int(rounds)):
        for content in (f"shared {turn}", f"own {number} {turn}"):
            resource = Resource("order.bpmn", "bpmn", _MODEL.format(content).encode())
            plan = catalog.plan_deployment(Deploy((resource,), user=number))
            made = catalog.deploy(
                plan, lambda plan: {each.name: {"order": each.hash.encode()} for each in plan.new}
            ).definitions[0]
            print(json.dumps([made.id, made.version, made.new, content]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
