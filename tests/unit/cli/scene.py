"""A live platform with flows, runs and logs in it, and a way to type commands at it."""

from __future__ import annotations

import hashlib
import io
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from click.testing import CliRunner, Result

from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.cli.main import main
from prefect_platform.client.api import PlatformClient
from prefect_platform.server.config import OrchestratorSettings, ServerConfig
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.flows import ConfirmRequest, FlowVersion, RegisterRequest
from prefect_platform.wire.runs import AttemptRequest, Run

PYTHON = {"version": "3.11.7", "executable": "/opt/python"}


@dataclass
class Launched:
    """An attempt as its launcher sees it."""

    url: str
    workload_id: str
    token: str
    written: dict[str, bytes] = field(default_factory=dict)

    def call(self, method: str, path: str, **kwargs: object) -> None:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}  # type: ignore[dict-item]
        url = f"{self.url}/api/v1/workloads/{self.workload_id}/{path}"
        answer = requests.request(method, url, headers=headers, timeout=10, **kwargs)  # type: ignore[arg-type]
        assert answer.ok, answer.text

    def write(self, source: str, data: bytes) -> None:
        start = len(self.written.setdefault(source, b""))
        where = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/*"}
        self.call("PATCH", f"logs/{source}", data=data, headers=where)
        self.written[source] += data

    def end(self, state: str = "COMPLETED") -> None:
        for source, data in self.written.items():
            digest = hashlib.sha256(data).hexdigest()
            self.call("POST", f"logs/{source}/seal", json={"size": len(data), "sha256": digest})
        code = 0 if state == "COMPLETED" else 1
        self.call("POST", "result", json={"exit_code": code, "signal": None, "receipt": state})


@dataclass
class Scene:
    server: LiveServer
    client: PlatformClient
    backend: MemoryBackend
    orchestrator: MemoryOrchestrator
    environment: dict[str, str]

    def type(self, *words: str, input: str | None = None, **environment: str) -> Result:  # noqa: A002
        """What a command prints and how it exits."""
        return CliRunner().invoke(main, list(words), input=input, env={**self.environment, **environment})

    def register(
        self,
        files: Mapping[str, bytes],
        *,
        flow: str = "etl",
        environment: Mapping[str, object] | None = None,
        **settings: object,
    ) -> FlowVersion:
        """A version of a flow with one deployment, `nightly`."""
        data = zipped(files)
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        request = RegisterRequest.model_validate(
            {
                "flow_name": flow,
                "deployment_name": "nightly",
                "code": {
                    "kind": "files", "digest": digest, "entrypoint": "flow.py:etl", "origin": "work/flow.py",
                    "files": [
                        {"path": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                        for name, content in files.items()
                    ],
                },
                "settings": {"python": PYTHON, **settings},
                "environment": environment,
            }
        )  # fmt: skip
        answer = self.client.flows.register("default", request)
        if answer.bundle_missing:
            path = self.server.config.data_dir.parent / f"{digest}.zip"
            path.write_bytes(data)
            self.client.flows.upload_bundle("default", digest, path, hashlib.sha256(data).hexdigest())
        deployment = self.orchestrator.add_deployment(f"{flow}/nightly")
        self.client.flows.confirm(
            answer.version.id,
            ConfirmRequest(
                deployment_name="nightly",
                prefect_deployment_id=deployment,
                prefect_flow_id=str(uuid.uuid4()),
                spec_digest=digest,
            ),
        )
        return answer.version

    def launched(self, run: Run) -> Launched:
        """What an agent and a launcher do until user code runs."""
        agent = self.client.agents.create("default", "local")
        with PlatformClient(self.server.url, agent.token) as client:
            attempt = client.attempts.create(
                AttemptRequest(
                    flow_run_id=run.id,
                    pending_state_id=str(uuid.uuid4()),
                    flow_version_id=run.version_id,
                    flow_run_name=run.name,
                    prefect_deployment_id=str(uuid.uuid4()),
                )
            )
        workload = attempt.workload.id
        spec = until(
            lambda: next((s for s in self.backend.launches if s.workload_id == workload), None),
            10,
            "the launch",
        )
        found = Launched(self.server.url, workload, spec.token)
        found.call("POST", "claim", json={"launcher_id": "l1"})
        found.call("POST", "steps", json={"name": "running", "at": "2026-01-01T00:00:00Z", "detail": None})
        return found


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@contextmanager
def scene(directory: Path) -> Iterator[Scene]:
    """A platform below `directory`, and the environment of a user who has its profile."""
    backend, orchestrator = MemoryBackend(runs_at_once=True), MemoryOrchestrator()
    config = ServerConfig(
        directory, backend="memory", orchestrator=OrchestratorSettings("http://127.0.0.1:9/api")
    )
    with live_server(directory / "data", config=config, backend=backend, orchestrator=orchestrator) as server:
        environment = {
            "PREFECT_PLATFORM_PROFILE": str(directory / "profile.json"),
            "PREFECT_PLATFORM_HOME": str(directory / "home"),
            "PREFECT_PLATFORM_URL": server.url,
            "PREFECT_PLATFORM_TOKEN": server.token,
            "PREFECT_PLATFORM_PROJECT": "",
            "TZ": "UTC",
        }
        with PlatformClient(server.url, server.token) as client:
            yield Scene(server, client, backend, orchestrator, environment)
