"""Closure hashes of the sample models, written down: a way of computing them cannot change without anybody noticing.

Where a sample model changed on purpose, `--update-golden` writes them anew. Where only the code changed, this is a new
algorithm: give it a new prefix (`ALGORITHM` in `catalog/hashing.py` or `model/hashing.py`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from spiffcli.catalog import Catalog
from spiffcli.deployments.hashing import ALGORITHM
from spiffcli.deployments.request import Deploy
from spiffcli.model.hashing import ALGORITHM as SEMANTIC
from spiffcli.specs.files import read_resources, with_forms
from spiffcli.store import open_store
from spiffcli.values import Resource

DEPLOYMENTS = {
    "task_types": ("task_types.bpmn", "product_prices.dmn"),
    "gateway_types": ("gateway_types.bpmn", "product_prices.dmn", "shipping_costs.dmn"),
    "top_level": ("top_level.bpmn", "call_activity.bpmn", "product_prices.dmn", "shipping_costs.dmn"),
    "collaboration": ("collaboration.bpmn",),
}


def files(tutorial: Path, names: tuple[str, ...]) -> tuple[Resource, ...]:
    return with_forms(read_resources([tutorial / name for name in names]))


def hashes(resources: tuple[Resource, ...], binding: str = "deployment") -> dict[str, str]:
    """Closure hash of every definition of a deployment into an empty store."""
    catalog = Catalog(open_store("memory:"))
    plan = catalog.plan_deployment(Deploy(resources, binding=binding))
    return {f"{kind} {key}": each.hash for each in plan.definitions for kind, key in [each.name]}


@pytest.fixture(scope="module")
def found(tutorial: Path) -> dict[str, dict[str, str]]:
    all_hashes = {name: hashes(files(tutorial, parts)) for name, parts in DEPLOYMENTS.items()}
    late = hashes(files(tutorial, DEPLOYMENTS["top_level"]), "latest")
    return {**all_hashes, "top_level, bound to the latest": {"process order_product": late["process order_product"]}}


def test_the_hashes_of_the_sample_models_are_those_written_down(
    found: dict[str, dict[str, str]], root: Path, request: pytest.FixtureRequest
) -> None:
    golden = root / "tests" / "golden" / "closure_hashes.json"
    if request.config.getoption("--update-golden"):
        golden.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(golden.read_text())


def test_the_page_about_versions_shows_one_of_them(found: dict[str, dict[str, str]], root: Path) -> None:
    page = (root / "docs" / "versions.md").read_text()
    assert found["top_level"]["process order_product"] in page
    assert f"`{ALGORITHM}` is the version of the way it is computed" in page
    assert f"begins with `{SEMANTIC}`" in page


def test_a_hash_does_not_depend_on_where_the_files_lie_or_how_they_are_written(tutorial: Path) -> None:
    resources = files(tutorial, DEPLOYMENTS["top_level"])
    elsewhere = tuple(
        Resource(f"/other/{Path(each.name).name}", each.kind, _rewritten(each)) for each in reversed(resources)
    )
    assert [each.content for each in elsewhere] != [each.content for each in resources]
    assert hashes(elsewhere) == hashes(resources)


def _rewritten(resource: Resource) -> bytes:
    """The same model: other line ends and white space, no drawing."""
    if resource.kind != "bpmn":
        return resource.content
    text = re.sub(r"<bpmndi:BPMNDiagram.*</bpmndi:BPMNDiagram>", "", resource.content.decode(), flags=re.DOTALL)
    return text.replace("\n    <", "\r\n\t<").encode()
