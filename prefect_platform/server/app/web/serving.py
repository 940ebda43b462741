"""The layer in front of the API that answers a browser's address bar: the web UI at any path of its own.

Everything it sends says what pages of ours may do: load and call what is here, and nothing else.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from prefect_platform.server.app.web.files import INDEX, File, Files
from prefect_platform.server.auth import base_path
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.routes import PREFIX

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOR_EVER = "public, max-age=31536000, immutable"
AGAIN = "no-cache"
"""Kept, and asked for again each time: with its ETag that costs nothing."""

NOT_BUILT = """<!doctype html><html lang="en"><title>prefect platform</title>
<p>The platform runs, but this installation holds no web UI: it is a checkout in which it was not built.
<p><code>make web</code> builds it; then start the platform again.</html>"""


class BasePath:
    """Takes the path of the public address off: a proxy in front may or may not have done so."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._base = base_path(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._base != "/" and scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if f"{path}/".startswith(self._base):
                raw: bytes = scope.get("raw_path") or path.encode()
                cut = len(self._base) - 1
                scope = {**scope, "path": path[cut:] or "/", "raw_path": raw[cut:] or b"/"}
        await self._app(scope, receive, send)


class WebUi:
    """Files of the web UI, and for every other address that a browser opens its one page."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._config = config
        self._files: Files | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._answer(scope) if _may_be_page(scope) else None
        await (response or self._app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        headers = dict(scope["headers"])
        path = scope["path"].strip("/")
        if self._files is None:
            self._files = Files(base_path(self._config))
        found = self._files.file(path) if path != INDEX else None
        if found is None and b"text/html" in headers.get(b"accept", b""):
            found = self._files.file(INDEX) or File(NOT_BUILT.encode(), "text/html", lasting=False)
        return None if found is None else _response(found, headers)


def _may_be_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return not scope["path"].startswith((f"{PREFIX}/", "/api/")) and scope["path"] not in (
        "/health",
        "/ready",
    )


def _response(found: File, asked: dict[bytes, bytes]) -> Response:
    headers = {
        **HEADERS,
        "ETag": found.etag,
        "Cache-Control": FOR_EVER if found.lasting else AGAIN,
        "Vary": "Accept-Encoding",
    }
    if asked.get(b"if-none-match", b"").decode("latin-1").removeprefix("W/") == found.etag:
        return Response(status_code=304, headers=headers)
    compressed = found.compressed if b"gzip" in asked.get(b"accept-encoding", b"") else None
    if compressed is not None:
        headers["Content-Encoding"] = "gzip"
        headers["ETag"] = f"W/{found.etag}"
    return Response(compressed or found.body, 200, headers, media_type=found.media_type)
