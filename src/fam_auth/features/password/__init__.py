"""The password: register, sign in, change it, get a new one."""

from fam_auth.features.password.feature import Password

__all__ = ["Password"]
