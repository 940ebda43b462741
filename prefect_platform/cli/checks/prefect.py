"""The Prefect that the user's project talks to: that it answers, fits, keeps time and has our work pool."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import TYPE_CHECKING

import requests

from prefect_platform.cli import output
from prefect_platform.cli.checks.environment import numbers
from prefect_platform.cli.checks.platform import clock
from prefect_platform.errors import PlatformError, foreign
from prefect_platform.wire.installation import Check

if TYPE_CHECKING:
    from prefect_platform.cli.embedded.settings import Credentials
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.projects import Project

OLDEST, BEYOND = (3, 8), (4, 0)
_PAGE = 200
_TIMEOUT = (5.0, 10.0)


def checks(client: PlatformClient, credentials: Credentials) -> Iterator[Check]:
    try:
        project = client.projects.get(client.project)
        pools = _pools(client, project)
    except PlatformError as error:
        yield Check(name="project", ok=False, detail=error.message)
        return
    yield Check(name="project", ok=True, detail=f"{project.name} talks to {project.orchestrator_url}")
    with _session(credentials, project.orchestrator_url) as session:
        try:
            answer = session.get(f"{project.orchestrator_url}/health", timeout=_TIMEOUT)
            yield _answers(project.orchestrator_url, answer)
            yield clock("prefect clock", time_of(answer))
            yield _version(session.get(f"{project.orchestrator_url}/admin/version", timeout=_TIMEOUT))
            for name in pools:
                pool = f"{project.orchestrator_url}/work_pools/{name}"
                yield _pool(name, session.get(pool, timeout=_TIMEOUT))
            wanted = {
                "work_pools": {"name": {"any_": pools}},
                "flow_runs": {"state": {"name": {"any_": ["Late"]}}},
                "sort": "EXPECTED_START_TIME_ASC",
                "limit": _PAGE,
            }
            late = f"{project.orchestrator_url}/flow_runs/filter"
            yield from _late(session.post(late, json=wanted, timeout=_TIMEOUT))
        except requests.RequestException as error:
            text = (
                f"{project.orchestrator_url} does not answer ({foreign(str(error))[:80]}): "
                "scheduled runs wait. Start Prefect; `up` does, unless PREFECT_API_URL names another"
            )
            yield Check(name="prefect", ok=False, detail=text)


def _pools(client: PlatformClient, project: Project) -> list[str]:
    """The installation's, and those that agents of the project serve beside it in the project's Prefect."""
    from prefect_platform.wire.resources import ResourceKind

    specs = [one.spec for one in client.resources.list(project.name, ResourceKind.PREFECT_AGENT)]
    here = [one for one in specs if one.get("prefect_api_url") in (None, project.orchestrator_url)]
    named = [one["work_pool"] for one in here if one.get("work_pool")]
    return list(dict.fromkeys([project.work_pool, *named]))


def _session(credentials: Credentials, url: str) -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = "prefect-platform-doctor"
    if not credentials.belong(url):
        return session
    if credentials.api_key:
        session.headers["Authorization"] = f"Bearer {credentials.api_key}"
    elif credentials.auth_string:
        user, _, password = credentials.auth_string.partition(":")
        session.auth = (user, password)
    return session


def _answers(url: str, answer: requests.Response) -> Check:
    if answer.ok:
        return Check(name="prefect", ok=True, detail=f"answers at {url}")
    if answer.status_code in (401, 403):
        return Check(name="prefect", ok=False, detail=_key(answer.status_code))
    return Check(name="prefect", ok=False, detail=f"{url} answers {answer.status_code}: is it Prefect's API?")


def time_of(answer: requests.Response) -> datetime | None:
    """The time that an answer was given at, by the clock of who gave it."""
    try:
        return parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError, TypeError):  # not told, or told twice by two that stand in a row
        return None


def _version(answer: requests.Response) -> Check:
    if answer.status_code == 404:
        return Check(name="prefect version", ok=True, detail="not told (Prefect Cloud does not)")
    if not answer.ok:
        return Check(name="prefect version", ok=False, detail=_key(answer.status_code))
    found = answer.text.strip().strip('"')
    if not OLDEST <= numbers(found) < BEYOND:
        return Check(
            name="prefect version",
            ok=False,
            detail=f"{found}: this platform needs Prefect >=3.8, <4",
        )
    ours = _installed()
    if ours is not None and numbers(found) < numbers(ours):
        text = f"the server is {found}, older than the {ours} installed here: upgrade the server first"
        return Check(name="prefect version", ok=False, detail=text)
    return Check(name="prefect version", ok=True, detail=f"server {found}, installed here {ours or 'none'}")


def _late(answer: requests.Response) -> Iterator[Check]:
    """Runs that Prefect itself calls late: somebody should have taken them."""
    if not answer.ok:  # what keeps it from answering was told before
        return
    found = answer.json()
    if not found:
        yield Check(name="late runs", ok=True, detail="none")
        return
    due = found[0].get("expected_start_time")
    first = f", the first due {output.ago(datetime.fromisoformat(due))}" if due else ""
    more = "at least " if len(found) == _PAGE else ""
    text = f"{more}{len(found)} runs are late in Prefect{first}; the lines on agents say why"
    yield Check(name="late runs", ok=False, detail=text)


def _key(status: int) -> str:
    return (
        f"Prefect answers {status}: your key for it is wrong or missing. Set PREFECT_API_AUTH_STRING, or "
        "PREFECT_API_KEY for Prefect Cloud"
    )


def _installed() -> str | None:
    try:
        return metadata.version("prefect")
    except metadata.PackageNotFoundError:
        return None


def _pool(name: str, answer: requests.Response) -> Check:
    if answer.ok:
        paused = answer.json().get("is_paused")
        text = f"{name} is paused in Prefect: no run starts. Resume it there" if paused else name
        return Check(name="work pool", ok=not paused, detail=text)
    if answer.status_code in (401, 403):
        return Check(name="work pool", ok=False, detail=_key(answer.status_code))
    text = f"Prefect has no work pool {name} (status {answer.status_code}): an agent makes it when it starts"
    return Check(name="work pool", ok=False, detail=text)
