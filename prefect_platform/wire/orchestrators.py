"""The address of a Prefect API: what it must look like, and where people open what it holds.

Prefect Cloud names account and workspace in the path. Prefect's own clients sign in as Cloud wants
it, and ask for nothing that Cloud lacks, only where their setting `PREFECT_CLOUD_API_URL` begins the address.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_URL = 2048
CLOUD_SETTING = "PREFECT_CLOUD_API_URL"
_ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_WORKSPACE = re.compile(rf"^(?P<cloud>.+)/accounts/(?P<account>{_ID})/workspaces/(?P<workspace>{_ID})$")


def url_problem(url: str) -> str | None:
    """Why this cannot be the address of a Prefect API, in words that do not repeat a password; or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is no address: expected something like http://host:4200/api."
    if "@" in parts.netloc:
        return (
            "The address of Prefect holds a user or a password, which would be shown to everybody: keep them "
            "as a secret of the project (user:password), and name that secret."
        )
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x20\x7f\\]", url):
        return f"{url[:100]!r} is no address of a Prefect API: expected something like http://host:4200/api."
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return "The address of Prefect has a query or a fragment, and that of an API has none: leave it out."
    return None


def cloud_api_url(url: str) -> str | None:
    """What `PREFECT_CLOUD_API_URL` must say for this address; None where it is no workspace of Cloud."""
    found = _WORKSPACE.match(url.rstrip("/"))
    return found["cloud"] if found else None


def home(url: str, ui_url: str | None = None) -> str:
    """Where people open Prefect's UI; by default as Prefect itself derives it from the API's address."""
    if ui_url:
        return ui_url.rstrip("/")
    found = _WORKSPACE.match(url.rstrip("/"))
    if found is None:
        return url.rstrip("/").removesuffix("/api")
    cloud = re.sub(r"^https://api(?=[.\w]*\.prefect\.)", "https://app", found["cloud"]).removesuffix("/api")
    return f"{cloud}/account/{found['account']}/workspace/{found['workspace']}"


def pages(url: str, ui_url: str | None = None) -> str:
    """What stands before `/runs/flow-run/<id>` in the address of a page."""
    return home(url, ui_url) if cloud_api_url(url) else f"{home(url, ui_url)}/v2"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
