"""Time-based one-time codes as a second factor (RFC 6238, six digits, 30 s, SHA-1): decides; keeps nothing.

SHA-1 is what authenticator programs speak; HMAC does not rest on its resistance to collisions (RFC 6238, B.2).
"""

import base64
import hashlib
import hmac
from urllib.parse import quote

STEP_MS = 30_000
DIGITS = 6
SECRET_BYTES = 20
"""160 bits, as RFC 4226 section 4 recommends."""
DRIFT_STEPS = 1
"""A clock may be half a minute wrong either way (RFC 6238, section 5.2)."""


def code_at(secret: bytes, step: int) -> str:
    """Return the code of one step of 30 s since 1970 (RFC 4226, section 5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def accepted_step(secret: bytes, code: str, *, now_ms: int, after_step: int) -> int | None:
    """Return the step whose code this is; None when it is wrong, too old, or of a step up to `after_step`.

    A code is good once: the caller keeps the step and passes it as `after_step` from then on.
    """
    now_step = now_ms // STEP_MS
    for step in range(now_step - DRIFT_STEPS, now_step + DRIFT_STEPS + 1):
        if step > after_step and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def spelt(secret: bytes) -> str:
    """Return the secret as people type it: base32."""
    return base64.b32encode(secret).decode()


def secret_of(text: str) -> bytes:
    """Return the secret that `spelt` has written."""
    return base64.b32decode(text)


def address(secret: bytes, *, username: str, issuer: str) -> str:
    """Return the `otpauth:` address that an authenticator program scans."""
    return (
        f"otpauth://totp/{quote(issuer)}:{quote(username)}?secret={spelt(secret)}&issuer={quote(issuer)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_MS // 1000}"
    )
