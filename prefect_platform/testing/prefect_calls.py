"""Plain calls to a Prefect server, for tests and benchmarks.

On SQLite Prefect answers 500 or 503 when two writes meet, so every call is asked again for a while.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

TRIES = 40
PAUSE_SECONDS = 0.1


class Prefect:
    """One Prefect API. Without `keep_alive` each call has its own connection: some servers get killed."""

    def __init__(self, url: str, *, keep_alive: bool = True, auth_string: str | None = None) -> None:
        user, _, password = (auth_string or "").partition(":")
        auth = httpx.BasicAuth(user, password) if auth_string else None
        limits = httpx.Limits() if keep_alive else httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(base_url=url + "/", timeout=30, limits=limits, auth=auth)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON, or None for an empty one.

        Raises:
            httpx.HTTPStatusError: Prefect refuses, or is busy for seconds.
        """
        for _ in range(TRIES):
            answer = self.http.request(method, path.lstrip("/"), json=body)
            if answer.status_code not in {500, 503}:
                break
            time.sleep(PAUSE_SECONDS)
        answer.raise_for_status()
        return answer.json() if answer.content else None
