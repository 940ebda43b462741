"""What a Jupyter server says of the work in it, through its own REST API.

Its `/api/status` is not asked: that also moves when a page asks for anything. A kernel's time moves when it
is given something to do or says something, a terminal's when something goes through it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from prefect_platform.errors import Unavailable

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 10.0
MOST_BYTES = 1 << 20
BUSY = ("busy", "starting", "restarting")


@dataclass(frozen=True)
class Activity:
    busy: bool
    """Whether a kernel is at work."""
    last: datetime | None
    """When a kernel or terminal was last used; none where there is neither."""


def client() -> httpx.AsyncClient:
    """For all looks of one watcher.

    It keeps no cookies: those of servers at one address would reach each other, whatever their ports. It
    keeps no connections: who takes a port next gets one of its own. It verifies no certificates, and reads
    none, which would hold up the loop: it is for plain HTTP to the loopback address alone
    (`jupyter_servers.ADDRESS`), and follows no redirect to elsewhere.
    """
    import httpx  # not at the start of a platform, which is shorter without it

    return httpx.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        timeout=ANSWER_SECONDS,
        follow_redirects=False,
        trust_env=False,
        verify=False,  # noqa: S501
    )


async def ask(client: httpx.AsyncClient, address: str, header: tuple[str, str]) -> Activity:
    """One look.

    Raises:
        Unavailable: it does not answer, or not like a Jupyter server.
    """
    kernels, terminals = await asyncio.gather(
        _get(client, f"{address}/api/kernels", header), _get(client, f"{address}/api/terminals", header)
    )
    times = [_time(one.get("last_activity")) for one in (*kernels, *terminals)]
    return Activity(
        busy=any(one.get("execution_state") in BUSY for one in kernels),
        last=max((at for at in times if at is not None), default=None),
    )


async def _get(client: httpx.AsyncClient, url: str, header: tuple[str, str]) -> list[dict[str, Any]]:
    import httpx

    try:
        asked = client.stream("GET", url, headers=[header])
        async with asyncio.timeout(ANSWER_SECONDS), asked as answer:
            content = await _content(answer)
    except (httpx.HTTPError, TimeoutError) as error:
        raise Unavailable(f"The Jupyter server does not answer: {type(error).__name__}.") from error
    if answer.status_code == HTTPStatus.NOT_FOUND:  # its terminals are switched off
        return []
    try:
        found = json.loads(content) if answer.status_code == HTTPStatus.OK else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise Unavailable(f"The Jupyter server answers {url} with {answer.status_code}, and no list.")
    return [one for one in found if isinstance(one, dict)]


async def _content(answer: httpx.Response) -> bytes:
    """What it answers, as far as that is of a sensible size: users can make it answer anything."""
    content = b""
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MOST_BYTES:
            raise Unavailable("The Jupyter server's answer is too long to be one.")
    return content


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
