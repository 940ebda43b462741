"""The first tables."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _installation()
    _tokens()
    _flows()
    _versions()
    _agents_and_runs()
    _workloads()
    _attempts()


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "projects",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("orchestrator_url", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "members",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_members_project_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_members_user_id"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_members"),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("hash", Id, nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("project_id", Id, nullable=True),
        sa.Column("subject_id", Id, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("revoked_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_tokens_project_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_index("ix_tokens_subject_id", "tokens", ["subject_id"])
    op.create_table(
        "idempotency",
        sa.Column("token_id", Id, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("request_hash", Id, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def _flows() -> None:
    op.create_table(
        "bundles",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("code_digest", Id, nullable=False),
        sa.Column("sha256", Id, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_bundles_project_id"),
        sa.PrimaryKeyConstraint("project_id", "code_digest", name="pk_bundles"),
    )
    op.create_table(
        "flows",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("identity", Id, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_flows_owner_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_flows_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
        sa.UniqueConstraint("identity", name="uq_flows_identity"),
    )
    op.create_index("ix_flows_project_id", "flows", ["project_id", "id"])


def _versions() -> None:
    op.create_table(
        "flow_versions",
        sa.Column("id", Id, nullable=False),
        sa.Column("flow_id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fingerprint", Id, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("code_digest", Id, nullable=False),
        sa.Column("code", Json, nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("created_by", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_flow_versions_created_by"),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.id"], name="fk_flow_versions_flow_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_flow_versions_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_flow_versions"),
        sa.UniqueConstraint("flow_id", "fingerprint", name="uq_flow_versions_fingerprint"),
        sa.UniqueConstraint("flow_id", "number", name="uq_flow_versions_number"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", Id, nullable=False),
        sa.Column("flow_id", Id, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("version_id", Id, nullable=False),
        sa.Column("prefect_deployment_id", Id, nullable=False),
        sa.Column("prefect_flow_id", Id, nullable=False),
        sa.Column("spec_digest", Id, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.id"], name="fk_deployments_flow_id"),
        sa.ForeignKeyConstraint(["version_id"], ["flow_versions.id"], name="fk_deployments_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("flow_id", "name", name="uq_deployments_name"),
    )


def _agents_and_runs() -> None:
    op.create_table(
        "agents",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("report", Json, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_agents_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("project_id", "name", name="uq_agents_name"),
    )
    op.create_table(
        "runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("flow_id", Id, nullable=False),
        sa.Column("version_id", Id, nullable=False),
        sa.Column("deployment_name", sa.String(length=255), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("parent_run_id", Id, nullable=True),
        sa.Column("started_by", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("prefect_state", sa.String(length=255), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("started_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.id"], name="fk_runs_flow_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_runs_project_id"),
        sa.ForeignKeyConstraint(["version_id"], ["flow_versions.id"], name="fk_runs_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_flow_id", "runs", ["flow_id", "created_at", "id"])
    op.create_index("ix_runs_parent_run_id", "runs", ["parent_run_id"])
    op.create_index("ix_runs_project_id", "runs", ["project_id", "created_at", "id"])


def _workloads() -> None:
    op.create_table(
        "workloads",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("cores", sa.Float(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("grace_seconds", sa.Float(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("handle", Json, nullable=False),
        sa.Column("launcher_id", sa.String(length=128), nullable=True),
        sa.Column("steps", Json, nullable=False),
        sa.Column("end", Json, nullable=True),
        sa.Column("cancel_requested_by", sa.String(length=255), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("removed_at", Instant, nullable=True),
        sa.Column("lock_token", Id, nullable=True),
        sa.Column("lock_expires_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_workloads_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_workloads"),
    )
    op.create_index("ix_workloads_open", "workloads", ["removed_at", "status"])
    op.create_table(
        "transitions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workload_id", Id, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["workload_id"], ["workloads.id"], name="fk_transitions_workload_id"),
        sa.PrimaryKeyConstraint("id", name="pk_transitions"),
    )
    op.create_index("ix_transitions_workload_id", "transitions", ["workload_id", "id"])
    op.create_table(
        "log_gaps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workload_id", Id, nullable=False),
        sa.Column("source", Id, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("missing_bytes", sa.BigInteger(), nullable=True),
        sa.Column("at_most", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["workload_id"], ["workloads.id"], name="fk_log_gaps_workload_id"),
        sa.PrimaryKeyConstraint("id", name="pk_log_gaps"),
        sa.UniqueConstraint("workload_id", "source", "offset", name="uq_log_gaps_place"),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("workload_id", Id, nullable=False),
        sa.Column("version_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pending_state_id", Id, nullable=False),
        sa.Column("expected_start", Instant, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("settled_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_attempts_agent_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_attempts_project_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_attempts_run_id"),
        sa.ForeignKeyConstraint(["version_id"], ["flow_versions.id"], name="fk_attempts_version_id"),
        sa.ForeignKeyConstraint(["workload_id"], ["workloads.id"], name="fk_attempts_workload_id"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("run_id", "number", name="uq_attempts_number"),
        sa.UniqueConstraint("run_id", "pending_state_id", name="uq_attempts_pending"),
        sa.UniqueConstraint("workload_id", name="uq_attempts_workload_id"),
    )
    op.create_index("ix_attempts_unsettled", "attempts", ["project_id", "settled_at"])
