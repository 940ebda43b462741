"""Results of tasks and flows: what the platform says of one, and the Prefect block that keeps them there.

Prefect finds the storage of a run's results by the name of a block document. The document holds the name
of a project and nothing else: address and token are the reader's own.
"""

from __future__ import annotations

from typing import Any

from prefect_platform.names import RESULTS_BLOCK
from prefect_platform.wire.base import Answer

BLOCK_CLASS = "PlatformResults"
BLOCK_NAME = "Platform Results"
BLOCK_DESCRIPTION = "Keeps the results of tasks and flows on the Prefect platform that ran them."
CAPABILITIES = ("read-path", "write-path")
PROJECT_TITLE = "Project"
PROJECT_DESCRIPTION = "The platform's project that the results belong to."


class StoredResult(Answer):
    """A result that the platform has."""

    sha256: str
    size: int


def block_type() -> dict[str, Any]:
    """The block type, as Prefect takes it."""
    return {"name": BLOCK_NAME, "slug": RESULTS_BLOCK, "description": BLOCK_DESCRIPTION}


def block_fields() -> dict[str, Any]:
    """The form of the block's documents, as Prefect's own client would write it for the class."""
    project = {"title": PROJECT_TITLE, "description": PROJECT_DESCRIPTION, "type": "string", "position": 0}
    return {
        "title": BLOCK_CLASS,
        "description": BLOCK_DESCRIPTION,
        "type": "object",
        "properties": {"project": project},
        "required": ["project"],
        "block_type_slug": RESULTS_BLOCK,
        "secret_fields": [],
        "block_schema_references": {},
    }
