"""One way to the platform: bearer token, timeouts, bounded retries, and errors as exceptions.

Every call may be repeated safely: reads and PUTs by nature, the others by an Idempotency-Key that
stays the same over the repetitions of one call. So a lost answer never does a thing twice.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter

from prefect_platform._version import __version__
from prefect_platform.client import faults
from prefect_platform.client.retries import AGAIN, Retries, Timeouts, asked_to_wait, passing
from prefect_platform.wire.base import Page

Kind = TypeVar("Kind")
Params = Mapping[str, str | int | float | None]

_KEYED = frozenset({"POST", "PATCH", "DELETE"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_POOL = 16
"""Connections kept open: an agent calls from several threads."""


class _Bearer(requests.auth.AuthBase):
    """Sets the header itself, so that a `.netrc` entry for the host cannot replace it."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Transport:
    """Calls of one platform with one token. Safe to use from several threads.

    `call`, `upload` and `stream` raise what the server raised (`prefect_platform.errors`), and
    `Unavailable` where no platform answered.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        sleep: Callable[[float], None] = time.sleep,
        again: Callable[[], str | None] | None = None,
    ) -> None:
        """`again` looks for the token anew, once the platform knows this one no more."""
        self.url = url
        self.timeouts = timeouts or Timeouts()
        self.retries = retries or Retries()
        self._sleep = sleep
        self._bearer, self.again = _Bearer(token), again
        self._session = _session(url, self._bearer)

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        kind: type[Kind],
        *,
        body: BaseModel | None = None,
        params: Params | None = None,
        wait: float = 0.0,
        key: str | None = None,
        retries: Retries | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Kind:
        """Send `body` as JSON and read the answer as `kind` (`NoneType`: nothing of it is read).

        `wait` is added to the read timeout for calls that the server answers late on purpose.
        `accept` names statuses from 300 on whose body is an answer and no refusal.
        """
        headers = {"Accept": "application/json"}
        if method in _KEYED:
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = body.model_dump_json().encode()
        with self._answer(
            method, path, headers, data, params, wait, retries, whole=True, accept=accept
        ) as response:
            return _read(response, kind)

    def listing(
        self, path: str, kind: type[Kind], *, params: Mapping[str, Any] | None = None
    ) -> tuple[Kind, ...]:
        """Every item of a short listing, page after page."""
        found: list[Kind] = []
        cursor: str | None = None
        while True:
            asked = {**(params or {}), "cursor": cursor, "limit": 200}
            page = self.call("GET", path, Page[kind], params=asked)  # type: ignore[valid-type]
            found += page.items
            cursor = page.cursor
            if cursor is None:
                return tuple(found)

    def text(self, path: str, *, params: Params | None = None) -> str:
        """GET an answer that is no JSON, whole."""
        with self._answer("GET", path, {}, None, params, 0.0, None, whole=True) as response:
            return response.content.decode()

    def time(self) -> datetime | None:
        """What time it is there, to the second, by the clock of whoever answers."""
        with self._answer("GET", "/health", {}, None, None, 0.0, None, whole=True) as response:
            text = response.headers.get("date")
        return parsedate_to_datetime(text) if text else None

    def pause(self, seconds: float) -> None:
        """Wait between two tries of a caller that resumes by itself."""
        self._sleep(seconds)

    def upload(
        self, path: str, file: BinaryIO, kind: type[Kind], *, headers: Mapping[str, str], wait: float
    ) -> Kind:
        """PUT the whole of `file`, streamed with its length; rewound for each repetition."""
        sent = {"Content-Type": "application/octet-stream", **headers}
        with self._answer("PUT", path, sent, file, None, wait, None, whole=True) as response:
            return _read(response, kind)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        wait: float = 0.0,
        retries: Retries | None = None,
    ) -> Iterator[requests.Response]:
        """GET an answer whose body the caller reads piece by piece. Bodies that break off raise
        `requests.RequestException` while they are read: the caller knows how to go on."""
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        with self._answer("GET", path, sent, None, params, wait, retries, whole=False) as response:
            yield response

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes | BinaryIO | None,
        params: Params | None,
        wait: float,
        retries: Retries | None,
        *,
        whole: bool,
        accept: frozenset[int] = frozenset(),
    ) -> Iterator[requests.Response]:
        """The accepted answer; with `whole`, a body that breaks off is asked for again."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        timeout = (self.timeouts.connect, self.timeouts.read + wait)

        def once() -> requests.Response:
            if data is not None and not isinstance(data, bytes):
                data.seek(0)
            return self._session.request(
                method, self.url + path, params=given, data=data, headers=dict(headers),
                timeout=timeout, stream=not whole, allow_redirects=False,
            )  # fmt: skip

        response = self._until_answered(once, f"{method} {path}", retries or self.retries)
        if response.status_code == 401 and self._found_another():
            response.close()
            response = self._until_answered(once, f"{method} {path}", retries or self.retries)
        try:
            if response.status_code >= 300 and response.status_code not in accept:
                raise faults.refusal(response, _short(response))
            yield response
        finally:
            response.close()

    def _found_another(self) -> bool:
        """Whether there is another token by now: where somebody renews it, an old one runs out."""
        found = self.again() if self.again is not None else None
        if not found or found == self._bearer.token:
            return False
        self._bearer.token = found
        return True

    def _until_answered(
        self, once: Callable[[], requests.Response], what: str, retries: Retries
    ) -> requests.Response:
        began = time.monotonic()
        for attempt in range(1, retries.attempts + 1):
            answer: requests.Response | None = None
            failure: requests.RequestException | None = None
            try:
                answer = once()
            except requests.RequestException as error:
                failure = error
            pause = _pause(answer, failure, retries.wait(attempt))
            left = retries.patience - (time.monotonic() - began)
            if attempt == retries.attempts or pause is None or pause > left:
                break
            if answer is not None:
                answer.close()
            self._sleep(pause)
        if answer is None:
            cause = failure or requests.ConnectionError("not asked")
            raise faults.unreachable(self.url, what, cause) from cause
        return answer


