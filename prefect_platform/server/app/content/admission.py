"""From a request to a visit with a connection: the same steps for HTTP and for WebSockets."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from prefect_platform.errors import Forbidden, NotFound, Unavailable
from prefect_platform.server.app.content import headers, isolation
from prefect_platform.server.app.content.asked import Asked, Headers
from prefect_platform.server.app.content.connection import Connection, NoAnswer, connect
from prefect_platform.server.services import content
from prefect_platform.server.services.contents import Upstream, Visit
from prefect_platform.server.services.parts import Parts

_log = logging.getLogger(__name__)


def scheme_of(parts: Parts) -> str:
    """`http` or `https`, as browsers see it: a terminator may stand before us."""
    return urlsplit(parts.config.public_url).scheme


def check(parts: Parts, asked: Asked, *, upgrade: bool = False) -> None:
    """Refuse what other pages sent, before anybody is looked up."""
    isolation.check(asked, f"{scheme_of(parts)}://{asked.host}", upgrade=upgrade)


async def admitted(parts: Parts, asked: Asked, label: str) -> Visit:
    """The visit of who is signed in here.

    Raises:
        Forbidden: nobody is. The same words whether or not there is such a resource.
    """
    found = await content.visit(parts, label, headers.cookies(asked, scheme_of(parts)))
    if found is None:
        raise Forbidden(
            "This is the address of a resource, and this browser is not signed in to it. "
            f"{content.HOW_TO_OPEN}"
        )
    return found


async def reach(parts: Parts, visit: Visit) -> tuple[Upstream, Connection]:
    """A connection to the resource. What does not answer is looked up again: it may have been restarted.

    Raises:
        NotFound: the resource has been deleted.
        Unavailable: it is not running.
        NoAnswer: it should be running, and does not take the connection.
    """
    first, failure = visit.upstream, None
    if first.address is not None:
        try:
            return first, await connect(first.address)
        except NoAnswer as error:
            failure = error
    found = await content.current(parts, visit.label)
    if found is None:
        raise NotFound(f"{first.kind} {first.name!r} has been deleted.")
    if found.address is None:
        raise Unavailable(
            f"{found.kind} {found.name!r} is {found.state}: "
            f"`prefect-platform resource show {found.name}` says why, `resource start {found.name}` starts "
            "it."
        )
    if failure is not None and found.address == first.address:
        raise failure
    return found, await connect(found.address)


def renewal(parts: Parts, visit: Visit) -> Headers:
    """The cookie again, where the session got a new term."""
    if not visit.renewed:
        return []
    return [headers.set_cookie(scheme_of(parts), visit.cookie, content.SESSION_SECONDS)]


def unanswered(visit: Visit, error: NoAnswer) -> str:
    """What to say, here and in the log, of an upstream that gave no answer."""
    upstream = visit.upstream
    _log.warning("%s %s (workload %s) %s", upstream.kind, visit.label, upstream.workload_id, error)
    return (
        f"{upstream.kind} {upstream.name!r} {error}. It may just be starting or have died: try again in a "
        f"moment; `prefect-platform resource logs {upstream.name}` shows its log, and `resource restart "
        f"{upstream.name}` starts it afresh."
    )
