"""Sizes and GPUs of workloads, environments, secrets, results and promises."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant, Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _workloads()
    _environments()
    _secrets()
    _secret_uses()
    _results()


def _workloads() -> None:
    op.add_column("workloads", sa.Column("size", sa.String(length=255), nullable=True))
    for name in ("gpu", "gpus", "promises"):
        op.add_column("workloads", sa.Column(name, Json, nullable=True))


def _environments() -> None:
    op.create_table(
        "environments",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("created_by", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_environments"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_environments_project_id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_environments_created_by"),
        sa.UniqueConstraint("project_id", "fingerprint", name="uq_environments_fingerprint"),
    )


def _secrets() -> None:
    op.create_table(
        "secrets",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("maskable", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_secrets"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_secrets_project_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_secrets_owner_id"),
        sa.UniqueConstraint("project_id", "name", name="uq_secrets_name"),
    )
    op.create_table(
        "secret_versions",
        sa.Column("secret_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("created_by", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("secret_id", "number", name="pk_secret_versions"),
        sa.ForeignKeyConstraint(["secret_id"], ["secrets.id"], name="fk_secret_versions_secret_id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_secret_versions_created_by"),
    )


def _secret_uses() -> None:
    op.create_table(
        "secret_uses",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("secret_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempt_id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secret_uses"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_secret_uses_project_id"),
        sa.ForeignKeyConstraint(["secret_id"], ["secrets.id"], name="fk_secret_uses_secret_id"),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_secret_uses_attempt_id"),
        sa.UniqueConstraint("attempt_id", "secret_id", "version", name="uq_secret_uses_once"),
    )
    op.create_index("ix_secret_uses_secret_id", "secret_uses", ["secret_id", "id"])


def _results() -> None:
    op.create_table(
        "results",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_by", Id, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key", name="pk_results"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_results_project_id"),
    )
    op.create_index("ix_results_used_at", "results", ["used_at"])
    op.create_index("ix_results_sha256", "results", ["sha256"])
