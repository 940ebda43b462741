"""One way to the Prefect API: quick bounded retries, errors in our own words.

SQLite servers answer 500 or 503 when two writes meet, and a request may hang; all are asked again
within seconds. Every call that writes carries its own transition id or is idempotent, so asking again is
always safe. Prefect's own client waits up to a minute between its retries, which is why it is not used.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import Mapping
from typing import Any

import anyio
import httpx
from prefect.settings import get_current_settings

from prefect_platform.agent.problems import Problems
from prefect_platform.errors import (
    Conflict,
    InternalError,
    NotFound,
    OrchestratorUnavailable,
    PlatformError,
    foreign,
)
from prefect_platform.wire.retry_after import Told

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSES = (0.05, 0.15, 0.4, 1.0)
"""Seconds before each repetition; after the last one the caller decides."""
_LONGEST_WAIT_SECONDS = 60.0
"""Of one call, for as long as Prefect asks callers to wait (429)."""
_PASSING = frozenset({408, 425, 429})
_TIMEOUT = httpx.Timeout(70.0, connect=3.0)
"""Longer than the 60 s for which a server on SQLite waits for a lock: see `PrefectHttp`."""
_LIMIT = "limit"
_DRAIN_SECONDS = 2.0
_KEEP_SECONDS = 3.0
"""Shorter than the 5 s after which Prefect's server closes an idle connection."""


def open_http(url: str | None = None) -> httpx.AsyncClient:
    """An HTTP client for the Prefect that Prefect's own settings name, signed in as they say.

    Raises:
        OrchestratorUnavailable: no API address is set.
    """
    api = get_current_settings().api
    address = url or api.url
    if not address:
        raise OrchestratorUnavailable(
            "No Prefect API is named. Set PREFECT_API_URL to the address of a server."
        )
    # Loading certificates takes a while, and an address without TLS needs none.
    checked = str(address).startswith("https:") and not api.tls_insecure_skip_verify
    return httpx.AsyncClient(
        base_url=str(address).rstrip("/"),
        headers=_headers(),
        timeout=_TIMEOUT,
        verify=ssl.create_default_context(cafile=api.ssl_cert_file) if checked else False,
        limits=httpx.Limits(max_connections=16, keepalive_expiry=_KEEP_SECONDS),
    )


def _headers() -> dict[str, str]:
    settings = get_current_settings()
    headers = dict(settings.client.custom_headers)
    if settings.api.auth_string:
        token = httpx.BasicAuth(*_user_and_password(settings.api.auth_string.get_secret_value()))
        headers["Authorization"] = next(token.auth_flow(httpx.Request("GET", "http://none"))).headers[
            "Authorization"
        ]
    elif settings.api.key:
        headers["Authorization"] = f"Bearer {settings.api.key.get_secret_value()}"
    return headers


def _user_and_password(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    return user, password


class PrefectHttp:
    """JSON calls. Raises `OrchestratorUnavailable`, `NotFound`, `Conflict`, or `InternalError` for
    a refusal that only a fault of ours explains.

    A request that was sent is never broken off, whatever becomes of the caller. A server on SQLite
    cancels the work of a client that hangs up; if that work waits for a lock, the server's one
    event loop waits with it, and nobody is answered for a minute.
    """

    def __init__(self, http: httpx.AsyncClient, problems: Problems | None = None) -> None:
        """`problems` hears of every time that Prefect asks to wait."""
        self._http = http
        self._problems = problems or Problems()
        self._told = Told()
        self._csrf: dict[str, str] = {}
        self._csrf_client = str(uuid.uuid4())
        self._sent: set[asyncio.Task[httpx.Response]] = set()

    @property
    def address(self) -> str:
        return str(self._http.base_url).rstrip("/")

    async def drain(self) -> None:
        """Let what was sent be answered, for a moment. Call it before the HTTP client is closed."""
        if self._sent:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(self._sent, timeout=_DRAIN_SECONDS)

    async def _send(self, *request: Any, **options: Any) -> httpx.Response:
        task = asyncio.ensure_future(self._http.request(*request, **options))
        self._sent.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[httpx.Response]) -> None:
        self._sent.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever asked has it, or has gone; either way it is no news.

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON, or None for an empty one."""
        response = await self._answered(method, path, body)
        if response.status_code == 403 and "CSRF" in response.text:
            await self._renew_csrf()
            response = await self._answered(method, path, body)
        if response.is_success:
            return response.json() if response.content else None
        raise self._refusal(method, path, response)

    async def _answered(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", **self._csrf}
        left = iter((*_PAUSES, None))
        patience = _LONGEST_WAIT_SECONDS
        while True:
            patience = await self._wait_as_told(patience)
            try:
                response = await self._send(method, path, content=content, headers=headers)
            except httpx.TransportError as error:
                if (pause := next(left)) is None:
                    raise self._silence(error) from error
            else:
                if self._told.hear(response.status_code, response.headers.get("retry-after")):
                    continue
                self._problems.close(_LIMIT)
                if response.status_code not in _AGAIN or (pause := next(left)) is None:
                    return response
            await anyio.sleep(pause)

    async def _wait_as_told(self, patience: float) -> float:
        """Wait for as long as Prefect asked; what is left of `patience` seconds.

        Raises:
            OrchestratorUnavailable: it asks for longer.
        """
        while wait := self._told.remaining:
            sentence = f"Prefect at {self.address} answers 429 and asks to be left alone for {wait:.0f} s."
            self._problems.open(_LIMIT, sentence)
            if wait > patience:
                raise OrchestratorUnavailable(sentence)
            patience -= wait
            await anyio.sleep(wait)
        return patience

    async def _renew_csrf(self) -> None:
        response = await self._answered("GET", f"/csrf-token?client={self._csrf_client}", None)
        if response.is_success:
            self._csrf = {
                "Prefect-Csrf-Token": response.json()["token"],
                "Prefect-Csrf-Client": self._csrf_client,
            }

    def _silence(self, error: httpx.TransportError) -> OrchestratorUnavailable:
        why = foreign(str(error)) or type(error).__name__
        return OrchestratorUnavailable(
            f"Prefect at {self.address} does not answer ({why}). "
            "Check that it runs and that PREFECT_API_URL names it."
        )

    def _refusal(self, method: str, path: str, response: httpx.Response) -> PlatformError:
        status = response.status_code
        what = f"Prefect at {self.address} answered {status} to {method} {path}: {foreign(response.text)}"
        if status in (401, 403):
            return OrchestratorUnavailable(
                f"Prefect at {self.address} answers {status}: it does not accept our key. Check "
                "PREFECT_API_AUTH_STRING or PREFECT_API_KEY of this agent, or the secret that it is given."
            )
        if status == 404:
            return NotFound(what)
        if status == 409:
            return Conflict(what)
        passing = status >= 500 or status in _PASSING
        return OrchestratorUnavailable(what) if passing else InternalError(what)
