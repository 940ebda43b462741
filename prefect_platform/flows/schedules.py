"""Schedules as a person gives them, checked and turned into what Prefect's API takes.

Every schedule carries a slug of ours: `platform-<name>-<digest of its content>`. A schedule that is
already there is left as it is, so what somebody paused or changed in Prefect's UI stays.
"""

from __future__ import annotations

import hashlib
import json
import math
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError
from dateutil import rrule as rrules
from prefect.schedules import Schedule

from prefect_platform.errors import RegistrationError
from prefect_platform.names import nearest

PREFIX = "platform-"
_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ANCHOR = datetime(2020, 1, 1, tzinfo=UTC)
"""Fixed, so that the same interval is the same schedule: Prefect's default is the time of the call."""


@dataclass(frozen=True)
class WantedSchedule:
    """One schedule as Prefect's API takes it."""

    schedule: dict[str, Any]
    slug: str
    """Starts with `family`."""
    family: str
    """The slug without the digest: the same for a schedule before and after a change."""
    active: bool = True
    parameters: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "schedule": self.schedule,
            "slug": self.slug,
            "active": self.active,
            "parameters": self.parameters,
        }


def wanted_schedules(
    *,
    cron: Any = None,
    interval: Any = None,
    rrule: Any = None,
    schedule: Any = None,
    schedules: Any = None,
    timezone: str | None = None,
) -> list[WantedSchedule]:
    """The schedules that these arguments ask for. cron, interval and rrule also take several.

    Raises:
        RegistrationError: one of them cannot be understood; the message names it and gives an example.
    """
    check_timezone(timezone)
    plain: list[tuple[str, dict[str, Any], Schedule | None]] = []
    plain += [("cron", _cron(item, timezone), None) for item in _several(cron)]
    plain += [("interval", _interval(item, timezone), None) for item in _several(interval)]
    plain += [("rrule", _rrule(item, timezone), None) for item in _several(rrule)]
    objects = [*_several(schedule), *_several(schedules)]
    plain += [_object(item, timezone) for item in objects]
    return _named(plain)


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Iterable) and not isinstance(value, str | dict | rrules.rrulebase):
        return list(value)
    return [value]


def _named(plain: list[tuple[str, dict[str, Any], Schedule | None]]) -> list[WantedSchedule]:
    found: list[WantedSchedule] = []
    for kind, body, given in plain:
        parameters, active = (given.parameters, given.active) if given else ({}, True)
        content = json.dumps([body, parameters], sort_keys=True, default=str)
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        family = f"{PREFIX}{(given.slug if given else None) or kind}"
        slug = f"{family}-{digest}"
        if any(other.slug == slug for other in found):
            raise RegistrationError(f"The schedule {_shown(body)} is given twice.")
        found.append(WantedSchedule(body, slug, family, active, parameters))
    return found


def _shown(body: dict[str, Any]) -> str:
    return next(f"{key}={body[key]!r}" for key in ("cron", "interval", "rrule") if key in body)


def _object(item: Any, timezone: str | None) -> tuple[str, dict[str, Any], Schedule]:
    if isinstance(item, dict):
        item = _from_dict(item)
    if not isinstance(item, Schedule):
        raise RegistrationError(
            f"A schedule is {type(item).__name__} {item!r}: expected one of Prefect's own, such as "
            "`from prefect.schedules import Cron; Cron('0 2 * * *', timezone='Europe/Berlin')`."
        )
    zone = item.timezone or timezone
    check_timezone(item.timezone)
    if item.cron is not None:
        body = _cron(item.cron, zone) | {"day_or": item.day_or}
        return "cron", body, item
    if item.interval is not None:
        # An anchor that nobody gave is the moment the object was made: not part of what was asked.
        given = abs((datetime.now(UTC) - _aware(item.anchor_date)).total_seconds()) > 86400
        anchor = _aware(item.anchor_date) if given else _ANCHOR
        return "interval", _interval(item.interval, zone) | {"anchor_date": anchor.isoformat()}, item
    if item.rrule is not None:
        return "rrule", _rrule(item.rrule, zone), item
    raise RegistrationError("A schedule says neither cron, interval nor rrule, such as Cron('0 2 * * *').")


def _from_dict(item: dict[str, Any]) -> Schedule:
    known = list(Schedule.__dataclass_fields__)
    for key in item:
        if key not in known:
            raise RegistrationError(f"A schedule has no {key!r}.{nearest(str(key), known)}")
    values = dict(item)
    if isinstance(values.get("interval"), int | float):
        values["interval"] = timedelta(seconds=values["interval"])
    for key, check in (("cron", _cron), ("rrule", _rrule)):
        if values.get(key) is not None:
            check(values[key], None)
    return Schedule(**values)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _cron(value: Any, timezone: str | None) -> dict[str, Any]:
    if not isinstance(value, str):
        raise RegistrationError(
            f"cron is {value!r}: expected text such as cron='0 2 * * *' (every day at 2)."
        )
    text = " ".join(value.split())
    expression = _ALIASES.get(text.lower(), text)
    try:
        next(CronSim(expression, datetime.now(UTC)))
    except StopIteration:
        raise RegistrationError(
            f"cron={value!r} never comes due. Every day at 2 is cron='0 2 * * *'."
        ) from None
    except CronSimError as error:
        hint = nearest(text.lower(), _ALIASES) if text.startswith("@") else ""
        raise RegistrationError(
            f"cron={value!r} cannot be read: {str(error).lower()}. It has five fields (minute hour day "
            "month weekday), "
            f"or six with seconds first, or is @daily and the like: every day at 2 is cron='0 2 * * *'.{hint}"
        ) from None
    return {"cron": text, "timezone": timezone}


def _interval(value: Any, timezone: str | None) -> dict[str, Any]:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise RegistrationError(
            f"interval is {value!r}: expected seconds or a timedelta, such as interval=3600 (every hour)."
        )
    if seconds <= 0:
        raise RegistrationError(f"interval={value!r} must be more than 0 seconds, such as interval=3600.")
    return {"interval": seconds, "anchor_date": _ANCHOR.isoformat(), "timezone": timezone}


def _rrule(value: Any, timezone: str | None) -> dict[str, Any]:
    text = str(value) if isinstance(value, rrules.rrulebase) else value
    if not isinstance(text, str):
        raise RegistrationError(f"rrule is {value!r}: expected text such as rrule='FREQ=WEEKLY;BYDAY=MO,TH'.")
    try:
        rrules.rrulestr(text, dtstart=_ANCHOR.replace(tzinfo=None))
    except (ValueError, TypeError, KeyError) as error:
        raise RegistrationError(
            f"rrule={text!r} cannot be read: {error}. Mondays and Thursdays is "
            "rrule='FREQ=WEEKLY;BYDAY=MO,TH'."
        ) from None
    return {"rrule": text, "timezone": timezone or "UTC"}


def check_timezone(timezone: str | None) -> None:
    if timezone is None:
        return
    known = zoneinfo.available_timezones()
    if timezone not in known:
        hint = nearest(str(timezone), known) or " One is 'Europe/Berlin'."
        raise RegistrationError(f"There is no time zone {timezone!r}.{hint}")
