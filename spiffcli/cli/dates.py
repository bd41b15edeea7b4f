"""Dates on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click


class DateParam(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of Click only
    """A date, with or without a time, in ISO 8601; UTC where no time zone is given."""

    name = "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, with its time zone."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no date. Write it as 2026-12-01 or 2026-12-01T09:30 (UTC), or with a zone.")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
