"""Resources of a project: agents, Jupyter servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.jupyter_state import OpenLink, ResourceExtend
from prefect_platform.wire.recipes import Recipe, RecipeOutcome, RecipesApply
from prefect_platform.wire.resources import Resource, ResourceCreate, ResourceKind, ResourceUpdate


class Resources:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, project: str, kind: ResourceKind, name: str, spec: Mapping[str, Any], *, start: bool = True
    ) -> Resource:
        """A new resource, started at once unless `start` says otherwise."""
        wanted = body(ResourceCreate, kind=kind, name=name, spec=dict(spec), start=start)
        return self._transport.call("POST", _all(project), Resource, body=wanted)

    def list(self, project: str, kind: ResourceKind | None = None) -> Sequence[Resource]:
        """Newest first."""
        return self._transport.listing(_all(project), Resource, params={"kind": kind})

    def get(self, project: str, kind: ResourceKind, name: str) -> Resource:
        return self._transport.call("GET", _one(project, kind, name), Resource)

    def update(
        self,
        project: str,
        kind: ResourceKind,
        name: str,
        spec: Mapping[str, Any],
        *,
        unchanged_since: datetime | None = None,
    ) -> Resource:
        """Another spec: what runs goes on as it is until it is restarted.

        Raises:
            ChangedMeanwhile: `updated_at` of the resource is another than `unchanged_since`.
        """
        wanted = body(ResourceUpdate, spec=dict(spec), unchanged_since=unchanged_since)
        return self._transport.call("PUT", _one(project, kind, name), Resource, body=wanted)

    def delete(self, project: str, kind: ResourceKind, name: str) -> Resource:
        """Stop it, and then forget it. Its logs stay."""
        return self._transport.call("DELETE", _one(project, kind, name), Resource)

    def start(self, project: str, kind: ResourceKind, name: str) -> Resource:
        return self._transport.call("POST", f"{_one(project, kind, name)}/start", Resource)

    def stop(self, project: str, kind: ResourceKind, name: str) -> Resource:
        return self._transport.call("POST", f"{_one(project, kind, name)}/stop", Resource)

    def restart(self, project: str, kind: ResourceKind, name: str) -> Resource:
        """End what runs of it, and start it anew with its spec of now."""
        return self._transport.call("POST", f"{_one(project, kind, name)}/restart", Resource)

    def apply(
        self, project: str, recipes: Sequence[Recipe], *, dry_run: bool = False, start: bool = True
    ) -> Sequence[RecipeOutcome]:
        """Bring resources to what their recipes say, all of them or none; with `dry_run`, only say what that
        would do."""
        wanted = body(RecipesApply, recipes=recipes, dry_run=dry_run, start=start)
        path = f"/api/v1/projects/{quote(project, safe='')}/recipes"
        return self._transport.call("POST", path, tuple[RecipeOutcome, ...], body=wanted)

    def extend(self, project: str, kind: ResourceKind, name: str, seconds: float) -> Resource:
        """Do not stop it for want of work before so many seconds from now."""
        wanted = body(ResourceExtend, seconds=seconds)
        return self._transport.call("POST", f"{_one(project, kind, name)}/extend", Resource, body=wanted)

    def open(self, project: str, kind: ResourceKind, name: str) -> OpenLink:
        """What opens it in a browser, once and soon."""
        return self._transport.call("POST", f"{_one(project, kind, name)}/open", OpenLink)


def _all(project: str) -> str:
    return f"/api/v1/projects/{quote(project, safe='')}/resources"


def _one(project: str, kind: ResourceKind, name: str) -> str:
    return f"{_all(project)}/{kind.value}/{quote(name, safe='')}"
