"""Roles and permissions (RBAC), with changes that take effect at once in every worker."""

from fam_auth.features.role.demands import all_of, any_of, path, permission, role
from fam_auth.features.role.feature import Role
from fam_auth.features.role.settings import Permission

__all__ = ["Permission", "Role", "all_of", "any_of", "path", "permission", "role"]
