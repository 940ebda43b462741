"""The block document through which runs find the storage of their results: made, and kept right.

Who deletes or changes it in Prefect makes every run fail that starts before the next sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect_platform.agent.prefect_http import PrefectHttp
from prefect_platform.errors import Conflict, NotFound
from prefect_platform.names import RESULTS_BLOCK
from prefect_platform.wire.results import CAPABILITIES, block_fields, block_type


class ResultsBlock:
    """Block type, schema and documents of the results. Raises what `PrefectHttp.call` raises."""

    def __init__(self, http: PrefectHttp) -> None:
        self._http = http

    async def keep(self, name: str, project: str) -> None:
        """See that the document of a project is there and says what it should."""
        data = {"project": project}
        found = await self._find(f"/block_types/slug/{RESULTS_BLOCK}/block_documents/name/{name}")
        if found is not None and found["data"] == data and _is_ours(found.get("block_schema") or {}):
            return
        kind = await self._type()
        schema = await self._schema(kind)
        if found is None:
            body = {"name": name, "data": data, "block_schema_id": schema, "block_type_id": kind}
            await self._make("/block_documents/", body)
        else:
            change = {"data": data, "block_schema_id": schema, "merge_existing_data": False}
            await self._http.call("PATCH", f"/block_documents/{found['id']}", change)

    async def _type(self) -> str:
        path = f"/block_types/slug/{RESULTS_BLOCK}"
        found = await self._find(path) or await self._make("/block_types/", block_type())
        return str((found or await self._http.call("GET", path))["id"])

    async def _schema(self, kind: str) -> str:
        """Its id; Prefect knows one by its content, and makes it only once."""
        body = {"fields": block_fields(), "block_type_id": kind, "capabilities": list(CAPABILITIES)}
        return str((await self._http.call("POST", "/block_schemas/", body))["id"])

    async def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return dict(await self._http.call("GET", path))
        except NotFound:
            return None

    async def _make(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """What was made, or nothing where another agent was faster."""
        try:
            return dict(await self._http.call("POST", path, body))
        except Conflict:
            return None


def _is_ours(schema: Mapping[str, Any]) -> bool:
    fields = dict(schema.get("fields") or {})
    return bool(fields.get("properties") == block_fields()["properties"])
