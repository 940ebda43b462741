"""`make bench-resources`: agents, Jupyter servers, their proxy, listings and recipes."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.benchmarks import resources_agents, resources_jupyter, resources_proxy, resources_tables
from tests.benchmarks.measure import Figure, report

PARTS = (resources_tables, resources_proxy, resources_jupyter, resources_agents)


def main() -> None:
    figures: list[Figure] = []
    try:
        for part in PARTS:
            figures += part.figures()
    finally:  # minutes went into what is there already
        print(datetime.now(UTC).isoformat(timespec="seconds"))
        report("resources", figures)


if __name__ == "__main__":
    main()
