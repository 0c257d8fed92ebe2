"""Codes by SMS: only an interface. fam-auth has no sender and no route for it."""

from typing import Protocol


class SmsSender(Protocol):
    """Sends a text message to a phone number that its owner has confirmed.

    SMS is the weakest second factor (NIST SP 800-63B-4 restricts it): attackers move numbers to their own SIM cards and
    intercept messages. A feature that uses it must tell its users so, and offer another factor.
    """

    async def send(self, number: str, text: str) -> None:
        """Hands over the text. `number` is in E.164 format. Raises if the provider does not accept it."""
