"""An attempt remembers which Prefect it was taken from, and an agent which one its last start talks to."""

import sqlalchemy as sa
from alembic import op

from prefect_platform.server.db.types import Id, Json

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = (("orchestrator_url", sa.Text()), ("orchestrator_secret", sa.String(length=63)))


def upgrade() -> None:
    for table in ("agents", "attempts"):
        for name, kind in _COLUMNS:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    _remember()


def _remember() -> None:
    """Until now the spec of its agent said it."""
    resources = sa.table("resources", sa.column("id", Id), sa.column("kind"), sa.column("spec", Json))
    agents = sa.table("agents", sa.column("id", Id), *(sa.column(name) for name, _ in _COLUMNS))
    attempts = sa.table("attempts", sa.column("agent_id", Id), *(sa.column(name) for name, _ in _COLUMNS))
    bind = op.get_bind()
    kept = sa.select(resources.c.id, resources.c.spec).where(resources.c.kind == "prefect-agent")
    for resource_id, spec in bind.execute(kept).all():
        said = {
            "orchestrator_url": spec.get("prefect_api_url"),
            "orchestrator_secret": spec.get("prefect_secret"),
        }
        if any(said.values()):
            bind.execute(agents.update().where(agents.c.id == resource_id).values(said))
            bind.execute(attempts.update().where(attempts.c.agent_id == resource_id).values(said))
