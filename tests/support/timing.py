"""Whether two kinds of requests can be told apart by how long they take."""

import statistics
from collections.abc import Sequence


def accuracy(one: Sequence[float], other: Sequence[float], votes: int = 1) -> float:
    """How often a threshold, fitted on the first half of the times, names the kind of a second-half request rightly.

    With `votes` it judges by the median of so many requests of a kind. 0.5 is guessing, 1.0 is certainty.
    """
    half = len(one) // 2
    threshold, slower = _fitted(one[:half], other[:half])
    ones = [_middle(one[half:], start, votes) > threshold for start in range(0, half - votes + 1, votes)]
    others = [_middle(other[half:], start, votes) > threshold for start in range(0, half - votes + 1, votes)]
    right = sum(is_slow == slower for is_slow in ones) + sum(is_slow != slower for is_slow in others)
    return right / (len(ones) + len(others))


def _fitted(one: Sequence[float], other: Sequence[float]) -> tuple[float, bool]:
    """The threshold that separates best, and whether `one` is the slower kind."""
    best = (0.0, 0.0, True)
    for threshold in sorted([*one, *other]):
        share = sum(time > threshold for time in one) / len(one) - sum(time > threshold for time in other) / len(other)
        best = max(best, (abs(share), threshold, share > 0))
    return best[1], best[2]


def _middle(times: Sequence[float], start: int, count: int) -> float:
    return statistics.median(times[start : start + count])
