"""The events of two-factor authentication."""

from fam_auth.events import UserEvent


class SecondFactorAdded(UserEvent, kind="second_factor.added"):
    """The user confirmed an authenticator."""

    notifies = "second_factor_added"
    changes_credentials = True


class SecondFactorRemoved(UserEvent, kind="second_factor.removed"):
    """An authenticator was removed; `reason` when an administrator did it."""

    notifies = "second_factor_removed"
    changes_credentials = True


class SecondFactorFailed(UserEvent, kind="second_factor.failed"):
    """A second factor was wrong, after a right first one. A mail tells the user after several in a row."""

    notifies = "password_known"
    counts_as = "failures"


class RecoveryCodesReplaced(UserEvent, kind="second_factor.recovery_codes_replaced"):
    """The user made new recovery codes; the old ones no longer work."""

    notifies = "recovery_codes_replaced"


class RecoveryCodeUsed(UserEvent, kind="second_factor.recovery_code_used"):
    """A recovery code was used, and no longer works."""

    notifies = "recovery_code_used"


class EmailCodeSent(UserEvent, kind="second_factor.email_code_sent"):
    """A code to sign in was mailed."""


class BrowserTrusted(UserEvent, kind="second_factor.browser_trusted"):
    """The user trusted a browser, which needs no second factor for a while."""
