from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.client.api import PlatformClient
from prefect_platform.client.sizes import describe_sizes
from prefect_platform.errors import RegistrationError
from prefect_platform.server.config import ServerConfig
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.flows import RegisterRequest
from prefect_platform.wire.sizes import Size, SizeList
from tests.nvidia.fake import GIB, gpu
from tests.unit.cli.scene import PYTHON, Scene

DEVICE = gpu(1)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[LiveServer]:
    """A platform on a machine of 2 cores and 8 GiB with one GPU."""
    backend = MemoryBackend(cores=2.0, memory_bytes=8 * GIB, gpus=[DEVICE])
    with live_server(
        tmp_path / "m", config=ServerConfig(tmp_path, backend="memory"), backend=backend
    ) as server:
        yield server


def test_size_list_is_a_table_with_reasons(platform: Scene) -> None:
    lines = platform.type("size", "list").stdout.splitlines()
    assert lines[0].split() == ["SIZE", "CORES", "MEMORY", "GPU", "PRICE/H", "AVAILABLE"]
    assert any(line.startswith("medium ") and line.endswith(" yes") for line in lines)
    assert any("no: it needs 16 GiB of memory, and this machine gives runs 8 GiB" in line for line in lines)
    assert any(line.startswith("machine ") for line in lines)
    assert "GPUs" not in lines[-1]


def test_size_list_as_json(platform: Scene) -> None:
    found = json.loads(platform.type("size", "list", "--json").stdout)
    assert found[0]["name"] == "micro"
    assert found[-1]["name"] == "machine"


def test_describe_sizes_is_a_table_and_a_list_of_dicts(machine: LiveServer) -> None:
    found = describe_sizes(machine.url, machine.token)
    assert len(found) == 18
    assert found[0]["memory_bytes"] == GIB
    assert [one["name"] for one in found][-1] == "machine"
    assert repr(found).splitlines()[-1] == "GPUs of this machine: 1 x NVIDIA A100-SXM4-40GB (40 GiB)"
    assert "<td style='text-align:left'>micro</td>" in found._repr_html_()


def test_what_an_operator_wrote_is_text_in_a_page() -> None:
    from prefect_platform.client.sizes import SizeTable

    size = Size(
        name="a", display="a", cores=1, memory_bytes=GIB, disk_bytes=None, shm_bytes=None, gpu=None,
        price_per_hour=0.5, disabled_message=None, unavailable="<script>alert(1)</script>",
    )  # fmt: skip
    page = SizeTable(SizeList(items=[size]))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_capacity_and_readiness_tell_the_devices(machine: LiveServer) -> None:
    with PlatformClient(machine.url, machine.token) as client:
        capacity = client.capacity()
        assert (capacity.gpus, capacity.free_gpus) == ([DEVICE], [DEVICE.uuid])
        checks = {check.name: check.detail for check in client.ready().checks}
        assert checks["gpus"] == "1 x NVIDIA A100-SXM4-40GB (40 GiB)"


def test_the_client_raises_what_the_platform_refuses(machine: LiveServer) -> None:
    request = RegisterRequest.model_validate(
        {
            "flow_name": "etl", "deployment_name": "nightly",
            "code": {"kind": "files", "digest": "a" * 64, "entrypoint": "flow.py:etl", "origin": "flow.py"},
            "settings": {"python": PYTHON, "size": "../../large"},
        }
    )  # fmt: skip
    with PlatformClient(machine.url, machine.token) as client:
        with pytest.raises(RegistrationError, match=r"no size '../../large'"):
            client.flows.register("default", request)
        assert client.flows.list("default").items == []
