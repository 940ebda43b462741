"""`make bench-dask`: clusters and task runner, beside stock prefect-dask and bare distributed, in one run."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.benchmarks import dask_clusters, dask_ends, dask_runner, dask_starts
from tests.benchmarks.measure import Figure, report

PARTS = (dask_clusters, dask_starts, dask_runner, dask_ends)


def main() -> None:
    figures: list[Figure] = []
    try:
        for part in PARTS:
            figures += part.figures()
    finally:  # minutes went into what is there already
        print(datetime.now(UTC).isoformat(timespec="seconds"))
        report("dask", figures)


if __name__ == "__main__":
    main()
