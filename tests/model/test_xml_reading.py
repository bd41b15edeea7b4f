from __future__ import annotations

import pytest

from spiffcli.errors import ModelError
from spiffcli.model import read_xml, xml

from .writing import process, read

_TASK = process('<task id="t" name="Prüfen"/>')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_any_declared_encoding_is_read(encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{_TASK}'

    assert read(declared.encode(encoding)).processes["proc"].nodes["t"].name == "Prüfen"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("before", ["", "<!-- hello -->", "<?style sheet?>\n", '<?xml version="1.0"?>\n'])
def test_a_document_type_declaration_is_refused(encoding: str, before: str) -> None:
    if before.startswith("<?xml") and "16" in encoding:
        before = before.replace("?>", ' encoding="utf-16"?>')
    content = f"{before}<!DOCTYPE definitions [<!ENTITY x 'y'>]>{_TASK}".encode(encoding)

    with pytest.raises(ModelError, match=r"DOCTYPE|not well-formed") as caught:
        read_xml(content, "a.bpmn")

    assert caught.value.file == "a.bpmn"


def test_nested_entities_are_refused_before_they_grow() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    content = f'<!DOCTYPE d [<!ENTITY e0 "ha">{entities}]><definitions name="&e9;"/>'

    with pytest.raises(ModelError, match="DOCTYPE"):
        read_xml(content.encode(), "a.bpmn")


def test_a_declaration_inside_a_comment_is_only_a_comment() -> None:
    read_xml(f"<!-- <!DOCTYPE x> -->{_TASK}".encode(), "a.bpmn")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\x00\x01\x02", "not well-formed"),
        (b"hello", "not well-formed"),
        (b"<a>\n<b>\n</a>", "not well-formed"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "not well-formed"),
        ("<a>ü</a>".encode("latin-1"), "not well-formed"),
    ],
)
def test_what_is_not_xml_is_an_error_with_the_file(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read_xml(content, "folder/a.bpmn")

    assert caught.value.file == "folder/a.bpmn"


def test_the_line_of_the_fault_is_given() -> None:
    with pytest.raises(ModelError) as caught:
        read_xml(b"<a>\n<b>\n</a>", "a.bpmn")

    assert caught.value.line == 3


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_BYTES", 100)

    with pytest.raises(ModelError, match="at most 100 are read"):
        read_xml(_TASK.encode(), "a.bpmn")


def test_elements_nested_without_end_are_refused() -> None:
    with pytest.raises(ModelError, match="nested too deep"):
        read_xml(b"<a>" * 100_000 + b"</a>" * 100_000, "a.bpmn")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("<html/>", "a.bpmn", "XML but not BPMN: its root element is <html>, without a namespace"),
        ('<definitions xmlns="urn:x"/>', "a.bpmn", "not BPMN: its root element is <definitions> of urn:x"),
        (_TASK, "a.dmn", "XML but not DMN"),
    ],
)
def test_xml_of_another_kind_is_refused(content: str, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read(content, name)


def test_canonical_text_does_not_show_how_it_was_written() -> None:
    one = read_xml(b'<p:a xmlns:p="urn:p" y="2" x="1"> <p:b/>\n text </p:a>', "one")
    other = read_xml(b'<a xmlns="urn:p" x="1" y="2"><b></b>text<!-- no --></a>', "other")

    assert xml.canonical(one) == xml.canonical(other)
    assert xml.canonical(one) == '<{urn:p}a x="1" y="2"><{urn:p}b></>text</>'


def test_a_declaration_that_only_the_parser_can_read_is_refused() -> None:
    content = f'<?xml version="1.0" encoding="UTF-7"?><!DOCTYPE d>{process("")}'.encode("utf-7")

    with pytest.raises(ModelError, match=r"DOCTYPE|not well-formed"):
        read_xml(content, "a.bpmn")