def _pause(
    answer: requests.Response | None, failure: requests.RequestException | None, own: float
) -> float | None:
    """Seconds to wait before asking again (`own` where nobody says), or None to take it as it is.

    The platform's own refusals are final unless they carry Retry-After; a gateway's are not.
    """
    if answer is None:
        return own if failure is not None and passing(failure) else None
    asked = asked_to_wait(answer)
    if asked is not None and answer.status_code in (409, 425, 429, 503):
        return max(asked, own)
    ours = "application/problem+json" in answer.headers.get("content-type", "")
    return own if answer.status_code in AGAIN and not ours else None


def _session(url: str, bearer: _Bearer) -> requests.Session:
    session = requests.Session()
    session.auth = bearer
    session.headers["User-Agent"] = f"prefect-platform/{__version__}"
    # A proxy for the outside world has no way to this machine's loopback.
    session.trust_env = urlsplit(url).hostname not in _LOOPBACK
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_POOL, max_retries=0))
    return session


def _short(response: requests.Response) -> bytes:
    """The beginning of a body that only an error message reads."""
    try:
        return cast(bytes, next(response.iter_content(1 << 20), b""))
    except requests.RequestException:
        return b""  # The status is known and is told; its body broke off.


def _read(response: requests.Response, kind: type[Kind]) -> Kind:
    if kind is type(None):
        return None
    text = response.content
    if "json" not in response.headers.get("content-type", ""):
        raise faults.strange(response, text)
    try:
        return cast(Kind, _adapter(cast(Any, kind)).validate_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise faults.strange(
            response, text, f" of version {__version__} ({where or 'body'}: {first['msg']})"
        ) from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Adapters are costly to build and hold no state: one for each kind of answer."""
    return TypeAdapter(kind)
