"""Keys from the configured secrets: digests of tokens, tokens that carry a value, and encryption at rest."""

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
LAST_VERSION = 255  # one byte of a token names it
PLACEHOLDERS = ("change", "secret", "example", "placeholder", "password", "insecure", "your-", "todo", "xxxx")
REMEDY = "Generate one with `fam-auth secret` and set FAM_AUTH_SECRETS."


def new_secret() -> str:
    """256 fresh random bits in hexadecimal digits, fit for FAM_AUTH_SECRETS."""
    return secrets.token_hex(32)


def new_token(prefix: str) -> str:
    """A one-time token: type prefix and 256 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def parse_secrets(text: str) -> dict[int, str]:
    """The versioned secrets of "2:...,1:..." in their order; a lone secret without a number is version 1.

    Raises Misconfigured for a version that is not 1 to 255 or comes twice, and for a short or placeholder secret.
    """
    versions: dict[int, str] = {}
    for part in (part.strip() for part in text.split(",")):
        number, colon, secret = part.partition(":")
        version, secret = (number, secret) if colon else ("1", number)
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
    """All keys of one version of the secret, one per purpose (RFC 5869)."""

    def __init__(self, version: int, secret: str) -> None:
        self.version = version
        self._secret = secret.encode()

    def derive(self, purpose: str, length: int) -> bytes:
        """The key of `purpose`: the same for the same secret, unrelated to every other purpose."""
        return HKDF(SHA256(), length, salt=None, info=f"fam-auth {purpose}".encode()).derive(self._secret)

    @cached_property
    def digest(self) -> bytes:
        """What tokens are looked up by."""
        return self.derive("digest", 32)

    @cached_property
    def carrier(self) -> AESSIV:
        """What makes tokens that carry a value."""
        return AESSIV(self.derive("carrier", 64))

    @cached_property
    def rest(self) -> AESGCM:
        """What encrypts columns."""
        return AESGCM(self.derive("rest", 32))


class Keyring:
    """The versions of the secret in force: the first writes, all read."""

    def __init__(self, versions: Mapping[int, str]) -> None:
        self._all = {version: Keys(version, secret) for version, secret in versions.items()}
        self._first = next(iter(self._all.values()))

    def __repr__(self) -> str:
        return f"Keyring(versions={list(self._all)})"

    @property
    def versions(self) -> list[int]:
        """The numbers of the secrets in force."""
        return list(self._all)

    @property
    def version(self) -> int:
        """The number of the secret that writes."""
        return self._first.version

    def digest(self, purpose: str, value: str) -> str:
        """What the database keeps of a secret value: `version.hex`, useless to whoever reads or plants it."""
        return _digest(self._first, purpose, value)

    def digests(self, purpose: str, value: str) -> list[str]:
        """The digests a stored row may have for `value`, one per version in force."""
        return [_digest(keys, purpose, value) for keys in self._all.values()]

    def is_digest_of(self, purpose: str, value: str, digest: str) -> bool:
        """Whether `digest` was made from `value`, in constant time."""
        return any(hmac.compare_digest(candidate, digest) for candidate in self.digests(purpose, value))

    def seal_token(self, purpose: str, payload: bytes) -> str:
        """A token that carries `payload`, sealed and unreadable (AES-SIV, RFC 5297).

        The same payload gives the same token. The last byte names the version, so no two tokens share a beginning.
        """
        sealed = self._first.carrier.encrypt(payload, [purpose.encode()])
        return base64.urlsafe_b64encode(sealed + bytes([self._first.version])).decode().rstrip("=")

    def open_token(self, purpose: str, token: str) -> bytes | None:
        """The payload `seal_token` was given; None for anything else."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            return self._all[raw[-1]].carrier.decrypt(raw[:-1], [purpose.encode()])
        except (ValueError, IndexError, KeyError, InvalidTag):
            return None

    def encrypt(self, place: str, plain: bytes) -> str:
        """`plain` encrypted for one place (table|row|purpose), as `v1.version.nonce.text`; it opens nowhere else."""
        nonce = secrets.token_bytes(12)
        text = self._first.rest.encrypt(nonce, plain, place.encode())
        return f"v1.{self._first.version}.{nonce.hex()}.{base64.b64encode(text).decode()}"

    def decrypt(self, place: str, sealed: str) -> bytes:
        """What `encrypt` was given for this place. Raises ValueError for anything else."""
        try:
            _, version, nonce, text = sealed.split(".")
            return self._all[int(version)].rest.decrypt(bytes.fromhex(nonce), base64.b64decode(text), place.encode())
        except (KeyError, InvalidTag) as error:
            raise ValueError("encrypted with another key or for another place") from error


def _digest(keys: Keys, purpose: str, value: str) -> str:
    message = struct.pack(">I", len(purpose)) + purpose.encode() + value.encode("utf-8", "surrogatepass")
    return f"{keys.version}.{hmac.digest(keys.digest, message, 'sha256').hex()}"
