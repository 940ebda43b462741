"""Users: made by an administrator, known by name."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from prefect_platform.errors import Conflict, Forbidden
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import UserRow
from prefect_platform.server.services import tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenCreated, TokenKind
from prefect_platform.wire.users import UserCreate


async def create(parts: Parts, caller: Caller, request: UserCreate) -> TokenCreated:
    """Make a user and their first token. The administrator hands it over.

    Raises:
        Forbidden: the caller is no administrator.
        Conflict: the name is taken.
    """
    if not caller.admin:
        raise Forbidden("Only an administrator of this installation makes users.")
    row = UserRow(id=new_id("us"), name=request.name, admin=request.admin, created_at=parts.clock.now())
    try:
        async with parts.database.session() as session:
            session.add(row)
            await session.flush()
            token, secret = await tokens.issue(
                session, parts, kind=TokenKind.USER, label=f"first token of {row.name}", user_id=row.id
            )
    except IntegrityError as error:
        raise Conflict(f"A user named {request.name!r} exists already: choose another name.") from error
    return tokens.shown_once(token, secret)
