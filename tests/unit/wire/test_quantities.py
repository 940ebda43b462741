"""Amounts as people write them."""

from __future__ import annotations

import pytest

from prefect_platform.wire.quantities import byte_count, seconds, shown_bytes, shown_cores


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("16GiB", 16 << 30), ("16 GiB", 16 << 30), ("16Gi", 16 << 30), ("16G", 16 << 30),
        ("16GB", 16 * 10**9), ("512MiB", 512 << 20),
        ("1.5TiB", 3 << 39), ("17179869184", 16 << 30), ("17179869184B", 16 << 30),
        (" 1kib ", 1024),
    ],
)  # fmt: skip
def test_bytes(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GiB",
        "16GiBi",
        "-1GiB",
        "1e9",
        "sixteen",
        "16 G iB",
        "1.2.3GB",
        "9" * 400,
        "٣GiB",
        "16XB",
        "9999999TiB",
    ],
)
def test_no_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="GiB"):
        byte_count(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [("2h", 7200), ("90min", 5400), ("90m", 5400), ("1h30m", 5400), ("1 h 30 min", 5400), ("45s", 45),
     ("45", 45), ("0.5s", 0.5), ("1d", 86400)],
)  # fmt: skip
def test_times(text: str, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize(
    "text", ["", "h", "2hours", "-1h", "1h30", "2h x", "0s", "9" * 20, "٣h", "2h;reboot"]
)
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="2h"):
        seconds(text)


def test_how_they_are_shown() -> None:
    assert [shown_bytes(n) for n in (16 << 30, 3 << 29, 512 << 20, 1 << 41, 2048, 5)] == [
        "16 GiB", "1.5 GiB", "512 MiB", "2 TiB", "2 KiB", "5 B",
    ]  # fmt: skip
    assert [shown_cores(n) for n in (1, 0.5, 16.0)] == ["1 core", "0.5 cores", "16 cores"]
