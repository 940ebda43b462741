"""Settings: what everybody may see holds no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.errors import UsageError
from prefect_platform.server.config import ServerConfig, from_environment

DATA = {"PREFECT_PLATFORM_DATA_DIR": "/data"}


def test_the_address_of_prefect_holds_no_password() -> None:
    with pytest.raises(UsageError, match="ORCHESTRATOR_AUTH_STRING"):
        from_environment({**DATA, "PREFECT_PLATFORM_ORCHESTRATOR_URL": "http://admin:s3cret@host/api"})


def test_settings_do_not_show_passwords() -> None:
    config = from_environment(
        {
            **DATA,
            "PREFECT_PLATFORM_DATABASE_URL": "postgresql+asyncpg://u:s3cret@host/db",
            "PREFECT_PLATFORM_ORCHESTRATOR_AUTH_STRING": "admin:s3cret",
            "PREFECT_PLATFORM_ORCHESTRATOR_API_KEY": "s3cret",
        }
    )
    assert "s3cret" not in repr(config)


def test_where_the_pages_of_runs_are() -> None:
    assert ServerConfig(Path("/data")).orchestrator.pages == "http://127.0.0.1:4200/v2"


def test_the_file_of_keys_is_named_or_left_out() -> None:
    assert from_environment(DATA).keyring is None
    assert from_environment({**DATA, "PREFECT_PLATFORM_KEYRING": "/keys"}).keyring == Path("/keys")
