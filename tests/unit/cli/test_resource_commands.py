"""The commands of resources, typed at a live platform."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from prefect_platform.wire.resources import ResourceKind
from tests.unit.cli.scene import Scene

AGENT = ResourceKind.PREFECT_AGENT
RECIPES = """\
kind: prefect-agent
name: night
spec: {limit: 3}
---
kind: prefect-agent
name: day
"""


def write(tmp_path: Path, text: str = RECIPES) -> str:
    path = tmp_path / "recipes.yaml"
    path.write_text(text)
    return str(path)


def test_apply_shows_the_plan_and_asks(platform: Scene, tmp_path: Path) -> None:
    path = write(tmp_path)
    asked = platform.type("resource", "apply", "-f", path, input="n\n")
    assert asked.exit_code == 1
    assert "+ prefect-agent night  create" in asked.output
    assert "Apply 2 of 2?" in asked.output
    assert platform.client.resources.list("default") == ()
    done = platform.type("resource", "apply", "-f", path, "--yes", "--no-start")
    assert "2 made, 0 changed, 0 as they were." in done.output
    again = platform.type("resource", "apply", "-f", path)
    assert again.exit_code == 0
    assert again.output.splitlines() == [
        "= prefect-agent night  unchanged",
        "= prefect-agent day  unchanged",
    ]
    changed = platform.type(
        "resource", "apply", "-f", write(tmp_path, RECIPES.replace("3", "4")), "--dry-run"
    )
    assert "    limit: 3 -> 4" in changed.output


def test_agents_are_found_by_their_labels(platform: Scene) -> None:
    for name, *labels in (("night", "team=a", "site=b"), ("day", "team=c"), ("plain",)):
        words = [word for label in labels for word in ("--label", label)]
        assert platform.type("agent", "create", name, "--no-start", *words).exit_code == 0
    assert "site=b, team=a" in platform.type("agent", "list").output
    assert "{'team': 'a', 'site': 'b'}" in platform.type("agent", "show", "night").output

    def listed(*labels: str) -> set[str]:
        words = [word for label in labels for word in ("--label", label)]
        return {one["name"] for one in json.loads(platform.type("agent", "list", "--json", *words).output)}

    assert {"night", "day", "plain"} <= listed()
    assert listed("team=a") == listed("team=a", "site=b") == {"night"}
    assert listed("team=a", "site=x") == set()
    none = platform.type("agent", "list", "--label", "team=x").output
    assert none == "No agents with these labels in default.\n"
    assert platform.type("agent", "list", "--label", "team").exit_code == 2


def test_what_is_exported_can_be_applied(platform: Scene, tmp_path: Path) -> None:
    platform.type("resource", "apply", "-f", write(tmp_path), "--yes", "--no-start")
    text = platform.type("resource", "export", "night").output
    assert list(yaml.safe_load_all(text)) == [
        {"kind": "prefect-agent", "name": "night", "spec": {"limit": 3}}
    ]
    with_state = platform.type("resource", "export", "--state").output
    assert "status: stopped" in with_state
    again = platform.type("resource", "apply", "-f", write(tmp_path, with_state), "--dry-run", "--json")
    assert {one["action"] for one in json.loads(again.output)} == {"unchanged"}


def test_a_clone_has_the_same_spec(platform: Scene, tmp_path: Path) -> None:
    platform.type("resource", "apply", "-f", write(tmp_path), "--yes", "--no-start")
    done = platform.type("resource", "clone", "night", "second")
    assert done.output == "prefect-agent second is made as night is.\n"
    assert platform.client.resources.get("default", AGENT, "second").spec == {"limit": 3}


def test_starts_stops_and_the_end(platform: Scene, tmp_path: Path) -> None:
    platform.type("resource", "apply", "-f", write(tmp_path), "--yes", "--no-start")
    assert platform.type("resource", "start", "night", "prefect-agent/day").output.count("is to run") == 2
    listed = json.loads(platform.type("resource", "list", "--kind", "prefect-agent", "--json").output)
    assert {one["state"]["target"] for one in listed} == {"running"}
    assert "wanted" in platform.type("resource", "show", "night").output
    platform.type("resource", "stop", "night")
    assert platform.client.resources.get("default", AGENT, "night").state.target == "stopped"
    refused = platform.type("resource", "delete", "night", input="n\n")
    assert refused.exit_code == 1
    assert platform.type("resource", "delete", "night", "--yes").exit_code == 0


def test_mistakes_are_told_with_the_next_step(platform: Scene, tmp_path: Path) -> None:
    platform.type("resource", "apply", "-f", write(tmp_path), "--yes", "--no-start")
    absent = platform.type("resource", "show", "nigth")
    assert (absent.exit_code, "Did you mean 'night'" in absent.output) == (2, True)
    never = platform.type("resource", "logs", "night")
    assert (never.exit_code, "was never started" in never.output) == (2, True)
    bad = platform.type(
        "resource", "apply", "-f", write(tmp_path, "kind: prefect-agent\nname: x\nspec: {a: 1}\n")
    )
    assert bad.exit_code == 2
    assert "prefect-agent 'x': spec: there is no field 'a'" in bad.output


def test_the_schema_is_one(platform: Scene) -> None:
    schema = json.loads(platform.type("resource", "schema").output)
    assert schema["properties"]["kind"]["enum"] == list(schema["$defs"])
