"""Starts a workflow as soon as a file appears, and says what became of it."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path

from spiffcli.config import Settings
from spiffcli.engine import EngineConfig
from spiffcli.runner import Runner
from spiffcli.services import DuplicateStart, workflow_service


def main(url: str, gate: Path, number: int) -> None:
    place = importlib.util.spec_from_file_location("shop", Path(__file__).with_name("shop.py"))
    assert place is not None
    assert place.loader is not None
    shop = importlib.util.module_from_spec(place)
    sys.modules["shop"] = shop
    place.loader.exec_module(shop)

    @workflow_service(aggregate=shop.Order, process_id="p")
    class Orders:
        pass

    settings = Settings(store=url, user="test", folder=Path.cwd())
    with Runner(settings, engine=EngineConfig.spiff().extended(services=Orders)) as runner:
        runner.require_wired()
        orders = runner.service(shop.Order)
        print("ready", flush=True)
        while not gate.exists():
            time.sleep(0.001)
        try:
            started = orders.start(shop.Order("A-1", days=number))
            print(json.dumps({"outcome": "started", "instance": started.id, "number": number}))
        except DuplicateStart as duplicate:
            print(json.dumps({"outcome": "duplicate", "instance": duplicate.instance, "number": number}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
