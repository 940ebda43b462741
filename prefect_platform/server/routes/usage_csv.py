"""Usage as CSV (RFC 4180) that a spreadsheet opens without taking anybody's name for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fastapi import Response

from prefect_platform.errors import UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.wire.usage import Usage, UsageAmounts, UsageBy

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
FORMATS = ("json", "csv")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - the wide ones begin formulas as well
"""What a cell may not begin with, blanks aside."""


def wanted(chosen: str | None, accept: str) -> bool:
    """Whether CSV is asked for: by name, or by an `Accept` that likes it better than JSON.

    Raises:
        UsageError: no such format.
    """
    if chosen is None:
        return _liking(accept, "text/csv") > _liking(accept, "application/json")
    if chosen not in FORMATS:
        raise UsageError(
            f"There is no format {foreign(chosen)!r}: json or csv.{nearest(chosen[:64], FORMATS)}"
        )
    return chosen == "csv"


def _liking(accept: str, media: str) -> float:
    """The quality that an `Accept` header gives a media type; 0 where it does not name it."""
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name == media:
            quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
            return float(quality) if quality.replace(".", "", 1).isdecimal() else 1.0
    return 0.0


def response(usage: Usage) -> Response:
    """One line a row under a header; no totals, so that a column can be added up."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # its defaults are RFC 4180
    labels = list(_labels(usage.by))
    amounts = list(UsageAmounts.model_fields)
    writer.writerow([*labels, *amounts])
    for row in usage.rows:
        told = [safe(getattr(row, name)) for name in labels]
        writer.writerow([*told, *(number(getattr(row, name)) for name in amounts)])
    headers = {
        "Content-Disposition": 'attachment; filename="usage.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text.getvalue().encode(), headers=headers, media_type=MEDIA_TYPE)


def _labels(by: list[UsageBy]) -> Iterator[str]:
    for one in by:
        yield one.value
        if one is UsageBy.RUN:
            yield "run_name"


def safe(label: object) -> str:
    """A label as a cell. One that begins as a formula does gets an apostrophe, which makes it text."""
    text = "" if label is None else str(label)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def number(amount: float | None) -> str:
    """Without an exponent, and nothing where nothing is known."""
    return "" if amount is None else f"{amount:.6f}"
