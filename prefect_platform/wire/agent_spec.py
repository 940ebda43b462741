"""What somebody may say of an agent that the platform starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from prefect_platform.wire.base import Label, Request
from prefect_platform.wire.secrets import SecretName


def _api_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest or "@" in rest.partition("/")[0]:
        raise ValueError("it must be http:// or https://, without user and password: those are a secret's")
    return url.rstrip("/")


ApiUrl = Annotated[str, Field(max_length=2048), AfterValidator(_api_url)]


class AgentSpec(Request):
    """A Prefect worker of type `platform` that is always on."""

    prefect_api_url: ApiUrl | None = None
    """Prefect's API, with account and workspace where it is Prefect Cloud; by default the project's."""
    prefect_secret: SecretName | None = None
    """Secret that holds Prefect's key, or `user:password`."""
    queues: list[Label] = Field(default=[], max_length=50)
    """Work queues of the platform's pool that it serves; all of them by default."""
    limit: int | None = Field(default=None, ge=1, le=10_000)
    """Most flow runs that it has open at once."""
    memory_bytes: int = Field(default=256 << 20, ge=64 << 20)
    labels: dict[Label, str] = Field(default={}, max_length=50)
