"""`install` and `running` under the name that the founding document gives their module."""

from fam_auth.install import install, running

__all__ = ["install", "running"]
