"""The host's STATE: here and away in the words of the specification, and a denial for whoever says that we are away."""

import json

import pytest

from control.presence import certificate, says_away


@pytest.mark.parametrize(
    ("said", "is_away"),
    [
        (b'{"online": false, "timestamp": 5}', True),
        (b'{"timestamp": 5, "online": false}', True),
        (b'{"online": true, "timestamp": 5}', False),
        (b'{"online": 0, "timestamp": 5}', False),
        (b"OFFLINE", False),
        (b"", False),
        (b"[]", False),
        (b"[" * 900, False),
        (b'{"online": false, "x": "' + b"x" * 1000 + b'"}', False),
        (b"\xff\xfe", False),
    ],
)
def test_only_a_death_certificate_is_denied(said: bytes, *, is_away: bool) -> None:
    assert says_away(said) is is_away


def test_a_state_is_two_members_of_json() -> None:
    assert json.loads(certificate(is_online=True, at_ms=7)) == {"online": True, "timestamp": 7}
    assert json.loads(certificate(is_online=False, at_ms=7)) == {"online": False, "timestamp": 7}
