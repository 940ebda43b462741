"""What a visitor reads when there is nothing to pass on: why, and what to do. For people, not programs."""

from __future__ import annotations

from html import escape

from prefect_platform.server.app.content.asked import Asked, Headers

OWN: Headers = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]
"""Of every answer that is the platform's own: nothing is kept, and the address, which may hold a ticket, goes
nowhere."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em}}</style>
<h1>{title}</h1><p>{text}</p></html>
"""
_TITLES = {403: "Not open to you", 404: "Not found", 502: "No answer", 503: "Not running"}


def page(status: int, text: str, asked: Asked) -> tuple[Headers, bytes]:
    """Headers and body of an answer in words."""
    kind = "text/plain"
    if "text/html" in asked.one("accept"):
        kind = "text/html"
        text = _PAGE.format(title=_TITLES.get(status, "This did not work"), text=escape(text))
    body = text.encode("utf-8", "replace")
    length = str(len(body)).encode()
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-length", length), *OWN]
    return headers, body
