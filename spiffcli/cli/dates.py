"""Dates on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click


class DateParam(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of Click only
    """A date, with or without a time, in ISO 8601; UTC where no time zone is given."""

    name = "DATE"
    _ways = "Write it as 2026-12-01 or 2026-12-01T09:30 (UTC), or with a zone."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, with its time zone."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no date. {self._ways}")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class PastParam(DateParam):
    """A date as above, or an age such as `30d`: that long before now."""

    name = "WHEN"
    _ways = "Write it as 2026-12-01 or 2026-12-01T09:30 (UTC), with a zone, or as an age: 90m, 12h, 30d, 4w."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, with its time zone."""
        if isinstance(value, str) and value[:-1].isdecimal() and value[-1] in _UNITS:
            try:
                return datetime.now(UTC) - timedelta(seconds=int(value[:-1]) * _UNITS[value[-1]])
            except OverflowError:
                self.fail(f"'{value}' is longer ago than any date.")
        return super().convert(value, param, ctx)


#: Seconds in a minute, an hour, a day and a week.
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
