"""Tokens, projects, agents, login, status and doctor on a live platform."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prefect_platform.cli.checks.platform import stuck
from prefect_platform.client.api import PlatformClient
from prefect_platform.client.profile import read_profile
from prefect_platform.wire.agents import Agent
from prefect_platform.wire.resources import Resource, ResourceKind
from tests.unit.cli.scene import Scene


def test_a_token_is_shown_once_works_and_can_be_ended(platform: Scene) -> None:
    made = platform.type("token", "create", "ci", "--days", "3")
    secret = made.stdout.strip()
    assert made.exit_code == 0
    assert "not shown again" in made.stderr
    with PlatformClient(platform.server.url, secret) as client:
        assert client.me().kind == "user"
    listing = platform.type("token", "list")
    assert secret not in listing.output
    ident = next(line.split()[0] for line in listing.stdout.splitlines() if " ci " in line)
    assert platform.type("token", "revoke", ident).exit_code == 0
    tokens = {token["id"]: token for token in json.loads(platform.type("token", "list", "--json").stdout)}
    assert tokens.get(ident, {"revoked_at": "gone"})["revoked_at"]


def test_login_keeps_a_good_token_and_refuses_a_bad_one(platform: Scene, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    bad = platform.type("login", platform.server.url, "--token", "pp_user_" + "x" * 43)
    assert bad.exit_code == 1
    assert bad.stderr.startswith("Error: ")
    assert not path.exists()
    done = platform.type("login", platform.server.url + "/", input=f"{platform.server.token}\n")
    assert done.exit_code == 0, done.output
    assert platform.server.token not in done.output
    profile = read_profile(path)
    assert profile is not None
    assert (profile.url, profile.token, profile.project) == (
        platform.server.url,
        platform.server.token,
        "default",
    )
    assert platform.type("project", "list", PREFECT_PLATFORM_URL="", PREFECT_PLATFORM_TOKEN="").exit_code == 0


def test_projects_are_made_and_listed(platform: Scene) -> None:
    assert platform.type("project", "create", "team-a").exit_code == 0
    names = [line.split()[0] for line in platform.type("project", "list").stdout.splitlines()]
    assert sorted(names[1:]) == ["default", "team-a"]
    wrong = platform.type("project", "create", "Team A")
    assert (wrong.exit_code, "it takes lowercase letters, digits and dashes" in wrong.stderr) == (2, True)


def test_a_project_has_a_prefect_of_its_own(platform: Scene) -> None:
    nobody = "http://127.0.0.1:1/api"
    made = platform.type("project", "create", "far", "--prefect-api-url", nobody, "--prefect-secret", "key")
    assert made.exit_code == 0, made.output
    assert f"Project far talks to {nobody}, with the key in secret key." in made.stdout
    assert "Note: Project 'far' has no secret 'key'" in made.stdout
    shown = platform.type("project", "show", "far").stdout
    assert nobody in shown
    assert "key" in shown
    done = platform.type("project", "set", "far", "--no-prefect-secret", "--json")
    assert json.loads(done.stdout)["orchestrator_secret"] is None
    assert json.loads(done.stdout)["orchestrator_url"] == nobody
    assert "does not answer" in json.loads(done.stdout)["notes"][0]
    back = platform.type("project", "set", "far", "--installation-prefect")
    assert "Note" not in back.stdout
    assert nobody not in back.stdout
    for words in (
        (),
        ("--prefect-secret", "x", "--no-prefect-secret"),
        ("--prefect-api-url", "http://u:pass-word@h/api"),
    ):
        wrong = platform.type("project", "set", "far", *words)
        assert wrong.exit_code == 2, wrong.output
        assert "pass-word" not in wrong.output


def test_agents_are_listed(platform: Scene) -> None:
    assert "No agents in default." in platform.type("agent", "list").stdout
    platform.client.agents.create("default", "local")
    row = platform.type("agent", "list").stdout.splitlines()[1]
    assert row.split() == ["local", "by", "hand", "never", "-", "-", "-", "-", "-", "-"]


def test_an_agent_is_made_seen_stopped_and_deleted(platform: Scene) -> None:
    made = platform.type(
        "agent", "create", "night", "--queue", "fast,priority=1,concurrency_limit=2", "--queue", "slow",
        "--limit", "3", "--memory", "512MiB", "--label", "team=a", "--no-start",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    spec = platform.client.resources.get("default", ResourceKind.PREFECT_AGENT, "night").spec
    assert spec == {
        "queues": [{"name": "fast", "priority": 1, "concurrency_limit": 2}, {"name": "slow"}],
        "limit": 3,
        "memory_bytes": 512 << 20,
        "labels": {"team": "a"},
    }
    shown = platform.type("agent", "show", "night").stdout
    assert ["state", "stopped"] in [line.split() for line in shown.splitlines()]
    assert json.loads(platform.type("agent", "show", "night", "--json").stdout)["resource"]["name"] == "night"
    for words in (("start", "night"), ("stop", "night"), ("restart", "night"), ("stop", "night")):
        done = platform.type("agent", *words)
        assert done.exit_code == 0, done.output
        assert "prefect-agent night is" in done.stdout
    assert platform.type("agent", "delete", "prefect-agent/night", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "x", "--queue", "a,priority"), "'priority' is no NAME=VALUE"),
        (("create", "x", "--queue", "a,priority=high"), "queues.0.priority"),
        (("create", "x", "--memory", "lots"), "expected bytes such as '16GiB'"),
        (("create", "x", "--label", "team"), "'team' is no NAME=VALUE"),
        (("create", "Night"), "lowercase letters, digits and dashes"),
        (("show", "none"), "has no agent 'none'"),
        (("stop", "none"), "has no resource 'prefect-agent/none'"),
    ],
)
def test_what_cannot_be_an_agent_is_said(platform: Scene, words: tuple[str, ...], said: str) -> None:
    done = platform.type("agent", *words)
    assert done.exit_code == 2
    assert said in done.output


NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def resource(status: str = "running", **fields: object) -> Resource:
    state = {
        "target": "running", "status": status, "reason": None, "workload_id": "wl-1",
        "started_at": NOW - timedelta(hours=1), "next_start_at": None, "restarts": 4, "needs_restart": False,
    }  # fmt: skip
    return Resource.model_validate(
        {
            "id": "rs-1", "kind": "prefect-agent", "name": "night", "project": "default", "owner": "ana",
            "spec": {}, "state": state | fields, "created_at": NOW, "updated_at": NOW,
        }
    )  # fmt: skip


def agent(seen: float, agreed: float | None = 5.0, problem: str | None = None) -> Agent:
    report = {
        "version": "0.2", "prefect_version": "3.8", "work_pool": "p", "problem": problem,
        "last_agreed_at": None if agreed is None else NOW - timedelta(seconds=agreed),
    }  # fmt: skip
    return Agent.model_validate(
        {
            "id": "rs-1", "name": "night", "project": "default", "created_at": NOW,
            "last_seen_at": NOW - timedelta(seconds=seen), "report": report,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "seen", "evidence"),
    [
        (resource(), agent(2), None),
        (resource("stopped", target="stopped"), None, None),
        (resource("starting", started_at=None), None, None),
        (
            resource("waiting", reason="It ended with exit code 1."),
            agent(90),
            "after 4 restarts: It ended with",
        ),
        (resource("queued"), None, "there is no room for it yet"),
        (resource(), agent(45), "has not reported for 45 s"),
        (resource(), None, "has not reported for 1 h 00 min"),
        (resource(), agent(2, 600, "Prefect is away."), "for the last time: Prefect is away."),
        (resource(started_at=NOW - timedelta(seconds=2)), agent(600), None),
    ],
)
def test_what_is_stuck_is_told_with_the_evidence(
    kept: Resource, seen: Agent | None, evidence: str | None
) -> None:
    found = stuck(kept, seen, NOW)
    assert found is None if evidence is None else evidence in (found or "")


def test_status_of_a_platform_elsewhere(platform: Scene) -> None:
    done = platform.type("status")
    assert done.exit_code == 0, done.output
    assert "No platform was started on this machine" in done.stdout
    assert json.loads(platform.type("status", "--json").stdout)["sound"] is True


def test_doctor_says_what_is_wrong_and_what_to_do(platform: Scene) -> None:
    done = platform.type("doctor")
    assert done.exit_code == 1, "nobody takes runs and Prefect is not there"
    wrong = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("WRONG")}
    assert {"prefect", "agent"} <= wrong
    assert "ok     token" in done.stdout
    assert "ok     platform clock" in done.stdout
    checks = json.loads(platform.type("doctor", "--json").stdout)
    assert all(check["detail"] for check in checks)


def test_doctor_without_a_platform(platform: Scene) -> None:
    done = platform.type("doctor", PREFECT_PLATFORM_URL="", PREFECT_PLATFORM_TOKEN="")
    assert done.exit_code == 1
    assert "No platform is known here" in done.stdout
    done = platform.type("doctor", PREFECT_PLATFORM_URL="http://127.0.0.1:9")
    assert "does not answer" in done.stdout
