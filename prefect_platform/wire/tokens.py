"""Tokens: who calls. Four kinds, each limited to what its kind and its project need."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Label, Name, Request, When


class TokenKind(StrEnum):
    """Who holds a token."""

    USER = "user"
    """A person or a CI job: everything in the projects they are a member of."""
    AGENT = "agent"
    """One agent of one project: attempts, and nothing a person owns."""
    WORKLOAD = "workload"
    """One launcher: its own workload, until that workload has ended."""
    USER_CODE = "user-code"
    """The user's code inside one workload: what that code may reach, and nothing else."""


class TokenCreate(Request):
    label: Label
    kind: TokenKind = TokenKind.USER
    project: Name | None = None
    days: int | None = None


class Token(Answer):
    id: Identifier
    kind: TokenKind
    label: str
    project: str | None
    created_at: When
    expires_at: When | None
    revoked_at: When | None


class TokenCreated(Token):
    secret: str = Field(repr=False)
    """The token itself: shown once, stored only as a hash."""


class Me(Answer):
    """Who the caller is, and which installation answers."""

    kind: TokenKind
    subject: str
    """The user's name, or the id of the agent or workload."""
    project: str | None
    installation_id: str
    version: str
