"""From started processes to a platform that takes runs: what answers, in which order, after how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prefect_platform.cli import output
from prefect_platform.cli.embedded import words
from prefect_platform.cli.embedded.child import Child
from prefect_platform.cli.embedded.places import Places, read_json
from prefect_platform.cli.embedded.probes import answers
from prefect_platform.cli.embedded.settings import UpSettings
from prefect_platform.client.profile import Profile, read_profile, write_profile
from prefect_platform.errors import Unavailable, UsageError
from prefect_platform.names import DEFAULT_PROJECT

if TYPE_CHECKING:
    from prefect_platform.wire.resources import Resource

_ASK_AGENT = 0.1
"""Seconds between two questions whether the agent has come."""
_PATIENCE = 60.0
"""Seconds after which it is said, once, what is still missing."""


class Startup:
    """`step` is called again and again until `ready`; no step waits for anything."""

    def __init__(
        self,
        settings: UpSettings,
        places: Places,
        urls: dict[str, str],
        children: dict[str, Child],
        say: Callable[[str], None],
        began: float,
        *,
        moved: bool = False,
    ) -> None:
        """`moved`: what an earlier `up` has left running knows other addresses than these."""
        self._settings, self._places, self._urls = settings, places, urls
        self._children, self._say = children, say
        self._began, self._began_at = began, time.time() - (time.monotonic() - began)
        self._moved = moved
        self._external_told = False
        self._agent_kept = self._agent_answered = False
        self._agent_asked = 0.0
        self._waiting_told = False
        self.own_seconds: float | None = None
        self.ready_seconds: float | None = None

    def step(self) -> None:
        """Find out what has come up since, and do what follows from it."""
        try:
            self._step()
        except Unavailable:
            # Something that answered a moment ago was ended; it is started again, and asked again.
            return

    def _step(self) -> None:
        self._look_at_platform()
        self._look_at_prefect()
        if self._children["platform"].answered:
            self._look_at_agent()
        if self._agent_answered and all(child.answered for child in self._children.values()):
            self.ready_seconds = self._elapsed()
        self._tell_if_slow()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _look_at_platform(self) -> None:
        child = self._children["platform"]
        if child.answered or not (child.alive and answers(f"{self._urls['platform']}/health")):
            return
        if self.own_seconds is None:
            self.own_seconds = self._elapsed()
            self._came("platform", self._urls["platform"])
        self._sign_in()
        child.answered = True

    def _look_at_prefect(self) -> None:
        child = self._children.get("prefect")
        health = f"{self._urls['prefect_api']}/health"
        if child is None:
            if not self._external_told:
                self._external_told = True
                if answers(health, timeout=3.0):
                    self._came("Prefect", self._urls["prefect_api"])
                else:
                    self._say(
                        f"Prefect at {self._urls['prefect_api']} does not answer; runs start once it does."
                    )
        elif not child.answered and child.alive and answers(health):
            child.answered = True
            self._came("Prefect", self._urls["prefect"])

    def _came(self, name: str, url: str) -> None:
        self._say(f"  {name:<8}  {url}  {output.duration(self._elapsed())}")

    def _sign_in(self) -> None:
        """Turn the first token into the user's profile."""
        first = read_json(self._places.bootstrap)
        if not first.get("token"):
            raise Unavailable(f"{self._places.bootstrap} holds no token yet.")
        profile = Profile(
            self._urls["platform"], str(first["token"]), str(first.get("project", DEFAULT_PROJECT))
        )
        keep_profile(self._settings.profile, profile, self._say)

    def _look_at_agent(self) -> None:
        """See that there is an agent, and then whether it does its work."""
        now = time.monotonic()
        profile = read_profile(self._settings.profile)
        if self._agent_answered or profile is None or now - self._agent_asked < _ASK_AGENT:
            return
        self._agent_asked = now
        from prefect_platform.cli.embedded import agent  # when the parts are on their way: it is heavy
        from prefect_platform.client.settings import connect

        with connect(self._urls["platform"], profile.token, profile.project) as client:
            if not self._agent_kept:
                self._kept(agent.keep(client, profile.project, moved=self._moved))
            elif agent.serves(
                client, profile.project, self._began_at, without_prefect="prefect" not in self._children
            ):
                self._agent_answered = True
                self._came("agent", agent.AGENT_NAME)

    def _kept(self, found: Resource | None) -> None:
        """There is an agent, or there will be."""
        if found is None:
            return
        self._agent_kept = True
        self._places.agent_profile.unlink(missing_ok=True)
        if found.state.target == "stopped":
            self._agent_answered = True
            self._say(words.AGENT_STOPPED)

    def _tell_if_slow(self) -> None:
        if self._waiting_told or self._elapsed() < _PATIENCE:
            return
        self._waiting_told = True
        for name, child in self._children.items():
            if not child.answered:
                self._say(f"Still waiting for {name}. Its output is in {child.part.log}.")
        if not self._agent_answered:
            self._say("Still waiting for the agent. `prefect-platform agent show local` says how it is.")


def keep_profile(path: Path, profile: Profile, say: Callable[[str], None]) -> None:
    """Write the profile; one that named a platform elsewhere is kept beside it, and that is said."""
    try:
        before = read_profile(path)
    except UsageError:
        before = None  # Damaged: that is what this repairs.
    if before == profile:
        return
    if before is not None and before.url != profile.url and "127.0.0.1" not in before.url:
        older = path.with_name(f"{path.name}.old")
        path.replace(older)
        say(f"Your profile named {before.url}; it now names {profile.url}. The old one is kept as {older}.")
    write_profile(path, profile)
