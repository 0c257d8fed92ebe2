"""Tokens that carry their own values, sealed and unreadable: no table knows of them."""

import struct
from dataclasses import dataclass
from typing import Any

from fam_auth.core.security import Keyring


@dataclass(frozen=True, slots=True)
class SealedToken:
    """One kind of token: how it begins, which key seals it, and how its values are laid out in bytes."""

    prefix: str
    purpose: str
    layout: struct.Struct

    def seal(self, keys: Keyring, *values: Any) -> str:
        """A token that carries these values. The same values give the same token."""
        return self.prefix + keys.seal_token(self.purpose, self.layout.pack(*values))

    def open(self, keys: Keyring, token: str) -> tuple[Any, ...] | None:
        """The values that `seal` was given; None for anything else."""
        payload = (
            keys.open_token(self.purpose, token.removeprefix(self.prefix)) if token.startswith(self.prefix) else None
        )
        return None if payload is None or len(payload) != self.layout.size else self.layout.unpack(payload)
