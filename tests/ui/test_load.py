"""What a run used over time, on its page."""

from __future__ import annotations

import math

from playwright.sync_api import expect

from prefect_platform.client.settings import connect
from prefect_platform.testing.live_server import LiveServer
from tests.integration.test_log_routes import make_launcher
from tests.integration.test_samples import AT, write
from tests.ui.conftest import Visit
from tests.ui.scene import Visitor, sign_in, violations


def opened(server: LiveServer, visit: Visit, data: bytes, **look: object) -> Visitor:
    launcher = server.call(make_launcher(server))
    if data:
        write(launcher, data)
    one = visit(server.url, **look)
    with connect(url=server.url, token=server.token) as client:
        sign_in(one, client)
    one.go(f"/runs/{launcher.run_id}")
    return one


def samples(gpu: bool) -> bytes:
    """Some minutes of work that comes and goes, and memory that grows."""
    each = (
        f"{AT + 2000 * number} {round(450 + 400 * math.sin(number / 9))} {(100 + 3 * number) << 20} "
        + (f"{number % 90} {number << 25}" if gpu else "- -")
        for number in range(200)
    )
    return "".join(f"{one}\n" for one in each).encode()


def test_charts_say_what_they_show_and_single_values_by_keyboard(server: LiveServer, visit: Visit) -> None:
    one = opened(server, visit, samples(gpu=True), width=1440)
    card = one.page.get_by_role("region", name="Resources over time")
    expect(card.get_by_text("mean 0.49 cores, highest 0.85 cores of 1 core")).to_be_visible()
    memory = card.get_by_role("slider", name="Memory: mean 399")
    expect(card.get_by_role("slider")).to_have_count(4)
    memory.focus()
    memory.press("Home")
    expect(memory).to_have_attribute("aria-valuetext", "100 MiB at 23:38:00")
    memory.press("ArrowRight")
    expect(card.get_by_text("103 MiB at 23:38:02")).to_be_visible()
    assert violations(one.page) == []


def test_without_a_gpu_and_without_samples(server: LiveServer, visit: Visit) -> None:
    one = opened(server, visit, samples(gpu=False), width=360, dark=True)
    card = one.page.get_by_role("region", name="Resources over time")
    expect(card.get_by_role("slider")).to_have_count(2)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(one.page) == []
    none = opened(server, visit, b"")
    expect(none.page.get_by_text("The first values come some seconds after its start.")).to_be_visible()
