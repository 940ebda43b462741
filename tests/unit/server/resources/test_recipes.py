"""Recipes through their service, on both databases: plans, repeats, all or none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event

from prefect_platform.errors import Conflict, NotFound, UsageError
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.services import recipes, resources
from prefect_platform.server.services.recipes import changes
from prefect_platform.wire.recipes import FieldChange, Recipe, RecipeAction, RecipeOutcome, RecipesApply
from prefect_platform.wire.resources import ResourceKind, ResourceStatus
from tests.server_scene import Scene, scene

pytestmark = pytest.mark.asyncio
AGENT = ResourceKind.PREFECT_AGENT
CREATE, CHANGE, UNCHANGED = RecipeAction


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path) as made:
        yield made


def recipe(name: str, **spec: Any) -> Recipe:
    return Recipe(kind=AGENT, name=name, spec=spec)


async def apply(stage: Scene, *those: Recipe, **options: Any) -> Sequence[RecipeOutcome]:
    request = RecipesApply(recipes=list(those), **options)
    return await recipes.apply(stage.parts, stage.user, "default", request)


async def names(stage: Scene) -> list[str]:
    found = await resources.listing(stage.parts, stage.user, "default", None, None, None)
    return sorted(one.name for one in found.items)


async def test_a_plan_changes_nothing(stage: Scene) -> None:
    (plan,) = await apply(stage, recipe("night", limit=3), dry_run=True)
    assert (plan.action, plan.changes) == (CREATE, [FieldChange(field="limit", before=None, after=3)])
    assert await names(stage) == []


async def test_applied_again_nothing_is_done(stage: Scene) -> None:
    both = recipe("night", limit=3), recipe("day")
    assert [one.action for one in await apply(stage, *both)] == [CREATE, CREATE]
    before = await resources.show(stage.parts, stage.user, "default", AGENT, "night")
    assert [one.action for one in await apply(stage, *both)] == [UNCHANGED, UNCHANGED]
    assert await resources.show(stage.parts, stage.user, "default", AGENT, "night") == before


async def test_a_field_at_its_default_is_no_change(stage: Scene) -> None:
    await apply(stage, recipe("night"))
    (same,) = await apply(stage, recipe("night", queues=[], limit=None))
    assert same.action is UNCHANGED


async def test_a_change_names_the_field_and_what_runs_needs_a_restart(stage: Scene) -> None:
    await apply(stage, recipe("night", limit=3))
    await Keeper(stage.parts).round()
    (plan,) = await apply(stage, recipe("night", limit=4), dry_run=True)
    (done,) = await apply(stage, recipe("night", limit=4))
    assert plan == done
    assert (done.action, done.needs_restart) == (CHANGE, True)
    assert done.changes == [FieldChange(field="limit", before=3, after=4)]
    (again,) = await apply(stage, recipe("night", limit=4))
    assert (again.action, again.needs_restart) == (UNCHANGED, True)


async def test_what_does_not_run_needs_no_restart(stage: Scene) -> None:
    await apply(stage, recipe("night", limit=3), start=False)
    found = await resources.show(stage.parts, stage.user, "default", AGENT, "night")
    assert found.state.status is ResourceStatus.STOPPED
    (done,) = await apply(stage, recipe("night", limit=4))
    assert not done.needs_restart


async def test_one_that_cannot_be_stops_them_all(stage: Scene) -> None:
    with pytest.raises(UsageError, match="prefect-agent 'two': spec: there is no field 'limits'"):
        await apply(stage, recipe("one"), recipe("two", limits=1))
    assert await names(stage) == []


async def test_two_recipes_of_one_name_are_refused(stage: Scene) -> None:
    with pytest.raises(UsageError, match="prefect-agent 'one' has 2 recipes"):
        await apply(stage, recipe("one"), recipe("one", limit=3))


async def test_one_that_is_being_deleted_is_left_alone(stage: Scene) -> None:
    await apply(stage, recipe("one"))
    await resources.remove(stage.parts, stage.user, "default", AGENT, "one")
    with pytest.raises(Conflict, match=r"'one'.*being deleted"):
        await apply(stage, recipe("one", limit=3))


async def test_a_stranger_applies_nothing(stage: Scene) -> None:
    request = RecipesApply(recipes=[recipe("one")])
    with pytest.raises(NotFound):
        await recipes.apply(stage.parts, stage.stranger, "default", request)


async def test_changes_go_both_ways() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 2, "c": 3}) == [
        FieldChange(field="a", before=1, after=None),
        FieldChange(field="c", before=None, after=3),
    ]


async def test_many_recipes_without_change_cost_no_more_questions_than_few(stage: Scene) -> None:
    asked: list[str] = []

    def note(*given: Any) -> None:
        asked.append(given[2])

    event.listen(stage.parts.database.engine.sync_engine, "before_cursor_execute", note)
    counts = []
    for many in (2, 20):
        those = [recipe(f"a-{number}", limit=number + 1) for number in range(many)]
        await apply(stage, *those)
        asked.clear()
        assert {one.action for one in await apply(stage, *those)} == {UNCHANGED}
        counts.append(len(asked))
    assert counts[0] == counts[1]
