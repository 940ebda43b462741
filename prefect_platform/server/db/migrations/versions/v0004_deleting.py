"""Flows that are being deleted, and what retention leaves of logs and of the ledger of secrets."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Instant, Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flows", sa.Column("deleting_at", Instant, nullable=True))
    op.add_column("flows", sa.Column("deleting_by", sa.String(length=255), nullable=True))
    op.add_column("flows", sa.Column("deleting_problem", sa.Text(), nullable=True))
    op.create_index("ix_flows_deleting_at", "flows", ["deleting_at"])
    op.add_column("workloads", sa.Column("removed_logs", Json, nullable=True))
    op.add_column("workloads", sa.Column("logs_freed_at", Instant, nullable=True))
    op.create_index("ix_runs_version_id", "runs", ["version_id"])
    op.create_index("ix_runs_ended_at", "runs", ["ended_at", "id"])
    op.create_index("ix_attempts_version_id", "attempts", ["version_id"])
    op.add_column("secret_uses", sa.Column("kept", Json, nullable=True))
