"""Flows that the pages are looked at with: what people run, and how it goes wrong."""

from __future__ import annotations

import time

from prefect import flow, get_run_logger, task

REGIONS = {"EWR": "north", "JFK": "east", "LGA": "north"}


@task
def load(month: int) -> list[str]:
    print(f"month {month}: {27_004 + month * 311:,} flights read")
    return ["EWR", "JFK", "LGA"]


@task
def summarize(origin: str) -> str:
    print(f"{origin}: mean delay {12.6 + len(origin):.1f} min")
    return REGIONS[origin]


@flow(name="ingest", log_prints=True)
def ingest(months: int = 2, pause: float = 0.0) -> int:
    """Read some months of flights and summarize them."""
    logger = get_run_logger()
    for month in range(1, months + 1):
        for origin in load(month):
            summarize(origin)
        logger.info("month %s of %s done", month, months)
        time.sleep(pause)
    print("\x1b[32mall months are complete\x1b[0m")
    return months


@task
def region_of(row: dict[str, str]) -> str:
    return row["region"]


@flow(name="sales-report", log_prints=True)
def sales_report(rows: int = 3) -> list[str]:
    """Fails in its last row, which has no region."""
    table = [{"sku": f"A-{n}", "region": "north"} for n in range(rows)] + [{"sku": "B-7"}]
    print(f"{len(table)} rows")
    return [region_of(row) for row in table]


@flow(name="many-lines", log_prints=True)
def many_lines(lines: int = 2000, pause: float = 0.0) -> None:
    """Writes as many lines as it is told to."""
    for n in range(lines):
        print(f"line {n:>7} of {lines}: carrier UA, {n * 7 % 1440} minutes in the air", flush=pause > 0)
        time.sleep(pause)


HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "\x1b[2J\x1b[Hcleared? \x1b]0;title\x07 \x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "admin\u202etxt.exe\u202c looks like exe.txt",
    "\x1b[31m" * 20_000 + "bomb",
    "x" * 1_000_000,
    "bell \x07 backspace \x08 null \x00 end",
)


@flow(name="hostile 'friends' \"x\" \u202e", log_prints=True)
def hostile() -> None:
    """Writes what should not be believed."""
    for text in HOSTILE:
        print(text)
    print("still here")
