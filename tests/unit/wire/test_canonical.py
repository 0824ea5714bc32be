"""Canonical JSON: one spelling out; in, only what every reader would read alike."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RemoteProtocolError
from wire.canonical import Json, digest, dumps, loads

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.floats(-1e20, 1e20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


def test_one_spelling() -> None:
    assert (
        dumps({"b": 1.0, "a": [True, None, "关"], "c": 1e21})
        == '{"a":[true,null,"关"],"b":1,"c":1e+21}'.encode()
    )
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ("关", '"关"'),
        (7, "7"),
        (-0.0, "0"),
        (1e-4, "0.0001"),
        (9.9e-5, "0.000099"),
        (9e-7, "9e-7"),
        (999999999999999.9, "999999999999999.9"),
        (1000000000000000.5, "1000000000000000.5"),
        (1e15, "1000000000000000"),
    ],
)
def test_a_value_alone_is_spelled_like_one_inside(value: Json, spelled: str) -> None:
    assert dumps(value) == spelled.encode()
    assert dumps([value]) == f"[{spelled}]".encode()


@given(value=ANY)
def test_the_short_way_spells_like_the_long_one(value: Json) -> None:
    assert dumps(value) == rfc8785.dumps(value)


def test_every_control_character_is_spelled_alike() -> None:
    said = {"".join(map(chr, range(0x80))): "".join(map(chr, range(0x2100)))}
    assert dumps(said) == rfc8785.dumps(said)


def test_keys_stand_in_the_order_of_their_utf_16() -> None:
    """RFC 8785, 3.2.3: in UTF-16 what lies beyond U+FFFF begins with a surrogate, and so stands before U+E000."""
    assert dumps({"\ue000": 1, "\U00010000": 2}) == '{"\U00010000":2,"\ue000":1}'.encode()


def test_a_key_that_is_no_text_has_no_spelling() -> None:
    with pytest.raises(ValueError, match="keys must be strings"):
        dumps({1: 2})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53])
def test_what_has_no_spelling(value: float) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        dumps({"a": value})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b'{"x":{"a":1,"a":1}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":-1e999}',
        b'{"a":"\\ud800"}',
        b'{"\\uDC00":1}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":"\ud800"}'.encode("utf-16-le", "surrogatepass"),
        '{"a":"b"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b'{"a":01}',
        b"{'a':1}",
        b'{"a":1}{"b":2}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=lambda data: data[:24].decode("latin-1"),
)
def test_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        loads(data)


def test_pairs_of_surrogates_are_text() -> None:
    assert loads(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}
