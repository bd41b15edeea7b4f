"""Models written in few words: chains of ids, and elements in a short form."""

from __future__ import annotations

from pathlib import Path

from spiffcli.engine import Running

from .conftest import World

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="d" targetNamespace="urn:test">'
)


def flows(*chains: str) -> str:
    """Sequence flows along each chain of ids."""
    found = []
    for chain in chains:
        words = chain.split()
        for source, target in zip(words, words[1:], strict=False):
            found.append(f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}"/>')
    return "".join(found)


def choice(id: str, source: str, condition: str, taken: str, otherwise: str) -> str:
    """An exclusive gateway behind `source`: to `taken` where the condition holds, else to `otherwise`."""
    return (
        f'<exclusiveGateway id="{id}" default="{id}_{otherwise}"/>'
        f'<sequenceFlow id="{id}_{taken}" sourceRef="{id}" targetRef="{taken}">'
        f'<conditionExpression xsi:type="tFormalExpression">{condition}</conditionExpression></sequenceFlow>'
        f"{flows(f'{source} {id}', f'{id} {otherwise}')}"
    )


def nodes(tag: str, *ids: str) -> str:
    """Empty elements of one kind."""
    return "".join(f'<{tag} id="{id}"/>' for id in ids)


def script(id: str, text: str) -> str:
    return f'<scriptTask id="{id}"><script>{text}</script></scriptTask>'


def model(body: str, *, before: str = "", after: str = "") -> bytes:
    """A file with the process `p`, with elements before and after it."""
    return f'{_HEAD}{before}<process id="p" isExecutable="true">{body}</process>{after}</definitions>'.encode()


def started(world: World, folder: Path, content: bytes, name: str = "v1") -> Running:
    """A new instance of the process `p`, advanced to its first stop."""
    file = folder / f"{name}.bpmn"
    file.write_bytes(content)
    return world.start(world.deploy(name, file, key="p"))


def open_nodes(running: Running) -> list[str]:
    """Ids of the nodes that wait for a person."""
    return sorted(task.id for task in running.human_tasks())
