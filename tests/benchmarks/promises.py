"""`make bench-promises`: what the six promises, secrets, environments, sources and results cost."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.benchmarks import (
    promises_environments,
    promises_redaction,
    promises_results,
    promises_secrets,
    promises_sources,
    promises_start,
)
from tests.benchmarks.measure import Figure, report

PARTS = (
    promises_start,
    promises_environments,
    promises_sources,
    promises_secrets,
    promises_results,
    promises_redaction,
)


def main() -> None:
    figures: list[Figure] = []
    try:
        for part in PARTS:
            figures += part.figures()
    finally:  # minutes went into what is there already
        print(datetime.now(UTC).isoformat(timespec="seconds"))
        report("promises", figures)


if __name__ == "__main__":
    main()
