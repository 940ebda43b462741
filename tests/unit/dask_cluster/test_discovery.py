"""How a run finds its cluster: it asks the platform, and waits as long as there is something to wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from prefect_platform.dask_cluster import discovery
from prefect_platform.errors import ClusterUnavailable, NotFound, PlatformError, Unavailable, UsageError
from prefect_platform.wire.clusters import ClusterConnection, ClusterStatus, Tls

ENVIRONMENT = {
    "PREFECT_PLATFORM_URL": "http://127.0.0.1:1", "PREFECT_PLATFORM_TOKEN": "t",
    discovery.VARIABLE: "1", discovery.WORKLOAD: "wl-1",
}  # fmt: skip


def answer(revision: int = 1, **fields: Any) -> ClusterConnection:
    values: dict[str, Any] = {
        "cluster_id": "dc-1", "name": "night", "project": "default", "status": ClusterStatus.STARTING,
        "reason": None, "scheduler_address": None, "dashboard": None, "n_workers": 1, "revision": revision,
        "tls": Tls(certificate="-----BEGIN CERTIFICATE-----", key="-----BEGIN PRIVATE KEY-----"),
    }  # fmt: skip
    return ClusterConnection(**values | fields)


READY = answer(3, status=ClusterStatus.RUNNING, scheduler_address="tls://127.0.0.1:9", dashboard="http://d")


@dataclass
class Platform:
    """Answers one after the other, the last for ever."""

    answers: list[ClusterConnection | PlatformError]
    known: list[int | None] = field(default_factory=list)

    @property
    def clusters(self) -> Platform:
        return self

    def own_connection(self, workload_id: str, *, known: int | None, wait: float) -> ClusterConnection:
        assert workload_id == "wl-1"
        self.known.append(known)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, PlatformError):
            raise found
        return found


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    found = Platform([READY])

    @contextmanager
    def connect(url: str, token: str) -> Iterator[Platform]:
        assert (url, token) == ("http://127.0.0.1:1", "t")
        yield found

    monkeypatch.setattr("prefect_platform.client.settings.connect", connect)
    monkeypatch.setattr(discovery, "_begun", [])
    return found


def test_a_ready_cluster(platform: Platform) -> None:
    found = discovery.own_cluster(ENVIRONMENT)
    assert (found.address, found.dashboard) == ("tls://127.0.0.1:9", "http://d")
    assert found.security is not None
    assert found.security.require_encryption
    assert found.security.tls_ca_file == found.security.tls_client_cert == READY.tls.certificate


def test_one_that_starts_is_waited_for_by_what_is_known(platform: Platform) -> None:
    platform.answers = [answer(1), Unavailable("The platform does not answer."), answer(2), READY]
    assert discovery.own_cluster(ENVIRONMENT).address == "tls://127.0.0.1:9"
    assert platform.known == [None, 1, 1, 2]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (answer(status=ClusterStatus.FAILED, reason="Its scheduler was lost."), "is failed: Its scheduler"),
        (answer(status=ClusterStatus.STOPPING), "is stopping: no reason was given"),
        (NotFound("This run has no Dask cluster"), "This run has no Dask cluster"),
    ],
)
def test_what_is_over_is_said_at_once(
    platform: Platform, found: ClusterConnection | PlatformError, message: str
) -> None:
    platform.answers = [found]
    with pytest.raises(ClusterUnavailable, match=message):
        discovery.own_cluster(ENVIRONMENT)


def test_the_wait_has_an_end_and_the_reason(platform: Platform) -> None:
    platform.answers = [answer(reason="It waits for memory.")]
    with pytest.raises(ClusterUnavailable, match=r"not ready within 0\.05 s \(It waits for memory"):
        discovery.own_cluster(ENVIRONMENT, wait_seconds=0.05)


def test_it_is_asked_in_the_background_from_the_start_on(platform: Platform) -> None:
    discovery.begin(ENVIRONMENT)
    assert discovery.own_cluster(ENVIRONMENT).address == "tls://127.0.0.1:9"
    assert platform.known == [None]


def test_a_process_without_a_cluster_is_told_what_to_do() -> None:
    assert not discovery.is_known({})
    with pytest.raises(UsageError, match=r"dask=DaskCluster|cluster= or an address="):
        discovery.own_cluster({})
