"""How often something may happen: `30/5m` is thirty times in five minutes."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,3})?([smhd])")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` times in `period`; what was used up comes back evenly over the period."""

    limit: int
    period: timedelta

    def __str__(self) -> str:
        seconds = self.period // timedelta(seconds=1)
        unit, size = next((unit, size) for unit, size in _SIZES if not seconds % size)
        return f"{self.limit}/{seconds // size}{unit}"

    @property
    def interval(self) -> float:
        """Seconds after which one use comes back."""
        return self.period.total_seconds() / self.limit

    @property
    def tolerance(self) -> float:
        """Seconds that the uses so far may run ahead of the clock (GCRA: the burst of `limit`)."""
        return self.interval * (self.limit - 1)

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """The rate that `30/5m`, `20/h` or `300/1d` says. Raises ValueError for anything else."""
        found = FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError("say how often in how long, as in 30/5m, 20/h or 300/1d")
        limit, count, unit = found.groups()
        return cls(int(limit), timedelta(**{UNITS[unit]: int(count or 1)}))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(_rate)


def _rate(value: Any) -> Rate:  # noqa: ANN401 - pydantic gives whatever was configured
    return value if isinstance(value, Rate) else Rate.parse(str(value))


_SIZES = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
