"""RFC 6238, appendix B, and what is made of it."""

from datetime import UTC, datetime, timedelta

import pytest

from fam_auth.features.otp import recovery, totp

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890", the RFC's seed for SHA-1
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "expected"), VECTORS)
def test_vectors_of_the_rfc(seconds: int, expected: str) -> None:
    assert totp.code_of(SECRET, totp.step_of(at(seconds))) == expected[-6:]
    assert totp.matching_step(SECRET, expected[-6:], at(seconds), 0) == seconds // 30


def test_s029_the_present_step_and_the_one_before() -> None:
    now = at(1234567890)
    step = totp.step_of(now)
    codes = {offset: totp.code_of(SECRET, step + offset) for offset in (-2, -1, 0, 1)}
    assert [totp.matching_step(SECRET, codes[n], now, 1) for n in (-2, -1, 0, 1)] == [None, step - 1, step, None]
    assert [totp.matching_step(SECRET, codes[n], now, 0) for n in (-1, 0)] == [None, step]
    assert totp.matching_step(SECRET, codes[0], now + timedelta(seconds=60), 1) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "ÄÖÜ123", "000000000"])
def test_an_invalid_code_matches_no_step(code: str) -> None:
    assert totp.matching_step(SECRET, code, at(59), 1) is None


def test_s028_secrets() -> None:
    secrets = {totp.new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {32}  # base32 of 20 bytes


def test_the_address_for_apps() -> None:
    uri = totp.uri_of(SECRET, "ada@example.com", "Acme & Co")
    assert uri == f"otpauth://totp/Acme%20%26%20Co:ada%40example.com?secret={SECRET}&issuer=Acme%20%26%20Co"
    svg = totp.qr_svg_of(uri)
    assert svg.startswith("<svg")
    assert "script" not in svg


def test_s027_recovery_codes() -> None:
    codes = recovery.new_codes()
    assert len(set(codes)) == 10
    assert all(len(recovery.normalized(code)) == 24 for code in codes)
    assert recovery.normalized(f" {codes[0].upper().replace('-', ' ')} ") == codes[0].replace("-", "")
