"""Charts as shapes: numbers become places in a drawing, without any library and without a browser."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 160
GAP = 0.22


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: where it stands, how high it is, what it counts."""

    x: float
    y: float
    width: float
    height: float
    value: int
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One series over time: its bars or, for what is measured at moments, a line; and the number at its top."""

    values: tuple[int, ...]
    labels: tuple[str, ...]
    top: int

    @property
    def total(self) -> int:
        """All of it together."""
        return sum(self.values)

    @property
    def last(self) -> int:
        """The newest of it."""
        return self.values[-1]

    @property
    def bars(self) -> list[Bar]:
        """A bar for each value, from the left to the right."""
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
        """The points of a line through all values."""
        step = WIDTH / max(1, len(self.values) - 1)
        places = ((step * number, HEIGHT - self._height(value)) for number, value in enumerate(self.values))
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)

    @property
    def area(self) -> str:
        """The points of the surface below that line."""
        return f"0,{HEIGHT} {self.line} {WIDTH},{HEIGHT}"

    def _height(self, value: int) -> float:
        return HEIGHT * value / self.top


def chart(values: Sequence[int], labels: Sequence[str]) -> Chart:
    """The chart of some values, each with its label."""
    return Chart(tuple(values), tuple(labels), _top(max(values, default=0)))


def _top(most: int) -> int:
    """The next round number: 1, 2, 4, 5, 10, 20, 40, 50, 100."""
    power: int = 10 ** max(0, len(str(most)) - 1)
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= most)
