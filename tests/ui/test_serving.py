"""How the pages are served: below a path, under a policy, and kept by browsers as long as they may be."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from prefect_platform.server.app.web.files import DIST
from prefect_platform.server.config import ServerConfig
from prefect_platform.testing.live_server import LiveServer, live_server

HTML = {"Accept": "text/html"}
pytestmark = pytest.mark.usefixtures("browser")  # which sees that the UI is built


def test_pages_know_their_base_whatever_a_proxy_takes_off(tmp_path: Path) -> None:
    config = ServerConfig(data_dir=tmp_path, backend="memory", url="https://platform.example/one")
    with live_server(config=config) as server:
        url = f"http://127.0.0.1:{server.config.port}"
        for path in ("/one", "/one/", "/one/p/default/runs", "/p/default/runs", "/"):
            answer = httpx.get(url + path, headers=HTML)
            assert (answer.status_code, '<base href="/one/" />' in answer.text) == (200, True), path


def test_pages_may_do_little_and_files_are_kept(server: LiveServer) -> None:
    page = httpx.get(f"{server.url}/p/default/anything", headers=HTML)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-cache"
    again = httpx.get(f"{server.url}/", headers={**HTML, "If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    script = next((DIST / "assets").glob("index-*.js"))
    asset = httpx.get(f"{server.url}/assets/{script.name}")
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["content-encoding"] == "gzip"
    assert asset.content == script.read_bytes()


def test_what_is_not_there_is_no_page(server: LiveServer) -> None:
    for path in ("/assets/none.js", "/api/v1/none", "/../../etc/passwd"):
        answer = httpx.get(server.url + path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert httpx.get(f"{server.url}/api/v1/none", headers=HTML).status_code == 404
