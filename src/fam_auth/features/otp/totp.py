"""Time-based one-time passwords (RFC 6238): pure functions of secret, code and time."""

import hmac
from datetime import datetime

from fam_auth.exceptions import Misconfigured

try:
    import pyotp
    import segno
except ImportError as error:  # pragma: no cover - where the extra is missing; tried on the wheel, in the slow group
    raise Misconfigured(
        f"The feature otp requires {error.name}, which is not installed. Install fam-auth[otp]."
    ) from error

STEP_SECONDS = 30
SECRET_BYTES = 20  # 160 bits (RFC 4226, 4)


def new_secret() -> str:
    """160 fresh random bits in base32, as authenticator apps take them."""
    return pyotp.random_base32(SECRET_BYTES * 8 // 5)


def step_of(now: datetime) -> int:
    """The number of the time step (RFC 6238, 4.2)."""
    return int(now.timestamp()) // STEP_SECONDS


def code_of(secret: str, step: int) -> str:
    """The six digits of a step."""
    return pyotp.TOTP(secret).generate_otp(step)


def matching_step(secret: str, code: str, now: datetime, drift: int) -> int | None:
    """The step whose code this is, the present one or up to `drift` before; None when it is none of them.

    Every step is compared, in constant time, so that the time taken tells nothing (RFC 6238, 5.2).
    """
    present = step_of(now)
    steps = [present - behind for behind in range(drift + 1)]
    matching = [step for step in steps if hmac.compare_digest(code_of(secret, step).encode(), code.encode())]
    return matching[0] if matching else None


def uri_of(secret: str, account: str, issuer: str) -> str:
    """The `otpauth://` address that the QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg_of(uri: str) -> str:
    """The QR code of an address as an SVG image without anything around it."""
    return segno.make(uri, error="m").svg_inline(scale=5, border=2, light="#fff")
