"""Tokens of the calling user."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.sessions import SignInLink
from prefect_platform.wire.tokens import Token, TokenCreate, TokenCreated


class Tokens:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, label: str, *, days: int | None = None) -> TokenCreated:
        """A new token; its secret is in this answer and nowhere else."""
        return self._transport.call(
            "POST", "/api/v1/tokens", TokenCreated, body=body(TokenCreate, label=label, days=days)
        )

    def list(self) -> Sequence[Token]:
        return self._transport.listing("/api/v1/tokens", Token)

    def sign_in_link(self) -> SignInLink:
        """What opens the web UI in one browser, signed in as the holder of this token."""
        return self._transport.call("POST", "/api/v1/sign-in-links", SignInLink)

    def revoke(self, token_id: str) -> None:
        self._transport.call("DELETE", f"/api/v1/tokens/{token_id}", NoneType)
