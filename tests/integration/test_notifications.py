"""A real flow fails on a real platform, and real receivers are told: cause, log, link, and no secret."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_platform.testing.embedded import Embedded, embedded, until
from tests.receivers import mailbox, webhook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CANARY = "Canary7Quetzalcoatl9Xylophone"
FLOWS = f"""
import os
from prefect import flow

@flow(name="{CANARY}-flow")
def sings():
    print("it is", os.environ["CANARY"], flush=True)
    raise ValueError("cannot use " + os.environ["CANARY"])
"""


def command(platform: Embedded, *words: str, given: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect_platform", *words],
        env=platform.environment, input=given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_flow_that_fails_is_told_by_webhook_and_mail_and_no_secret_is(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "flows.py"
    path.write_text(FLOWS)
    environment = {"PREFECT_PLATFORM_NOTIFICATION_SCHEMES": "json,mailto"}
    with (
        webhook() as hook,
        mailbox() as box,
        embedded(tmp_path / "home", environment=environment) as platform,
    ):
        command(platform, "secret", "set", "canary", "-", given=CANARY)
        command(platform, "secret", "set", "hook", "-", given=hook.url)
        command(platform, "secret", "set", "mail", "-", given=box.url)
        command(platform, "notification", "create", "by-hook", "--to", "hook")
        command(platform, "notification", "create", "by-mail", "--to", "mail")
        command(platform, "flow", "register", f"{path}:sings", "--name", "nightly", "--secret", "canary")
        run = json.loads(command(platform, "run", "start", f"{CANARY}-flow", "--json"))["id"]
        until(lambda: hook.got and box.got, 120, "both messages")
        body = hook.bodies[0]
        assert hook.titles[0].startswith("nightly failed: ValueError: cannot use ***")
        assert f"runs/flow-run/{run}" in body
        assert f"prefect-platform run show {run}" in body
        assert "Last lines of the log (flow):" in body
        assert f"ValueError: cannot use {'*' * len(CANARY)}" in body
        mail = box.got[0]
        assert mail["Subject"].startswith("nightly failed: ValueError")
        told = b"".join([*hook.raw, mail.as_bytes()])
        kept = b"".join(part.read_bytes() for part in (tmp_path / "home" / "data").rglob("platform.db*"))
        for form in (CANARY.encode(), base64.b64encode(CANARY.encode())[:-4], CANARY.encode().hex().encode()):
            assert form not in told
        assert b"hook-password" not in kept
        shown = json.loads(command(platform, "notification", "show", "by-hook", "--json"))
        assert CANARY not in json.dumps(shown)
        assert [one["status"] for one in shown["messages"]] == ["delivered"]
