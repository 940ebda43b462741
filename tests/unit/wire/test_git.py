"""Which addresses of repositories are taken, and what git is given beside them."""

from __future__ import annotations

import pytest

from prefect_platform.wire import git


@pytest.mark.parametrize(
    ("url", "transport", "host"),
    [
        ("https://github.com/org/repo.git", "https", "github.com"),
        ("https://GitHub.com:8443/org/repo", "https", "github.com"),
        ("ssh://git@host.example:2222/org/repo.git", "ssh", "host.example"),
        ("git@github.com:org/repo.git", "ssh", "github.com"),
        ("host:repo", "ssh", "host"),
        ("/srv/git/my repo.git", "file", ""),
        ("file:///srv/git/repo.git", "file", ""),
        ("http://127.0.0.1:3000/repo.git", "http", "127.0.0.1"),
        ("http://localhost/repo.git", "http", "localhost"),
    ],
)
def test_addresses_that_are_taken(url: str, transport: str, host: str) -> None:
    found = git.remote(url)
    assert (found.transport, found.host, found.url) == (transport, host, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-oProxyCommand=touch /tmp/pwned",
        "--upload-pack=touch /tmp/pwned",
        "ext::sh -c touch% /tmp/pwned",
        "EXT::sh",
        "fd::17/foo",
        "https::http://host/x",
        "ssh://-oProxyCommand=touch/repo",
        "ssh://user@-oProxyCommand=x/repo",
        "-oProxyCommand=x:repo",
        "git@-oProxyCommand=x:repo",
        "host:-option",
        "ssh://-l@host/repo",
        "http://host.example/repo.git",
        "git://host/repo.git",
        "ftp://host/repo.git",
        "s3://bucket/repo.git",
        "javascript://x/y",
        "https://user:password@host/repo.git",
        "https://ghp_token@host/repo.git",
        "https://:secret@host/repo.git",
        "ssh://git:password@host/repo.git",
        "https://host/repo.git?private_token=s3cret",
        "https://host/repo.git#frag",
        "https://host/",
        "https:///repo.git",
        "https://host/a b",
        "https://host\nx/repo.git",
        "https://host/%0a\r\nx",
        "https://[::1/repo",
        "https://host:99999/repo",
        "relative/path",
        "../up.git",
        "/",
        "//",
        "file://host/share/repo.git",
        "file://",
        "/a\0b",
        "https://host/" + "a" * 10_000,
        "ssh://us er@host/x",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refusal:
        git.remote(url)
    said = str(refusal.value)
    assert not any(secret in said for secret in ("password@", "ghp_token", ":secret", "\n", "\0"))
    assert len(said) < 500


def test_what_is_shown_holds_no_credentials() -> None:
    assert git.shown("https://user:pass@host/x") == "https://host/x"
    assert git.shown("fatal: unable to access 'https://me:tok@host/x/': no") == (
        "fatal: unable to access 'https://host/x/': no"
    )


@pytest.mark.parametrize(
    ("value", "host", "found"),
    [
        ("ghp_x\n", "github.com", ("x-access-token", "ghp_x")),
        ("glpat", "gitlab.example.org", ("oauth2", "glpat")),
        ("tok", "bitbucket.org", ("x-token-auth", "tok")),
        ("me:s3cret:with:colons", "host", ("me", "s3cret:with:colons")),
    ],
)
def test_what_a_secret_says(value: str, host: str, found: tuple[str, str]) -> None:
    assert git.user_and_token(value, host) == found


def test_a_private_key_is_kept_whole() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"
    assert git.user_and_token(key, "host") == ("", key + "\n")


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "user:", ":token", "a\0b"])
def test_a_secret_that_git_could_not_be_given(value: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        git.user_and_token(value, "host")


def test_the_environment_of_git_is_closed() -> None:
    machine = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "GIT_SSH_COMMAND": "evil",
        "GIT_CONFIG_COUNT": "9",
        "X": "1",
    }
    https = git.environment(machine, git.remote("https://h/r"), git.Access())
    assert https["GIT_TERMINAL_PROMPT"] == "0"
    assert https["HOME"] == "/nonexistent"  # no .netrc
    assert "evil" not in https["GIT_SSH_COMMAND"]
    assert "X" not in https
    ssh = git.environment(machine, git.remote("git@h:r"), git.Access(key_file="/w/a key"))
    assert ssh["HOME"] == "/home/me"
    assert "'/w/a key'" in ssh["GIT_SSH_COMMAND"]


def test_one_kind_of_address_is_allowed() -> None:
    said = git.environment({}, git.remote("https://h/r"), git.Access())
    config = {
        said[f"GIT_CONFIG_KEY_{n}"]: said[f"GIT_CONFIG_VALUE_{n}"]
        for n in range(int(said["GIT_CONFIG_COUNT"]))
    }
    allowed = {key: value for key, value in config.items() if key.startswith("protocol.")}
    assert allowed == {"protocol.allow": "never", "protocol.https.allow": "always"}
    assert config["core.hooksPath"] == "/dev/null"


def test_credentials_belong_to_one_host() -> None:
    where = git.remote("https://h.example:8443/org/repo")
    said = git.environment({}, where, git.Access("me", "s3cret"))
    keys = [said[f"GIT_CONFIG_KEY_{n}"] for n in range(int(said["GIT_CONFIG_COUNT"]))]
    assert keys[-1] == "credential.https://h.example:8443.helper"
    assert said["PREFECT_PLATFORM_GIT_TOKEN"] == "s3cret"
    assert sum("s3cret" in value for value in said.values()) == 1
    assert "s3cret" not in repr(git.Access("me", "s3cret"))
