"""From `print` in a run of a real platform until the line is painted in a browser that follows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from prefect_platform.testing.embedded import embedded
from prefect_platform.wire.flows import RunRequest
from tests.benchmarks.measure import Figure
from tests.integration.test_dask_runs import Driver
from tests.ui.scene import sign_in, visitor

LINES = 60
FLOWS = Path(__file__).parent / "flows"
COLLECT = r"""(lines) => new Promise((resolve) => {
  const seen = new Map();
  const look = () => {
    const text = document.querySelector('[role=log]')?.textContent ?? '';
    for (const [, at] of text.matchAll(/printed at (\d+\.\d{6})/g))
      if (!seen.has(at)) seen.set(at, Date.now() / 1000 - Number(at));
    seen.size >= lines ? resolve([...seen.values()]) : requestAnimationFrame(look);
  };
  look();
})"""
"""A look at every frame: what is in the document then is on the screen with it. One clock tells both."""


def figures(browser: Browser) -> list[Figure]:
    painted = Figure("line_painted_s", "s", "p95 <= 0.7, from the print")
    with tempfile.TemporaryDirectory() as name, embedded(Path(name)) as platform:
        driver = Driver(platform, FLOWS)
        driver.command("flow", "register", "printing.py:printing")
        flow = driver.client.flows.find("default", "printing")
        assert flow is not None
        one = visitor(browser, driver.client.url)
        sign_in(one, driver.client)
        run = driver.client.flows.run(flow.id, RunRequest(parameters={"lines": LINES}))
        one.go(f"/p/default/runs/{run.id}")
        one.page.get_by_text("begins").first.wait_for(timeout=60_000)
        one.page.set_default_timeout(120_000)
        painted.ours = one.page.evaluate(COLLECT, LINES - 5)
        one.context.close()
    return [painted]
