"""Secrets: values that a project keeps and runs use. No answer of any route holds a value."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from prefect_platform.errors import foreign
from prefect_platform.wire.base import Answer, Identifier, Request, When
from prefect_platform.wire.variables import VariableName

NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
SecretName = Annotated[str, StringConstraints(pattern=NAME)]
"""Lowercase letters, digits and dashes, 1 to 63 of them."""

MAX_SECRET_BYTES = 64 << 10
MAX_ATTACHED = 100
"""Secrets that one run can be given."""
MASKABLE_CHARACTERS = 6
"""Shorter values stand in any log by chance, so they are not masked."""


def name_problem(name: str) -> str | None:
    """Why this is no name for a secret, in words; None if it is one."""
    if re.fullmatch(NAME, name) and "\n" not in name:
        return None
    better = re.sub(r"[^a-z0-9]+", "-", name[:63].lower()).strip("-")
    hint = f" Perhaps {better!r}?" if better else ""
    return (
        f"{foreign(repr(name))} is no name for a secret: it takes lowercase letters, digits and dashes "
        f"between them, at most 63.{hint}"
    )


def _below_home(path: str) -> str:
    """The path in one form: relative to home, without `~/` and `.`."""
    inner = path.removeprefix("~/")
    if inner.startswith(("/", "~")):
        raise ValueError("it must lie below the home directory: write '~/…', or a path relative to it")
    if not inner.isprintable() or inner.endswith("/") or ".." in inner.split("/"):
        raise ValueError("it must name a file, without '..' and without control characters")
    found = posixpath.normpath(inner) if inner else "."
    if found == ".":
        raise ValueError("it must name a file")
    if any(len(part.encode()) > 255 for part in found.split("/")):
        raise ValueError("a name in it is longer than 255 bytes")
    return f"~/{found}"


class SecretAttachment(Request):
    """A secret that a run gets, as a variable or as a file: exactly one of the two."""

    secret: SecretName
    variable: VariableName | None = None
    path: Annotated[str, AfterValidator(_below_home)] | None = Field(
        default=None, min_length=1, max_length=1024
    )
    """Of the file, `~/…` or relative to the home directory of the run's user; nowhere else."""
    mode: int = Field(default=0o600, ge=0, le=0o777)

    @field_validator("mode")
    @classmethod
    def _readable_by_its_owner(cls, mode: int) -> int:
        if not mode & 0o400:
            raise ValueError(f"mode {mode:04o} does not let the run read its own file")
        return mode

    @model_validator(mode="after")
    def _variable_or_file(self) -> Self:
        if (self.variable is None) == (self.path is None):
            raise ValueError("a secret is attached as a variable or as a file: exactly one of the two")
        return self

    @property
    def target(self) -> str:
        """The variable or the path."""
        return self.variable or self.path or ""


def clash(attachments: Iterable[SecretAttachment]) -> str | None:
    """What two of these cannot both have, in words; None if all is well."""
    taken: dict[str, str] = {}
    for one in attachments:
        if one.target in taken:
            return f"{one.target} is given twice: to secret {taken[one.target]!r} and to {one.secret!r}"
        taken[one.target] = one.secret
    paths = [target for target in taken if target.startswith("~/")]
    for path in paths:
        if any(other.startswith(f"{path}/") for other in paths):
            return f"{path} is a file of secret {taken[path]!r}, and a folder of another one"
    return None


Attachments = Annotated[list[SecretAttachment], Field(max_length=MAX_ATTACHED)]


class SecretSet(Request):
    """A new value; the secret is made if there is none of this name."""

    model_config = ConfigDict(hide_input_in_errors=True)

    value: str = Field(min_length=1, max_length=MAX_SECRET_BYTES, repr=False)

    @field_validator("value")
    @classmethod
    def _within_bound(cls, value: str) -> str:
        if len(value.encode()) > MAX_SECRET_BYTES:
            raise ValueError(f"a secret has at most {MAX_SECRET_BYTES} bytes")
        return value


class KeyRotation(Request):
    """Bring every secret under the first key of the keyring."""

    new_key: bool = True
    """Make a new first key before, unless a rotation that was begun has not come to its end."""


class KeyRotated(Answer):
    """How the keyring stands now."""

    key_id: str
    """The first key, which wraps everything now."""
    added: bool
    rewrapped: int
    """Data keys that were under another key."""
    unused: list[str]
    """Keys that nothing in the database needs any more; backups of it may."""


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
    """One line of the ledger: a run, or the start of a resource, that was given a version of a secret."""

    secret: SecretName
    version: int
    workload_id: Identifier
    run_id: Identifier | None = None
    attempt_id: Identifier | None = None
    flow_version_id: Identifier | None = None
    resource: str | None = None
    """Kind and name of the resource, where it was not the run itself; also a Dask cluster of the run."""
    user: str | None
    """Who started the run, where that is known; the owner of a resource."""
    at: When
    flow: str | None = None
    flow_version: int | None = None
    """Number of the version in its flow."""
    run_removed: bool = False
    """Whether retention removed the run: then this line is all that is left of it."""
