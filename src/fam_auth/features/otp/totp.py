"""Time-based one-time passwords (TOTP, RFC 6238): pure functions of secret, code and time."""

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
    """160 new random bits in base32, the format of authenticator apps."""
    return pyotp.random_base32(SECRET_BYTES * 8 // 5)


def step_of(now: datetime) -> int:
    """The number of the 30-second time step (RFC 6238, 4.2)."""
    return int(now.timestamp()) // STEP_SECONDS


def code_of(secret: str, step: int) -> str:
    """The six digits of a step."""
    return pyotp.TOTP(secret).generate_otp(step)


def matching_step(secret: str, code: str, now: datetime, drift: int) -> int | None:
    """The step of this code: the current one or one of the `drift` before; None if the code is wrong.

    Compares every step, in constant time, so that the response time does not reveal a partial match (RFC 6238, 5.2).
    """
    present = step_of(now)
    steps = [present - behind for behind in range(drift + 1)]
    matching = [step for step in steps if hmac.compare_digest(code_of(secret, step).encode(), code.encode())]
    return matching[0] if matching else None


def uri_of(secret: str, account: str, issuer: str) -> str:
    """The `otpauth://` URI for the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg_of(uri: str) -> str:
    """The QR code of a URI, as an inline `<svg>` element."""
    return segno.make(uri, error="m").svg_inline(scale=5, border=2, light="#fff")
