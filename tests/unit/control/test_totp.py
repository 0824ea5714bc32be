"""One-time codes as RFC 6238 gives them, each good once and for its half minute."""

import pytest

from control.people.totp import SECRET_BYTES, STEP_MS, accepted_step, address, code_at, secret_of, spelt

SECRET = b"12345678901234567890"
"""RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("time_s", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_the_standard(time_s: int, code: str) -> None:
    assert code_at(SECRET, time_s // 30) == code[-6:]
    assert (len(SECRET), STEP_MS) == (SECRET_BYTES, 30_000), "160 bits and half a minute"


def test_a_code_is_good_half_a_minute_either_way_and_no_longer() -> None:
    code = code_at(SECRET, 1000)
    found = {
        step: accepted_step(SECRET, code, now_ms=step * STEP_MS, after_step=0) for step in range(997, 1004)
    }
    assert found == {997: None, 998: None, 999: 1000, 1000: 1000, 1001: 1000, 1002: None, 1003: None}


def test_a_code_is_good_once() -> None:
    code = code_at(SECRET, 1000)
    assert accepted_step(SECRET, code, now_ms=1000 * STEP_MS, after_step=1000) is None


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "9428708", "１２３４５６"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert accepted_step(SECRET, code, now_ms=1000 * STEP_MS, after_step=0) is None


def test_a_program_can_scan_it_and_a_person_type_it() -> None:
    text = address(SECRET, username="zhao", issuer="Stoplog park")
    assert text.startswith("otpauth://totp/Stoplog%20park:zhao?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&")
    assert text.endswith("&issuer=Stoplog%20park&algorithm=SHA1&digits=6&period=30")
    assert secret_of(spelt(SECRET)) == SECRET
