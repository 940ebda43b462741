"""What the user's side reads from its environment, in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from prefect.settings import get_current_settings

NOTEBOOK = "JPY_SESSION_NAME"
"""Jupyter Server tells a kernel the path of its notebook here."""
TOKEN = "PREFECT_PLATFORM_TOKEN"  # noqa: S105 - the name of a variable


def notebook_path(environ: Mapping[str, str] = os.environ) -> str | None:
    path = environ.get(NOTEBOOK)
    return path if path and path.endswith(".ipynb") else None


@dataclass(frozen=True)
class PrefectSettings:
    """The user's own Prefect profile."""

    url: str | None
    auth_string: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def prefect_settings() -> PrefectSettings:
    settings = get_current_settings()
    auth, key = settings.api.auth_string, settings.api.key
    return PrefectSettings(
        url=settings.api.url or None,
        auth_string=auth.get_secret_value() if auth else None,
        api_key=key.get_secret_value() if key else None,
        headers=dict(settings.client.custom_headers or {}),
    )
