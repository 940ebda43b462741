"""What other pages may send: a visit, and nothing else."""

from __future__ import annotations

import pytest

from prefect_platform.errors import Forbidden, UsageError
from prefect_platform.server.app.content.asked import Asked
from prefect_platform.server.app.content.isolation import check

OWN = "http://a.localhost:1"


def asked(method: str = "GET", target: bytes = b"/", **sent: str) -> Asked:
    found = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    return Asked(method, target, found, "")


VISIT = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"origin": OWN},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": OWN, "sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"},
    ],
)
def test_the_page_itself_may_do_what_it_likes(method: str, sent: dict[str, str]) -> None:
    check(asked(method, **sent), OWN)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_may_lead_here(site: str) -> None:
    check(asked(sec_fetch_site=site, **VISIT), OWN)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("POST", VISIT),
        ("GET", {"sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"}),
        ("GET", {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty"}),
        ("GET", {"sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}),
        ("OPTIONS", {"sec_fetch_mode": "cors"}),
        ("GET", {}),
    ],
)
def test_another_page_may_not(site: str, method: str, sent: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="another origin"):
        check(asked(method, sec_fetch_site=site, **sent), OWN)


@pytest.mark.parametrize(
    "origin",
    ["http://b.localhost:1", "https://a.localhost:1", "http://a.localhost:2", "http://127.0.0.1:1", "null"],
)
@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused_whatever_it_calls_itself(origin: str, upgrade: bool, method: str) -> None:
    for site in ({}, {"sec_fetch_site": "same-origin"}, {"sec_fetch_site": "same-site", **VISIT}):
        with pytest.raises(Forbidden):
            check(asked(method, origin=origin, **site), OWN, upgrade=upgrade)


def test_websockets() -> None:
    for site in ("same-origin", "same-site", "none"):
        check(asked(origin=OWN, sec_fetch_site=site), OWN, upgrade=True)
    check(asked(), OWN, upgrade=True)  # no browser
    for sent in ({"origin": OWN, "sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site", **VISIT}):
        with pytest.raises(Forbidden):
            check(asked(**sent), OWN, upgrade=True)


@pytest.mark.parametrize("target", [b"http://evil.example/", b"*", b"x", b""])
def test_only_paths_are_asked_for(target: bytes) -> None:
    with pytest.raises(UsageError):
        check(asked(target=target), OWN)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_would_show_what_we_add(method: str) -> None:
    with pytest.raises(UsageError, match=method):
        check(asked(method), OWN)


def test_a_request_has_one_length() -> None:
    with pytest.raises(UsageError, match="both"):
        check(asked("POST", content_length="3", transfer_encoding="chunked"), OWN)
