"""`/projects/{project}/recipes`: resources as documents that can be applied again and again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import recipes
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.recipes import RecipeOutcome, RecipesApply, recipe_schema
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["recipes"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.post("/projects/{project}/recipes")
async def apply(request: Request, caller: User, project: str, body: RecipesApply) -> list[RecipeOutcome]:
    """Bring resources to what their recipes say, all or none; with `dry_run`, only say what would be."""
    return await recipes.apply(parts_of(request), caller, project, body)


@router.get("/recipe-schema")
async def schema(_caller: User) -> dict[str, Any]:
    """JSON Schema of a recipe, the spec by its kind."""
    return recipe_schema()
