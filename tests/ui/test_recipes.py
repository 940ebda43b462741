"""Resources from recipes that were pasted or chosen as files, and forms that are not left by mistake."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from prefect_platform.client.settings import connect
from prefect_platform.testing.live_server import LiveServer
from prefect_platform.wire.resources import ResourceKind
from tests.ui.conftest import Visit
from tests.ui.scene import Visitor, violations
from tests.ui.test_forms import signed_in

JUPYTER = ResourceKind.JUPYTER_SERVER
RECIPE = """\
kind: jupyter-server
name: from-a-recipe
spec:
  sizs: small
  packages: [polars]
"""


def opened(visit: Visit, server: LiveServer, **look: object) -> Visitor:
    one = signed_in(visit, server, **look)
    one.go("/p/default/resources")
    one.page.get_by_role("link", name="New from recipe").click()
    expect(one.page.get_by_role("heading", name="New from recipe", level=1)).to_be_visible()
    return one


def write(page: Page, text: str) -> None:
    page.get_by_label("Recipe in YAML or JSON").fill(text)


def test_a_recipe_is_put_right_at_its_line_and_made_in_the_form(server: LiveServer, visit: Visit) -> None:
    one = opened(visit, server)
    write(one.page, RECIPE)
    wrong = one.page.get_by_role("region", name="What is wrong with it")
    expect(wrong).to_contain_text("There is no such field.spec.sizs")
    assert violations(one.page) == []
    wrong.get_by_role("button", name="line 4").click()
    chosen = "t => t.value.slice(t.selectionStart, t.selectionEnd)"
    assert one.page.get_by_label("Recipe in YAML or JSON").evaluate(chosen) == "  sizs: small"
    one.page.keyboard.type("  size: small")
    expect(wrong).to_have_count(0)
    one.page.get_by_role("button", name="Continue in the form").click()
    expect(one.page.get_by_role("heading", name="New Jupyter server", level=1)).to_be_visible()
    expect(one.page.get_by_label("Name").first).to_have_value("from-a-recipe")
    expect(one.page.get_by_role("radio", name="small").first).to_be_checked()
    one.page.go_back()  # nothing was changed in the form: it asks nothing, and the recipe is there
    expect(one.page.get_by_label("Recipe in YAML or JSON")).to_have_value(RECIPE.replace("sizs", "size"))
    one.page.get_by_role("button", name="Continue in the form").click()
    one.page.get_by_label("Start it at once").uncheck()
    one.page.get_by_role("button", name="Create").click()
    expect(one.page.get_by_role("heading", name="from-a-recipe", level=1)).to_be_visible()
    with connect(url=server.url, token=server.token) as client:
        made = client.resources.get("default", JUPYTER, "from-a-recipe").spec
        assert (made["size"], made["packages"]) == ("small", ["polars"])


def test_a_recipe_of_what_is_there_shows_what_changes(
    server: LiveServer, visit: Visit, tmp_path: Path
) -> None:
    with connect(url=server.url, token=server.token) as client:
        client.resources.create("default", JUPYTER, "there", {"description": "before"}, start=False)
    file = tmp_path / "there.json"
    file.write_text('{"kind": "jupyter-server", "name": "there", "spec": {"description": "after"}}')
    one = opened(visit, server)
    one.page.set_input_files("input[type=file]", file)
    expect(one.page.get_by_text("There is one of this name")).to_be_visible()
    one.page.get_by_role("button", name="Continue in the form").click()
    expect(one.page.get_by_role("region", name="What changes")).to_contain_text("before → after")
    one.page.get_by_role("button", name="Save").click()
    one.page.wait_for_url("**/resources/jupyter-server/there")
    with connect(url=server.url, token=server.token) as client:
        assert client.resources.get("default", JUPYTER, "there").spec["description"] == "after"


def test_what_is_no_recipe_is_refused_in_words(server: LiveServer, visit: Visit, tmp_path: Path) -> None:
    one = opened(visit, server)
    page = one.page
    for text, words in {
        "[" * 200_000: "It is nested too deep.",
        "a: &a [x, x]\nb: [*a, *a]\n": "Aliases are not taken",
        "kind: dask-cluster\nname: a\n": "There are no recipes of Dask clusters",
        "kind: spaceship\nname: a\n": "One of prefect-agent, jupyter-server.",
        "<script>alert(1)</script>": "A recipe has names with values",
        "x" * (1 << 20): "More than 256 KiB",
    }.items():
        write(page, text)
        expect(page.get_by_role("region", name="What is wrong with it")).to_contain_text(words)
        expect(page.get_by_role("button", name="Continue in the form")).to_have_count(0)
    large, binary = tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_bytes(b"x" * (1 << 20))
    binary.write_bytes(b"kind: \xff\xfe")
    page.set_input_files("input[type=file]", large)
    expect(page.get_by_role("alert")).to_contain_text("large.yaml has more than 256 KiB")
    page.set_input_files("input[type=file]", binary)
    expect(page.get_by_role("alert")).to_contain_text("binary.yaml is no text in UTF-8")


def test_a_form_with_something_in_it_is_not_left_by_mistake(server: LiveServer, visit: Visit) -> None:
    one = signed_in(visit, server)
    one.go("/p/default/jupyter")
    one.page.get_by_role("link", name="New Jupyter server").click()
    secrets = one.page.get_by_role("navigation").get_by_role("link", name="Secrets")
    one.page.get_by_label("Name").first.fill("half-done")
    secrets.click()
    question = one.page.get_by_role("dialog", name="Leave without saving?")
    expect(question).to_be_visible()
    assert violations(one.page) == []
    question.get_by_role("button", name="Stay").click()
    expect(one.page.get_by_label("Name").first).to_have_value("half-done")
    one.page.go_back()
    expect(question).to_be_visible()
    one.page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(one.page.get_by_label("Name").first).to_have_value("half-done")
    secrets.click()
    question.get_by_role("button", name="Leave").click()
    expect(one.page.get_by_role("heading", name="Secrets", level=1)).to_be_visible()


def test_a_recipe_is_written_on_a_phone(server: LiveServer, visit: Visit) -> None:
    one = opened(visit, server, width=360, height=740)
    write(one.page, RECIPE)
    expect(one.page.get_by_role("button", name="line 4")).to_be_attached()
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 360
