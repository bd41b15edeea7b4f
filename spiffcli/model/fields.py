"""Kinds of fields that the values of a model are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

#: Metadata of fields that hold the id of another element.
REFERENCE: Mapping[str, Any] = {"reference": True}

#: Metadata of fields that hold values with references in them.
NESTED: Mapping[str, Any] = {"nested": True}

#: Metadata of fields that hold elements of their own, compared one by one.
PART: Mapping[str, Any] = {"part": True}

#: Metadata of fields that take the place of an id.
IDENTITY: Mapping[str, Any] = {"identity": True}


def at_line() -> Any:
    """A line: where a value stands, which does not count."""
    return field(default=0, compare=False)


def derived(default: Any) -> Any:
    """Something that follows from the rest and does not count."""
    return field(default=default, compare=False)


def parts() -> Any:
    """Elements of their own, by id."""
    return field(default_factory=dict, metadata=PART)


def reference_to() -> Any:
    """The id of another element, or None."""
    return field(default=None, metadata=REFERENCE)


def texts() -> Any:
    """Names and values."""
    return field(default_factory=dict)
