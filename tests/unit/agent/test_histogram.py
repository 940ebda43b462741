"""How long starts took, in buckets."""

from __future__ import annotations

from prefect_platform.agent.histogram import BOUNDS, Histogram


def test_each_is_counted_in_the_first_bucket_that_holds_it() -> None:
    found = Histogram()
    assert found.buckets() == []
    for seconds in (0.0, 0.5, 0.51, 60.0, 61.0, 1e9):
        found.add(seconds)
    counts = {bucket.le_seconds: bucket.count for bucket in found.buckets()}
    assert counts == {**dict.fromkeys(BOUNDS, 0), 0.5: 2, 1.0: 1, 60.0: 1, None: 2}
