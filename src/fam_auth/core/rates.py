"""How often something may happen: `30/5m` is thirty times in five minutes."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,3})?([smhd])")


class Rate(str):
    """At most `limit` times in `period`; what was used up comes back evenly over the period.

    Written `30/5m`, `20/h` or `300/1d`. Raises ValueError for anything else.
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
        """Seconds after which one use comes back."""
        return self.period.total_seconds() / self.limit

    @property
    def tolerance(self) -> float:
        """Seconds that the uses so far may run ahead of the clock (GCRA: the burst of `limit`)."""
        return self.interval * (self.limit - 1)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


@dataclass(frozen=True, slots=True)
class ExponentialBackoff:
    """`free` attempts in a row, then each doubles the wait up to `longest` seconds; after `cap` there is no more."""

    free: int
    longest: int
    cap: int
