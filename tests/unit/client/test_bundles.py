"""Bundles on their way: streamed, checked, and whole or not there at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.retries import Timeouts
from prefect_platform.errors import DigestMismatch, NotFound, Unavailable
from tests.unit.client.scripted import answer, cut, problem, raw

CONTENT = bytes(range(256)) * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def client(script):
    found = PlatformClient(script.url, "t", timeouts=Timeouts(connect=1, read=1))
    found.transport._sleep = lambda _: None
    yield found
    found.close()


def test_an_upload_carries_its_digest(script, client, tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    path.write_bytes(CONTENT)
    script.then(answer(200, {"sha256": SHA, "size": len(CONTENT)}))
    assert client.flows.upload_bundle("default", "c" * 64, path, SHA).size == len(CONTENT)
    seen = script.seen[0]
    assert (seen.method, seen.path) == ("PUT", f"/api/v1/projects/default/bundles/{'c' * 64}")
    assert seen.headers["content-sha256"] == SHA
    assert seen.body == CONTENT


def test_a_download_that_breaks_off_is_begun_again(script, client, tmp_path: Path) -> None:
    script.then(cut(CONTENT[:999], len(CONTENT), Content_SHA256=SHA), raw(200, CONTENT, Content_SHA256=SHA))
    assert client.flows.download_bundle("v1", tmp_path / "b") == SHA
    assert (tmp_path / "b").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (raw(200, CONTENT[:-1] + b"x", Content_SHA256=SHA), DigestMismatch),
        (raw(200, CONTENT), Unavailable),
        (cut(CONTENT[:9], 99, Content_SHA256=SHA), Unavailable),
        (problem(NotFound("no such version")), NotFound),
    ],
)
def test_a_wrong_bundle_leaves_nothing(script, client, tmp_path: Path, act, error) -> None:
    script.then(act)
    with pytest.raises(error):
        client.flows.download_bundle("v1", tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def flow(name: str, ident: str) -> dict[str, object]:
    return {
        "id": ident, "project": "default", "name": name, "owner": "ada", "latest_version": 1,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def test_a_flow_is_found_by_name_or_id_and_a_near_miss_is_offered(script, client) -> None:
    none, known = {"items": []}, {"items": [flow("nightly", "f-1")]}
    script.then(
        answer(200, known), answer(200, none), answer(200, known), answer(200, none), answer(200, known)
    )
    assert client.flows.find("default", "nightly").id == "f-1"
    assert client.flows.find("default", "f-1").name == "nightly"
    with pytest.raises(NotFound, match="Did you mean 'nightly'"):
        client.flows.find("default", "nigthly")


def test_a_listing_is_read_to_its_last_page(script, client) -> None:
    token = {
        "kind": "user", "label": "ci", "project": None, "created_at": "2026-01-01T00:00:00Z",
        "expires_at": None, "revoked_at": None,
    }  # fmt: skip
    script.then(
        answer(200, {"items": [{**token, "id": "t1"}], "cursor": "c"}),
        answer(200, {"items": [{**token, "id": "t2"}]}),
    )
    assert [found.id for found in client.tokens.list()] == ["t1", "t2"]
    assert script.seen[1].path.endswith("cursor=c&limit=200")
