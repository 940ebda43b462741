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


def parsed(model: type[Spec], spec: Mapping[str, Any]) -> Spec:
    """A spec as its model.

    Raises:
        UsageError: it does not fit.
    """
    try:
        return model.model_validate(dict(spec))
    except ValidationError as error:
        faults = [_fault(model, dict(one)) for one in error.errors()]
        more = f" And {len(faults) - NAMED} more." if len(faults) > NAMED else ""
        raise UsageError(f"spec: {'; '.join(faults[:NAMED])}.{more}") from None


def _fault(model: type[BaseModel], error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "it"
    if error["type"] == "extra_forbidden":
        known = list(model.model_fields)
        hint = nearest(str(error["loc"][-1]), known) or f" (there are {', '.join(known)})"
        return f"there is no field {foreign(where)!r}{hint}"
    return f"{foreign(where)}: {error['msg'][:1].lower()}{error['msg'][1:]}".rstrip(".")
