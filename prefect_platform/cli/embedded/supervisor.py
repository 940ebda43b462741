"""`Supervisor`: starts the parts, starts again what ends, and ends them all in order.

It has one thread: signals only wake its loop, and the loop does everything. What it knows lies in
`up.json`, so that its own end loses nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from prefect_platform._version import __version__
from prefect_platform.cli.embedded import shutdown, words
from prefect_platform.cli.embedded.browser import show, sign_in_link
from prefect_platform.cli.embedded.child import Child, Part
from prefect_platform.cli.embedded.lock import held
from prefect_platform.cli.embedded.parts import (
    HOST,
    PLATFORM,
    PREFECT,
    platform_part,
    prefect_part,
    require_installed,
)
from prefect_platform.cli.embedded.places import Places, read_json, write_json
from prefect_platform.cli.embedded.ports import Ports
from prefect_platform.cli.embedded.process import require_linux
from prefect_platform.cli.embedded.settings import PLATFORM_PORT, PREFECT_PORT, UpSettings
from prefect_platform.cli.embedded.startup import Startup
from prefect_platform.cli.embedded.state import State, part_of, read_state, running, write_state
from prefect_platform.client.profile import read_profile
from prefect_platform.errors import Conflict, PlatformError, Unavailable

_STARTING, _STEADY = 0.02, 1.0
"""Seconds between two looks: while something is awaited, and when signals tell what matters."""
_LOGS_EVERY = 5.0
_TRIES = 3
"""Starts of a part that never answered before `up` gives up."""
_LEFTOVER_SECONDS = 5.0


class Supervisor:
    def __init__(self, settings: UpSettings, say: Callable[[str], None] = words.say) -> None:
        self._settings, self._say = settings, say
        self._places = Places(settings.data_dir)
        self._children: dict[str, Child] = {}
        self._ports = Ports()
        self._wake = threading.Event()
        self._interrupted = False
        self._began = time.monotonic()
        self._logs_looked = 0.0

    def run(self) -> None:
        """Bring everything up, keep it up until a signal comes, and end it.

        Raises:
            Conflict: a platform runs here already, or a port that was named is taken.
            PlatformError: a part did not start; the message repeats its own words.
        """
        require_linux()
        require_installed()
        self._places.make()
        with held(self._places.lock) as ours:
            if not ours:
                raise Conflict(words.already_running(running(read_state(self._places))))
            self._listen_to_signals()
            self._clear_leftovers()
            self._run()

    def _run(self) -> None:
        before = read_state(self._places)
        urls = self._choose_urls()
        self._state = self._first_state(urls)
        self._say(f"Starting in {self._settings.data_dir}")
        try:
            self._start_first(urls)
            moved = before is not None and before.urls != urls
            startup = Startup(
                self._settings, self._places, urls, self._children, self._say, self._began, moved=moved
            )
            while not self._interrupted:
                self._keep_alive()
                if startup.ready_seconds is None:
                    startup.step()
                    self._tell_when_ready(startup)
                self._wake.wait(_STARTING if self._awaited(startup) else _STEADY)
                self._wake.clear()
            self._say("\nStopping. Ctrl-C again ends everything at once.")
        finally:
            self._stop(urls["platform"])

    # Starting

    def _choose_urls(self) -> dict[str, str]:
        """Where the parts answer: where they did last time, so that runs which go on find them again."""
        last = read_json(self._places.ports)
        port = self._ports.choose("the platform", self._settings.port, last.get(PLATFORM), PLATFORM_PORT)
        api = self._settings.prefect_url
        if api is None:
            other = self._ports.choose(
                "Prefect", self._settings.prefect_port, last.get(PREFECT), PREFECT_PORT
            )
            api = f"http://{HOST}:{other}/api"
            last[PREFECT] = other
        write_json(self._places.ports, {**last, PLATFORM: port})
        return {PLATFORM: f"http://{HOST}:{port}", PREFECT: api.removesuffix("/api"), "prefect_api": api}

    def _first_state(self, urls: dict[str, str]) -> State:
        return State(
            supervisor=part_of(os.getpid(), time.time()),
            version=__version__,
            data_dir=str(self._settings.data_dir),
            profile=str(self._settings.profile),
            expected=[PLATFORM, *([] if self._settings.prefect_url else [PREFECT])],
            urls=urls,
        )

    def _start_first(self, urls: dict[str, str]) -> None:
        """The platform first: it is there soonest, and Prefect takes all the processor it gets."""
        port = int(urls[PLATFORM].rpartition(":")[2])
        self._start(platform_part(self._settings, self._places, port, urls["prefect_api"]))
        if self._settings.prefect_url is None:
            port = int(urls[PREFECT].rpartition(":")[2])
            self._start(prefect_part(self._settings, self._places, port))

    def _start(self, part: Part) -> None:
        child = self._children.setdefault(part.name, Child(part))
        child.start()
        self._remember()

    def _tell_when_ready(self, startup: Startup) -> None:
        if startup.own_seconds is not None and self._state.own_ready_seconds is None:
            self._state.own_ready_seconds = startup.own_seconds
            self._remember()
        if startup.ready_seconds is not None:
            self._state.ready_seconds = startup.ready_seconds
            self._remember()
            own = startup.own_seconds or 0.0
            link = self._link()
            self._say(words.ready(self._state, startup.ready_seconds, own, self._places.logs, link))
            if self._settings.browser:
                show(link)

    def _link(self) -> str:
        profile = read_profile(self._settings.profile)
        url = self._state.urls[PLATFORM]
        return sign_in_link(url, profile.token, profile.project) if profile else url

    def _awaited(self, startup: Startup) -> bool:
        return startup.ready_seconds is None or not all(child.alive for child in self._children.values())

    # Keeping

    def _keep_alive(self) -> None:
        for name, child in self._children.items():
            code = child.ended()
            if code is not None:
                self._ended(name, child, code)
            if not child.alive and time.monotonic() >= child.due:
                child.start()
                self._remember()
        if time.monotonic() - self._logs_looked > _LOGS_EVERY:
            self._logs_looked = time.monotonic()
            for child in self._children.values():
                child.bound_log()

    def _ended(self, name: str, child: Child, code: int) -> None:
        """Say that a part ended.

        Raises:
            PlatformError: it never did its work, and will not.
        """
        spoken = next((line for line in reversed(child.last_words()) if line.startswith("Error: ")), None)
        if not child.answered:
            if spoken is not None:
                raise PlatformError(f"{name} did not start. {spoken.removeprefix('Error: ')}")
            if child.restarts + 1 >= _TRIES:
                said = "\n".join(f"  {line}" for line in child.last_words())
                raise Unavailable(
                    f"{name} did not start ({words.exit_words(code)}). The end of {child.part.log}:\n{said}"
                )
        why = f": {spoken.removeprefix('Error: ')}" if spoken else ""
        self._say(words.event(f"{name} ended ({words.exit_words(code)}){why}; starting it again."))
        self._remember()

    def _remember(self) -> None:
        found = {name: child.state() for name, child in self._children.items()}
        self._state.parts = {name: part for name, part in found.items() if part is not None}
        write_state(self._places, self._state)

    # Ending

    def _stop(self, url: str) -> None:
        self._interrupted = True
        shutdown.stop(
            self._children, url, self._places, self._settings.profile, self._settings.grace_seconds, self._say
        )
        self._ports.close()
        self._places.state.unlink(missing_ok=True)
        self._say("Stopped.")

    def _clear_leftovers(self) -> None:
        """The parts of a supervisor that was killed die with it; see that they are gone."""
        left = read_state(self._places)
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        for part in left.parts.values() if left else ():
            while part.process.alive:
                if time.monotonic() > deadline:
                    part.process.send(signal.SIGKILL)
                self._wake.wait(_STARTING)

    # Signals

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` sets it
            signal.signal(signal.SIGHUP, self._interrupt)
        signal.signal(signal.SIGCHLD, lambda *_: self._wake.set())

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """The first signal ends the loop; one that comes while everything is stopping hurries it."""
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        self._wake.set()
