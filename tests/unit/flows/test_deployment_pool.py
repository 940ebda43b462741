"""A pool that was named for a deployment is what an agent of this installation makes of it, or refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.deployment import check_pool
from prefect_platform.flows.prefect_api import PrefectApi
from prefect_platform.flows.settings import PrefectSettings
from prefect_platform.names import work_pool_name
from prefect_platform.wire.work_pool import base_job_template

OURS = work_pool_name("inst-1")


def api(pool: dict[str, Any] | None) -> PrefectApi:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/work_pools/gpu"
        return (
            httpx.Response(404, json={"detail": "none"}) if pool is None else httpx.Response(200, json=pool)
        )

    return PrefectApi("http://prefect.test/api", PrefectSettings(None), httpx.MockTransport(answer))


def pool(kind: str = "platform", installation: str | None = "inst-1") -> dict[str, Any]:
    return {"type": kind, "base_job_template": base_job_template(installation)}


@pytest.mark.parametrize(
    "found", [pool(), pool(installation=None), None], ids=["ours", "nobody's", "none yet"]
)
def test_ours_may_be_named(found: dict[str, Any] | None) -> None:
    check_pool(api(found), "gpu", OURS)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pool("process"), r"'gpu' of Prefect at http://prefect.test/api is of type 'process', and no agent"),
        (
            pool(installation="inst-2"),
            r"served by another installation of the platform, inst-2: name another",
        ),
    ],
    ids=["type", "installation"],
)
def test_any_other_is_refused(found: dict[str, Any], words: str) -> None:
    with pytest.raises(RegistrationError, match=words):
        check_pool(api(found), "gpu", OURS)
