"""The events of roles."""

from fam_auth.events import Event, UserEvent


class RoleCreated(Event, kind="role.created"):
    """A role was created; `after` is what it contains."""


class RoleChanged(Event, kind="role.changed"):
    """A role contains something else: `before` and `after`."""

    @property
    def extends_rights(self) -> bool:
        """Whether the role includes another role now that it did not include before."""
        return not set(self.detail["after"]["includes"]) <= set(self.detail["before"]["includes"])


class RoleDeleted(Event, kind="role.deleted"):
    """A role was deleted; `before` is what it contained."""


class RoleGranted(UserEvent, kind="role.granted"):
    """A user got a role: in which `scope`, until when, and what they had before."""

    @property
    def extends_rights(self) -> bool:
        """Always: a grant may only move the end of an earlier one, but it is treated as a new one."""
        return True


class RoleRevoked(UserEvent, kind="role.revoked"):
    """A role was taken from a user."""
