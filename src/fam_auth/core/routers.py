"""`install` and `running`, re-exported under the module name that the founding document gives them."""

from fam_auth.install import install, running

__all__ = ["install", "running"]
