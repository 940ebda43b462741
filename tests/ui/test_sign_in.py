"""Coming in, being sent away, and coming back to where one was."""

from __future__ import annotations

from playwright.sync_api import expect

from prefect_platform.client.settings import connect
from prefect_platform.testing.live_server import LiveServer
from tests.ui.conftest import Visit
from tests.ui.scene import sign_in


def test_a_page_that_needs_somebody_leads_to_the_sign_in_and_back(server: LiveServer, visit: Visit) -> None:
    one = visit(server.url)
    one.go("/p/default/secrets?secret=none")
    expect(one.page.get_by_role("heading", name="Sign in")).to_be_visible()
    one.page.get_by_label("Or a token of yours").fill("pp_user_" + "x" * 43)
    one.page.get_by_role("button", name="Sign in").click()
    expect(one.page.get_by_role("alert")).to_contain_text("does not know this token")
    one.page.get_by_label("Or a token of yours").fill(server.token)
    one.page.get_by_role("button", name="Sign in").click()
    expect(one.page.get_by_role("heading", name="Secrets")).to_be_visible()
    assert one.page.url.endswith("/p/default/secrets?secret=none")


def test_a_link_that_was_used_says_so_and_what_to_do(server: LiveServer, visit: Visit) -> None:
    one = visit(server.url)
    with connect(url=server.url, token=server.token) as client:
        link = client.tokens.sign_in_link().url
    one.page.goto(link)
    one.page.wait_for_url("**/p/default")
    another = visit(server.url)
    another.page.goto(link)
    expect(another.page.get_by_role("alert")).to_contain_text("was used already")
    assert "ticket" not in another.page.url


def test_a_link_works_where_the_sign_in_page_is_open_already(server: LiveServer, visit: Visit) -> None:
    one = visit(server.url)
    one.go("/sign-in")
    expect(one.page.get_by_role("heading", name="Sign in")).to_be_visible()
    with connect(url=server.url, token=server.token) as client:
        sign_in(one, client)  # only what stands after the # of the address changes: nothing is loaded
    expect(one.page.get_by_role("heading", name="Home", level=1)).to_be_attached()


def test_a_token_that_is_revoked_ends_the_session_where_it_is(server: LiveServer, visit: Visit) -> None:
    one = visit(server.url)
    with connect(url=server.url, token=server.token) as client:
        made = client.tokens.create("of a browser")
        with connect(url=server.url, token=made.secret) as theirs:
            sign_in(one, theirs)
        one.go("/p/default/sizes")
        expect(one.page.get_by_role("heading", name="Sizes")).to_be_visible()
        client.tokens.revoke(made.id)
    # The next thing that the page asks for by itself is refused.
    expect(one.page.get_by_text("Your session has ended")).to_be_visible(timeout=30_000)
    one.page.get_by_label("Or a token of yours").fill(server.token)
    one.page.get_by_role("button", name="Sign in").click()
    expect(one.page.get_by_role("heading", name="Sizes")).to_be_visible()


def test_signing_out_leaves_nothing_behind(server: LiveServer, visit: Visit) -> None:
    one = visit(server.url)
    with connect(url=server.url, token=server.token) as client:
        sign_in(one, client)
    one.page.get_by_role("button", name="Sign out").click()
    expect(one.page.get_by_role("heading", name="Sign in")).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert one.context.cookies() == []
