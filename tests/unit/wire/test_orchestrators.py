"""Addresses of Prefect, read as Prefect's own clients read them; and what `Retry-After` says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from prefect_platform.wire.orchestrators import cloud_api_url, home, pages, url_problem
from prefect_platform.wire.retry_after import Told, seconds

A, W = "0d4e1c6e-5b6a-4a3c-9f52-6a3b8f1f2c11", "a1b2c3d4-0000-4000-8000-00000000abcd"
CLOUD = f"https://api.prefect.cloud/api/accounts/{A}/workspaces/{W}"


@pytest.mark.parametrize(
    ("url", "cloud", "where"),
    [
        ("http://127.0.0.1:4200/api", None, "http://127.0.0.1:4200/v2"),
        ("https://prefect.example/x/api/", None, "https://prefect.example/x/v2"),
        (CLOUD, "https://api.prefect.cloud/api", f"https://app.prefect.cloud/account/{A}/workspace/{W}"),
        (
            f"http://127.0.0.1:9/api/accounts/{A}/workspaces/{W}",
            "http://127.0.0.1:9/api",
            f"http://127.0.0.1:9/account/{A}/workspace/{W}",
        ),
        ("https://x/api/accounts/a/workspaces/b", None, "https://x/api/accounts/a/workspaces/b/v2"),
    ],
)
def test_where_the_api_and_its_pages_are(url: str, cloud: str | None, where: str) -> None:
    assert (cloud_api_url(url), pages(url)) == (cloud, where)


def test_prefect_itself_derives_the_same_pages() -> None:
    from prefect.settings.models.cloud import CloudSettings

    shown = CloudSettings(api_url="https://api.prefect.cloud/api").ui_url
    assert home(CLOUD) == f"{shown}/account/{A}/workspace/{W}"
    assert home(CLOUD, "https://ui.example/") == "https://ui.example"


@pytest.mark.parametrize("url", ["http://h/api", "https://h:1/api", "http://[::1]:4200/api", CLOUD])
def test_addresses(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, None), ("3", 3.0), ("0.5", 0.5), ("-2", 0.0), ("soon", None), ("nan", None), ("inf", None),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0), ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0), ("", None),
    ],
)  # fmt: skip
def test_retry_after(text: str | None, found: float | None) -> None:
    assert seconds(text, datetime(2026, 1, 1, tzinfo=UTC)) == found


def test_who_is_told_to_wait_waits_for_the_longest_that_was_told() -> None:
    now = [0.0]
    told = Told(lambda: now[0])
    assert not told.hear(503, "9")
    assert not told.hear(429, None)
    assert told.remaining == 0
    assert told.hear(429, "5")
    assert told.hear(429, "2")
    now[0] = 1.0
    assert told.remaining == 4
    now[0] = 6.0
    assert told.remaining == 0
