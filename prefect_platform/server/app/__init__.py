"""The composition root: the only place that knows every part, and the shell around the routes.

`create_app` makes the ASGI application from a configuration and, for tests, from parts given instead
of the usual ones. `serve` runs it as a process.
"""

from prefect_platform.server.app.application import create_app
from prefect_platform.server.app.serving import serve

__all__ = ["create_app", "serve"]
