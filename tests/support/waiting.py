"""Waiting for others."""

import time
from collections.abc import Sized


def wait_for(come: Sized, count: int, seconds: float = 20) -> None:
    """Returns once there are so many; fails when there are fewer for too long."""
    deadline = time.monotonic() + seconds
    while len(come) < count:
        assert time.monotonic() < deadline, come
        time.sleep(0.005)
