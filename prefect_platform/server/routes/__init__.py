"""HTTP: parse, call one service, render. One file a resource."""

from prefect_platform.server.routes import (
    agents,
    attempts,
    bundles,
    capacity,
    changes,
    clusters,
    environments,
    flows,
    health,
    installation,
    logs,
    me,
    notifications,
    projects,
    recipes,
    resources,
    results,
    runs,
    schedules,
    secrets,
    sessions,
    shutdown,
    sizes,
    tokens,
    usage,
    users,
    workloads,
)

PREFIX = "/api/v1"

OPEN_ROUTERS = [health.router]
"""Answer to everyone, without the prefix."""

SIGN_IN_ROUTERS = [sessions.open_router]
"""Below the prefix, and for who has no session yet."""

ROUTERS = [
    me.router,
    installation.router,
    tokens.router,
    sessions.router,
    users.router,
    projects.router,
    changes.router,
    flows.router,
    schedules.router,
    environments.router,
    bundles.router,
    results.router,
    resources.router,
    clusters.router,
    recipes.router,
    runs.router,
    attempts.router,
    capacity.router,
    sizes.router,
    agents.router,
    workloads.router,
    logs.router,
    secrets.router,
    usage.router,
    notifications.router,
    shutdown.router,
]
"""Need a token; a test walks every route of these with every kind of token."""
