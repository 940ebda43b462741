"""What usage counts: since when a workload has its room, whose it is, and what its size cost."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COVERED = [
    "project_id", "ended_at", "admitted_at", "flow_id", "started_by", "size", "kind", "cores", "memory_bytes",
    "price_per_hour", "gpu",
]  # fmt: skip


def upgrade() -> None:
    op.add_column("workloads", sa.Column("price_per_hour", sa.Float(), nullable=True))
    op.add_column("workloads", sa.Column("admitted_at", Instant, nullable=True))
    op.add_column("workloads", sa.Column("flow_id", Id, nullable=True))
    op.add_column("workloads", sa.Column("started_by", sa.String(length=255), nullable=True))
    _admitted()
    for name in ("flow_id", "started_by"):
        _as_the_run(name)
    op.create_index("ix_workloads_usage", "workloads", COVERED)


def _admitted() -> None:
    """From the timeline: the last `provisioning`, unless it went back to the queue after that."""
    op.execute(
        """
        UPDATE workloads SET admitted_at = (
            SELECT t.at FROM transitions t
            WHERE t.status = 'provisioning' AND t.id = (
                SELECT max(l.id) FROM transitions l
                WHERE l.workload_id = workloads.id AND l.status IN ('provisioning', 'queued')
            )
        )
        """
    )


def _as_the_run(name: str) -> None:
    """A column of the run whose attempt this is."""
    of_run = (
        f"SELECT r.{name} FROM attempts a JOIN runs r ON r.id = a.run_id WHERE a.workload_id = workloads.id"  # noqa: S608
    )
    op.execute(f"UPDATE workloads SET {name} = ({of_run})")  # noqa: S608
