"""What passes to a resource, and what comes back from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_platform.server.app.content import headers
from prefect_platform.server.app.content.asked import Asked
from prefect_platform.server.services.contents import Upstream

UPSTREAM = Upstream("te", "mine", "pr", None, ("127.0.0.1", 1), headers=(("Authorization", "token up"),))


def asked(*sent: tuple[str, str]) -> Asked:
    found = [(name.encode(), value.encode("latin-1")) for name, value in sent]
    return Asked("GET", b"/", [(b"host", b"l.localhost:1"), *found], "192.0.2.7")


def passed(*sent: tuple[str, str], upstream: Upstream = UPSTREAM) -> dict[str, str]:
    found = headers.to_upstream(asked(*sent), upstream, "http")
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    return {name.decode(): value.decode("latin-1") for name, value in found}


def test_credentials_of_the_platform_stay_here() -> None:
    found = passed(
        ("authorization", "Bearer pp_user_x"),
        ("proxy-authorization", "Basic x"),
        ("cookie", "a=1; prefect-platform=s; __Host-prefect-platform=t; b=2=3; flag"),
    )
    assert found["authorization"] == "token up"
    assert found["cookie"] == "a=1; b=2=3; flag"
    assert "proxy-authorization" not in found


@pytest.mark.parametrize("sent", ["prefect-platform=s", " prefect-platform = s ;; ", ""])
def test_a_cookie_header_of_ours_alone_is_none(sent: str) -> None:
    assert "cookie" not in passed(("cookie", sent))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "prefect-platform", "__Host-prefect-platform", ""]),
            st.text('ab =,"', max_size=5),
        ),
        max_size=6,
    )
)
def test_no_spelling_of_a_cookie_header_carries_ours(pairs: list[tuple[str, str]]) -> None:
    found = passed(("cookie", ";".join(f"{name}={value}" for name, value in pairs)))
    for one in found.get("cookie", "").split(";"):
        assert one.strip().partition("=")[0].strip() not in (headers.COOKIE, headers.SECURE_COOKIE)


def test_without_headers_of_its_own_a_resource_gets_no_authorization() -> None:
    plain = Upstream("te", "mine", "pr", None, None)
    assert "authorization" not in passed(("authorization", "Bearer x"), upstream=plain)


def test_what_belongs_to_one_connection_ends_with_it() -> None:
    found = passed(
        ("connection", "keep-alive, X-Mine , cookie"),
        ("keep-alive", "5"),
        ("x-mine", "1"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("trailer", "x"),
        ("expect", "100-continue"),
        ("x-kept", "1"),
        ("cookie", "a=1"),
    )
    assert set(found) == {
        "host",
        "x-kept",
        "cookie",
        "authorization",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
    }


def test_a_connection_header_cannot_take_the_length_or_the_host_away() -> None:
    found = passed(("connection", "content-length, host"), ("content-length", "3"))
    assert (found["content-length"], found["host"]) == ("3", "l.localhost:1")


def test_who_asked_is_said_by_us_alone() -> None:
    found = passed(
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/x"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("via", "1.1 x"),
    )
    told = {name: value for name, value in found.items() if name.startswith(("x-", "forw", "via"))}
    assert told == {
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "l.localhost:1",
    }


def back(*sent: tuple[str, str]) -> list[tuple[str, str]]:
    found = headers.to_browser([(name.encode(), value.encode("latin-1")) for name, value in sent])
    return [(name.decode(), value.decode("latin-1")) for name, value in found]


@pytest.mark.parametrize(
    "value",
    [
        "prefect-platform=evil",
        " prefect-platform =evil; Path=/",
        "__Host-prefect-platform=evil; Secure; Path=/",
        "=prefect-platform=evil",
        "prefect-platform",
        "",
        "; Path=/",
    ],
)
def test_a_cookie_that_is_ours_in_name_or_has_none_is_dropped(value: str) -> None:
    assert back(("Set-Cookie", value)) == []


def test_a_cookie_reaches_no_other_host() -> None:
    sent = "_xsrf=1|2; DOMAIN=.localhost; Path=/; domain = x; HttpOnly; SameSite=Lax"
    assert back(("set-cookie", sent), ("Set-Cookie", "b=2; Domain")) == [
        ("set-cookie", "_xsrf=1|2; Path=/; HttpOnly; SameSite=Lax"),
        ("set-cookie", "b=2"),
    ]


def test_an_answer_cannot_reach_past_its_host_or_connection() -> None:
    assert back(
        ("Clear-Site-Data", '"cookies"'),
        ("Alt-Svc", 'h3=":443"'),
        ("Connection", "close, x-mine"),
        ("X-Mine", "1"),
        ("Keep-Alive", "5"),
        ("Date", "now"),
        ("Content-Type", "text/html"),
        ("Content-Length", "3"),
    ) == [("content-type", "text/html"), ("content-length", "3")]


def test_of_two_lengths_the_chunked_one_counts() -> None:
    assert back(("Transfer-Encoding", "chunked"), ("Content-Length", "3")) == []


def test_the_cookie_is_for_this_host_and_no_script() -> None:
    assert headers.set_cookie("http", "s", 9)[1] == (
        b"prefect-platform=s; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"
    )
    assert headers.set_cookie("https", "s", 9)[1] == (
        b"__Host-prefect-platform=s; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure"
    )
    both = asked(("cookie", "prefect-platform=a; __Host-prefect-platform=b; prefect-platform=c"))
    assert (headers.cookies(both, "http"), headers.cookies(both, "https")) == (["a", "c"], ["b"])
