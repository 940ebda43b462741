"""What `KubernetesRun(...)` does on this platform's backend, and what it does not do there."""

from __future__ import annotations

from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.run_options import RunOptions

KUBERNETES = "kubernetes"
_EVERYWHERE = frozenset({"timeout_seconds"})
_SAID = {"shm_bytes": "shm"}


def without_effect(options: RunOptions) -> list[str]:
    """Fields that were given and that only Kubernetes knows, as `KubernetesRun` calls them."""
    given = options.model_dump(exclude_defaults=True)
    return [_SAID.get(name, name) for name in given if name not in _EVERYWHERE]


def notes(parts: Parts, settings: VersionSettings) -> list[str]:
    """What somebody should know who registered with `run=`."""
    names = without_effect(settings.run) if settings.run else []
    if not names or parts.config.backend == KUBERNETES:
        return []
    several = len(names) > 1
    told = f"{', '.join(names[:-1])} and {names[-1]}" if several else names[0]
    note = (
        f"run=KubernetesRun(...): {told} {'have' if several else 'has'} no effect here, on the "
        f"{parts.config.backend} backend; stored with the version, {'they take' if several else 'it takes'} "
        "effect with the Kubernetes backend."
    )
    return [note]


def timeout(settings: VersionSettings) -> float | None:
    """Seconds that an attempt may run, if it is bounded."""
    return settings.run.timeout_seconds if settings.run else None
