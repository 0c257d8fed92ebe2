"""How another program made a hash: what can be derived again, what is weak, and what costs too much."""

import base64
import hmac
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

# Less than an MD5 is no hash of a password; an empty one would be equal to nothing derived at all.
SHORTEST_DIGEST = 16
# What one check may cost, about: a few seconds of one core, and this many bytes. A thread of the pool is held so long.
MOST_MEMORY = 1 << 30
# Far beyond what any program writes (16 and 64 bytes). Each is bounded by itself: a PBKDF2 with a digest of 1 MB costs
# 32,000 times what its rounds say.
LONGEST_DIGEST, LONGEST_SALT = 512, 1024
# Of a hash as a text. It has room for the longest salt and digest, and none for what makes a parser slow.
LONGEST_TEXT = 4096


class UnknownHash(ValueError):
    """The text is no hash that is understood. Never says what the text is."""


class AmbiguousHash(UnknownHash):
    """Two programs write hashes in this form, and make them differently."""


class CostlyHash(UnknownHash):
    """Checking a password against it would take seconds, or more memory than there may be."""


@dataclass(frozen=True, slots=True)
class Recipe(ABC):
    """Everything of a hash but what came out of it. Fields beyond the salt are numbers and short words."""

    family: ClassVar[str]
    salt: bytes

    @property
    @abstractmethod
    def is_weak(self) -> bool:
        """Whether it is cheaper to guess at than OWASP's least parameters for its family, or than any there may be."""

    @property
    @abstractmethod
    def is_costly(self) -> bool:
        """Whether one check would hold a thread for seconds, or take more than a gibibyte.

        Each parameter that costs has a bound of its own, and all of them together.
        """

    @abstractmethod
    def derive(self, password: str) -> bytes:
        """What comes out for this password, as it was typed. Takes its time: never call it on the event loop."""

    def is_long(self, length: int) -> bool:
        """Whether the salt, or the `length` bytes that come out, are more than any program writes."""
        return len(self.salt) > LONGEST_SALT or length > LONGEST_DIGEST


@dataclass(frozen=True, slots=True)
class Foreign:
    """A hash that another program made: the recipe, and what came out of it for the right password."""

    recipe: Recipe
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) < SHORTEST_DIGEST:
            raise UnknownHash("the hash is truncated")

    def matches(self, password: str) -> bool:
        """Whether it is a hash of `password`."""
        return hmac.compare_digest(self.recipe.derive(password), self.digest)


def from_base64(text: str) -> bytes:
    """The bytes of base64 in any spelling: standard, for URLs, passlib's; padded or not. Raises ValueError."""
    plain = text.rstrip("=").translate(str.maketrans("-_.", "+/+"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def to_base64(value: bytes) -> str:
    """Standard base64 without padding, as in PHC strings."""
    return base64.b64encode(value).decode().rstrip("=")
