"""Reading XML that somebody else wrote: safely, in any encoding, with a line for every fault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from lxml import etree

from spiffcli.errors import ModelError

#: Largest file that is read, in bytes. A diagram of 10,000 nodes takes about 10 million.
MAX_BYTES = 100_000_000

_DOCTYPE = rb"\s*(?:<\?[^>]*\?>\s*|<!--(?:[^-]|-(?!->))*-->\s*)*<!DOCTYPE"
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_xml(content: bytes, name: str) -> etree._Element:
    """Parse `content` and return its root element, without comments and processing instructions.

    Entities are not resolved, nothing is fetched, and a document type declaration is refused.

    Args:
        content: The bytes of the file, in any encoding that XML allows.
        name: Name of the file, for messages.

    Raises:
        ModelError: The bytes are not well-formed XML, or larger, deeper or less safe than what is read.
    """
    if len(content) > MAX_BYTES:
        raise ModelError(
            f"The file has {len(content):,} bytes; at most {MAX_BYTES:,} are read.",
            hint="Split the model into several files, one process in each.",
            file=name,
        )
    if _has_doctype(content):
        raise _doctype_refused(name)
    root = _parse(content, name)
    information: Any = root.getroottree().docinfo
    if information.doctype:
        raise _doctype_refused(name)
    return root


def _has_doctype(content: bytes) -> bool:
    start = content[:20_000].replace(b"\0", b"")
    for mark in _BYTE_ORDER_MARKS:
        start = start.removeprefix(mark)
    return b"<!DOCTYPE" in start and re.match(_DOCTYPE, start) is not None


def _doctype_refused(name: str) -> ModelError:
    return ModelError(
        "The file has a document type declaration (<!DOCTYPE ...>), which models do not need "
        "and which can make a reader fetch files or run out of memory.",
        hint="Remove the declaration.",
        file=name,
    )


def _parse(content: bytes, name: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise _not_well_formed(error, content, name) from error
    except (ValueError, LookupError) as error:
        raise ModelError(f"The file is not XML that can be read: {error}.", file=name) from error
    if root is None:
        raise ModelError("The file holds no XML element.", file=name)
    return root


def _not_well_formed(error: etree.XMLSyntaxError, content: bytes, name: str) -> ModelError:
    if not content.strip():
        return ModelError("The file is empty.", file=name)
    reason = (error.msg or "nothing in it can be read as XML").rstrip(".").partition(", line ")[0]
    if "xcessive depth" in reason:  # the parser's own limit, far beyond what a modeler writes
        return ModelError("Elements are nested too deep.", file=name, line=error.lineno or None)
    return ModelError(
        f"The file is not well-formed XML: {reason}.",
        hint="Open it in the modeler it comes from and save it again.",
        file=name,
        line=error.lineno or None,
    )


def line_of(element: etree._Element) -> int:
    """Line `element` begins in, counted from 1; 0 where unknown."""
    line: Any = element.sourceline
    return line or 0


_ALL_ATTRIBUTES = etree.XPath("@*")

#: More attributes are read by XPath, in one pass: `items` looks every value up among all of them.
_MANY = 64


def attributes_of(element: etree._Element) -> list[tuple[str, str]]:
    """Attributes of `element` with their values, in document order."""
    found: Any
    if len(element.attrib) <= _MANY:
        found = element.items()
        return found  # type: ignore[no-any-return]
    found = _ALL_ATTRIBUTES(element)
    return [(each.attrname, str(each)) for each in found]


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """Namespace and local name of a tag or attribute in `{namespace}local` form."""
    if tag[:1] == "{":
        namespace, _, local = tag[1:].partition("}")
        return namespace, local
    return "", tag


def local_name(reference: str) -> str:
    """The name behind the prefix of a qualified name (`tns:Order` -> `Order`)."""
    return reference.rpartition(":")[2]


def one_line(text: str | None) -> str | None:
    """A name with its whitespace collapsed, or None where nothing is left."""
    return " ".join(text.split()) or None if text else None


def verbatim(text: str | None) -> str | None:
    """Code as written, with line ends as `\\n`; None where it is blank."""
    if text is None or not text.strip():
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def prose(text: str | None) -> str | None:
    """Documentation without the whitespace around it and at the ends of its lines; None where it is blank."""
    if text is None or not (text := text.strip()):
        return None
    return "\n".join(line.rstrip() for line in text.splitlines())


def text_of(element: etree._Element) -> str:
    """All text inside `element`, as one string."""
    if len(element) == 0:
        return element.text or ""
    return "".join(str(part) for part in element.itertext())


def canonical(element: etree._Element) -> str:
    """`element` as text in which prefixes, order of attributes, comments and indentation do not show."""
    parts: list[str] = []
    for event, item in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            attributes = "".join(f' {key}="{value}"' for key, value in sorted(attributes_of(item)))
            parts.append(f"<{item.tag}{attributes}>{(item.text or '').strip()}")
        else:
            parts.append("</>" + ((item.tail or "").strip() if item is not element else ""))
    return "".join(parts)


#: Values that attributes of BPMN have anyway when they are not written.
DEFAULTS: Mapping[str, frozenset[str]] = {
    name: frozenset(values.split())
    for name, values in {
        "isForCompensation": "false",
        "startQuantity": "1",
        "completionQuantity": "1",
        "isCollection": "false",
        "isClosed": "false",
        "parallelMultiple": "false",
        "instantiate": "false",
        "eventGatewayType": "Exclusive",
        "gatewayDirection": "Unspecified",
        "isSequential": "false",
        "behavior": "All",
        "testBefore": "false",
        "implementation": "##unspecified ##Unspecified ##WebService",
        "processType": "None",
        "ordering": "Parallel",
        "cancelRemainingInstances": "true",
        "associationDirection": "None",
        "method": "##Compensate ##compensate",
        "waitForCompletion": "true",
        "isImmediate": "true",
        "isUnlimited": "true",
        "minimum": "0",
        "maximum": "1",
    }.items()
}


def outline(element: etree._Element) -> str:
    """As `canonical`, but with local names only and without ids and defaults: for what BPMN or DMN defines."""
    parts: list[str] = []
    for event, item in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            values = sorted(
                (split_tag(key)[1], value)
                for key, value in attributes_of(item)
                if key != "id" and value not in DEFAULTS.get(key, ())
            )
            attributes = "".join(f' {key}="{value}"' for key, value in values)
            parts.append(f"<{split_tag(item.tag)[1]}{attributes}>{(item.text or '').strip()}")
        else:
            parts.append("</>" + ((item.tail or "").strip() if item is not element else ""))
    return "".join(parts)
