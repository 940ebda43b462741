"""Recipes: every resource as one document, and what applying some of them would do.

A recipe says what is wanted. `state` may stand in one that was exported, for people to read; it is never
applied.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.base import Answer, Name, Request
from prefect_platform.wire.jupyter_spec import JupyterSpec
from prefect_platform.wire.resources import ResourceKind

SPECS: dict[ResourceKind, type[BaseModel]] = {
    ResourceKind.PREFECT_AGENT: AgentSpec,
    ResourceKind.JUPYTER_SERVER: JupyterSpec,
}
"""The model of each kind's spec."""
MAX_RECIPES = 200


class Recipe(Request):
    kind: ResourceKind
    name: Name
    spec: dict[str, Any] = Field(default={}, max_length=100)
    state: dict[str, Any] | None = None


class RecipesApply(Request):
    recipes: list[Recipe] = Field(min_length=1, max_length=MAX_RECIPES)
    dry_run: bool = False
    """Only say what would be done."""
    start: bool = True
    """Whether to start what is made."""


class RecipeAction(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"


class FieldChange(Answer):
    """One field of a spec that is not as it was; null where it is at its default."""

    field: str
    before: Any = None
    after: Any = None


class RecipeOutcome(Answer):
    """What was done, or would be, with one recipe."""

    kind: ResourceKind
    name: str
    action: RecipeAction
    changes: list[FieldChange]
    needs_restart: bool
    """It runs, and has the change once it is restarted."""


def recipe_schema() -> dict[str, Any]:
    """JSON Schema of a recipe, the spec by its kind."""
    kinds = []
    for kind, model in SPECS.items():
        spec = model.model_json_schema(ref_template=f"#/$defs/{kind.value}/$defs/{{model}}")
        kinds.append((kind.value, spec))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Recipe of a resource",
        "type": "object",
        "required": ["kind", "name"],
        "additionalProperties": False,
        "properties": {
            "kind": {"enum": [name for name, _ in kinds]},
            "name": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
            "spec": {"type": "object"},
            "state": {"type": "object", "description": "What was seen; never applied."},
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}},
                "then": {"properties": {"spec": {"$ref": f"#/$defs/{name}"}}},
            }
            for name, _ in kinds
        ],
        "$defs": dict(kinds),
    }
