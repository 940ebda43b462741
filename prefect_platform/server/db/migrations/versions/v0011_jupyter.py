"""Jupyter servers: when somebody last worked in each."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jupyter_servers",
        sa.Column("resource_id", Id, nullable=False),
        sa.Column("workload_id", Id, nullable=False),
        sa.Column("shutoff_seconds", sa.Float(), nullable=True),
        sa.Column("active_at", Instant, nullable=False),
        sa.Column("extended_until", Instant, nullable=True),
        sa.Column("warned_at", Instant, nullable=True),
        sa.Column("stopped_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("resource_id", name="pk_jupyter_servers"),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_jupyter_servers_resource_id"),
    )
