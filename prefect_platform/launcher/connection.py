"""HTTP to the platform: one kept-alive connection, one timeout, and a verdict on every answer.

Only a problem document of the platform's own counts as a refusal. Whatever else comes back (a
proxy's page, a 5xx, nothing at all) means "not now", and the caller tries again.
"""

from __future__ import annotations

import http.client
import json
import os
import select
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from prefect_platform.launcher.faults import CallFault, Refused, Unreachable

TIMEOUT_SECONDS = 20.0
"""For connecting, and for every single wait for bytes of an answer."""
MAX_ANSWER_BYTES = 4 << 20
MAX_FOREIGN_TEXT = 256
RETRY_STATUSES = frozenset({408, 425, 429})
API = "/api/v1"


class Connection:
    """Calls to one host, with or without a bearer token. Not for two threads at once."""

    def __init__(self, url: str, authorization: str | None, *, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CallFault(f"{url!r} is not an http address.")
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._http = kind(parts.hostname, parts.port, timeout=timeout)
        self._headers = {"Accept": "application/json"}
        if authorization:
            self._headers["Authorization"] = authorization

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON object that the platform answers with.

        Raises:
            Unreachable: no answer of the platform itself.
            Refused: a 4xx with a problem document of the platform.
        """
        answer = self._answer(method, path, body, headers or {})
        payload = self._read(answer, path)
        return self._judge(f"{method} {path}", answer.status, payload)

    def post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """POST JSON; raises what `call` raises."""
        return self.call("POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def stream(self, path: str) -> http.client.HTTPResponse:
        """An open 200 answer to GET, to be read to its end; raises what `call` raises."""
        answer = self._answer("GET", path, b"", {"Accept": "*/*"})
        if answer.status == http.client.OK:
            return answer
        self._judge(f"GET {path}", answer.status, self._read(answer, path))
        raise Unreachable(f"{self.url} answered GET {path} with {answer.status} and no content.")

    def close(self) -> None:
        self._http.close()

    def _answer(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        """Sent once more where a kept-alive connection had been closed by the other side meanwhile;
        every call of the launcher may arrive twice without harm."""
        kept = self._kept_alive()
        try:
            return self._exchange(method, path, body, headers)
        except (ConnectionError, http.client.HTTPException) as error:
            self._http.close()
            if not kept:
                raise self._unreachable(method, path, error) from error
        except OSError as error:
            self._http.close()
            raise self._unreachable(method, path, error) from error
        try:
            return self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise self._unreachable(method, path, error) from error

    def _exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        self._http.request(method, self._prefix + path, body, {**self._headers, **headers})
        return self._http.getresponse()

    def _kept_alive(self) -> bool:
        """Whether there is an open connection; one that the other side has closed is dropped here."""
        if self._http.sock is None:
            return False
        poll = select.poll()
        poll.register(self._http.sock, select.POLLIN)
        if poll.poll(0):
            self._http.close()
            return False
        return True

    def _read(self, answer: http.client.HTTPResponse, path: str) -> bytes:
        try:
            payload = answer.read(MAX_ANSWER_BYTES)
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise self._unreachable("reading", path, error) from error
        return payload

    def _judge(self, call: str, status: int, payload: bytes) -> dict[str, Any]:
        document = _object(payload)
        if 200 <= status < 300 and document is not None:
            return document
        code = (document or {}).get("code")
        if 400 <= status < 500 and status not in RETRY_STATUSES and document and isinstance(code, str):
            data = document.get("data")
            detail = str(document.get("detail") or code)
            facts = data if isinstance(data, dict) else {}
            raise Refused(foreign(detail), status=status, code=code, data=facts)
        text = foreign(payload[: 4 * MAX_FOREIGN_TEXT].decode("utf-8", "replace"))
        raise Unreachable(f"{self.url} answered {call} with status {status}: {text or 'nothing'}")

    def _unreachable(self, method: str, path: str, error: Exception) -> Unreachable:
        return Unreachable(f"{self.url} does not answer {method} {path}: {type(error).__name__}: {error}")


def _object(payload: bytes) -> dict[str, Any] | None:
    """The JSON object in an answer; none where it is something else. No body at all is an empty object."""
    if not payload:
        return {}
    try:
        document = json.loads(payload)
    except ValueError:  # a proxy's page: the caller says what it got instead
        return None
    return document if isinstance(document, dict) else None


def foreign(text: str) -> str:
    """At most `MAX_FOREIGN_TEXT` characters of somebody else's text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_FOREIGN_TEXT else flat[: MAX_FOREIGN_TEXT - 1] + "…"


class Backoff:
    """Pauses between attempts: doubling from `first` to `most` seconds, each spread by up to a fifth,
    so that a thousand launchers do not return to a restarted platform in one instant."""

    def __init__(self, first: float = 0.1, most: float = 5.0) -> None:
        self._first = first
        self._most = most
        self._next = first

    def pause(self) -> float:
        """Seconds to wait now."""
        seconds, self._next = self._next, min(self._next * 2, self._most)
        return seconds * (0.8 + 0.2 * os.urandom(1)[0] / 255)

    def reset(self) -> None:
        self._next = self._first
