"""Dask clusters, whose schedulers and workers are workloads."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant, Json

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _clusters()
    _indexes()
    _workloads()


def _clusters() -> None:
    op.create_table(
        "clusters",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("owner_kind", sa.String(length=16), nullable=False),
        sa.Column("owner_workload_id", Id, nullable=True),
        sa.Column("spec", Json, nullable=False),
        sa.Column("python", Json, nullable=True),
        sa.Column("environment", sa.String(length=64), nullable=True),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("n_workers", sa.Integer(), nullable=False),
        sa.Column("scaled_at", Instant, nullable=False),
        sa.Column("adapt", Json, nullable=True),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_worker_at", Instant, nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("scheduler_address", sa.String(length=255), nullable=True),
        sa.Column("dashboard_address", sa.String(length=255), nullable=True),
        sa.Column("workers_ready", sa.Integer(), nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("lease_seconds", sa.Float(), nullable=True),
        sa.Column("leased_at", Instant, nullable=True),
        sa.Column("report", sa.String(length=64), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("ready_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_clusters"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_clusters_project_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_clusters_user_id"),
    )


def _indexes() -> None:
    there = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_clusters_name",
        "clusters",
        ["project_id", "name"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )
    op.create_index("ix_clusters_open", "clusters", ["ended_at", "id"])
    op.create_index("ix_clusters_owner_workload_id", "clusters", ["owner_workload_id"])
    op.create_index("ix_clusters_project_id", "clusters", ["project_id", "id"])


def _workloads() -> None:
    # Not by a copy of the table, which SQLite needs for other changes: rows elsewhere point to this one.
    kind = Id.compile(dialect=op.get_bind().dialect)
    op.execute(
        f"ALTER TABLE workloads ADD COLUMN cluster_id {kind}"
        " CONSTRAINT fk_workloads_cluster_id REFERENCES clusters (id)"
    )
    op.add_column("workloads", sa.Column("cluster_number", sa.Integer(), nullable=True))
    op.add_column("workloads", sa.Column("cluster_noted_at", Instant, nullable=True))
    op.create_index("ix_workloads_cluster_id", "workloads", ["cluster_id", "cluster_noted_at"])
