"""The OpenAPI document as the server answers it: what the web UI's types are generated from."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path


def document() -> str:
    from prefect_platform.server.app.application import create_app
    from prefect_platform.server.config import ServerConfig

    with tempfile.TemporaryDirectory() as directory:
        app = create_app(ServerConfig(data_dir=Path(directory)))
    return json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(document(), end="")
