"""`create_app`: routes, and around them content, problems, guard, web UI and kept answers, outside in."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from prefect_platform._version import __version__
from prefect_platform.backends.base import Backend
from prefect_platform.server.app import openapi
from prefect_platform.server.app.composition import Given, lifespan
from prefect_platform.server.app.content.entrance import Entrance
from prefect_platform.server.app.guard import Guard
from prefect_platform.server.app.kept_answers import KeptAnswers
from prefect_platform.server.app.problems import Problems, refuse_http, refuse_invalid
from prefect_platform.server.app.web.serving import BasePath, WebUi
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.db.engine import Database
from prefect_platform.server.routes import OPEN_ROUTERS, PREFIX, ROUTERS, SIGN_IN_ROUTERS
from prefect_platform.server.services.clock import Clock
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.stores.blobs import BlobStore
from prefect_platform.server.stores.logs import LogStore


def create_app(
    config: ServerConfig,
    *,
    database: Database | None = None,
    blobs: BlobStore | None = None,
    logs: LogStore | None = None,
    backend: Backend | None = None,
    orchestrator: Orchestrator | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """The platform server. Nothing is opened or written before its lifespan starts.

    Parts given here are used as they are and stay the caller's to close; the others are made as the
    configuration says. Once started, `app.state.parts` holds all of them.
    """
    given = Given(database, blobs, logs, backend, orchestrator, clock)
    app = FastAPI(
        title="Prefect platform",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda app: lifespan(app, config, given),
        exception_handlers={RequestValidationError: refuse_invalid, HTTPException: refuse_http},
    )
    app.add_middleware(KeptAnswers)
    app.add_middleware(WebUi, config=config)
    app.add_middleware(Guard, config=config)
    app.add_middleware(Problems)
    app.add_middleware(BasePath, config=config)
    app.add_middleware(Entrance, config=config)
    for router in OPEN_ROUTERS:
        app.include_router(router)
    for router in (*SIGN_IN_ROUTERS, *ROUTERS):
        app.include_router(router, prefix=PREFIX)
    openapi.complete(app)
    return app
