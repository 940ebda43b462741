"""Results over HTTP, with the library that Prefect has loaded already.

The platform's client has another one, whose import would cost every run a good part of a second before its
first task. A key may be any text: its digest travels.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from prefect_platform.client.settings import Settings
from prefect_platform.errors import (
    DigestMismatch,
    PlatformError,
    TooLarge,
    Unavailable,
    foreign,
    from_problem,
)

DIGEST_HEADER = "Content-SHA256"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_STORING = httpx.Timeout(300.0, connect=5.0)
"""The server hashes and syncs what it got before it answers."""


class ResultsHttp:
    """Reads and writes results of one platform. Safe to use from several threads.

    `patience` is how many seconds a call may go on being made again. Raises what the server raised, and
    `Unavailable` where no platform answers.
    """

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = settings.url
        self._sleep = sleep
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {settings.token}", "Accept-Encoding": "identity"},
            # Without TLS there are no certificates to load, which takes longer than the calls. A proxy for
            # the outside world has no way to this machine's loopback.
            verify=settings.url.startswith("https:"),
            trust_env=urlsplit(settings.url).hostname not in _LOOPBACK,
        )

    def write(self, project: str, key: str, data: bytes, patience: float) -> None:
        """Store a result in place of the one under this key.

        Raises:
            TooLarge: the platform takes smaller results only.
        """
        headers = {DIGEST_HEADER: hashlib.sha256(data).hexdigest()}
        try:
            self._call("PUT", _place(project, key), patience, content=data, headers=headers, timeout=_STORING)
        except TooLarge as error:
            raise TooLarge(_too_large(len(data), error), **error.data) from error

    def read(self, project: str, key: str, patience: float) -> bytes:
        """The bytes of a result, checked.

        Raises:
            NotFound: there is no such result.
            DigestMismatch: its bytes were altered where they are stored, or on the way.
        """
        answer = self._call("GET", _place(project, key), patience, timeout=_TIMEOUT)
        expected, found = answer.headers.get(DIGEST_HEADER), hashlib.sha256(answer.content).hexdigest()
        if expected != found:
            raise DigestMismatch(
                f"A result came with other bytes than the platform holds: SHA-256 {found[:12]}… instead of "
                f"{(expected or 'none')[:12]}…. Something on the way alters what it carries.",
                expected=expected,
                found=found,
            )
        return answer.content

    def _call(self, method: str, path: str, patience: float, **options: Any) -> httpx.Response:
        """The accepted answer. Asked for again while nobody answers, or somebody says: not now."""
        begun, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                answer = self._http.request(method, self._url + path, **options)
                if answer.is_success:
                    return answer
                refusal = _refusal(answer)
                if answer.status_code not in _AGAIN:
                    raise refusal
            except httpx.TransportError as error:
                refusal = self._silence(error)
            if time.monotonic() - begun + pause > patience:
                raise refusal
            self._sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _silence(self, error: httpx.TransportError) -> Unavailable:
        why = foreign(str(error)) or type(error).__name__
        return Unavailable(
            f"The platform at {self._url} does not answer ({why}). `prefect-platform status` tells what runs."
        )


def _refusal(answer: httpx.Response) -> PlatformError:
    try:
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else None
    except ValueError:
        problem = None
    if isinstance(problem, dict) and isinstance(problem.get("code"), str):
        return from_problem(problem)
    return Unavailable(
        f"{answer.request.method} {answer.url} answered {answer.status_code} with something that is not the "
        f"platform's: {foreign(answer.text[:4096]) or 'nothing'}. Check the address.",
        status=answer.status_code,
    )


def _place(project: str, key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"/api/v1/projects/{project}/results/{digest}"


def _too_large(size: int, error: TooLarge) -> str:
    return (
        f"A result of {size} bytes is too large: this platform keeps results of at most "
        f"{error.data.get('limit')} bytes. Return a smaller one, or the place where you put it, or say "
        "persist_result=False; an operator raises the bound with PREFECT_PLATFORM_RESULT_BYTES."
    )
