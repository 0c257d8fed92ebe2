"""The events of the password."""

from fam_auth.events import Event, UserEvent


class PasswordChanged(UserEvent, kind="password.changed"):
    """The user set a new password."""

    # Known browsers stay known: this user knew the old password, so their browsers are the owner's.
    notifies = "password_changed"
    changes_credentials = True


class PasswordResetRequested(UserEvent, kind="password.reset_requested"):
    """A link to reset the password was mailed."""


class PasswordReset(UserEvent, kind="password.reset"):
    """The user set a new password by such a link."""

    notifies = "password_changed"
    changes_credentials = True
    forgets_known_browsers = True


class PasswordLinkMade(UserEvent, kind="password.link_made"):
    """An operator printed a link to set a new password."""


class PasswordCompromised(UserEvent, kind="password.compromised"):
    """An administrator marked the password as compromised."""

    invalidates = "user"
    notifies = "password_compromised"
    changes_credentials = True
    forgets_known_browsers = True
    is_alarming = True


class BreachCheckFailed(Event, kind="password.breach_check_failed"):
    """The range API did not answer, so only the list of the package was checked; `reason` says why. Once a minute."""
