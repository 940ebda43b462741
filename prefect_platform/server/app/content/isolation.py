"""What other pages may send to a content host: a visit of the whole tab, and nothing else.

Pages of users are strangers to each other, yet a browser may call two of them one *site* (`a.example.org` and
`b.example.org`), and then `SameSite` keeps nothing apart. So the platform looks at where a request is from:
scripts, images, frames, forms and WebSockets of another origin are refused, signed in or not. A link may lead
here, because a GET changes nothing. Programs that are no browsers send none of these headers.
"""

from __future__ import annotations

from prefect_platform.errors import Forbidden, UsageError, foreign
from prefect_platform.server.app.content.asked import Asked

SAFE = frozenset({"GET", "HEAD"})
REFUSED = frozenset({"CONNECT", "TRACE"})
OURS = ("", "none", "same-origin")
"""Values of Sec-Fetch-Site: not told, typed or opened by a program, and the page itself."""


def check(asked: Asked, origin: str, *, upgrade: bool = False) -> None:
    """Refuse what another page sent. `origin` is that of the content host.

    Raises:
        Forbidden: it is from another page.
        UsageError: it has two lengths, or no path: two servers could read it differently.
    """
    if asked.method in REFUSED:
        raise UsageError(f"{asked.method} is not passed on: it would show what the platform adds.")
    if not asked.target.startswith(b"/"):
        raise UsageError("The request names no path: send one that begins with `/`.")
    if asked.all("transfer-encoding") and asked.all("content-length"):
        raise UsageError("The request has both Content-Length and Transfer-Encoding: send one of them.")
    if not _from_here(asked, origin, upgrade=upgrade):
        raise Forbidden(
            f"A page of another origin ({foreign(_from(asked))}) sent this: it may link to this resource, "
            "and nothing else."
        )


def _from_here(asked: Asked, origin: str, *, upgrade: bool) -> bool:
    sent, site = asked.one("origin"), asked.one("sec-fetch-site")
    if upgrade and sent:  # browsers differ in what they call the site of a WebSocket; all send its Origin
        return sent == origin and site != "cross-site"
    if sent not in ("", origin):
        return False
    return site in OURS or (not upgrade and _is_visit(asked))


def _is_visit(asked: Asked) -> bool:
    mode, destination = asked.one("sec-fetch-mode"), asked.one("sec-fetch-dest")
    return asked.method in SAFE and mode == "navigate" and destination == "document"


def _from(asked: Asked) -> str:
    return asked.one("origin") or asked.one("sec-fetch-site")
