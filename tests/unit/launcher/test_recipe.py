"""Which environments are one: what is kept for all runs must be what each of them asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prefect_platform.distributions import Distribution
from prefect_platform.launcher.building import Recipe

PINNED = {"numpy": Distribution("numpy", "2.4.6")}
RECIPE = Recipe("/opt/python", ("/site",), PINNED, ("polars>=1",))


def test_equal_recipes_have_one_name_and_others_another(tmp_path: Path) -> None:
    assert replace(RECIPE).key == RECIPE.key
    (tmp_path / "one.whl").write_bytes(b"1")
    others = [
        replace(RECIPE, python="3.12"),
        replace(RECIPE, base=()),
        replace(RECIPE, wanted={"numpy": Distribution("numpy", "2.4.5")}),
        replace(RECIPE, packages=("polars>=2",)),
        replace(RECIPE, wheels={"one": tmp_path / "one.whl"}),
        replace(RECIPE, scope=(("UV_DEFAULT_INDEX", "https://index.example/simple"),)),
        replace(RECIPE, scope=(("UV_INDEX_OURS_PASSWORD", "one-project", "index", "1"),)),
        replace(RECIPE, scope=(("UV_INDEX_OURS_PASSWORD", "another-project", "index", "1"),)),
    ]
    assert len({RECIPE.key, *(one.key for one in others)}) == len(others) + 1
