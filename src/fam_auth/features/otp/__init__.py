"""Two-factor authentication: authenticator apps (TOTP), recovery codes, codes by mail."""

from fam_auth.features.otp.feature import Otp
from fam_auth.features.otp.sms import SmsSender

__all__ = ["Otp", "SmsSender"]
