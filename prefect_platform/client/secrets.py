"""Secrets of a project. What is sent here is never given back."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType

from pydantic import ValidationError

from prefect_platform.client.transport import Transport
from prefect_platform.errors import UsageError, foreign
from prefect_platform.wire.secrets import (
    MAX_SECRET_BYTES,
    KeyRotated,
    KeyRotation,
    Secret,
    SecretSet,
    SecretUse,
    name_problem,
)


class Secrets:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def set(self, project: str, name: str, value: str) -> Secret:
        """Keep a new value, as the next version of the secret.

        Raises:
            UsageError: the name or the value does not fit; the value is not repeated.
        """
        try:
            body = SecretSet(value=value)
        except ValidationError:
            raise UsageError(
                f"The value of secret {foreign(name)!r} cannot be kept: it has to be text of 1 to "
                f"{MAX_SECRET_BYTES} bytes, without NUL. Encode what is no text, with base64 for example."
            ) from None
        return self._transport.call("POST", _path(project, name), Secret, body=body)

    def list(self, project: str) -> Sequence[Secret]:
        """What there is, the newest first."""
        return self._transport.listing(f"/api/v1/projects/{project}/secrets", Secret)

    def get(self, project: str, name: str) -> Secret:
        return self._transport.call("GET", _path(project, name), Secret)

    def delete(self, project: str, name: str) -> None:
        """Delete every value. The ledger stays."""
        self._transport.call("DELETE", _path(project, name), NoneType)

    def uses(self, project: str, name: str) -> Sequence[SecretUse]:
        """Which attempts were given it, the newest first."""
        return self._transport.listing(f"{_path(project, name)}/uses", SecretUse)

    def rotate_keys(self, *, new_key: bool = True) -> KeyRotated:
        """Bring every secret of the installation under a new key, or under the first that there is."""
        body = KeyRotation(new_key=new_key)
        return self._transport.call("POST", "/api/v1/keyring/rotate", KeyRotated, body=body, wait=300.0)


def _path(project: str, name: str) -> str:
    problem = name_problem(name)
    if problem is not None:
        raise UsageError(problem)
    return f"/api/v1/projects/{project}/secrets/{name}"
