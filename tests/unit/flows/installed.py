"""An installed module with a flow, for the time of a test."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def flow_in_site_packages() -> Iterator[str]:
    """The name of a module that lies in a `site-packages` folder on the path."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "site-packages"
        place.mkdir()
        (place / "installed_flows.py").write_text(
            "from prefect import flow\n@flow\ndef etl():\n    return 1\n"
        )
        sys.path.insert(0, str(place))
        importlib.invalidate_caches()
        try:
            yield "installed_flows"
        finally:
            sys.path.remove(str(place))
            sys.modules.pop("installed_flows", None)
