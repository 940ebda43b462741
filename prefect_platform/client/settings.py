"""Which platform, as whom, in which project: arguments, then environment, then the profile.

A token is only ever sent to the address it was given for: the profile's token stays at home when
the address comes from elsewhere.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prefect_platform.client.profile import Profile, profile_path, read_profile, readable_by_others
from prefect_platform.errors import NotSignedIn, UsageError
from prefect_platform.names import DEFAULT_PROJECT

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

URL = "PREFECT_PLATFORM_URL"
TOKEN = "PREFECT_PLATFORM_TOKEN"  # noqa: S105 - the name of a variable
PROJECT = "PREFECT_PLATFORM_PROJECT"


@dataclass(frozen=True)
class Settings:
    url: str
    """Without a trailing slash and without `/api/v1`."""
    token: str | None = field(repr=False)
    project: str
    origin: str
    """Where the address came from, for messages: `argument`, `environment` or the profile's path."""


def resolve(
    url: str | None = None,
    token: str | None = None,
    project: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Each of the three from the first place that has it.

    Raises:
        UsageError: no address is known, it is no http(s) address, or the profile is damaged.
    """
    named = url or environ.get(URL)
    path = profile_path(environ)
    profile = read_profile(path)
    if named:
        address, origin = clean_url(named), "argument" if url else "environment"
    elif profile:
        address, origin = clean_url(profile.url), str(path)
    else:
        raise UsageError(
            "No platform is known here. Start one on this machine with `prefect-platform up`, sign in to one "
            f"with `prefect-platform login URL`, or set {URL} and {TOKEN}."
        )
    ours = _of_address(profile, address)
    if ours and not token and not environ.get(TOKEN) and readable_by_others(path):
        warnings.warn(f"{path} holds a token and others may read it: chmod 600 {path}", stacklevel=3)
    return Settings(
        url=address,
        token=token or environ.get(TOKEN) or (ours.token if ours else None),
        project=project or environ.get(PROJECT) or (ours.project if ours else DEFAULT_PROJECT),
        origin=origin,
    )


def _of_address(profile: Profile | None, address: str) -> Profile | None:
    return profile if profile and clean_url(profile.url) == address else None


def clean_url(text: str) -> str:
    """The address in its one form.

    Raises:
        UsageError: it is no http(s) address, or it carries a user or a query.
    """
    url = text.strip().rstrip("/").removesuffix("/api/v1").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{text!r} is no address of a platform: expected something like http://127.0.0.1:4280."
        )
    if parts.username or parts.query or parts.fragment:
        raise UsageError(
            "The address of a platform carries no user, query or fragment; the token is given apart."
        )
    return url


def connect(url: str | None = None, token: str | None = None, project: str | None = None) -> PlatformClient:
    """A client of the platform that arguments, environment or profile name. Nothing is sent yet.

    Raises:
        UsageError: no platform is known, or a setting cannot be used.
        NotSignedIn: the platform is known, but there is no token for it.
    """
    from prefect_platform.client.api import PlatformClient

    settings = signed_in(url, token, project)

    def again() -> str | None:
        try:
            now = resolve(url, token, project)
        except UsageError:  # the profile was changed or removed meanwhile: the refusal stands
            return None
        return now.token if now.url == settings.url else None

    return PlatformClient(settings.url, settings.token, project=settings.project, again=again)


def signed_in(url: str | None = None, token: str | None = None, project: str | None = None) -> Settings:
    """What `resolve` finds, with a token. Raises what `connect` raises."""
    settings = resolve(url, token, project)
    if settings.token is None:
        raise NotSignedIn(
            f"There is no token for {settings.url}. Sign in with `prefect-platform login {settings.url}`, "
            f"or set {TOKEN}."
        )
    return settings
