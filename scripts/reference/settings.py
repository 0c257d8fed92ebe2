"""The page of settings: the kernel's and those of every feature."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fam_auth.core.rates import Rate
from fam_auth.core.settings import PREFIX, Configured, Settings
from scripts.reference.words import code, duration, table
from scripts.reference.world import features

HEAD = """\
# Settings

Set each one as an environment variable, as a line in `.env` (in development), as a file with its name in `FAM_AUTH_SECRETS_DIR`, or as a keyword argument: `Auth(session_idle=...)`, `Otp(issuer=...)`. `fam-auth config` prints every setting with its value and source. fam-auth does not start if a name is unknown.

Write durations in ISO 8601 (`PT10M` for ten minutes, `P7D` for seven days) or as `00:10:00`. Write rate limits as attempts per period: `30/5m`. Separate the items of a list with commas. The last column shows the value in the profile `strict`, where it differs."""
# What a value given by the environment cannot be told from.
UNSET = {"profile": "depends on the database", "features": "`password`, `role`, and `otp` if its extra is installed"}


def page() -> str:
    """Every setting with its default and its meaning."""
    parts = [HEAD, f"## Kernel\n\n{_table(Settings)}"]
    parts += [f"## Feature {feature.name}\n\n{_table(feature)}" for feature in features() if feature.model_fields]
    return "\n\n".join(parts) + "\n"


def variables(owner: type[Configured]) -> Iterator[tuple[str, FieldInfo, str]]:
    """The variable of each setting, its field, and what the strict profile makes of it (empty: nothing)."""
    prefix = str(owner.model_config.get("env_prefix", PREFIX))
    for name, field in owner.model_fields.items():
        kind = type(field.default)
        if issubclass(kind, BaseModel):
            for part, inner in kind.model_fields.items():
                yield f"{prefix}{name.upper()}__{part.upper()}", inner, ""
        else:
            yield f"{prefix}{name.upper()}", field, _changed(owner.strict, name)


def default(field: FieldInfo, name: str = "") -> str:
    """The default as one reads it."""
    if name in UNSET:
        return UNSET[name]
    return "required" if field.is_required() else _said(field.default)


def _table(owner: type[Configured]) -> str:
    prefix = str(owner.model_config.get("env_prefix", PREFIX))
    rows = [
        [f"`{variable}`", default(field, variable.removeprefix(prefix).lower()), field.description or "", strict]
        for variable, field, strict in variables(owner)
    ]
    return table(["variable", "default", "meaning", "strict"], rows)


def _changed(strict: Mapping[str, Any], name: str) -> str:
    return _said(strict[name]) if name in strict else ""


def _said(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case timedelta():
            return duration(value)
        case Enum():
            return code(str(value.value))
        case Rate() | str() | int():
            return code(f"{value:_}".replace("_", ",") if isinstance(value, int) else str(value))
        case tuple() if value:
            return code(",".join(map(str, value)))
        case _:
            return "none"
