"""What may be served on the user-content origin, and who looks at it in this process.

A *label* is the first part of a content host, `<label>.localhost`, and is the id of the resource. It is no
secret: host names stand in DNS, in TLS handshakes and in histories, so nothing is granted for knowing one.
It has to be the id all the same, and never a name: what a browser keeps for an origin (cookies, storage,
service workers) must not be found by another resource that takes the name later.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

LABEL = re.compile(r"([a-z]{2,8})-[0-9a-hjkmnp-tv-z]{26}")
"""An id that `names.new_id` made: safe in DNS, and like no name that an operator gives a host."""

ACTED_SECONDS = 10.0
REMEMBERED = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upstream:
    """A resource's own web server: where it is, and who may see it."""

    kind: str
    """Kind of the resource, for messages: `jupyter-server`."""
    name: str
    project_id: str
    workload_id: str | None
    address: tuple[str, int] | None
    """Host and port, plain HTTP/1.1; None while it does not run. It gets the Host that the browser sent."""
    state: str = "running"
    """For the page that is shown while there is no address."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Set on every request, in place of what the browser sent: `("Authorization", "token …")`."""
    user_id: str | None = None
    """The only user who may open it; None for every member of the project."""
    home: str = "/"
    """Path of its first page."""


Resolver = Callable[[AsyncSession, str], Awaitable[Upstream | None]]
"""From a label to what is behind it now; None if there is no such resource, or not any more."""


@dataclass(eq=False)
class Visit:
    """A request or WebSocket of somebody who is signed in."""

    key: str
    """Hash of the session's cookie."""
    cookie: str = field(repr=False)
    label: str
    upstream: Upstream
    renewed: bool
    """Whether the session got a new term just now, which the browser should hear of."""
    ended: asyncio.Future[str] = field(repr=False)
    """Done, with a reason, once the visitor may not be here any more."""


@dataclass(frozen=True)
class KnownSession:
    upstream: Upstream
    until: float
    """Uptime after which the database is asked again."""


class Contents:
    """Resolvers by the kind of id they answer for, and the visits of this process."""

    def __init__(self) -> None:
        self._resolvers: dict[str, Resolver] = {}
        self.known: dict[tuple[str, str], KnownSession] = {}
        """By label and hash of the cookie; filled and emptied by `services.content` alone."""
        self.forgotten = 0
        """How often `forget` was called: what was read before is not remembered after."""
        self.visits: set[Visit] = set()
        self.acted: Callable[[str], Awaitable[None]] | None = None
        """Told of a workload in which a visitor did something: not a mere look."""
        self._acted_at: dict[str, float] = {}
        self._acting: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        """Somebody's rights changed: look at all visits now."""

    def register(self, prefix: str, resolver: Resolver) -> None:
        """Answer for labels that begin with `prefix-`."""
        self._resolvers[prefix] = resolver

    def resolver(self, label: str) -> Resolver | None:
        found = LABEL.fullmatch(label)
        return self._resolvers.get(found[1]) if found else None

    def act(self, workload_id: str | None, uptime: float) -> None:
        """A visitor does something there. Told on in the background, since a busy database is no reason to
        let them wait, and at most every `ACTED_SECONDS`."""
        last = self._acted_at.get(workload_id or "", -ACTED_SECONDS)
        if self.acted is None or workload_id is None or uptime - last < ACTED_SECONDS:
            return
        if len(self._acted_at) >= REMEMBERED:
            self._acted_at.clear()
        self._acted_at[workload_id] = uptime
        task = asyncio.create_task(self._tell(self.acted, workload_id), name="acted")
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    async def _tell(self, acted: Callable[[str], Awaitable[None]], workload_id: str) -> None:
        try:
            await acted(workload_id)
        except Exception:  # noqa: BLE001 - the visitor is served all the same
            self._acted_at.pop(workload_id, None)
            _log.exception("what is done in workload %s could not be noted; again when more is", workload_id)

    async def settled(self, seconds: float) -> None:
        """Until all that was done is told on; what takes longer is left."""
        tasks = list(self._acting)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self) -> None:
        """Ask the database again about everybody, at once: a token, a member or a resource has gone."""
        self.known.clear()
        self.forgotten += 1
        self.changed.set()

    @contextmanager
    def visiting(self, visit: Visit) -> Iterator[None]:
        """Among the visits, for as long as the block runs."""
        self.visits.add(visit)
        try:
            yield
        finally:
            self.visits.discard(visit)
