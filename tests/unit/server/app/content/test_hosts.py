"""Which host is content, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.errors import UsageError
from prefect_platform.server.app.content.hosts import label_of
from prefect_platform.server.config import ServerConfig, from_environment

LABEL = "js-01m8dxmr3p4ggnmrayyqnt095f"


def config(**fields: object) -> ServerConfig:
    return ServerConfig(data_dir=Path("/nowhere"), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", [f"{LABEL}.localhost:4280", f"{LABEL.upper()}.LocalHost:4280"])
def test_a_label_below_our_domain_at_our_port(host: str) -> None:
    assert label_of(host, config()) == LABEL


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:4280",
        "127.0.0.1:4280",
        "[::1]:4280",
        f"[{LABEL}.localhost]:4280",
        f"{LABEL}.localhost",
        f"{LABEL}.localhost:4281",
        f"{LABEL}.localhost.:4280",
        f"{LABEL}..localhost:4280",
        f".{LABEL}.localhost:4280",
        f"x.{LABEL}.localhost:4280",
        f"{LABEL}.localhost:4280.evil.example",
        f"{LABEL}.evil.example:4280",
        f"{LABEL}.127.0.0.1:4280",
        f"{LABEL}:4280",
        f" {LABEL}.localhost:4280",
        f"{LABEL}.localhost:4280,{LABEL}.localhost:4280",
        f"{LABEL}x.localhost:4280",
        f"{LABEL[:-1]}.localhost:4280",
        f"{LABEL}@evil.localhost:4280",
        "www.localhost:4280",
        "a" * 70_000 + ".localhost:4280",
        "js-\u212a.localhost:4280",
    ],
)
def test_whatever_looks_like_one_is_none(host: str) -> None:
    assert label_of(host, config()) is None


def test_a_domain_of_its_own_is_where_browsers_see_it() -> None:
    found = config(url="https://platform.example.org", content_domain="content.example.net")
    assert found.content_url(LABEL) == f"https://{LABEL}.content.example.net"
    assert label_of(f"{LABEL}.content.example.net", found) == LABEL
    for host in (f"{LABEL}.content.example.net:4280", f"{LABEL}.localhost:4280", f"{LABEL}.example.net"):
        assert label_of(host, found) is None


def test_the_port_is_the_platforms_or_given() -> None:
    assert config(port=5000).content_url(LABEL) == f"http://{LABEL}.localhost:5000"
    mapped = config(url="http://127.0.0.1:9000")
    assert mapped.content_url(LABEL) == f"http://{LABEL}.localhost:9000"
    assert label_of(f"{LABEL}.localhost:9000", mapped) == label_of(f"{LABEL}.localhost:4280", mapped) == LABEL
    for usual in (config(port=80), config(url="https://127.0.0.1:443")):
        assert usual.content_netloc == "localhost"
        assert label_of(f"{LABEL}.localhost", usual) == LABEL
    for host in ("::1", "[::1]", "::"):
        assert config(host=host).content_url(LABEL) == f"http://{LABEL}.localhost:4280"
    given = config(url="https://p.example.org", content_domain="c.example.net:8443")
    assert given.content_url(LABEL) == f"https://{LABEL}.c.example.net:8443"


@pytest.mark.parametrize(
    "domain",
    [
        "*.example.org",
        "https://c.example.org",
        "c.example.org/",
        "c.example.org:",
        "c.example.org.",
        "127.0.0.1",
        "c.example.org:99999999",
        "a b",
        "[::1]",
        "x" * 200,
    ],
)
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    with pytest.raises(UsageError, match="PREFECT_PLATFORM_CONTENT_DOMAIN"):
        from_environment({"PREFECT_PLATFORM_DATA_DIR": "/x", "PREFECT_PLATFORM_CONTENT_DOMAIN": domain})


def test_a_public_url_without_a_port_that_is_one_is_refused() -> None:
    with pytest.raises(UsageError, match="PREFECT_PLATFORM_PUBLIC_URL"):
        from_environment({"PREFECT_PLATFORM_DATA_DIR": "/x", "PREFECT_PLATFORM_PUBLIC_URL": "https://p:x"})


@pytest.mark.parametrize("domain", ["example.org", "platform.example.org", "Example.ORG:8443"])
def test_a_domain_in_which_the_platform_lies_is_refused(domain: str) -> None:
    with pytest.raises(UsageError, match="a domain in which nothing else is"):
        from_environment(
            {
                "PREFECT_PLATFORM_DATA_DIR": "/x",
                "PREFECT_PLATFORM_PUBLIC_URL": "https://platform.example.org",
                "PREFECT_PLATFORM_CONTENT_DOMAIN": domain,
            }
        )
