"""Making and changing resources from forms, beside somebody else who does the same."""

from __future__ import annotations

from playwright.sync_api import expect

from prefect_platform.client.settings import connect
from prefect_platform.testing.live_server import LiveServer
from prefect_platform.wire.resources import ResourceKind
from tests.ui.conftest import Visit
from tests.ui.scene import Visitor, sign_in, violations

JUPYTER = ResourceKind.JUPYTER_SERVER


def signed_in(visit: Visit, server: LiveServer, **look: object) -> Visitor:
    one = visit(server.url, **look)
    with connect(url=server.url, token=server.token) as client:
        sign_in(one, client)
    return one


def test_a_jupyter_server_is_made_from_a_form(server: LiveServer, visit: Visit) -> None:
    one = signed_in(visit, server)
    one.page.get_by_role("navigation").get_by_role("link", name="Jupyter servers").click()
    one.page.get_by_role("link", name="New Jupyter server").click()
    one.page.get_by_label("Name").first.fill("My Server")
    one.page.get_by_role("button", name="Create").click()
    expect(one.page.get_by_text("lowercase").first).to_be_visible()
    one.page.get_by_label("Name").first.fill("my-server")
    expect(one.page.locator("pre").first).to_contain_text("my-server")
    assert violations(one.page) == []
    one.page.get_by_role("button", name="Create").click()
    expect(one.page.get_by_role("heading", name="my-server", level=1)).to_be_visible()
    with connect(url=server.url, token=server.token) as client:
        assert client.resources.get("default", JUPYTER, "my-server").name == "my-server"


def test_a_form_that_is_sent_twice_makes_one(server: LiveServer, visit: Visit) -> None:
    one = signed_in(visit, server)
    one.go("/p/default/resources/new/jupyter-server")
    one.page.get_by_label("Name").first.fill("once")
    one.page.get_by_role("button", name="Create").dblclick()
    expect(one.page.get_by_role("heading", name="once", level=1)).to_be_visible()
    expect(one.page.get_by_role("alert")).to_have_count(0)
    with connect(url=server.url, token=server.token) as client:
        made = client.resources.list("default", kind=JUPYTER)
    assert [found.name for found in made].count("once") == 1


def test_two_people_change_one_resource(server: LiveServer, visit: Visit) -> None:
    with connect(url=server.url, token=server.token) as client:
        client.resources.create("default", JUPYTER, "shared", {}, start=False)
        one = signed_in(visit, server)
        one.go("/p/default/resources/jupyter-server/shared/edit")
        expect(one.page.get_by_role("heading", name="shared", level=1)).to_be_visible()
        client.resources.update("default", JUPYTER, "shared", {"description": "theirs"})
        one.page.get_by_label("Description").fill("mine")
        one.page.get_by_role("button", name="Save").click()
        expect(one.page.get_by_role("alert").first).to_be_visible()
        assert client.resources.get("default", JUPYTER, "shared").spec["description"] == "theirs"


def test_forms_fit_on_a_phone(server: LiveServer, visit: Visit) -> None:
    one = signed_in(visit, server, width=360, height=740)
    for kind in ("jupyter-server", "prefect-agent", "dask-cluster"):
        one.go(f"/p/default/resources/new/{kind}")
        expect(one.page.get_by_role("heading", level=1)).to_be_attached()
        expect(one.page.locator(".pp-skeleton")).to_have_count(0)
        assert one.page.evaluate("document.documentElement.scrollWidth") <= 360
