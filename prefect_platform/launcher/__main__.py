"""`python -m prefect_platform.launcher --claim FILE`."""

from __future__ import annotations

import sys

from prefect_platform.launcher.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
