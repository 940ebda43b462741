"""Whether something answers at an address: one short question, no retries, no client."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from urllib.parse import urlsplit

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def answers(url: str, timeout: float = 0.5) -> bool:
    """Whether a GET of `url` is answered with 200 within `timeout` seconds."""
    # This machine's loopback is never behind a proxy.
    none = urllib.request.ProxyHandler({})
    opener = (
        urllib.request.build_opener(none)
        if urlsplit(url).hostname in _LOCAL
        else urllib.request.build_opener()
    )
    try:
        with opener.open(url, timeout=timeout) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False
