"""Where settings come from, and that a token goes nowhere it was not given for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from prefect_platform.client.profile import Profile, profile_path, read_profile, write_profile
from prefect_platform.client.settings import clean_url, connect, resolve
from prefect_platform.errors import NotSignedIn, UsageError

HERE = Profile("http://127.0.0.1:4280", "pp_user_profile", "mine")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    found = {"PREFECT_PLATFORM_PROFILE": str(tmp_path / "p" / "profile.json")}
    write_profile(profile_path(found), HERE)
    return found


def test_the_profile_alone_is_enough(environ: dict[str, str]) -> None:
    found = resolve(environ=environ)
    assert (found.url, found.token, found.project) == (HERE.url, HERE.token, "mine")
    assert found.origin == environ["PREFECT_PLATFORM_PROFILE"]


def test_environment_wins_over_profile_and_arguments_over_both(environ: dict[str, str]) -> None:
    environ |= {"PREFECT_PLATFORM_TOKEN": "env", "PREFECT_PLATFORM_PROJECT": "env-project"}
    found = resolve(environ=environ)
    assert (found.url, found.token, found.project) == (HERE.url, "env", "env-project")
    found = resolve(url="http://other:1", token="arg", project="p", environ=environ)
    assert (found.url, found.token, found.project, found.origin) == ("http://other:1", "arg", "p", "argument")


def test_the_profiles_token_and_project_stay_at_their_address(environ: dict[str, str]) -> None:
    environ["PREFECT_PLATFORM_URL"] = "https://elsewhere.example"
    found = resolve(environ=environ)
    assert (found.url, found.token, found.project) == ("https://elsewhere.example", None, "default")
    environ["PREFECT_PLATFORM_URL"] = HERE.url + "/api/v1/"
    assert resolve(environ=environ).token == HERE.token


def test_nothing_known_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"prefect-platform up.*prefect-platform login"):
        resolve(environ={"XDG_CONFIG_HOME": str(tmp_path)})


def test_connect_without_a_token_says_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_PROFILE", str(tmp_path / "none.json"))
    monkeypatch.delenv("PREFECT_PLATFORM_TOKEN", raising=False)
    with pytest.raises(NotSignedIn, match=r"login https://there.example"):
        connect("https://there.example")


def test_a_client_shows_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect("http://127.0.0.1:1", "pp_user_secret", "p")
    assert "secret" not in repr(client)
    assert client.project == "p"
    client.close()
    assert "secret" not in repr(resolve("http://127.0.0.1:1", "pp_user_secret", environ={}))


@pytest.mark.parametrize(
    "text", ["127.0.0.1:4280", "ftp://a", "http://", "http://u:p@host", "http://host/?token=x", "just words"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        clean_url(text)


def test_a_profile_is_for_its_user_alone_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "profile.json"
    previous = os.umask(0)
    try:
        write_profile(path, HERE)
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o600
    write_profile(path, Profile("http://127.0.0.1:1", "t", "p"))
    assert read_profile(path) == Profile("http://127.0.0.1:1", "t", "p")
    assert {p.name: p.stat().st_mode & 0o777 for p in path.parent.iterdir()} == {
        "profile.json": 0o600,
        ".gitignore": 0o600,
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_there_is_not_taken_from_its_project(tmp_path: Path) -> None:
    write_profile(tmp_path / "profile.json", HERE)
    assert [p.name for p in tmp_path.iterdir()] == ["profile.json"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"url": "http://a"}', json.dumps({"url": 1, "token": "t", "project": "p"}), "\udcff"],
)
def test_a_damaged_profile_is_named_with_what_to_do(tmp_path: Path, content: str) -> None:
    path = tmp_path / "profile.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=r"profile .*profile.json .*Remove it"):
        read_profile(path)


def test_a_profile_that_others_may_read_is_warned_of(environ: dict[str, str]) -> None:
    Path(environ["PREFECT_PLATFORM_PROFILE"]).chmod(0o644)
    with pytest.warns(UserWarning, match="chmod 600"):
        resolve(environ=environ)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_profile(tmp_path / "file" / "profile.json", HERE)


def test_where_the_profile_lies() -> None:
    assert profile_path({"XDG_CONFIG_HOME": "/c"}) == Path("/c/prefect-platform/profile.json")
    assert profile_path({"HOME": "/ignored"}) == Path("~/.config/prefect-platform/profile.json").expanduser()


def test_a_renewed_profile_is_read_again_for_its_own_address_alone(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_PROFILE", environ["PREFECT_PLATFORM_PROFILE"])
    path = profile_path(environ)
    with connect() as client:
        again = client.transport.again
        assert again is not None
        write_profile(path, Profile(HERE.url, "pp_user_renewed", "mine"))
        assert again() == "pp_user_renewed"
        write_profile(path, Profile("http://127.0.0.1:9999", "pp_user_elsewhere", "mine"))
        assert again() is None
        path.write_text("damaged")
        assert again() is None
