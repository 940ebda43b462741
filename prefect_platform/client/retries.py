"""When a call is made again, and after how long. Every bound is here; nothing retries for ever."""

from __future__ import annotations

import random
from dataclasses import dataclass

import requests

AGAIN = frozenset({502, 503, 504})
"""Statuses of somebody in front of the platform that cannot reach it now."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds. A long poll adds its own wait to `read`."""

    connect: float = 5.0
    read: float = 30.0


@dataclass(frozen=True)
class Retries:
    """Exponential backoff with jitter: at most `attempts` calls, none begun after `patience` seconds."""

    attempts: int = 4
    first: float = 0.1
    factor: float = 3.0
    longest: float = 5.0
    """Longest wait that we choose ourselves, in seconds."""
    patience: float = 45.0

    def wait(self, attempt: int) -> float:
        """Seconds before attempt number `attempt` (1 is the first repetition)."""
        bound = min(self.longest, self.first * self.factor ** (attempt - 1))
        return bound * random.uniform(0.5, 1.0)  # noqa: S311 - spreads callers; guards nothing


ONCE = Retries(attempts=1)
"""For callers that ask again by themselves."""


def asked_to_wait(response: requests.Response) -> float | None:
    """Seconds that `Retry-After` names, or None. Dates are not used by the platform and not read."""
    text = response.headers.get("retry-after", "").strip()
    return float(text) if text.isdigit() else None


def passing(error: requests.RequestException) -> bool:
    """Whether a call that got no answer may get one later: not so for bad certificates and addresses."""
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return False
    return isinstance(
        error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError
    )
