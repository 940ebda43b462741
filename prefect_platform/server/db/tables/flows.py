"""Flows: their versions, code, environments and deployments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant, Json


class FlowRow(Base):
    __tablename__ = "flows"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 over canonical JSON of (project, flow name, orchestrator)."""
    name: Mapped[str] = mapped_column(String(255))
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    """A deleted flow is not listed any more; its runs and their logs stay. Registering revives it."""
    deleting_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when it is being deleted: from then on nothing of it begins, and the deletion goes on until it
    is done, whatever ends meanwhile."""
    deleting_by: Mapped[str | None] = mapped_column(String(255))
    deleting_problem: Mapped[str | None] = mapped_column(Text)
    """What the deletion waits for."""
    __table_args__ = (
        Index("ix_flows_project_id", "project_id", "id"),
        Index("ix_flows_deleting_at", "deleting_at"),
    )


class BundleRow(Base):
    """The bytes of a code digest in one project. Bytes live in the blob store under `sha256`."""

    __tablename__ = "bundles"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    code_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(Instant)
    """When it was stored, or asked for again; until a day after that it is not removed."""


class EnvironmentRow(Base):
    """What a run needs beside code and size. Immutable; `content` is an `EnvironmentSpec`."""

    __tablename__ = "environments"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    fingerprint: Mapped[str] = mapped_column(String(64))
    content: Mapped[dict[str, Any]] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("project_id", "fingerprint", name="uq_environments_fingerprint"),)


class FlowVersionRow(Base):
    __tablename__ = "flow_versions"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int] = mapped_column(Integer)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 over code digest and settings: equal means the same version."""
    status: Mapped[str] = mapped_column(String(16))
    code_digest: Mapped[str] = mapped_column(String(64))
    code: Mapped[dict[str, Any]] = mapped_column(Json)
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("flow_id", "number", name="uq_flow_versions_number"),
        UniqueConstraint("flow_id", "fingerprint", name="uq_flow_versions_fingerprint"),
    )


class DeploymentRow(Base):
    __tablename__ = "deployments"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id"))
    name: Mapped[str] = mapped_column(String(255))
    version_id: Mapped[str] = mapped_column(ForeignKey("flow_versions.id"))
    prefect_deployment_id: Mapped[str] = mapped_column(String(64))
    prefect_flow_id: Mapped[str] = mapped_column(String(64))
    spec_digest: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("flow_id", "name", name="uq_deployments_name"),)
