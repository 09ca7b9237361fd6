"""Time zones: the one place that asks the system's database for them."""

from __future__ import annotations

import datetime as dt
import functools

from memgpt.errors import ConfigError

__all__ = ["utc_offset_s", "zone_named"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
# A day inside of what datetime can hold, in every zone.
_FIRST_US = (dt.datetime(1, 1, 3, tzinfo=dt.timezone.utc) - _EPOCH) // dt.timedelta(microseconds=1)
_LAST_US = (dt.datetime(9999, 12, 30, tzinfo=dt.timezone.utc) - _EPOCH) // dt.timedelta(
    microseconds=1
)


@functools.lru_cache(maxsize=64)
def zone_named(name: str) -> dt.tzinfo:
    """The zone of an IANA name, such as ``"Europe/Berlin"``.

    Raises:
        ConfigError: where this machine does not know it.
    """
    if name == "UTC":
        return dt.timezone.utc
    import zoneinfo  # late: few agents need it

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"there is no time zone {name[:100]!r} on this machine: write an IANA name such as "
            "Europe/Berlin, in upper and lower case. Where a right one is not found, the system "
            'has no time zone database: "pip install tzdata" brings one'
        ) from error


def utc_offset_s(name: str, utc_us: int) -> int:
    """Seconds that the clocks of a zone are ahead of UTC at a time.

    Args:
        name: as for :func:`zone_named`.
        utc_us: microseconds since 1970, UTC; outside of the years 1 to 9999 the nearest time
            inside of them counts.

    Raises:
        ConfigError: where this machine does not know the zone.
    """
    time = _EPOCH + dt.timedelta(microseconds=min(max(utc_us, _FIRST_US), _LAST_US))
    offset = time.astimezone(zone_named(name)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
