"""The base job template of a work pool of type `platform`: made here and nowhere else.

Prefect validates every deployment against `variables` and builds its forms from them, so the
titles and descriptions are for people. Ids and names only: no secret ever becomes a job variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_VARIABLES: dict[str, dict[str, Any]] = {
    "flow_version_id": {
        "type": "string",
        "title": "Flow version",
        "description": "Id of the version that the platform stored at registration. It names the code, the "
        "interpreter and the size of every run of this deployment.",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
    },
    "project": {
        "type": "string",
        "title": "Project",
        "description": "The platform's project that owns the flow.",
        "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    },
    "size": {
        "type": "string",
        "title": "Size",
        "description": "Size of the platform's catalogue that a run of this version asks for.",
    },
    "gpu": {
        "type": "string",
        "title": "GPUs",
        "description": "GPUs that a run of this version asks for.",
    },
    "cores": {
        "type": "number",
        "title": "Cores",
        "description": "Processor cores that a run of this version declares.",
        "exclusiveMinimum": 0,
    },
    "memory_bytes": {
        "type": "integer",
        "title": "Memory (bytes)",
        "description": "Memory in bytes that a run of this version declares.",
        "exclusiveMinimum": 0,
    },
}


_OWNER = "Work pool of the platform's installation "


def base_job_template(installation_id: str | None = None) -> dict[str, Any]:
    """A fresh copy of the template: one placeholder a variable, and no variable besides.

    A pool that an installation serves is marked as its own: two may share a Prefect, and neither can start
    what was registered with the other.
    """
    owner = {} if installation_id is None else {"$comment": f"{_OWNER}{installation_id}"}
    return {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in _VARIABLES},
        "variables": {
            **owner,
            "type": "object",
            "description": "Written by registration: register again rather than change these by hand.",
            "properties": {name: dict(schema) for name, schema in _VARIABLES.items()},
            "required": ["flow_version_id"],
            # Without it Prefect accepts misspelled names in silence.
            "additionalProperties": False,
        },
    }


def installation_of(template: Mapping[str, Any]) -> str | None:
    """The installation whose work pool has this template; None where nobody has made it theirs."""
    variables = template.get("variables")
    said = variables.get("$comment") if isinstance(variables, Mapping) else None
    return said.removeprefix(_OWNER) if isinstance(said, str) and said.startswith(_OWNER) else None
