"""Usage: hours and price of what a project ran."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from prefect_platform.client.transport import Params, Transport
from prefect_platform.wire.usage import Usage

Moment = str | date
"""A date, which means its midnight in the time zone of the call, or a time (a `datetime` is a `date`)."""


class UsageReports:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(
        self,
        project: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        by: str | Iterable[str] = "flow",
        timezone: str = "UTC",
    ) -> Usage:
        """Usage in [`since`, `until`), by default of the last 30 days.

        Args:
            project: Its name.
            since: A date or time; a date is its midnight in `timezone`.
            until: The same, not included; by default now.
            by: Any of flow, run, user, size, kind and day, in the order in which rows are sorted.
            timezone: IANA name, in which days begin and end.
        """
        params = _params(since, until, by, timezone)
        return self._transport.call("GET", _path(project), Usage, params=params)

    def csv(
        self,
        project: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        by: str | Iterable[str] = "flow",
        timezone: str = "UTC",
    ) -> str:
        """The rows of `get` as CSV (RFC 4180), safe to open in a spreadsheet."""
        params = {**_params(since, until, by, timezone), "format": "csv"}
        return self._transport.text(_path(project), params=params)


def _path(project: str) -> str:
    return f"/api/v1/projects/{project}/usage"


def _params(since: Moment | None, until: Moment | None, by: str | Iterable[str], timezone: str) -> Params:
    return {
        "since": since.isoformat() if isinstance(since, date) else since,
        "until": until.isoformat() if isinstance(until, date) else until,
        "by": by if isinstance(by, str) else ",".join(by),
        "timezone": timezone,
    }
