"""The one exception tree. What the server raises, the client raises again as the same class.

    PlatformError
      UsageError                 the caller's input is wrong; nothing was written
        RegistrationError        a flow cannot be registered as it is
          CannotTravel           an object the flow uses cannot go to another process
      NotSignedIn                no token, or one the platform does not know
      Forbidden                  the token is good but may not do this
        ForeignAttempt           an agent would end what stands in another Prefect than its own
      NotFound
        Removed                  it was there, and retention removed it
      Conflict                   the thing is in another state than the call needs
        OffsetMismatch           a log append that does not start where the log ends
        AlreadyClaimed           a second launcher asks for a workload
        IdempotencyConflict      one Idempotency-Key, two different requests
        ChangedMeanwhile         somebody changed the thing after the caller had read it
        SecretUnavailable        a run asks for a secret that cannot be given to it
      TooLarge                   a body or bundle over its bound
      DigestMismatch             bytes that are not the bytes their digest names
      NoCapacity                 the machine cannot take this now
      Unavailable                the platform or something it needs does not answer
        OrchestratorUnavailable  Prefect does not answer
        StorageFull              no space left where the platform keeps its data
        ClusterUnavailable       a Dask cluster that should be there is not
      WorkerLost                 a Dask worker was lost while a task ran on it
        ResultLost               it was lost later, and with it the only copy of a task's result
      InternalError              a fault of ours

A message names the thing, its state and the next step. It never carries a secret, and
never more than `MAX_FOREIGN_TEXT` characters of somebody else's answer.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

MAX_FOREIGN_TEXT = 256
"""Characters of a foreign answer that an error may repeat: who knows what is in the rest."""


class PlatformError(Exception):
    """Base of every error of the platform.

    `code` is stable and travels over HTTP; `status` is the HTTP status; `data` holds facts
    that a program may act on (an offset, a limit), all of them JSON values.
    """

    code: ClassVar[str] = "platform-error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = data

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: our own frames are no news to who called us."""
        lines = traceback.format_list(_frames_of_the_caller(self.__traceback__))
        return ["".join([*lines, f"{type(self).__name__}: {self.message}"])]

    def problem(self) -> dict[str, Any]:
        """This error as an RFC 9457 problem document."""
        return {
            "type": f"urn:prefect-platform:problem:{self.code}",
            "title": type(self).__name__,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
            "data": self.data,
        }


def _frames_of_the_caller(error: TracebackType | None) -> list[traceback.FrameSummary]:
    """From the last frame of IPython to the first of ours."""
    ours, found = str(Path(__file__).parent), list[traceback.FrameSummary]()
    for frame in traceback.extract_tb(error):
        if "/IPython/core/" in frame.filename:
            found = []
        elif frame.filename.startswith(ours):
            break
        else:
            found.append(frame)
    return found


class UsageError(PlatformError):
    """The caller's input is wrong. Nothing was written."""

    code = "usage"
    status = 422


class RegistrationError(UsageError):
    """A flow cannot be registered as it is."""

    code = "registration"


class CannotTravel(RegistrationError):
    """An object that the flow uses cannot go to another process."""

    code = "cannot-travel"


class NotSignedIn(PlatformError):
    """There is no token, or the platform does not know it."""

    code = "not-signed-in"
    status = 401


class Forbidden(PlatformError):
    """The token is good, but it may not do this."""

    code = "forbidden"
    status = 403


class ForeignAttempt(Forbidden):
    """An agent would settle or stop an attempt whose run stands in another Prefect than its own."""

    code = "foreign-attempt"


class NotFound(PlatformError):
    """There is no such thing, or the caller may not know of it."""

    code = "not-found"
    status = 404


class Removed(NotFound):
    """It was there, and was removed when its time was over; what is known of it stays in the message."""

    code = "removed"
    status = 410


class Conflict(PlatformError):
    """The thing is in another state than this call needs."""

    code = "conflict"
    status = 409


class OffsetMismatch(Conflict):
    """A log append does not start where the log ends; `data["size"]` says where that is."""

    code = "offset-mismatch"
    status = 416


class AlreadyClaimed(Conflict):
    """Another launcher has claimed this workload."""

    code = "already-claimed"


class IdempotencyConflict(Conflict):
    """One Idempotency-Key came with two different requests."""

    code = "idempotency-conflict"


class ChangedMeanwhile(Conflict):
    """Somebody changed the thing after the caller had read it; `data["updated_at"]` says when."""

    code = "changed-meanwhile"


class SecretUnavailable(Conflict):
    """A run asks for a secret that cannot be given to it; the message names it."""

    code = "secret-unavailable"


class TooLarge(PlatformError):
    """A body is over its bound; `data["limit"]` is the bound in bytes."""

    code = "too-large"
    status = 413


class DigestMismatch(PlatformError):
    """The bytes are not the bytes that their digest names."""

    code = "digest-mismatch"
    status = 422


class NoCapacity(PlatformError):
    """There is no room for this now, or never will be."""

    code = "no-capacity"
    status = 409


class Unavailable(PlatformError):
    """The platform, or something it needs, does not answer."""

    code = "unavailable"
    status = 503


class OrchestratorUnavailable(Unavailable):
    """Prefect does not answer."""

    code = "orchestrator-unavailable"


class StorageFull(Unavailable):
    """No space is left where the platform keeps its data."""

    code = "storage-full"
    status = 507


class ClusterUnavailable(Unavailable):
    """A Dask cluster that should be there failed to start, is not ready in time, or does not answer."""

    code = "cluster-unavailable"


class WorkerLost(PlatformError):
    """A Dask worker was lost while a task ran on it. The task's own retries say whether it runs again."""

    code = "worker-lost"


class ResultLost(WorkerLost):
    """A Dask worker was lost after a task had finished on it, and with it the only copy of the result."""

    code = "result-lost"


class InternalError(PlatformError):
    """A fault of the platform; the server's log has the rest."""

    code = "internal"


def _tree(root: type[PlatformError]) -> Iterator[type[PlatformError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def from_problem(problem: Mapping[str, Any]) -> PlatformError:
    """The exception that a problem document stands for; unknown codes become `PlatformError`."""
    classes = {kind.code: kind for kind in _tree(PlatformError)}
    kind = classes.get(str(problem.get("code")), PlatformError)
    data = problem.get("data")
    detail = str(problem.get("detail") or problem.get("title") or "no reason given")
    return kind(detail, **(data if isinstance(data, dict) else {}))


def foreign(text: str) -> str:
    """At most `MAX_FOREIGN_TEXT` characters of somebody else's text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_FOREIGN_TEXT else flat[: MAX_FOREIGN_TEXT - 1] + "…"
