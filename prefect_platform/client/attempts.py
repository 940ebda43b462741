"""Attempts: an agent asks for one, and settles it with what Prefect says at its end."""

from __future__ import annotations

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.runs import Attempt, AttemptRequest, CancelRequest, Settlement


class Attempts:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, request: AttemptRequest) -> Attempt:
        """The attempt for this flow run and Pending state: the same one however often it is asked for."""
        return self._transport.call("POST", "/api/v1/attempts", Attempt, body=request)

    def get(self, attempt_id: str) -> Attempt:
        return self._transport.call("GET", f"/api/v1/attempts/{attempt_id}", Attempt)

    def settle(self, attempt_id: str, settlement: Settlement) -> Attempt:
        return self._transport.call("POST", f"/api/v1/attempts/{attempt_id}/settle", Attempt, body=settlement)

    def cancel(self, attempt_id: str, reason: str = "cancelled in Prefect") -> Attempt:
        wanted = body(CancelRequest, reason=reason[:1024])
        return self._transport.call("POST", f"/api/v1/attempts/{attempt_id}/cancel", Attempt, body=wanted)
