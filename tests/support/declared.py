"""The events that the package declares, without those of tests."""

from fam_auth.events import Event, known
from fam_auth.features.otp import Otp
from fam_auth.features.password import Password
from fam_auth.features.role import Role

FEATURES = (Password, Otp, Role)
"""The features whose import declares events."""


def declared() -> dict[str, type[Event]]:
    """The classes of the kernel and of its features, by kind."""
    return {kind: event for kind, event in known().items() if event.__module__.startswith("fam_auth.")}
