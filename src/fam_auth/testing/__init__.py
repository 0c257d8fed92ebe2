"""Helpers for the tests of your application or feature. The pytest fixtures are in `plugin`."""

from fam_auth.testing.bypasses import bypasses
from fam_auth.testing.checks import Finding, check_application
from fam_auth.testing.clock import Clock, travel
from fam_auth.testing.isolation import isolated, template
from fam_auth.testing.mailbox import Mailbox, code_in, mails_to, token_in
from fam_auth.testing.people import make_user, sign_in, signed_in, totp_code

__all__ = [
    "Clock",
    "Finding",
    "Mailbox",
    "bypasses",
    "check_application",
    "code_in",
    "isolated",
    "mails_to",
    "make_user",
    "sign_in",
    "signed_in",
    "template",
    "token_in",
    "totp_code",
    "travel",
]
