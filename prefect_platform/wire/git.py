"""Git sources: which addresses are taken, and how git is run on what nobody has checked.

Pure, and standard library only: the launcher, the library and the server share these rules.
"""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

MAX_URL = 2048
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
"""A whole commit id, SHA-1 or SHA-256."""
KEY = "PRIVATE KEY-----"
"""What stands in every private key for SSH."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN_USERS = {"gitlab": "oauth2", "bitbucket": "x-token-auth"}
"""Names that go with a token alone, by part of the host's name; elsewhere any name does."""
ANY_USER = "x-access-token"

_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_SCP = re.compile(r"(?:(?P<user>[^/@:]+)@)?(?P<host>[^/@:]+|\[[0-9A-Fa-f:]+\]):(?P<path>.+)")
_HOST = re.compile(r"[A-Za-z0-9_.:-]*[A-Za-z0-9_]|")
_USER = re.compile(r"[A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Remote:
    """An address that git may be given."""

    url: str
    transport: str
    """`https`, `ssh` or `file`; `http` to this machine alone."""
    host: str = ""

    @property
    def place(self) -> str:
        """Scheme, host and port: what credentials belong to."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def remote(url: str) -> Remote:
    """Judge an address.

    Raises:
        ValueError: it is not taken; the message is a sentence without what may be a password in it.
    """
    if not url or len(url) > MAX_URL:
        raise ValueError(f"The address of a repository has 1 to {MAX_URL} characters.")
    if any(ord(char) < 32 or ord(char) == 127 for char in url):
        raise ValueError("The address of a repository holds no control characters and no line ends.")
    if url.startswith("-"):
        raise ValueError(f"{shown(url)} is an option, not the address of a repository.")
    if _HELPER.match(url):
        raise ValueError(f"{shown(url)} asks git to run a program; only https, ssh and paths are taken.")
    if "://" in url:
        return _of_url(url)
    if found := _SCP.fullmatch(url):
        return _of_scp(url, found)
    return _of_path(url, url)


def _of_url(url: str) -> Remote:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        raise ValueError(f"{shown(url)} is no address that can be read.") from None
    scheme = parts.scheme.lower()
    if scheme == "file":
        return _of_path(url, parts.path) if not parts.netloc else _refuse_host(url)
    if scheme not in ("https", "ssh", "http") or (scheme == "http" and host not in LOOPBACK):
        raise ValueError(
            f"{shown(url)} is not taken: an address begins with https:// or ssh://, or is a path."
        )
    _check_user(url, parts, scheme)
    if parts.query or parts.fragment or " " in url:
        raise ValueError(f"{shown(url)} is not taken: what follows a `?`, a `#` or a space is no part of it.")
    if not host or not _HOST.fullmatch(host) or host.startswith("-") or not parts.path.strip("/"):
        raise ValueError(f"{shown(url)} names no repository on a host.")
    return Remote(url, scheme, host)


def _check_user(url: str, parts: SplitResult, scheme: str) -> None:
    """A user is a name for ssh alone; everywhere else it may be a token, and a password is one."""
    if parts.password is not None or (parts.username is not None and scheme != "ssh"):
        raise ValueError(
            f"{shown(url)} was given with a user or a password in it, which would be stored and shown. Leave "
            "them out; a private repository is read with a secret (`source_secret`)."
        )
    if not _USER.fullmatch(parts.username or "") or (parts.username or "").startswith("-"):
        raise ValueError(f"{shown(url)} names a user that is not taken.")


def _of_scp(url: str, found: re.Match[str]) -> Remote:
    user, host, path = found["user"] or "", found["host"], found["path"]
    bad = host.startswith("-") or user.startswith("-") or path.startswith("-") or " " in url
    if bad or not _USER.fullmatch(user) or not _HOST.fullmatch(host.strip("[]")):
        raise ValueError(f"{shown(url)} names no repository on a host.")
    return Remote(url, "ssh", host)


def _of_path(url: str, path: str) -> Remote:
    if not path.startswith("/") or not os.path.normpath(path).strip("/"):
        raise ValueError(f"{shown(url)} is no absolute path of a repository.")
    return Remote(url, "file")


def _refuse_host(url: str) -> Remote:
    raise ValueError(f"{shown(url)} names a host: an address with file:// has three slashes and a path.")


def shown(url: str) -> str:
    """An address for people: without user and password, on one line, of bounded length."""
    flat = "".join(char if 32 <= ord(char) != 127 else "?" for char in url[:MAX_URL])
    flat = re.sub(r"(?<=://)[^/]*@", "", flat)
    flat = re.sub(r"^[^/@\s]*:[^/@\s]*@", "", flat)
    return flat if len(flat) <= 200 else flat[:199] + "…"


def user_and_token(value: str, host: str) -> tuple[str, str]:
    """What a secret says: a private key or a token alone, or `user:token`.

    Raises:
        ValueError: it is nothing that git could be given.
    """
    if KEY in value:
        return "", value.strip() + "\n"
    text = value.strip()
    user, colon, token = text.partition(":")
    if not colon:
        user = next((name for part, name in TOKEN_USERS.items() if part in host), ANY_USER)
        token = text
    if not user or not token or any(ord(char) < 32 for char in text):
        raise ValueError(
            "The secret of a git source is a token, `user:token` or a private SSH key, on one line."
        )
    return user, token


@dataclass(frozen=True)
class Access:
    """What git may use to get in."""

    user: str = ""
    token: str | None = field(default=None, repr=False)
    key_file: str | None = None
    """Path of a private SSH key, readable for its owner alone."""


CREDENTIAL_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$PREFECT_PLATFORM_GIT_USER" "$PREFECT_PLATFORM_GIT_TOKEN"; }; f'
)
"""A helper that says what the environment of this one git process holds."""
KEPT = (
    *("PATH", "TMPDIR", "LD_LIBRARY_PATH", "SSH_AUTH_SOCK"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
STALLED_SECONDS = 30
"""So long may less than a kilobyte a second come before git gives up."""


def environment(inherited: Mapping[str, str], where: Remote, access: Access) -> dict[str, str]:
    """The whole environment of a git process: no configuration of the machine, no question, no hook."""
    kept = {name: inherited[name] for name in KEPT if name in inherited}
    kept["HOME"] = inherited.get("HOME", "/") if where.transport == "ssh" else "/nonexistent"
    if certificates := inherited.get("GIT_SSL_CAINFO") or inherited.get("SSL_CERT_FILE"):
        kept["GIT_SSL_CAINFO"] = certificates
    if access.token is not None:
        kept["PREFECT_PLATFORM_GIT_USER"] = access.user
        kept["PREFECT_PLATFORM_GIT_TOKEN"] = access.token
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_SSH_COMMAND": _ssh(access),
        "GIT_SSH_VARIANT": "ssh",
        **_config(where, access),
    }


def _ssh(access: Access) -> str:
    words = ["ssh", "-oBatchMode=yes", "-oConnectTimeout=20", "-oServerAliveInterval=10", "-oForwardAgent=no"]
    if access.key_file:
        words += ["-oIdentitiesOnly=yes", "-i", access.key_file]
    return shlex.join(words)


def _config(where: Remote, access: Access) -> dict[str, str]:
    said = [
        ("protocol.allow", "never"),
        (f"protocol.{where.transport}.allow", "always"),
        ("core.hooksPath", "/dev/null"),
        ("core.fsmonitor", "false"),
        ("credential.helper", ""),
        ("fetch.recurseSubmodules", "false"),
        ("fetch.unpackLimit", "1"),  # one file, not one for each object
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", str(STALLED_SECONDS)),
    ]
    if access.token is not None:
        said.append((f"credential.{where.place}.helper", CREDENTIAL_HELPER))
    named = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(said)}
    values = {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(said)}
    return {"GIT_CONFIG_COUNT": str(len(said)), **named, **values}


_PROBLEMS = (
    ("space", r"No space left on device|Disk quota exceeded"),
    ("host-key", r"Host key verification failed"),
    (
        "password",
        (
            r"terminal prompts disabled|could not read (Username|Password)|Authentication failed|"
            r"Permission denied \(|returned error: 40[13]|Access denied"
        ),
    ),
    ("gone", r"not our ref|unadvertised object|couldn't find remote ref|Could not find remote branch"),
    ("owner", r"dubious ownership"),
    ("transport", r"transport '[^']*' not allowed"),
    (
        "absent",
        (
            r"does not appear to be a git repository|returned error: 404|[Rr]epository [^\n]*not found|"
            r"not valid: is this a git repository|does not exist|not a git repository"
        ),
    ),
    (
        "unreachable",
        (
            r"Could not resolve host|[Cc]onnection (refused|reset|timed out|closed)|Failed to connect|"
            r"Operation too slow|timed out|[Nn]etwork is unreachable|No route to host|SSL|certificate|"
            r"returned error: 5|early EOF|RPC failed|Empty reply|hung up unexpectedly"
        ),
    ),
)
_SENTENCES = {
    "space": "there is no room to keep what comes",
    "host-key": "ssh does not know the key of its host: add it to known_hosts where runs start",
    "password": (
        "it asks for a password. Store a token (`prefect-platform secret set git-token`) and register with "
        "source_secret='git-token'"
    ),
    "gone": "it has not got the commit any more",
    "owner": "it belongs to another user of this machine, and git refuses to read it",
    "transport": "it leads to a kind of address that is not taken",
    "absent": "there is no git repository",
    "unreachable": "it does not answer",
}


def problem(said: str) -> str | None:
    """Which of the known problems git's words tell of; none where it may be the copy here that is broken."""
    return next((name for name, pattern in _PROBLEMS if re.search(pattern, said)), None)


def sentence(found: str, where: Remote, said: str = "") -> str:
    """The problem for people, with git's own word."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    detail = f" ({shown(told)})" if told else ""
    what = _SENTENCES.get(found, "git failed on it")
    return f"The code could not be fetched from {shown(where.url)}: {what}.{detail}"
