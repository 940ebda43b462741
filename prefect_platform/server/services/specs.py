"""Specs of resources: read by their kind's model, refused in words that name every field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from prefect_platform.errors import UsageError, foreign
from prefect_platform.names import nearest

Spec = TypeVar("Spec", bound=BaseModel)
NAMED = 5
"""Faults that one sentence names."""
MOST_FIELDS = 20
"""Faults that the answer lists for a form."""


def parsed(model: type[Spec], spec: Mapping[str, Any]) -> Spec:
    """A spec as its model.

    Raises:
        UsageError: it does not fit.
    """
    try:
        return model.model_validate(dict(spec))
    except ValidationError as error:
        errors = [dict(one) for one in error.errors()]
        faults = [_fault(model, one) for one in errors]
        more = f" And {len(faults) - NAMED} more." if len(faults) > NAMED else ""
        fields = [_field(one) for one in errors[:MOST_FIELDS]]
        raise UsageError(f"spec: {'; '.join(faults[:NAMED])}.{more}", fields=fields) from None


def refused(problem: str, *place: str | int) -> UsageError:
    """A spec that fits its model and still cannot be: the message begins with the first name of the place."""
    field = ".".join(["spec", *map(str, place)])
    return UsageError(f"{place[0]}: {problem}", fields=[{"field": field, "problem": problem}])


def _field(error: dict[str, Any]) -> dict[str, str]:
    """As in the answer to a request that does not fit; the names are of the caller's own body."""
    where = ".".join(["spec", *(str(part) for part in error["loc"])])
    return {
        "field": foreign(where),
        "problem": "unknown" if error["type"] == "extra_forbidden" else error["msg"],
    }


def _fault(model: type[BaseModel], error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "it"
    if error["type"] == "extra_forbidden":
        known = list(model.model_fields)
        hint = nearest(str(error["loc"][-1]), known) or f" (there are {', '.join(known)})"
        return f"there is no field {foreign(where)!r}{hint}"
    return f"{foreign(where)}: {error['msg'][:1].lower()}{error['msg'][1:]}".rstrip(".")
