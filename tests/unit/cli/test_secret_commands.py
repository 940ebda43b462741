"""Secrets at the command line of a live platform: never an argument, never an answer."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import Forbidden, IdempotencyConflict, NotFound, UsageError
from prefect_platform.server.db.tables import SecretRow
from prefect_platform.server.services import secret_values
from prefect_platform.wire.secrets import Secret, SecretSet
from tests.unit.cli.scene import Scene

VALUE = "correct horse battery"


def stored(platform: Scene) -> bytes:
    """Every byte of the database, its log included."""
    directory = platform.server.config.data_dir
    return b"".join(path.read_bytes() for path in directory.glob("platform.db*"))


def test_a_value_that_is_asked_for_is_kept_and_told_nobody(platform: Scene) -> None:
    done = platform.type("secret", "set", "aws-key", input=f"{VALUE}\n{VALUE}\n")
    assert (done.exit_code, done.stdout) == (0, "Secret aws-key is at version 1.\n"), done.output
    assert VALUE not in done.output
    for words in (("list",), ("show", "aws-key"), ("uses", "aws-key")):
        for json_too in ((), ("--json",)):
            shown = platform.type("secret", *words, *json_too)
            assert shown.exit_code == 0, shown.output
            assert VALUE not in shown.output
    (found,) = json.loads(platform.type("secret", "list", "--json").stdout)
    assert (found["name"], found["version"], found["maskable"]) == ("aws-key", 1, True)
    assert VALUE.encode() not in stored(platform)


def test_two_values_that_differ_are_asked_for_again(platform: Scene) -> None:
    done = platform.type("secret", "set", "aws-key", input=f"{VALUE}\nmistyped\n{VALUE}\n{VALUE}\n")
    assert done.exit_code == 0
    assert "do not match" in done.output


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (VALUE, VALUE),
        (f"{VALUE}\n", VALUE),
        (f"{VALUE}\r\n", VALUE),
        ("a line\nand more\n", "a line\nand more\n"),
    ],
)
def test_from_a_file_and_from_stdin(platform: Scene, tmp_path: Path, text: str, kept: str) -> None:
    path = tmp_path / "value"
    path.write_bytes(text.encode())
    sent: list[str] = []
    for words, given in (
        (("from-file", "--from-file", str(path)), None),
        (("from-stdin", "-"), text),
        (("from-stdin-too", "--from-file", "-"), text),
    ):
        done = platform.type("secret", "set", *words, input=given)
        assert done.exit_code == 0, done.output
        sent.append(value_of(platform, words[0]))
    assert sent == [kept] * 3


def value_of(platform: Scene, name: str) -> str:
    """As a run would get it."""
    parts = platform.server.parts

    async def read() -> str:
        async with parts.database.reader() as session:
            row = (await session.scalars(select(SecretRow).where(SecretRow.name == name))).one()
            return await secret_values.read(session, parts.keyring, row, row.version)

    return platform.server.call(read())


def test_a_value_as_an_argument_is_refused_and_not_repeated(platform: Scene) -> None:
    done = platform.type("secret", "set", "aws-key", VALUE)
    assert done.exit_code == 2
    assert "shells and process lists" in done.stderr
    assert VALUE not in done.output
    both = platform.type("secret", "set", "aws-key", "-", "--from-file", "x", input="y")
    assert (both.exit_code, "give one of them" in both.stderr) == (2, True)


def test_what_cannot_be_kept_is_told(platform: Scene, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "huge").write_text("x" * (65 << 10))
    for name, told in (
        ("binary", "no text in UTF-8"),
        ("empty", "1 to 65536 bytes"),
        ("huge", "1 to 65536 bytes"),
        ("absent", "cannot be read"),
    ):
        done = platform.type("secret", "set", "aws-key", "--from-file", str(tmp_path / name))
        assert (done.exit_code, told in done.stderr) == (2, True), done.output
        assert "xxxx" not in done.output
    named = platform.type("secret", "set", "AWS_KEY", input=f"{VALUE}\n{VALUE}\n")
    assert (named.exit_code, "Perhaps 'aws-key'" in named.stderr) == (2, True)
    assert platform.type("secret", "list").stdout == "No secrets in default.\n"


def test_a_short_value_is_kept_with_a_warning(platform: Scene) -> None:
    done = platform.type("secret", "set", "pin", "-", input="12345")
    assert done.exit_code == 0
    assert "fewer than 6 characters" in done.stderr
    assert "no: too short" in platform.type("secret", "list").stdout


def test_deleting_and_what_is_not_there(platform: Scene) -> None:
    platform.type("secret", "set", "aws-key", "-", input=VALUE)
    assert platform.type("secret", "delete", "aws-key").exit_code == 0
    for words in (("delete", "aws-key"), ("show", "aws-key"), ("show", "..")):
        done = platform.type("secret", *words)
        assert done.exit_code == 2, done.output
    assert "Nothing was given aws-key." in platform.type("secret", "uses", "aws-key").stdout


def test_rotating_the_keys(platform: Scene) -> None:
    platform.type("secret", "set", "aws-key", "-", input=VALUE)
    done = platform.type("secret", "rotate-keys")
    assert done.exit_code == 0, done.output
    assert "(new); 1 were brought under it" in done.stdout
    assert "but backups" in done.stderr
    assert value_of(platform, "aws-key") == VALUE
    again = json.loads(platform.type("secret", "rotate-keys", "--no-new-key", "--json").stdout)
    assert (again["added"], again["rewrapped"]) == (False, 0)


def test_a_repeated_call_makes_one_version_and_its_hash_helps_nobody_to_guess(platform: Scene) -> None:
    call, path = platform.client.transport.call, "/api/v1/projects/default/secrets/aws-key"
    first = call("POST", path, Secret, body=SecretSet(value=VALUE), key="one")
    assert call("POST", path, Secret, body=SecretSet(value=VALUE), key="one") == first
    with pytest.raises(IdempotencyConflict):
        call("POST", path, Secret, body=SecretSet(value="another"), key="one")
    with sqlite3.connect(platform.server.config.data_dir / "platform.db") as database:
        rows = database.execute("SELECT request_hash, body FROM idempotency WHERE key = 'one'").fetchall()
    ((kept, body),) = rows
    guess = f"POST {path}?\n".encode() + SecretSet(value=VALUE).model_dump_json().encode()
    assert kept != hashlib.sha256(guess).hexdigest()
    assert VALUE not in body


def test_the_client_does_not_repeat_a_value_that_does_not_fit(platform: Scene) -> None:
    with pytest.raises(UsageError) as raised:
        platform.client.secrets.set("default", "aws-key", VALUE + "\0")
    assert raised.value.__cause__ is None
    assert VALUE not in raised.value.message


def test_errors_of_the_server_do_not_repeat_a_value(platform: Scene) -> None:
    url = f"{platform.server.url}/api/v1/projects/default/secrets/aws-key"
    bodies = [
        f'{{"value": "{VALUE}\\u0000"}}', f'{{"value": ["{VALUE}"]}}', f'{{"value": "{VALUE}", "extra": 1}}',
        f'{{"value": "{VALUE}', f'"{VALUE}"', VALUE,
    ]  # fmt: skip
    for body in bodies:
        answer = requests.post(
            url,
            data=body,
            headers={**platform.server.headers, "Content-Type": "application/json"},
            timeout=10,
        )
        assert answer.status_code == 422, answer.text
        assert VALUE not in answer.text


def test_nobody_else_sees_a_projects_secrets(platform: Scene) -> None:
    agent = platform.client.agents.create("default", "local")
    platform.type("secret", "set", "aws-key", "-", input=VALUE)
    with (
        PlatformClient(platform.server.url, agent.token) as client,
        pytest.raises(Forbidden),
    ):
        client.secrets.list("default")
    with pytest.raises(NotFound):
        platform.client.secrets.list("another")
