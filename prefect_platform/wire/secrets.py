"""Secrets: values that a project keeps and runs use. No answer of any route holds a value."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from prefect_platform.wire.base import Answer, Identifier, Request, When

SecretName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Lowercase letters, digits and dashes, 1 to 63 of them."""

MAX_SECRET_BYTES = 64 << 10


class SecretAttachment(Request):
    """A secret that a run gets, as a variable or as a file: exactly one of the two."""

    secret: SecretName
    variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$")
    path: str | None = Field(default=None, min_length=1, max_length=1024)
    """Of the file, `~/…` or relative to the home directory of the run's user; nowhere else."""
    mode: int = Field(default=0o600, ge=0, le=0o777)


class SecretSet(Request):
    """A new value; the secret is made if there is none of this name."""

    value: str = Field(min_length=1, max_length=MAX_SECRET_BYTES, repr=False)


class Secret(Answer):
    """What may be known of a secret: never its value."""

    name: SecretName
    project: str
    owner: str
    version: int
    created_at: When
    updated_at: When
    maskable: bool
    """False for values too short to be found in a log without masking everything."""


class SecretUse(Answer):
    """One line of the ledger: a run that was given a version of a secret."""

    secret: SecretName
    version: int
    run_id: Identifier
    attempt_id: Identifier
    flow_version_id: Identifier
    user: str | None
    """Who started the run, where that is known."""
    at: When
