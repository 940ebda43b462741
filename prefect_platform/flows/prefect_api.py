"""Prefect's HTTP API as registration needs it: synchronous, with bounded retries and errors in words.

Prefect's own dual methods give an un-awaited coroutine in a notebook cell and do nothing; this does
not. Credentials of the user's profile are sent only to the server they belong to.
"""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from prefect.client.constants import SERVER_API_VERSION

from prefect_platform.errors import (
    NotFound,
    OrchestratorUnavailable,
    PlatformError,
    RegistrationError,
    UsageError,
    foreign,
)
from prefect_platform.flows.settings import PrefectSettings
from prefect_platform.wire.retry_after import Told

_TRIES = 5
_FIRST_PAUSE = 0.1
_PASSING = {408, 429, 502, 503, 504}
_LONGEST_WAIT = 60.0
"""Seconds that one call waits because Prefect asks for it (429)."""
_TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=20.0, pool=5.0)


class PrefectApi:
    """One Prefect server or workspace. `url` ends in `/api` or names a Cloud workspace."""

    def __init__(
        self, url: str, settings: PrefectSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        # Without TLS there are no certificates to load, which takes longer than the calls.
        self._http = httpx.Client(
            headers=_headers(self.url, settings),
            timeout=_TIMEOUT,
            verify=self.url.startswith("https"),
            follow_redirects=True,
            transport=transport,
        )
        self._csrf = False
        self._told = Told()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def post(self, path: str, body: Any, *, again: bool = True) -> Any:
        """`again` tells whether sending it twice does no harm."""
        return self.request("POST", path, body, again=again)

    def patch(self, path: str, body: Any) -> Any:
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete, or find that it is gone."""
        try:
            self.request("DELETE", path)
        except NotFound:
            return

    def request(self, method: str, path: str, body: Any = None, *, again: bool = True) -> Any:
        """The answer's JSON, or None where it has no body.

        Raises:
            OrchestratorUnavailable: Prefect does not answer, or is not well.
            NotFound: it does not know the thing.
            RegistrationError: it refuses what was sent, with its reason.
        """
        response = self._answered(method, path, body, again=again)
        if response.status_code == 403 and "csrf" in response.text.lower() and not self._csrf:
            self._take_csrf_token()
            response = self._answered(method, path, body, again=again)
        if response.status_code >= 400:
            raise self._refusal(method, path, response)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise OrchestratorUnavailable(
                f"{self.url} does not answer like Prefect: {method} {path} gave "
                f"{response.headers.get('content-type', 'no type')}. Is the address right? It ends in /api."
            ) from None

    def _answered(self, method: str, path: str, body: Any, *, again: bool) -> httpx.Response:
        pause, why, attempt, patience = _FIRST_PAUSE, "", 0, _LONGEST_WAIT
        while attempt < _TRIES:
            if attempt:
                time.sleep(pause)
                pause *= 2
            patience = self._wait_as_told(patience)
            attempt += 1
            try:
                response = self._http.request(method, self.url + path, json=body)
            except httpx.HTTPError as error:
                why = type(error).__name__
                if not again and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    break
                continue
            if self._told.hear(response.status_code, response.headers.get("retry-after")):
                attempt = 0
                continue
            if response.status_code not in _PASSING:
                return response
            why = f"it answers {response.status_code}"
        raise OrchestratorUnavailable(
            f"Prefect at {self.url} does not answer ({why}). Nothing is scheduled yet. If it is "
            "busy or starting, wait a moment; else start it, or check the project's address with "
            "`prefect-platform status`. Then register again: the same call repairs it."
        )

    def _wait_as_told(self, patience: float) -> float:
        """Wait for as long as Prefect asked; what is left of `patience` seconds.

        Raises:
            OrchestratorUnavailable: it asks for longer.
        """
        while wait := self._told.remaining:
            if wait > patience:
                raise OrchestratorUnavailable(
                    f"Prefect at {self.url} answers 429 and asks to be left alone for {wait:.0f} s. Register "
                    "again after that: the same call goes on where this one stopped."
                )
            patience -= wait
            time.sleep(wait)
        return patience

    def _take_csrf_token(self) -> None:
        client = str(uuid.uuid4())
        response = self._answered("GET", f"/csrf-token?client={client}", None, again=True)
        if response.status_code == 200:
            token = response.json()["token"]
            self._http.headers.update({"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token})
            self._csrf = True

    def _refusal(self, method: str, path: str, response: httpx.Response) -> PlatformError:
        said = _detail(response)
        if response.status_code == 404:
            return NotFound(f"Prefect at {self.url} knows nothing at {path}: {said}")
        if response.status_code in (401, 403):
            return UsageError(
                f"Prefect at {self.url} refuses this sign-in ({response.status_code}). Set "
                "PREFECT_API_AUTH_STRING, or PREFECT_API_KEY for Prefect Cloud, then register again."
            )
        if response.status_code >= 500:
            return OrchestratorUnavailable(f"Prefect at {self.url} failed at {method} {path}: {said}")
        return RegistrationError(f"Prefect refuses the deployment: {said}", status=response.status_code)


def _headers(url: str, settings: PrefectSettings) -> dict[str, str]:
    headers = {"X-PREFECT-API-VERSION": SERVER_API_VERSION}
    if not _belongs(url, settings):
        return headers
    headers |= dict(settings.headers)
    if settings.auth_string:
        headers["Authorization"] = "Basic " + base64.b64encode(settings.auth_string.encode()).decode()
    elif settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    return headers


def _belongs(url: str, settings: PrefectSettings) -> bool:
    """Whether the profile's credentials may be sent there: to its own host, or anywhere if it names none."""
    return settings.url is None or urlsplit(settings.url).netloc == urlsplit(url).netloc


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return f"{response.status_code} {foreign(response.text)}"
    detail = body.get("detail") or body.get("exception_detail") if isinstance(body, dict) else body
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(str(p) for p in item.get('loc', []))}: {item.get('msg')}" for item in detail
        )
    return foreign(str(detail or body))
