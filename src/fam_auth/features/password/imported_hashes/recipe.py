"""How another program made a hash: derives it again, and says whether it is weak or too costly."""

import base64
import hmac
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

# The length of an MD5. An empty digest would match a recipe that derives nothing.
SHORTEST_DIGEST = 16
# One check may take a few seconds of one core, during which it holds a thread of the pool, and this many bytes.
MOST_MEMORY = 1 << 30
# Far more than any program writes (64 and 16 bytes). Each has its own bound: a PBKDF2 with a digest of 1 MB costs
# 32,000 times what its rounds say.
LONGEST_DIGEST, LONGEST_SALT = 512, 1024
# Characters of a hash: enough for the longest salt and digest, too few to slow down a parser.
LONGEST_TEXT = 4096


class UnknownHash(ValueError):
    """The text is no known hash. The message never contains the text."""


class AmbiguousHash(UnknownHash):
    """Two programs write hashes in this form, but compute them differently."""


class CostlyHash(UnknownHash):
    """Checking a password against it would take several seconds, or more than MOST_MEMORY."""


@dataclass(frozen=True, slots=True)
class Recipe(ABC):
    """The parameters of a hash, without its digest. Fields other than the salt are numbers and short words."""

    family: ClassVar[str]
    salt: bytes

    @property
    @abstractmethod
    def is_weak(self) -> bool:
        """Whether it is cheaper to attack than OWASP's minimum for its family, or OWASP has no minimum for it."""

    @property
    @abstractmethod
    def is_costly(self) -> bool:
        """Whether one check would hold a thread for several seconds, or take more than a gibibyte.

        Each costly parameter has its own bound, and their product has one.
        """

    @abstractmethod
    def derive(self, password: str) -> bytes:
        """The digest of this password, as typed. Slow: never call it on the event loop."""

    def is_long(self, length: int) -> bool:
        """Whether the salt, or a digest of `length` bytes, is longer than any program writes."""
        return len(self.salt) > LONGEST_SALT or length > LONGEST_DIGEST


@dataclass(frozen=True, slots=True)
class Foreign:
    """A hash of another program: its parameters and its digest."""

    recipe: Recipe
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) < SHORTEST_DIGEST:
            raise UnknownHash("the hash is truncated")

    def matches(self, password: str) -> bool:
        """Whether it is the hash of `password`."""
        return hmac.compare_digest(self.recipe.derive(password), self.digest)


def from_base64(text: str) -> bytes:
    """Decodes base64 in any alphabet (standard, URL-safe, passlib's), padded or not. Raises ValueError."""
    plain = text.rstrip("=").translate(str.maketrans("-_.", "+/+"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def to_base64(value: bytes) -> str:
    """Standard base64 without padding, as in PHC strings."""
    return base64.b64encode(value).decode().rstrip("=")
