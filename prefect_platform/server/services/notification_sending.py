"""One message to one address, by whichever service its scheme names, in a thread of its own.

No target holds up another: each gets a thread, and a thread that hangs is left behind when its time is
over. Until it ends its rule starts no other, so what hangs stays bounded. The address is a credential:
nothing of it is in an outcome, and what the library logs stays here, since it may repeat parts of it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import warnings
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self
from urllib.parse import unquote

from prefect_platform.errors import foreign
from prefect_platform.server.config import LOCAL_SCHEMES

MOST_THREADS = 32
CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
_SCHEME = re.compile(r"\s*([A-Za-z0-9]{2,20})://")
_FILES = re.compile(r"[?&;]\s*(template|keyfile|subfile|pgp\w*|wkd)\s*=", re.IGNORECASE)
"""Arguments with which a service would read a file of the platform's machine."""
_importing = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What became of one try."""

    delivered: bool
    reason: str | None = None


def problem(url: str, schemes: Collection[str]) -> str | None:
    """Why this is no address that messages may go to, in words and without any of it; None if it is one."""
    found = _SCHEME.match(url)
    if found is None:
        return "it does not begin with a service, as `slack://…`, `mailto://…` or `jsons://…` do"
    scheme = found[1].lower()
    if scheme in LOCAL_SCHEMES or scheme not in schemes:
        what = f"{scheme}:// is" if _known(scheme) else "it begins with a scheme that is"
        return f"{what} not allowed on this platform; its operator sets PREFECT_PLATFORM_NOTIFICATION_SCHEMES"
    if _FILES.search(unquote(unquote(url))):
        return "it would read a file of the platform's machine (template, keyfile, subfile, pgp or wkd)"
    return None


def _known(scheme: str) -> bool:
    """Whether it is the name of a service or a protocol, and no part of a secret."""
    return scheme in LOCAL_SCHEMES or scheme in {"http", "https", "json", "xml", "form"}


class Sending:
    """The threads that send. One a process."""

    def __init__(self) -> None:
        self._busy: set[str] = set()

    async def send(self, key: str, url: str, title: str, body: str, seconds: float) -> Outcome:
        """Try once, for at most so many seconds. `key` has at most one thread."""
        await asyncio.to_thread(_library)  # on a busy machine loading it takes longer than a message may
        if key in self._busy:
            return Outcome(False, "The target has not answered the try before this one yet.")
        if len(self._busy) >= MOST_THREADS:
            return Outcome(False, "Too many targets do not answer at the moment.")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        self._busy.add(key)

        def work() -> None:
            outcome = _attempted(url, title, body)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._done, key, answer, outcome)

        threading.Thread(target=work, name="notification", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return Outcome(False, f"The target had not taken the message after {seconds:g} s.")

    def _done(self, key: str, answer: asyncio.Future[Outcome], outcome: Outcome) -> None:
        self._busy.discard(key)
        if not answer.done():
            answer.set_result(outcome)


def _attempted(url: str, title: str, body: str) -> Outcome:
    try:
        return _send(url, title, body)
    except Exception as error:  # noqa: BLE001 - a service of the library failed in its own way: this try did
        return Outcome(
            False, f"The service failed: {foreign(hidden(url, f'{type(error).__name__}: {error}'))}"
        )


def _send(url: str, title: str, body: str) -> Outcome:
    library = _library()
    with _Heard() as heard:
        service = _service(library, url)
        if service is None:
            return Outcome(False, _reason(url, heard) or "The address is not complete, or is misspelled.")
        sender = library.Apprise(asset=service.asset)
        sender.add(service)
        done = sender.notify(title=title, body=body, body_format=library.NotifyFormat.TEXT)
    return (
        Outcome(True) if done else Outcome(False, _reason(url, heard) or "The service refused the message.")
    )


def _reason(url: str, heard: _Heard) -> str | None:
    said = " ".join(heard.said)
    return foreign(hidden(url, said)) if said else None


def _library() -> ModuleType:
    """Loaded with the first message: all of its services together take a second."""
    with _importing, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of modules that it looks for and does not need
        import apprise

        _services().load_modules()
    logging.getLogger("apprise").propagate = False  # it may repeat parts of an address
    return apprise


def _services() -> Any:
    """The library's own register of services, by scheme."""
    from apprise import manager_plugins

    untyped: Any = manager_plugins
    return untyped.NotificationManager()


def _service(library: Any, url: str) -> Any:
    """The service for an address: plain text, no redirects, nothing on disk, and its own waits bounded."""
    scheme = _SCHEME.match(url)
    asset = library.AppriseAsset(
        async_mode=False,
        secure_logging=True,
        http_redirects=False,
        storage_mode="memory",
        app_id="prefect-platform",
        app_desc="prefect-platform",
        app_url="",
        image_url_mask="",
        image_url_logo="",
    )
    service = library.Apprise.instantiate(url.strip(), asset=asset, suppress_exceptions=True)
    if service is None or scheme is None or type(service) is not _services()[scheme[1].lower()]:
        return None
    service.redirects = False
    service.notify_format = library.NotifyFormat.TEXT
    service.overflow_mode = library.OverflowMode.TRUNCATE
    service.socket_connect_timeout = min(service.socket_connect_timeout or CONNECT_SECONDS, CONNECT_SECONDS)
    service.socket_read_timeout = min(service.socket_read_timeout or READ_SECONDS, READ_SECONDS)
    return service


class _Heard(logging.Handler):
    """What the library warns of in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and len(self.said) < 5:
            self.said.append(record.getMessage())


def hidden(url: str, text: str) -> str:
    """Text without any part of an address: its host may be a token, too."""
    for part in sorted(set(_parts(url)), key=len, reverse=True):
        text = re.sub(re.escape(part), "*" * 3, text, flags=re.IGNORECASE)
    return text


def _parts(url: str) -> Iterator[str]:
    for text in (url, unquote(url)):
        yield text
        words = re.split(r"[/?&;=@:,\s]+", text.partition("://")[2])
        yield from (word for word in words if len(word) >= 3)
