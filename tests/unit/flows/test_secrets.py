"""`secrets=[...]`: the short forms, and everything that cannot be attached, told before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.secrets import check_secrets
from prefect_platform.wire.secrets import SecretAttachment

LONG = "x" * 10_000


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("aws-key", {"variable": "AWS_KEY"}),
        ("aws-key=KEY", {"variable": "KEY"}),
        ("aws-key=_a1", {"variable": "_a1"}),
        ("aws-key:~/.aws/key", {"path": "~/.aws/key"}),
        ("aws-key:.aws/key", {"path": "~/.aws/key"}),
        ("aws-key:~/.aws/./key", {"path": "~/.aws/key"}),
        ("aws-key:~/.aws/key:0400", {"path": "~/.aws/key", "mode": 0o400}),
        ("aws-key:~/.aws/key:640", {"path": "~/.aws/key", "mode": 0o640}),
        ("aws-key:~/a=b", {"path": "~/a=b"}),
        ("aws-key:~/a:b", {"path": "~/a:b"}),
        ("aws-key:~/päth with space", {"path": "~/päth with space"}),
        ({"secret": "aws-key", "variable": "KEY"}, {"variable": "KEY"}),
        (SecretAttachment(secret="aws-key", variable="KEY"), {"variable": "KEY"}),
    ],
)
def test_what_is_attached(given: Any, wanted: dict[str, Any]) -> None:
    assert check_secrets([given]) == [SecretAttachment(secret="aws-key", **wanted)]


def test_nothing_is_attached_by_default() -> None:
    assert check_secrets(None) == []
    assert check_secrets(()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("aws-key", ["expected a list", "secrets=["]),
        ({"aws-key": "AKIA-the-value"}, ["expected a list", "never of values"]),
        (7, ["expected a list"]),
        ([7], ["expected text"]),
        (["AWS_KEY"], ["no name for a secret", "Perhaps 'aws-key'"]),
        ([""], ["no name for a secret"]),
        (["a/b"], ["no name for a secret"]),
        ([LONG], ["no name for a secret"]),
        (["1key"], ["'name=VARIABLE'"]),
        (["key="], ["'name=VARIABLE'"]),
        (["key=A B"], ["'name=VARIABLE'"]),
        (["key=A=B"], ["'name=VARIABLE'"]),
        (["path"], ["PATH cannot be set", "which programs and packages"]),
        (["key=LD_PRELOAD"], ["which programs and packages"]),
        (["key=PYTHONPATH"], ["which programs and packages"]),
        (["key=PREFECT__FLOW_RUN_ID"], ["which flow run it is of"]),
        (["key=PREFECT_API_KEY"], ["where its Prefect is"]),
        (["key=PREFECT_PLATFORM_TOKEN"], ["where its platform is"]),
        (["key:/etc/passwd"], ["below the home directory"]),
        (["key:~root/x"], ["below the home directory"]),
        (["key:~/../x"], ["without '..'"]),
        (["key:~/a/../../x"], ["without '..'"]),
        (["key:~/"], ["must name a file"]),
        (["key:"], ["path"]),
        (["key:."], ["must name a file"]),
        (["key:~/folder/"], ["must name a file"]),
        (["key:~/a\nb"], ["control characters"]),
        ([f"key:~/{LONG}"], ["path"]),
        ([f"key:~/{LONG[:300]}"], ["longer than 255 bytes"]),
        (["key:~/a:0200"], ["does not let the run read"]),
        (["a", "b=A"], ["A is given twice", "'a'", "'b'"]),
        (["a:~/x", "b:x"], ["~/x is given twice"]),
        (["a:~/x", "b:~/x/y"], ["a folder of another"]),
        ([f"s{n}" for n in range(101)], ["at most 100"]),
        ([{"secret": "key", "value": "AKIA-the-value"}], ["one that is a dict"]),
        ([{"secret": "key", 1: 2}], ["its keys must be"]),
        ([{"secret": "key"}], ["exactly one of the two"]),
        ([{"secret": "key", "variable": "A", "path": "~/a"}], ["exactly one of the two"]),
    ],
)
def test_what_cannot_be_attached_is_told(given: Any, words: list[str]) -> None:
    with pytest.raises(RegistrationError) as raised:
        check_secrets(given)
    for word in words:
        assert word in raised.value.message
    assert "AKIA" not in raised.value.message
    assert len(raised.value.message) < 1000
