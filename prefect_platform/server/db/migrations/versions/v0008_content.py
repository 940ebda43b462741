"""One-time links and signed-in browsers of users' own web servers."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "content_tickets",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=63), nullable=False),
        sa.Column("token_id", Id, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("hash", name="pk_content_tickets"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_content_tickets_token_id"),
    )
    op.create_index("ix_content_tickets_expires_at", "content_tickets", ["expires_at"])
    op.create_table(
        "content_sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=63), nullable=False),
        sa.Column("token_id", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_content_sessions"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_content_sessions_token_id"),
    )
    op.create_index("ix_content_sessions_expires_at", "content_sessions", ["expires_at"])
