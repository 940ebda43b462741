"""What Prefect loads to know our worker type.

Prefect loads every collection wherever it looks for a block or a worker, in each run too. A run needs no
worker, and loading what workers need costs it more than all the rest: so only who deals with workers
gets ours.
"""

from __future__ import annotations

import sys

if "prefect.workers.base" in sys.modules:
    import prefect_platform.agent.worker  # noqa: F401
