"""Resources, and a ledger of secrets that is about workloads: not only runs are given secrets."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant, Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _resources()
    _workloads()
    _secret_uses()


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("spec", Json, nullable=False),
        sa.Column("spec_digest", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("workload_id", Id, nullable=True),
        sa.Column("workload_digest", sa.String(length=64), nullable=True),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_start_at", Instant, nullable=True),
        sa.Column("restart", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_resources"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_resources_project_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_resources_owner_id"),
    )
    there = sa.text("deleted_at IS NULL")
    op.create_index(
        "uq_resources_name",
        "resources",
        ["project_id", "kind", "name"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )
    op.create_index("ix_resources_open", "resources", ["deleted_at", "id"])


def _workloads() -> None:
    # Not by a copy of the table, which SQLite needs for other changes: rows elsewhere point to this one.
    kind = Id.compile(dialect=op.get_bind().dialect)
    op.execute(
        f"ALTER TABLE workloads ADD COLUMN resource_id {kind}"
        " CONSTRAINT fk_workloads_resource_id REFERENCES resources (id)"
    )
    op.create_index("ix_workloads_resource_id", "workloads", ["resource_id", "id"])


def _secret_uses() -> None:
    with op.batch_alter_table("secret_uses") as uses:
        uses.add_column(sa.Column("workload_id", Id, nullable=True))
    op.execute(
        "UPDATE secret_uses SET workload_id ="
        " (SELECT workload_id FROM attempts WHERE attempts.id = secret_uses.attempt_id)"
    )
    with op.batch_alter_table("secret_uses") as uses:
        uses.drop_constraint("uq_secret_uses_once", type_="unique")
        uses.drop_constraint("fk_secret_uses_attempt_id", type_="foreignkey")
        uses.drop_column("attempt_id")
        uses.alter_column("workload_id", existing_type=Id, nullable=False)
        uses.create_unique_constraint("uq_secret_uses_once", ["workload_id", "secret_id", "version"])
