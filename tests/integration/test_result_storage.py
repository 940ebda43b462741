"""The storage of results with a real Prefect and a real platform, in flows with a process of their own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.agent.prefect_http import PrefectHttp, open_http
from prefect_platform.agent.results_block import ResultsBlock
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.testing.prefect_calls import Prefect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

NAME = "default-in-test"
DOCUMENT = f"block_types/slug/platform-results/block_documents/name/{NAME}"
FLOWS = """
    import sys
    from pathlib import Path
    from prefect import flow, task
    from prefect.cache_policies import INPUTS
    from prefect_platform.flows import results
    results.PATIENCE_SECONDS = 0.5

    def tell(what):
        with Path(sys.argv[2]).open("a") as file:
            file.write(what + "\\n")

    @task(cache_policy=INPUTS)
    def wanted(n):
        tell("wanted")
        return n * n

    @task
    def unwanted(n):
        tell("unwanted")
        return n + 1

    @task(cache_policy=INPUTS)
    async def awaited(n):
        tell("awaited")
        return n - 1

    @flow
    def sync(n=7):
        return wanted(n) + unwanted(n)

    @flow
    async def asynchronous(n=9):  # INPUTS are the key, whatever the task
        return await awaited(n)

    if sys.argv[1] == "sync":
        print("result", sync(), flush=True)
    else:
        import asyncio
        print("result", asyncio.run(asynchronous()), flush=True)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as found:
        yield found


def with_block(url: str, act: Callable[[ResultsBlock], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with open_http(url) as http:
            await act(ResultsBlock(PrefectHttp(http)))

    asyncio.run(main())


@pytest.fixture
def run_flow(
    prefect_server: str, server: LiveServer, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a flow as an engine of ours runs it: the block is the default, and nothing is said by the flow."""
    with_block(prefect_server, lambda block: block.keep(NAME, "default"))
    script = tmp_path / "flows.py"
    script.write_text(textwrap.dedent(FLOWS))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}

    def run(name: str, **changes: str) -> subprocess.CompletedProcess[str]:
        env = plain | {
            "PREFECT_API_URL": prefect_server,
            "PREFECT_HOME": str(tmp_path / "home"),
            "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": f"platform-results/{NAME}",
            "PREFECT_PLATFORM_URL": server.url,
            "PREFECT_PLATFORM_TOKEN": server.token,
            **changes,
        }
        return subprocess.run(
            [sys.executable, str(script), name, str(tmp_path / "told")],
            env=env, capture_output=True, text=True, check=False, timeout=150,
        )  # fmt: skip

    return run


def told(tmp_path: Path) -> list[str]:
    return (tmp_path / "told").read_text().split()


@pytest.mark.parametrize(("name", "first", "again"), [
    ("sync", ["wanted", "unwanted"], ["unwanted"]),
    ("asynchronous", ["awaited"], []),
])  # fmt: skip
def test_a_cached_task_does_not_run_in_another_process(
    run_flow: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path, server: LiveServer, name: str, first: list[str], again: list[str],
) -> None:  # fmt: skip
    one = run_flow(name)
    assert (one.returncode, "result" in one.stdout) == (0, True), one.stderr
    two = run_flow(name)
    assert two.stdout == one.stdout, two.stderr
    assert told(tmp_path) == first + again
    assert server.token not in one.stderr + two.stderr


def test_without_a_platform_tasks_run_and_the_reason_is_said(
    run_flow: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """What nobody asked to keep is let go with a warning. What a task wants kept is an error that Prefect
    shows, with what to do; the run goes on with the value all the same."""
    done = run_flow("sync", PREFECT_PLATFORM_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout.split()) == (0, ["result", "57"]), done.stderr
    assert told(tmp_path) == ["wanted", "unwanted"]
    assert "A stored result cannot be used. The platform at http://127.0.0.1:9 does not answer" in done.stderr
    assert "error was encountered while committing transaction" in done.stderr
    assert "prefect_platform.errors.Unavailable: The platform at http://127.0.0.1:9 does not" in done.stderr
    assert "A result is not kept, so a retry computes it anew." in done.stderr


def test_the_document_is_made_once_and_repaired(prefect_server: str) -> None:
    prefect = Prefect(prefect_server)

    def keep() -> dict[str, Any]:
        with_block(prefect_server, lambda block: block.keep(NAME, "default"))
        return dict(prefect.call("GET", DOCUMENT))

    first = keep()
    assert first["data"] == {"project": "default"}
    assert keep() == first, "nothing is written where nothing is wrong"
    prefect.call("PATCH", f"block_documents/{first['id']}", {"data": {"project": "theirs"}})
    repaired = keep()
    assert (repaired["id"], repaired["data"]) == (first["id"], {"project": "default"})
    prefect.call("DELETE", f"block_documents/{first['id']}")
    anew = keep()
    assert (anew["id"] != first["id"], anew["data"]) == (True, {"project": "default"})
    prefect.call("DELETE", f"block_types/{anew['block_type_id']}")
    assert keep()["data"] == {"project": "default"}


def test_two_agents_make_it_at_once(prefect_server: str) -> None:
    async def both(block: ResultsBlock) -> None:
        await asyncio.gather(*(block.keep("at-once-in-test", "default") for _ in range(4)))

    with_block(prefect_server, both)
    found = Prefect(prefect_server).call("GET", DOCUMENT.replace(NAME, "at-once-in-test"))
    assert found["data"] == {"project": "default"}
