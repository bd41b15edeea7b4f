"""`diff_spec` of real models and of what can happen to them: a result, or an error that says what is wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from spiffcli.cli.main import run

_DIAGRAM = re.compile(rb"<(\w+:)?BPMNDiagram.*</(\w+:)?BPMNDiagram>", re.DOTALL)
_ID = re.compile(rb' id="([^"]+)"')
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*\?>")
_PROCESS_END = re.compile(rb"</((?:\w+:)?)process>")


def _truncated(content: bytes) -> bytes:
    return content[: random.Random(len(content)).randrange(len(content) // 2)]


def _duplicated(content: bytes) -> bytes:
    first, second = random.Random(len(content)).sample(sorted(set(_ID.findall(content))), 2)
    return content.replace(b'id="%s"' % second, b'id="%s"' % first)


def _dangling(content: bytes) -> bytes:
    return re.sub(rb'(targetRef|processRef|attachedToRef)="[^"]+"', rb'\1="nowhere"', content)


def _undrawn(content: bytes) -> bytes:
    return _DIAGRAM.sub(b"", content)


def _nested(content: bytes) -> bytes:
    def deep(end: re.Match[bytes]) -> bytes:
        opened = b"".join(b'<%ssubProcess id="deep_%d">' % (end[1], n) for n in range(200))
        return opened + b"</%ssubProcess>" % end[1] * 200 + end[0]

    return _PROCESS_END.sub(deep, content, count=1)


def _declared(encoding: str) -> bytes:
    return f'<?xml version="1.0" encoding="{encoding}"?>'.encode()


def _bare(content: bytes) -> bytes:
    return _DECLARED.sub(b"", content.removeprefix(b"\xef\xbb\xbf"))


def _utf_16(content: bytes) -> bytes:
    text = _bare(content).decode("iso-8859-1" if b"ISO-8859-1" in content[:80] else "utf-8")
    return (_declared("UTF-16").decode() + text).encode("utf-16")


def _not_utf_16(content: bytes) -> bytes:
    return _declared("UTF-16") + _bare(content)


def _not_utf_8(content: bytes) -> bytes:
    return _declared("UTF-8") + _bare(content).replace(b'id="', b'id="\xe9', 1)


#: How a file is damaged, and whether it can still be read: always (0), never (2), or as it comes (None).
_DAMAGES: list[tuple[Callable[[bytes], bytes], int | None]] = [
    (_truncated, 2),
    (_duplicated, None),
    (_dangling, None),
    (_undrawn, 0),
    (_nested, 0),
    (_utf_16, 0),
    (_not_utf_16, 2),
    (_not_utf_8, 2),
]


@pytest.mark.parametrize(("damage", "expected"), _DAMAGES, ids=[damage.__name__ for damage, _ in _DAMAGES])
def test_a_damaged_model_is_compared_or_refused(
    damage: Callable[[bytes], bytes],
    expected: int | None,
    reference_models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = sorted((reference_models / "miwg").rglob("*.bpmn"))
    assert len(files) > 50
    for file in files:
        damaged = tmp_path / "damaged.bpmn"
        content = damage(file.read_bytes())
        damaged.write_bytes(content)

        code = run(["diff_spec", "-o", str(file), "-n", str(damaged), "--no-ignore", "--stat"])

        said = capsys.readouterr()
        assert code in ((0, 2) if expected is None else (expected,)), f"{file}: {said.err}"
        if code == 2:
            assert (said.out, said.err[:6], str(damaged) in said.err) == ("", "Error:", True), file
        elif damage is _undrawn:
            assert said.out.startswith(("Only the drawing changed", "No changes")), file
        elif damage is _utf_16:
            assert said.out.startswith("No changes"), file
        elif damage in (_dangling, _nested) and content != file.read_bytes():
            assert "No changes" not in said.out, file
