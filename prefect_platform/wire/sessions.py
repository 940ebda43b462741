"""Sign-in to the web UI: a one-time link or a token becomes a session of one browser."""

from __future__ import annotations

from pydantic import Field, model_validator

from prefect_platform.wire.base import Answer, Request, When

TICKET_PATTERN = r"^[A-Za-z0-9_-]{20,128}$"


class SignInLink(Answer):
    """Opens the web UI in one browser, signed in as who made it."""

    url: str = Field(repr=False)
    """Good once. What signs in stands behind `#`, which browsers send to no server."""
    expires_at: When


class SignIn(Request):
    """What a browser brings: a ticket from a link, or a user's token. Exactly one of the two."""

    ticket: str | None = Field(default=None, repr=False, pattern=TICKET_PATTERN)
    token: str | None = Field(default=None, repr=False, min_length=1, max_length=255)

    @model_validator(mode="after")
    def _one(self) -> SignIn:
        if (self.ticket is None) == (self.token is None):
            raise ValueError("a ticket or a token signs in: exactly one of the two")
        return self


class Session(Answer):
    """Who is signed in, and what a page of ours needs to know of the platform."""

    user: str
    admin: bool
    project: str | None
    """The only project of the token that signed in; None for all of the user's."""
    csrf_token: str | None = Field(repr=False)
    """To be sent as `X-CSRF-Token` with every call that is no GET; None for a caller with a bearer token."""
    expires_at: When | None
    """When it ends unless it is used; None for a bearer token."""
    installation_id: str
    version: str
    backend: str
