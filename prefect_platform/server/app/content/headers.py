"""Which headers pass, in each direction.

To the upstream goes neither the platform's cookie nor any Authorization but its own; to the browser comes no
cookie that is ours in name, or that reaches beyond the resource's own host. What belongs to one connection
ends with it, and who asked, and how, is said by us alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect_platform.server.app.content.asked import Asked, Headers
from prefect_platform.server.services.contents import Upstream

COOKIE = "prefect-platform"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over HTTPS: browsers keep a cookie of this form to one host, and let no page of another set it."""

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection",
        b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
NOT_TO_UPSTREAM = HOP_BY_HOP | {
    b"authorization", b"cookie", b"expect", b"forwarded", b"via", b"x-real-ip",
}  # fmt: skip
NOT_TO_BROWSER = HOP_BY_HOP | {
    b"alt-svc", b"clear-site-data", b"date", b"set-cookie",
}  # fmt: skip
"""`clear-site-data` would sign out of other resources and of the platform; dates the server says itself."""


def cookie_name(scheme: str) -> str:
    return SECURE_COOKIE if scheme == "https" else COOKIE


def set_cookie(scheme: str, secret: str, seconds: int) -> tuple[bytes, bytes]:
    """The sign-in of one host.

    `Lax`, not `Strict`: the one-time link is followed from the platform's page, which is another site, and a
    Strict cookie is not sent after such a link. WebSockets and frames of other sites do not get a Lax cookie.
    """
    secure = "; Secure" if scheme == "https" else ""
    text = f"{cookie_name(scheme)}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", text.encode()


def cookies(asked: Asked, scheme: str) -> list[str]:
    """What the browser has under our name."""
    name = cookie_name(scheme)
    return [value for found, value in _pairs(asked) if found == name]


def to_upstream(asked: Asked, upstream: Upstream, scheme: str) -> Headers:
    """The headers that go on, with those that the resource asks for."""
    ours = {name.lower().encode(): value.encode() for name, value in upstream.headers}
    dropped = NOT_TO_UPSTREAM | _named(asked.headers) | set(ours)
    kept = [
        (name, value)
        for name, value in asked.headers
        if name not in dropped and not name.startswith(b"x-forwarded-")
    ]
    if asked.all("transfer-encoding"):
        kept.append((b"transfer-encoding", b"chunked"))
    return [*kept, *_cookie(asked), *_forwarded(asked, scheme), *ours.items()]


def to_browser(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of an answer that go on."""
    found = [(name.lower(), value) for name, value in headers]
    dropped = NOT_TO_BROWSER | _named(found)
    if any(name == b"transfer-encoding" for name, _ in found):
        dropped |= {b"content-length"}
    kept = [(name, value) for name, value in found if name not in dropped]
    set_by = (_kept_to_host(value) for name, value in found if name == b"set-cookie")
    return kept + [(b"set-cookie", value) for value in set_by if value is not None]


def _named(headers: Headers) -> set[bytes]:
    """Headers that a Connection header takes for itself."""
    told = b",".join(value for name, value in headers if name == b"connection")
    return {name.strip().lower() for name in told.split(b",")} - {b"host", b"content-length", b""}


def _cookie(asked: Asked) -> Headers:
    kept = [f"{name}={value}" if name else value for name, value in _pairs(asked) if not _is_ours(name)]
    return [(b"cookie", "; ".join(kept).encode("latin-1"))] if kept else []


def _pairs(asked: Asked) -> list[tuple[str, str]]:
    """Cookies as pairs; one without `=` is all value, as browsers have it."""
    found = []
    for text in ";".join(asked.all("cookie")).split(";"):
        name, equals, value = text.strip().partition("=")
        if name or value:
            found.append((name.strip(), value.strip()) if equals else ("", name))
    return found


def _is_ours(name: str) -> bool:
    return name in (COOKIE, SECURE_COOKIE)


def _forwarded(asked: Asked, scheme: str) -> Headers:
    told = {"for": asked.client, "proto": scheme, "host": asked.host}
    return [
        (f"x-forwarded-{name}".encode(), value.encode("latin-1")) for name, value in told.items() if value
    ]


def _kept_to_host(value: bytes) -> bytes | None:
    """A cookie that is the resource's own, without Domain; None if it is ours in name.

    One without a name is dropped: `=a=b` would come back as if it were named `a`.
    """
    pair, *attributes = value.decode("latin-1").split(";")
    name, equals, _ = pair.partition("=")
    if not equals or not name.strip() or _is_ours(name.strip()):
        return None
    kept = [one for one in attributes if one.partition("=")[0].strip().lower() != "domain"]
    return ";".join([pair, *kept]).encode("latin-1")
