"""Every page: nothing that axe finds wrong in either theme, nothing wider than a phone, every name as it
is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from prefect_platform.client.settings import connect
from prefect_platform.testing.live_server import LiveServer
from prefect_platform.wire.resources import ResourceKind
from tests.integration.test_log_routes import Launcher, make_launcher
from tests.ui.conftest import Visit
from tests.ui.scene import Visitor, sign_in, violations

PAGES = {
    "Home": "",
    "Runs": "/runs",
    "otter": "/runs/{run}",
    "Flows": "/flows",
    "Resources": "/resources",
    "notebook": "/resources/jupyter-server/notebook",
    "New from recipe": "/resources/new-from-recipe",
    "Jupyter servers": "/jupyter",
    "Prefect agents": "/agents",
    "Dask clusters": "/clusters",
    "Secrets": "/secrets",
    "Sizes": "/sizes",
    "Usage": "/usage",
    "Tokens": "/tokens",
}


@dataclass
class Place:
    server: LiveServer
    launcher: Launcher


@pytest.fixture(scope="module")
def place(server: LiveServer) -> Place:
    launcher = server.call(make_launcher(server))
    launcher.append(
        0, b"\x1b[32mgreen\x1b[0m \x1b[33myellow\x1b[0m\n10:00 | ERROR   | wrong\n10:00 | WARNING | low\n"
    )
    with connect(url=server.url, token=server.token) as client:
        client.secrets.set("default", "aws-key", "a-value-of-some-length")
        client.resources.create("default", ResourceKind.JUPYTER_SERVER, "notebook", {}, start=False)
        client.agents.create("default", "by-hand")
    return Place(server, launcher)


def signed_in(visit: Visit, place: Place, **look: object) -> Visitor:
    one = visit(place.server.url, **look)
    with connect(url=place.server.url, token=place.server.token) as client:
        sign_in(one, client)
    return one


def shown(one: Visitor, place: Place, name: str) -> None:
    one.go(f"/p/default{PAGES[name].format(run=place.launcher.run_id)}")
    expect(one.page.get_by_role("heading", name=name, level=1)).to_be_attached()
    expect(one.page.locator(".pp-skeleton, .pp-log-empty")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(place: Place, visit: Visit, dark: bool) -> None:
    one = signed_in(visit, place, dark=dark)
    found = {}
    for name in PAGES:
        shown(one, place, name)
        found[name] = violations(one.page)
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_axe_finds_nothing_where_one_signs_in(place: Place, visit: Visit) -> None:
    one = visit(place.server.url)
    one.go("/sign-in")
    expect(one.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert violations(one.page) == []


def test_no_page_is_wider_than_a_phone(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place, width=360, height=740)
    wide = {}
    for name in PAGES:
        shown(one, place, name)
        wide[name] = one.page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in wide.items() if width > 360} == {}


CONTROLS = "button:not(.no), select, input, summary, [role=tab], a.pp-button, nav a"
"""What a finger is put on. Not the number of a line in a log: it is as high as its line."""


def test_fingers_have_room_on_a_phone(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place, width=360, height=740)
    small = {}
    for name in PAGES:
        shown(one, place, name)
        small[name] = one.page.evaluate(
            """(controls) => [...document.querySelectorAll(controls)]
                .map((one) => [one, (one.closest('label') ?? one).getBoundingClientRect()])
                .filter(([, box]) => box.width > 0 && box.height > 0 && box.height < 31.5)
                .map(([one, box]) => `${one.outerHTML.slice(0, 80)}: ${box.height} px`)""",
            CONTROLS,
        )
    assert {name: controls for name, controls in small.items() if controls} == {}


def test_a_wide_screen_is_used_in_its_middle(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place, width=3840, height=2160)
    for name in PAGES:
        shown(one, place, name)
        left, right = one.page.evaluate(
            """() => {
                const page = document.querySelector('main').getBoundingClientRect();
                const boxes = [...document.querySelectorAll('main > *')]
                    .map((one) => one.getBoundingClientRect())
                    .filter((box) => box.width > 1);
                return [
                    Math.min(...boxes.map((box) => box.left)) - page.left,
                    page.right - Math.max(...boxes.map((box) => box.right)),
                ];
            }"""
        )
        assert abs(left - right) < 2, name
        assert left < 3840 / 4, name


def test_the_menu_of_a_phone_closes_beside_it(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place, width=360, height=740)
    pages = one.page.get_by_role("navigation", name="Pages")
    expect(pages).to_be_hidden()
    one.page.get_by_role("button", name="Menu", exact=True).click()
    expect(pages).to_be_visible()
    one.page.get_by_role("button", name="Close the menu").click(position={"x": 350, "y": 400})
    expect(pages).to_be_hidden()
    one.page.get_by_role("button", name="Menu", exact=True).click()
    one.page.keyboard.press("Escape")
    expect(pages).to_be_hidden()


def test_pages_are_found_by_keyboard_alone(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    one.page.keyboard.press("Control+k")
    one.page.keyboard.type("secr")
    one.page.keyboard.press("Enter")
    expect(one.page.get_by_role("heading", name="Secrets", level=1)).to_be_visible()
    one.page.keyboard.press("Control+k")
    one.page.keyboard.type("notebook")
    one.page.keyboard.press("Enter")
    expect(one.page.get_by_role("heading", name="notebook", level=1)).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_role("heading", name="Secrets", level=1)).to_be_visible()


def test_filters_stand_in_the_address(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    shown(one, place, "Resources")
    one.page.get_by_label("Kind").select_option("jupyter-server")
    one.page.get_by_label("Filter by name").fill("note")
    one.page.wait_for_url("**/resources?kind=jupyter-server&q=note")
    one.page.reload()
    expect(one.page.get_by_role("link", name="notebook")).to_be_visible()
    one.page.get_by_label("Filter by name").fill("nothing")
    expect(one.page.get_by_text("Nothing matches.")).to_be_visible()


def test_the_longest_runs_are_a_click_away(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    one.go("/p/default/runs")
    one.page.get_by_role("button", name="Took").click()
    one.page.wait_for_url("**/runs?sort=longest")
    expect(one.page.get_by_role("columnheader", name="Took ↓")).to_be_visible()
    one.page.get_by_role("button", name="Took").click()
    one.page.wait_for_url("**/runs?sort=shortest")
    expect(one.page.get_by_role("link", name="otter").first).to_be_visible()


def test_what_changes_elsewhere_is_seen_at_once(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    shown(one, place, "Secrets")
    with connect(url=place.server.url, token=place.server.token) as client:
        client.secrets.set("default", "from-elsewhere", "a-value-of-some-length")
        expect(one.page.get_by_text("from-elsewhere")).to_be_visible()
        client.secrets.delete("default", "from-elsewhere")
    expect(one.page.get_by_text("from-elsewhere")).to_have_count(0)


def test_a_secret_is_set_and_never_shown(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    shown(one, place, "Secrets")
    one.page.get_by_role("button", name="New secret").click()
    dialog = one.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Not A Name")
    dialog.get_by_label("Value").fill("hidden-from-everybody")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not-a-name")
    dialog.get_by_label("Name").fill("not-a-name")
    dialog.get_by_role("button", name="Save").click()
    expect(one.page.get_by_text("not-a-name is version 1 now.")).to_be_visible()
    assert "hidden-from-everybody" not in one.page.content()
    one.page.get_by_role("row", name="not-a-name").get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.get_by_label("Type not-a-name to confirm").fill("not-a-name")
    dialog.get_by_role("button", name="Delete").click()
    expect(one.page.get_by_text("not-a-name was deleted.")).to_be_visible()


def test_a_resource_is_started_and_stopped_and_that_can_be_taken_back(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    shown(one, place, "notebook")
    one.page.get_by_role("button", name="Start", exact=True).click()
    expect(one.page.get_by_text("notebook is starting.")).to_be_visible()
    one.page.get_by_role("button", name="Undo").click()
    expect(one.page.get_by_text("notebook is stopping.")).to_be_visible()


def test_what_is_deleted_while_it_is_open_says_so(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    with connect(url=place.server.url, token=place.server.token) as client:
        client.resources.create("default", ResourceKind.JUPYTER_SERVER, "short-lived", {}, start=False)
        one.go("/p/default/resources/jupyter-server/short-lived")
        expect(one.page.get_by_role("heading", name="short-lived", level=1)).to_be_visible()
        client.resources.delete("default", ResourceKind.JUPYTER_SERVER, "short-lived")
    expect(one.page.get_by_role("alert").or_(one.page.get_by_text("deleting"))).to_be_visible(timeout=20_000)


def test_no_address_is_a_dead_end(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    for path in ("/p/default/nowhere", "/nowhere", "/runs/run-of-nobody", "/p/nobody"):
        one.go(path)
        nothing = one.page.get_by_text("There is nothing here").or_(one.page.get_by_role("alert"))
        expect(nothing.first).to_be_visible()
        out = one.page.get_by_role("link", name="To the start page").or_(one.page.get_by_role("navigation"))
        expect(out.first).to_be_visible()


def test_times_are_told_by_the_servers_clock(place: Place, visit: Visit) -> None:
    one = signed_in(visit, place)
    one.page.clock.install()
    one.page.clock.fast_forward("01:00:00")
    shown(one, place, "Tokens")
    expect(one.page.get_by_role("row", name="by-hand")).not_to_contain_text("h ago")
