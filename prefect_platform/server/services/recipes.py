"""Applying recipes: what is not there is made, what differs is changed, all of them or none.

Applying the same recipes again does nothing. What a recipe does not name stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, PlatformError, UsageError
from prefect_platform.server.db.tables import ProjectRow, ResourceRow
from prefect_platform.server.services import projects, resource_views, resources
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.kinds import kind_of
from prefect_platform.server.services.parts import RESOURCES, Parts
from prefect_platform.server.services.versions import canonical
from prefect_platform.wire.recipes import FieldChange, Recipe, RecipeAction, RecipeOutcome, RecipesApply
from prefect_platform.wire.resources import ResourceStatus

RUNS = frozenset({ResourceStatus.QUEUED, ResourceStatus.STARTING, ResourceStatus.RUNNING})


async def apply(
    parts: Parts, caller: Caller, project_name: str, request: RecipesApply
) -> list[RecipeOutcome]:
    """Bring resources to what their recipes say, or only tell what that would do.

    Raises:
        UsageError: a recipe cannot be; the message names it. Nothing was changed.
        Forbidden, Conflict: one of them may not be changed, or is being deleted.
    """
    _refuse_twice(request.recipes)
    try:
        open_ = parts.database.reader if request.dry_run else parts.database.session
        async with open_() as session:
            project = await projects.member(session, caller, project_name)
            rows = await _rows(session, project, request.recipes)
            running = await _running(session, parts, project, list(rows.values()))
            found = [
                await _one(session, parts, caller, project, recipe, rows, running, request)
                for recipe in request.recipes
            ]
    except IntegrityError as error:
        raise Conflict(
            "Somebody made a resource of one of these names at the same moment: nothing was changed. Apply "
            "the recipes again."
        ) from error
    if not request.dry_run:
        parts.wakeups.notify(RESOURCES)
    return found


def _refuse_twice(recipes: Sequence[Recipe]) -> None:
    counted = Counter((one.kind.value, one.name) for one in recipes)
    (kind, name), times = counted.most_common(1)[0]
    if times > 1:
        raise UsageError(f"{kind} {name!r} has {times} recipes: leave one.")


async def _rows(
    session: AsyncSession, project: ProjectRow, recipes: Sequence[Recipe]
) -> dict[tuple[str, str], ResourceRow]:
    """Those that there are, locked in one order, so that two callers never wait for each other."""
    wanted = [(one.kind.value, one.name) for one in recipes]
    found = await session.scalars(
        select(ResourceRow)
        .where(
            ResourceRow.project_id == project.id,
            ResourceRow.deleted_at.is_(None),
            tuple_(ResourceRow.kind, ResourceRow.name).in_(wanted),
        )
        .order_by(ResourceRow.id)
        .with_for_update()
    )
    return {(row.kind, row.name): row for row in found}


async def _one(
    session: AsyncSession,
    parts: Parts,
    caller: Caller,
    project: ProjectRow,
    recipe: Recipe,
    rows: Mapping[tuple[str, str], ResourceRow],
    running: Collection[str],
    request: RecipesApply,
) -> RecipeOutcome:
    row = rows.get((recipe.kind.value, recipe.name))
    try:
        spec = await kind_of(recipe.kind).check(session, parts, project, recipe.spec)
        if row is not None:
            await resources.may_change(session, caller, project, row)
    except PlatformError as error:
        raise type(error)(f"{recipe.kind.value} {recipe.name!r}: {error.message}", **error.data) from error
    outcome = RecipeOutcome(
        kind=recipe.kind,
        name=recipe.name,
        action=_action(row, spec),
        changes=changes(row.spec if row is not None else {}, spec),
        needs_restart=row is not None and row.id in running and row.workload_digest != canonical(spec),
    )
    if not request.dry_run and row is None:
        await resources.insert(
            session, parts, caller, project, recipe.kind, recipe.name, spec, start=request.start
        )
    elif not request.dry_run and row is not None:
        resources.change(row, spec, parts.clock.now())
    return outcome


async def _running(
    session: AsyncSession, parts: Parts, project: ProjectRow, rows: Sequence[ResourceRow]
) -> frozenset[str]:
    """Those that run, or are on their way: by the spec of their start."""
    found = await resource_views.resources(session, parts, project, rows)
    return frozenset(one.id for one in found if one.state.status in RUNS)


def _action(row: ResourceRow | None, spec: Mapping[str, Any]) -> RecipeAction:
    if row is None:
        return RecipeAction.CREATE
    return RecipeAction.UNCHANGED if row.spec == spec else RecipeAction.CHANGE


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """Every field whose value differs, by name."""
    return [
        FieldChange(field=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
