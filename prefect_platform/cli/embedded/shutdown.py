"""The orderly end: the platform ends runs, then agents and other resources; then it and Prefect end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from prefect_platform.cli.embedded.child import Child
from prefect_platform.cli.embedded.places import Places
from prefect_platform.client.profile import read_profile
from prefect_platform.errors import PlatformError

_ORDER = (("platform", 10.0), ("prefect", 8.0))
"""Who ends after whom, and how many seconds each has before it is ended by force."""


def stop(
    children: Mapping[str, Child],
    url: str,
    places: Places,
    profile: Path,
    grace: float,
    say: Callable[[str], None],
) -> None:
    """End everything that is ours, however long that takes within its bounds.

    A KeyboardInterrupt on the way ends the parts at once. What still runs of a flow, or of a resource, is
    told to end, which it does within its grace, and the next `up` records it.
    """
    try:
        platform = children.get("platform")
        if platform is not None and platform.alive and platform.answered:
            _cancel_open_runs(url, profile, grace, say)
        for name, seconds in _ORDER:
            _end(children.get(name), seconds)
    except KeyboardInterrupt:
        say("At once.")
        from prefect_platform.cli.embedded.workloads import launchers  # heavy, and seldom needed

        for launcher in launchers(places.workloads):
            launcher.send(signal.SIGTERM)
    finally:
        for child in children.values():
            child.signal(signal.SIGKILL)
        for child in children.values():
            child.wait(5.0)


def _cancel_open_runs(url: str, profile: Path, grace: float, say: Callable[[str], None]) -> None:
    from prefect_platform.client.settings import connect

    known = read_profile(profile)
    try:
        with connect(url, known.token if known else None) as client:
            answer = client.shutdown(grace)
    except PlatformError as error:
        say(f"Open runs were not cancelled and go on: {error.message}")
        return
    if answer.cancelled:
        say(f"{answer.cancelled} open run{'s were' if answer.cancelled > 1 else ' was'} cancelled.")
    if answer.still_open:
        say(f"{answer.still_open} had not ended after {grace:g} s; the next `up` records their end.")
    for problem in answer.problems:
        say(problem)


def _end(child: Child | None, seconds: float) -> None:
    if child is None or not child.alive:
        return
    child.signal(signal.SIGTERM)
    if not child.wait(seconds):
        child.signal(signal.SIGKILL)
        child.wait(5.0)
