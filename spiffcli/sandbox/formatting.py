"""Formatting without attribute access: `str.format` of Python reads any attribute of its arguments."""

from __future__ import annotations

import string
from _string import formatter_field_name_split  # type: ignore[import-not-found]
from collections.abc import Mapping, Sequence
from typing import Any

from spiffcli.sandbox.refusal import ScriptRefusalError
from spiffcli.sandbox.sizes import check_spec


class _SafeFormatter(string.Formatter):
    """`{name}`, `{0}` and `{name[key]}`, with conversions and specifications; no `{name.attribute}`."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            if is_attribute:
                raise ScriptRefusalError(
                    f"the format field '{{{field_name}}}' reads an attribute",
                    "Use an f-string, or pass the attribute itself to format().",
                )
            value = value[key]
        return value, first

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if isinstance(key, int) and key >= len(args):
            raise IndexError(f"Replacement index {key} out of range for positional args tuple")
        return super().get_value(key, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        return format_value(value, format_spec)


_formatter = _SafeFormatter()


def format_text(template: str, /, *args: Any, **kwargs: Any) -> str:
    """`template.format(...)`."""
    return _formatter.vformat(template, args, kwargs)


def format_mapping(template: str, mapping: Mapping[str, Any], /) -> str:
    """`template.format_map(mapping)`."""
    return _formatter.vformat(template, (), mapping)


def format_value(value: Any, spec: str = "", /) -> str:
    """`format(value, spec)`."""
    check_spec(spec)
    return format(value, spec)


def format_converted(value: Any, conversion: int, spec: str) -> str:
    """The part of an f-string that has a specification. `conversion` is the code of `r`, `s` or `a`, or -1."""
    if conversion != -1:
        value = _formatter.convert_field(value, chr(conversion))
    return format_value(value, spec)
