"""Every setting as a row: its variable, value, default, source and meaning."""

import os
import re
from pathlib import Path

from pydantic import BaseModel

from fam_auth.core.settings import PREFIX, Configured


def described(settings: Configured) -> list[dict[str, str]]:
    """Every setting with its variable, its value (secrets masked), default, source and meaning."""
    prefix = type(settings).model_config.get("env_prefix", PREFIX)
    rows = []
    for name, field in type(settings).model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        parts = _parts(f"{prefix}{name.upper()}", field.description, getattr(settings, name), default)
        rows += [{**row, "source": _source(settings, name, row["name"])} for row in parts]
    return rows


def _parts(name: str, meaning: str | None, value: object, default: object) -> list[dict[str, str]]:
    """A setting, or each of the settings that it is made of."""
    if not isinstance(value, BaseModel):
        return [{"name": name, "value": masked(value), "default": masked(default), "meaning": meaning or ""}]
    return [
        row
        for part, field in type(value).model_fields.items()
        for row in _parts(f"{name}__{part.upper()}", field.description, getattr(value, part), getattr(default, part))
    ]


def masked(value: object) -> str:
    """The value as text; passwords inside of URLs are hidden, and secrets hide themselves."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(value))


def _source(settings: Configured, name: str, variable: str) -> str:
    if any(known == variable or known.startswith(f"{variable}__") for known in os.environ):
        return "environment"
    if name not in settings.model_fields_set:
        return "default"
    directory = os.environ.get("FAM_AUTH_SECRETS_DIR")
    if directory and (Path(directory) / variable.lower()).exists():
        return "secrets directory"
    return "code, .env or profile"
