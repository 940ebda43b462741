"""Rules of notifications, and the outbox of their messages."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant, Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rules()
    _outbox()


def _rules() -> None:
    op.create_table(
        "notification_rules",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("target", sa.String(length=63), nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("states", Json, nullable=False),
        sa.Column("flows", Json, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("pause_seconds", sa.Integer(), nullable=False),
        sa.Column("created_by", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_sent_at", Instant, nullable=True),
        sa.Column("last_failed_at", Instant, nullable=True),
        sa.Column("last_failure", sa.Text(), nullable=True),
        sa.Column("lock_token", sa.String(length=64), nullable=True),
        sa.Column("lock_expires_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notification_rules"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_notification_rules_project_id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_notification_rules_created_by"),
        sa.UniqueConstraint("project_id", "name", name="uq_notification_rules_name"),
    )


def _outbox() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", Id, nullable=False),
        sa.Column("rule_id", Id, nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("next_try_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.ForeignKeyConstraint(["rule_id"], ["notification_rules.id"], name="fk_notifications_rule_id"),
        sa.UniqueConstraint("rule_id", "event_id", name="uq_notifications_once"),
    )
    op.create_index("ix_notifications_due", "notifications", ["status", "next_try_at"])
    op.create_index("ix_notifications_subject", "notifications", ["subject", "id"])
