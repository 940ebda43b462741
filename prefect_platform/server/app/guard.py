"""Who may knock: the Host and Origin headers, and how much may be sent.

A web page can make a browser send requests to a laptop's loopback addresses, and by DNS rebinding read
the answers too. Such requests carry the page's Origin, or a Host that is not ours.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect_platform.errors import Forbidden, TooLarge, UsageError, foreign
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.routes import PREFIX
from prefect_platform.wire.logs import MAX_APPEND_BYTES

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ANY = ("", "0.0.0.0", "::")  # noqa: S104 - listened on, never called

_BUNDLE = re.compile(rf"{PREFIX}/projects/[^/]+/bundles/[^/]+")
_RESULT = re.compile(rf"{PREFIX}/projects/[^/]+/results/[^/]+")
_APPEND = re.compile(rf"{PREFIX}/workloads/[^/]+/logs/[^/]+")
_OPEN = re.compile(rf"{PREFIX}/(projects/[^/]+/(resources/[^/]+|clusters)/[^/]+/open|sign-in-links|session)")


def is_raw(method: str, path: str) -> bool:
    """Whether the body is bytes to be stored and not JSON."""
    if method == "PUT":
        return _BUNDLE.fullmatch(path) is not None or _RESULT.fullmatch(path) is not None
    return method == "PATCH" and _APPEND.fullmatch(path) is not None


def is_opening(method: str, path: str) -> bool:
    """Whether the answer is a link that is good once: it is kept nowhere, and a repeat makes another."""
    return method == "POST" and _OPEN.fullmatch(path) is not None


class Guard:
    """Refuses foreign hosts, foreign origins and bodies over their bound, before anything is done."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._config = config
        self._hosts = frozenset(_hosts(config))
        self._origins = frozenset(_origins(config, self._hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        self._check_host(headers.get(b"host", b"").decode("latin-1").lower())
        self._check_origin(headers.get(b"origin"))
        if scope["type"] == "http":
            _check_address(scope)
            if b"content-length" in headers or b"transfer-encoding" in headers:
                receive = self._bounded(scope, headers.get(b"content-length"), receive)
        await self._app(scope, receive, send)

    def _check_host(self, host: str) -> None:
        if host not in self._hosts:
            raise Forbidden(
                f"This platform does not answer to the host {foreign(host)!r}: call "
                f"{self._config.public_url}, or name the host in PREFECT_PLATFORM_ALLOWED_HOSTS."
            )

    def _check_origin(self, origin: bytes | None) -> None:
        found = origin.decode("latin-1").lower() if origin is not None else None
        if found is not None and found not in self._origins:
            raise Forbidden(
                f"A web page of {foreign(found)!r} may not call this platform: name its origin in "
                "PREFECT_PLATFORM_ALLOWED_ORIGINS if it should."
            )

    def _bounded(self, scope: Scope, length: bytes | None, receive: Receive) -> Receive:
        limit = self._limit(scope["method"], scope["path"])
        if length is not None and int(length) > limit:
            raise _too_large(limit)
        taken = 0  # counted all the same: where both headers are sent, the length is not what counts

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _too_large(limit)
            return message

        return counting

    def _limit(self, method: str, path: str) -> int:
        if not is_raw(method, path):
            limits = self._config.limits
            return limits.registration_bytes if path.endswith("/flows/register") else limits.body_bytes
        if method == "PATCH":
            return MAX_APPEND_BYTES
        limits = self._config.limits
        return limits.result_bytes if _RESULT.fullmatch(path) else limits.bundle_bytes


def _check_address(scope: Scope) -> None:
    """No name or id has a NUL in it, and PostgreSQL takes none in a question either."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise UsageError("The path or the query holds a NUL character (%00): no name or id has one.")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is over its bound of {limit} bytes: send less.", limit=limit)


def _hosts(config: ServerConfig) -> set[str]:
    names = {*LOOPBACK, *(() if config.host in ANY else (_bracketed(config.host),))}
    found = {f"{name}:{config.port}" for name in names}
    if config.port == 80:
        found |= names
    return {host.lower() for host in (*found, *config.allowed_hosts, urlsplit(config.public_url).netloc)}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _origins(config: ServerConfig, hosts: frozenset[str]) -> set[str]:
    scheme = urlsplit(config.public_url).scheme
    ours = {f"{kind}://{host}" for kind in ("http", scheme) for host in hosts}
    return ours | {origin.rstrip("/").lower() for origin in config.allowed_origins}
