"""What went wrong on the way, in words: what was asked, where, what came back, what to do next.

Answers in the platform's own words (problem documents) become the exception the server raised.
Anything else is somebody in between, and of their text at most a line is repeated.
"""

from __future__ import annotations

import json
from typing import Any

import requests

from prefect_platform.errors import PlatformError, Unavailable, foreign, from_problem


def refusal(response: requests.Response, text: bytes) -> PlatformError:
    """The exception for an answer that is not the one hoped for; `text` is its body."""
    problem = problem_of(response, text)
    return from_problem(problem) if problem is not None else strange(response, text)


def problem_of(response: requests.Response, text: bytes) -> dict[str, Any] | None:
    """The problem document in an answer, or None if the answer is not in the platform's own words."""
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) and isinstance(data.get("code"), str) else None


def strange(response: requests.Response, text: bytes, why: str = "") -> Unavailable:
    """An answer that no platform gives: a proxy's page, another service on that port."""
    method, url, status = response.request.method, response.url, response.status_code
    if response.is_redirect:
        target = foreign(response.headers.get("location", "elsewhere"))
        return Unavailable(
            f"{method} {url} was redirected to {target}. Use the platform's own address.", status=status
        )
    said = foreign(text[:4096].decode("utf-8", "replace"))
    return Unavailable(
        f"{method} {url} answered {status} with something that is not the platform's{why}: "
        f"{said or 'nothing'}. {_advice(status)}",
        status=status,
    )


def _advice(status: int) -> str:
    if status in (502, 503, 504):
        return (
            "Something in front of the platform cannot reach it: is it running there? Try again in a moment."
        )
    return "Check the address: `prefect-platform doctor` shows which one is used and where it comes from."


def unreachable(base: str, what: str, error: requests.RequestException) -> Unavailable:
    """The exception for a call that got no answer at all."""
    if isinstance(error, requests.exceptions.SSLError):
        return Unavailable(
            f"The platform at {base} shows a certificate that is not trusted here: {_root(error)}."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return Unavailable(
            f"The proxy on the way to {base} refused: {_root(error)}. Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(error, requests.exceptions.Timeout):
        return Unavailable(
            f"The platform at {base} did not answer {what} in time. It may be busy or hung: "
            "`prefect-platform status` tells what runs."
        )
    return Unavailable(
        f"The platform at {base} does not answer ({_root(error)}). Start it with `prefect-platform up`, or "
        "name another with `prefect-platform login URL`."
    )


def _root(error: BaseException) -> str:
    """The innermost cause in a few words: the OS error below urllib3's wrapping."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        inner = getattr(current, "reason", None) or next(
            (a for a in current.args if isinstance(a, BaseException)), None
        )
        current = inner if isinstance(inner, BaseException) else current.__cause__ or current.__context__
    system = next((e for e in seen if isinstance(e, OSError) and e.strerror and e.errno), None)
    return foreign(str(system.strerror).lower() if system else str(seen[-1]))
