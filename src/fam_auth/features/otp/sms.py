"""Codes by SMS: an interface only. No sender is shipped, and no route offers it."""

from typing import Protocol


class SmsSender(Protocol):
    """Sends a text to a telephone number that its owner has confirmed before.

    Numbers are moved to other cards by fraud and texts are read on their way, so a code by SMS is the weakest of second
    factors (NIST SP 800-63B-4 restricts it). A feature that uses a sender says so to its users and offers another.
    """

    async def send(self, number: str, text: str) -> None:
        """Hands the text over. `number` is in the form of E.164; raises when it was not accepted."""
