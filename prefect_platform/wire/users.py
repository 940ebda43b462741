"""Users: people and CI jobs that hold tokens."""

from __future__ import annotations

from prefect_platform.wire.base import Label, Request


class UserCreate(Request):
    name: Label
    admin: bool = False
    """Whether the user may make users and shut the installation down."""
