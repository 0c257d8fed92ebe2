"""Charts as SVG coordinates, without a library and without JavaScript."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 160
GAP = 0.22


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, in coordinates of WIDTH by HEIGHT with the origin at the top left."""

    x: float
    y: float
    width: float
    height: float
    value: int
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One series over time, to draw as bars (counts) or as a line (measurements). `top` is the value at full height."""

    values: tuple[int, ...]
    labels: tuple[str, ...]
    top: int

    @property
    def total(self) -> int:
        """The sum of all values."""
        return sum(self.values)

    @property
    def last(self) -> int:
        """The latest value."""
        return self.values[-1]

    @property
    def bars(self) -> list[Bar]:
        """One bar for each value, from left to right."""
        step = WIDTH / len(self.values)
        return [
            Bar(
                round(step * (number + GAP / 2), 2),
                round(HEIGHT - self._height(value), 2),
                round(step * (1 - GAP), 2),
                round(self._height(value), 2),
                value,
                label,
            )
            for number, (value, label) in enumerate(zip(self.values, self.labels, strict=True))
        ]

    @property
    def line(self) -> str:
        """The `points` of an SVG polyline through all values."""
        step = WIDTH / max(1, len(self.values) - 1)
        places = ((step * number, HEIGHT - self._height(value)) for number, value in enumerate(self.values))
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)

    @property
    def area(self) -> str:
        """The `points` of an SVG polygon that fills the area below the line."""
        return f"0,{HEIGHT} {self.line} {WIDTH},{HEIGHT}"

    def _height(self, value: int) -> float:
        return HEIGHT * value / self.top


def chart(values: Sequence[int], labels: Sequence[str]) -> Chart:
    """The chart of these values, with one label each."""
    return Chart(tuple(values), tuple(labels), _top(max(values, default=0)))


def _top(most: int) -> int:
    """The next round number: 1, 2, 4, 5, 10, 20, 40, 50, 100, and so on."""
    power: int = 10 ** max(0, len(str(most)) - 1)
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= most)
