"""Cryptography with keys from the configured secrets: token digests, sealed tokens, and encryption at rest."""

import base64
import hmac
import secrets
import struct
from collections.abc import Mapping
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fam_auth.exceptions import Misconfigured

MINIMUM_SECRET = 32
DIFFERENT_SIGNS = 10
LAST_VERSION = 255  # sealed tokens store the version in one byte
PLACEHOLDERS = ("change", "secret", "example", "placeholder", "password", "insecure", "your-", "todo", "xxxx")
REMEDY = "Generate one with `fam-auth secret` and set FAM_AUTH_SECRETS."


def new_secret() -> str:
    """A new secret for FAM_AUTH_SECRETS: 256 random bits in hexadecimal digits."""
    return secrets.token_hex(32)


def new_token(prefix: str) -> str:
    """A new one-time token: the prefix, which tells its type, and 256 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def new_code() -> str:
    """A new code of six random digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def parse_secrets(text: str) -> dict[int, str]:
    """The secrets in "2:...,1:..." by version, in order. A single secret without a number is version 1.

    Raises Misconfigured for versions that are not 1 to 255 or repeated, and for secrets that are too short or look like
    placeholders.
    """
    versions: dict[int, str] = {}
    for part in (part.strip() for part in text.split(",")):
        number, colon, secret = part.partition(":")
        version, secret = (number, secret) if colon else ("1", number)
        # isdigit() alone is also true for "²", which int() refuses.
        if (
            not version.isascii()
            or not version.isdigit()
            or not 1 <= int(version) <= LAST_VERSION
            or int(version) in versions
        ):
            raise Misconfigured(
                f"FAM_AUTH_SECRETS: the version before each colon must be a different number from 1 to 255. {REMEDY}"
            )
        versions[int(version)] = _strong(secret)
    return versions


def _strong(secret: str) -> str:
    if len(secret) < MINIMUM_SECRET:
        raise Misconfigured(f"FAM_AUTH_SECRETS: a secret is shorter than {MINIMUM_SECRET} characters. {REMEDY}")
    if len(set(secret)) < DIFFERENT_SIGNS or any(word in secret.lower() for word in PLACEHOLDERS):
        raise Misconfigured(f"FAM_AUTH_SECRETS: a secret looks like a placeholder. {REMEDY}")
    return secret


class Keys:
    """The keys of one version of the secret, derived separately for each purpose (HKDF, RFC 5869)."""

    def __init__(self, version: int, secret: str) -> None:
        self.version = version
        self._secret = secret.encode()

    def derive(self, purpose: str, length: int) -> bytes:
        """The key for `purpose`, in `length` bytes. Keys of different purposes tell nothing about each other."""
        return HKDF(SHA256(), length, salt=None, info=f"fam-auth {purpose}".encode()).derive(self._secret)

    @cached_property
    def digest(self) -> bytes:
        """The HMAC key for the digests by which tokens are looked up."""
        return self.derive("digest", 32)

    @cached_property
    def carrier(self) -> AESSIV:
        """The cipher for sealed tokens, which contain a value."""
        return AESSIV(self.derive("carrier", 64))

    @cached_property
    def rest(self) -> AESGCM:
        """The cipher for database columns."""
        return AESGCM(self.derive("rest", 32))


class Keyring:
    """The configured secrets: the first one encrypts and signs, all of them decrypt and verify."""

    def __init__(self, versions: Mapping[int, str]) -> None:
        self._all = {version: Keys(version, secret) for version, secret in versions.items()}
        self._first = next(iter(self._all.values()))

    def __repr__(self) -> str:
        return f"Keyring(versions={list(self._all)})"

    @property
    def versions(self) -> list[int]:
        """The versions of all configured secrets."""
        return list(self._all)

    @property
    def version(self) -> int:
        """The version of the secret that encrypts and signs."""
        return self._first.version

    def digest(self, purpose: str, value: str) -> str:
        """The keyed digest of a secret value, as the database stores it: `version.hex`.

        Without the key, it can neither be inverted nor be forged by writing to the database.
        """
        return _digest(self._first, purpose, value)

    def digests(self, purpose: str, value: str) -> list[str]:
        """The digests that a stored row may have for `value`, one per configured secret."""
        return [_digest(keys, purpose, value) for keys in self._all.values()]

    def is_digest_of(self, purpose: str, value: str, digest: str) -> bool:
        """Whether `digest` is one of `value`. Compares in constant time."""
        return any(hmac.compare_digest(candidate, digest) for candidate in self.digests(purpose, value))

    def seal_token(self, purpose: str, payload: bytes) -> str:
        """A sealed token: `payload`, encrypted and authenticated for `purpose` (AES-SIV, RFC 5297).

        Deterministic: the same payload gives the same token. The version is in the last byte, so that tokens do not all
        begin alike.
        """
        sealed = self._first.carrier.encrypt(payload, [purpose.encode()])
        return base64.urlsafe_b64encode(sealed + bytes([self._first.version])).decode().rstrip("=")

    def open_token(self, purpose: str, token: str) -> bytes | None:
        """The payload of a sealed token; None if it was not sealed by us for this purpose."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            return self._all[raw[-1]].carrier.decrypt(raw[:-1], [purpose.encode()])
        except (ValueError, IndexError, KeyError, InvalidTag):
            return None

    def encrypt(self, place: str, plain: bytes) -> str:
        """Encrypt a column value (AES-GCM), as `v1.version.nonce.text`.

        It is bound to `place` (table|row|purpose), so that a value that is copied to another row does not decrypt.
        """
        nonce = secrets.token_bytes(12)
        text = self._first.rest.encrypt(nonce, plain, place.encode())
        return f"v1.{self._first.version}.{nonce.hex()}.{base64.b64encode(text).decode()}"

    def decrypt(self, place: str, sealed: str) -> bytes:
        """Decrypt a column value. Raises ValueError if it was not encrypted by us for this place."""
        try:
            _, version, nonce, text = sealed.split(".")
            return self._all[int(version)].rest.decrypt(bytes.fromhex(nonce), base64.b64decode(text), place.encode())
        except (KeyError, InvalidTag) as error:
            raise ValueError("encrypted with another key or for another place") from error


def _digest(keys: Keys, purpose: str, value: str) -> str:
    # With its length in front, no purpose and value together equal another purpose with another value.
    message = struct.pack(">I", len(purpose)) + purpose.encode() + value.encode("utf-8", "surrogatepass")
    return f"{keys.version}.{hmac.digest(keys.digest, message, 'sha256').hex()}"
