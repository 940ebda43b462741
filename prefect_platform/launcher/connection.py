"""HTTP to the platform: one kept-alive connection, one timeout, and a verdict on every answer.

Only a problem document of the platform's own counts as a refusal. Whatever else comes back (a
proxy's page, a 5xx, nothing at all) means "not now", and the caller tries again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from prefect_platform.launcher.faults import CallFault, Refused, Unreachable
from prefect_platform.launcher.http11 import Answer, Wire

TIMEOUT_SECONDS = 20.0
"""For connecting, and for every single wait for bytes of an answer."""
MAX_ANSWER_BYTES = 32 << 20
MAX_FOREIGN_TEXT = 256
TOO_MANY = 429
RETRY_STATUSES = frozenset({408, 425, TOO_MANY})
API = "/api/v1"
PORTS = {"http": 80, "https": 443}
SEPARATORS = frozenset(" \t\r\n")
OK = 200


class Connection:
    """Calls to one host, with or without an Authorization header. Not for two threads at once."""

    def __init__(self, url: str, authorization: str | None, *, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise CallFault(f"{url!r} is not an http address.")
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        port = parts.port or PORTS[parts.scheme]
        self._wire = Wire(parts.hostname, port, tls=parts.scheme == "https", timeout=timeout)
        self._headers = {"Host": parts.netloc.rpartition("@")[2], "Accept": "application/json"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._again = (url, authorization, timeout)

    def another(self) -> Connection:
        """One to the same host, as the same, for another thread."""
        url, authorization, timeout = self._again
        return Connection(url, authorization, timeout=timeout)

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON object that the platform answers with.

        Raises:
            Unreachable: no answer of the platform itself.
            Refused: a 4xx with a problem document of the platform.
        """
        try:
            answer = self._answer(method, path, body, headers or {})
            payload = answer.read_all(MAX_ANSWER_BYTES)
        except OSError as error:
            self.close()
            raise self._unreachable(method, path, error) from error
        return self._judge(f"{method} {path}", answer, payload)

    def post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """POST JSON; raises what `call` raises."""
        return self.call("POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def stream(self, path: str) -> Answer:
        """An open 200 answer to GET, to be read to its end; raises what `call` raises."""
        try:
            answer = self._answer("GET", path, b"", {"Accept": "*/*"})
            payload = b"" if answer.status == OK else answer.read_all(MAX_ANSWER_BYTES)
        except OSError as error:
            self.close()
            raise self._unreachable("GET", path, error) from error
        if answer.status == OK:
            return answer
        self._judge(f"GET {path}", answer, payload)
        raise Unreachable(f"{self.url} answered GET {path} with {answer.status} and no content.")

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        self._wire.close()

    def _answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sent once more where the other side had closed the kept-alive connection meanwhile: every
        call of the launcher may arrive twice without harm."""
        if not (target := self._prefix + path).isascii() or set(target) & SEPARATORS:
            raise CallFault(f"{target!r} is no path of a URL.")
        headers = {**self._headers, **headers}
        kept = self._wire.kept_alive()
        try:
            return self._wire.exchange(method, target, headers, body)
        except ConnectionError:
            self.close()
            if not kept:
                raise
        return self._wire.exchange(method, target, headers, body)

    def _judge(self, call: str, answer: Answer, payload: bytes) -> dict[str, Any]:
        document, status = _object(payload), answer.status
        if 200 <= status < 300 and document is not None:
            return document
        code = (document or {}).get("code")
        if 400 <= status < 500 and status not in RETRY_STATUSES and document and isinstance(code, str):
            data = document.get("data")
            detail = str(document.get("detail") or code)
            facts = data if isinstance(data, dict) else {}
            raise Refused(foreign(detail), status=status, code=code, data=facts)
        # An answer of success may hold secrets, and is repeated nowhere.
        text = "what is no JSON object"
        if not 200 <= status < 300:
            text = foreign(payload[: 4 * MAX_FOREIGN_TEXT].decode("utf-8", "replace")) or "nothing"
        later = answer.headers.get("retry-after") if status == TOO_MANY else None
        raise Unreachable(f"{self.url} answered {call} with status {status}: {text}", retry_after=later)

    def _unreachable(self, method: str, path: str, error: OSError) -> Unreachable:
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
