"""The tables. Migrations must lead to exactly these; a test compares them on both databases.

Every row that a person can own carries its project. `target` is written by services, `status` by
the controller and by the launcher's and agent's reports, always with a transition row beside it.
"""

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.tables.clusters import ClusterRow
from prefect_platform.server.db.tables.flows import (
    BundleRow,
    DeploymentRow,
    EnvironmentRow,
    FlowRow,
    FlowVersionRow,
)
from prefect_platform.server.db.tables.notifications import NotificationRow, NotificationRuleRow
from prefect_platform.server.db.tables.people import (
    IdempotencyRow,
    InstallationRow,
    MemberRow,
    ProjectRow,
    TokenRow,
    UserRow,
)
from prefect_platform.server.db.tables.resources import (
    AgentRow,
    ContentSessionRow,
    ContentTicketRow,
    JupyterServerRow,
    ResourceRow,
)
from prefect_platform.server.db.tables.runs import (
    AttemptRow,
    LogGapRow,
    ResultRow,
    RunRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.db.tables.secrets import SecretRow, SecretUseRow, SecretVersionRow

__all__ = [
    "AgentRow",
    "AttemptRow",
    "Base",
    "BundleRow",
    "ClusterRow",
    "ContentSessionRow",
    "ContentTicketRow",
    "DeploymentRow",
    "EnvironmentRow",
    "FlowRow",
    "FlowVersionRow",
    "IdempotencyRow",
    "InstallationRow",
    "JupyterServerRow",
    "LogGapRow",
    "MemberRow",
    "NotificationRow",
    "NotificationRuleRow",
    "ProjectRow",
    "ResourceRow",
    "ResultRow",
    "RunRow",
    "SecretRow",
    "SecretUseRow",
    "SecretVersionRow",
    "TokenRow",
    "TransitionRow",
    "UserRow",
    "WorkloadRow",
]
