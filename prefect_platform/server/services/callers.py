"""`Caller`: who asks, as the token says. Services check it; routes only pass it on."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_platform.wire.tokens import TokenKind


@dataclass(frozen=True)
class Caller:
    kind: TokenKind
    token_id: str
    name: str
    """User's name, or the id of the agent or workload: what transitions record as their actor."""
    user_id: str | None = None
    admin: bool = False
    project_id: str | None = None
    """The only project an agent, workload or user-code token reaches; None for users."""
    subject_id: str | None = None
    """The agent or workload itself; the workload that a user's token was made for, if it was."""
