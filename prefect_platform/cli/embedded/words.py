"""What the supervisor says: one line an event, and a page when everything answers."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path

from prefect_platform.cli import output
from prefect_platform.cli.embedded.state import State

EXAMPLE = """\
  from prefect import flow                                  # in a notebook cell, or in a file
  from prefect_platform import register

  @flow(log_prints=True)
  def hello(name: str = "world"):
      print(f"Hello, {name}!")

  register(hello, name="first", cron="0 8 * * *").run().follow()"""


AGENT_STOPPED = "  agent     local was stopped and stays so: `prefect-platform agent start local` starts it"
"""Nobody else takes runs then, if nobody has made another agent."""
LAST = "Ctrl-C cancels and records open runs, and stops everything."
"""The end of the page: who has seen it has seen it all."""


def say(text: str) -> None:
    print(text, flush=True)


def event(text: str) -> str:
    """A line about something that happened while everything was up."""
    return f"{time.strftime('%H:%M:%S')}  {text}"


def exit_words(code: int) -> str:
    """How a process ended, from its exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def already_running(state: State | None) -> str:
    if state is None:
        return "A platform is just starting here. `prefect-platform status` shows it in a moment."
    since = output.duration(time.time() - state.supervisor.since)
    where = ", ".join(f"{name} {url}" for name, url in state.urls.items() if name != "prefect_api")
    return (
        f"A platform runs here already: process {state.supervisor.pid}, for {since}, {where}. "
        "`prefect-platform down` stops it; PREFECT_PLATFORM_HOME names another place for a second one."
    )


def ready(state: State, seconds: float, own: float, logs: Path, link: str) -> str:
    """The page at the end of a start: where everything is and what to do next."""
    places = {**_addresses(state.urls), "profile": state.profile, "data": state.data_dir, "logs": str(logs)}
    return "\n".join(
        [
            "",
            f"Ready after {output.duration(seconds)}; the platform itself after {output.duration(own)}.",
            "",
            output.facts(places.items(), indent="  "),
            "",
            "Open it in a browser, signed in (once, within ten minutes; later: `prefect-platform open`):",
            "",
            f"  {link}",
            "",
            "Register a flow and run it:",
            "",
            EXAMPLE,
            "",
            "or from here, what is in a file, and see what runs:",
            "",
            "  prefect-platform flow register flows.py:hello --name first",
            "  prefect-platform run start hello --follow",
            "  prefect-platform run list",
            "",
            LAST,
        ]
    )


def _addresses(urls: Mapping[str, str]) -> dict[str, str]:
    return {"platform": urls["platform"], "Prefect": urls["prefect"]}
