"""Rate limits: `30/5m` allows thirty attempts in five minutes."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,3})?([smhd])")


class Rate(str):
    """A rate limit: at most `limit` attempts in `period`. Used attempts are restored evenly over the period.

    Written as `30/5m`, `20/h` or `300/1d`. Raises ValueError for any other form.
    """

    __slots__ = ("limit", "period")

    limit: int
    period: timedelta

    def __new__(cls, text: str) -> Self:
        found = FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError("must be a rate such as 30/5m, 20/h or 300/1d")
        rate = super().__new__(cls, text.strip())
        limit, count, unit = found.groups()
        rate.limit, rate.period = int(limit), int(count or 1) * UNITS[unit]
        return rate

    @property
    def interval(self) -> float:
        """Seconds until one attempt is restored."""
        return self.period.total_seconds() / self.limit

    @property
    def tolerance(self) -> float:
        """Seconds by which attempts may run ahead of an even rate (GCRA), which allows bursts of `limit`."""
        return self.interval * (self.limit - 1)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


@dataclass(frozen=True, slots=True)
class ExponentialBackoff:
    """A lockout with exponential backoff.

    `free` attempts in a row are free; each further one doubles the wait, up to `longest` seconds; after `cap` attempts
    none is allowed any more.
    """

    free: int
    longest: int
    cap: int
