"""A workload keeps which environment its launcher found."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Json

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workloads", sa.Column("environment", Json, nullable=True))
