"""Signatures: one changed byte, another key, another role or another algorithm is refused; the token is the only spelling."""

import base64
import json
import string

import pytest

from domain.errors import RemoteProtocolError
from wire.canonical import Json, dumps
from wire.signing import (
    ALGORITHM,
    TOKEN_BYTES_MAX,
    Role,
    Signer,
    Verifier,
    load_signer,
    load_verifier,
    new_key,
    public_part,
)

BODY: Json = {"park": "lingang", "action": "close", "n": 1}
KEYS = {
    "c1": new_key(kid="c1", role=Role.CONTROL, identity="control"),
    "g1": new_key(kid="g1", role=Role.GATEWAY, identity="gw_east"),
}
STRANGER = new_key(kid="c1", role=Role.CONTROL, identity="control")


def signer(kid: str) -> Signer:
    return load_signer(json.dumps(KEYS[kid]))


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return load_verifier(json.dumps({"keys": [public_part(key) for key in KEYS.values()]}))


def test_what_is_signed_is_read_and_attributed(verifier: Verifier) -> None:
    signed = verifier.verify(signer("c1").sign(BODY), roles=[Role.CONTROL])
    assert (signed.identity, signed.role, signed.body) == ("control", Role.CONTROL, BODY)
    assert verifier.verify(signer("g1").sign(BODY), roles=list(Role)).identity == "gw_east"


def test_the_same_body_gives_the_same_token() -> None:
    assert signer("c1").sign(BODY) == signer("c1").sign({"n": 1, "park": "lingang", "action": "close"})


def test_every_altered_byte_is_refused(verifier: Verifier) -> None:
    token = signer("c1").sign(BODY)
    for at in range(len(token)):
        for byte in {token[at] ^ 1, token[at] ^ 2, ord("A"), ord("-"), ord("."), ord("="), 0x20, 0x80} - {
            token[at]
        }:
            altered = token[:at] + bytes([byte]) + token[at + 1 :]
            with pytest.raises(RemoteProtocolError):
                verifier.verify(altered, roles=[Role.CONTROL])


def test_the_signature_has_one_spelling_only() -> None:
    """Base64 leaves bits unused in the last letter; a token that differs there only is another token."""
    for _ in range(4):
        key = new_key(kid="c1", role=Role.CONTROL, identity="control")
        verifier = load_verifier(json.dumps({"keys": [public_part(key)]}))
        token = load_signer(json.dumps(key)).sign(BODY)
        for letter in (string.ascii_letters + string.digits + "-_+/").encode():
            if letter != token[-1]:
                with pytest.raises(RemoteProtocolError):
                    verifier.verify(token[:-1] + bytes([letter]), roles=[Role.CONTROL])


def test_every_cut_and_every_insertion_is_refused(verifier: Verifier) -> None:
    token = signer("c1").sign(BODY)
    for at in range(len(token)):
        for altered in (
            token[:at],
            token[:at] + token[at + 1 :],
            token[:at] + b"A" + token[at:],
            token[:at] + b"=" + token[at:],
        ):
            with pytest.raises(RemoteProtocolError):
                verifier.verify(altered, roles=[Role.CONTROL])
    for tail in (b"=", b"==", b"A", b".", b"\n", b" ", b"\x00"):
        with pytest.raises(RemoteProtocolError):
            verifier.verify(token + tail, roles=[Role.CONTROL])
        with pytest.raises(RemoteProtocolError):
            verifier.verify(tail + token, roles=[Role.CONTROL])


def test_a_key_may_speak_in_its_role_only(verifier: Verifier) -> None:
    with pytest.raises(RemoteProtocolError, match="may not say this"):
        verifier.verify(signer("g1").sign(BODY), roles=[Role.CONTROL])
    with pytest.raises(RemoteProtocolError, match="may not say this"):
        verifier.verify(signer("c1").sign(BODY), roles=[])


def test_a_strangers_key_under_a_known_name_is_refused(verifier: Verifier) -> None:
    with pytest.raises(RemoteProtocolError):
        verifier.verify(load_signer(json.dumps(STRANGER)).sign(BODY), roles=[Role.CONTROL])


def part(content: Json) -> bytes:
    return base64.urlsafe_b64encode(dumps(content)).rstrip(b"=")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": "c1"},
        {"alg": "HS256", "kid": "c1"},
        {"alg": ALGORITHM},
        {"alg": ALGORITHM, "kid": "nobody"},
        {"alg": ALGORITHM, "kid": ["c1"]},
        {"alg": ALGORITHM, "kid": "c1", "crit": ["exp"], "exp": 1},
        {"alg": ALGORITHM, "kid": "c1", "b64": False, "crit": ["b64"]},
        {"alg": ALGORITHM, "kid": "c1", "crit": 1},
        {"alg": ALGORITHM, "kid": "c1", "crit": [1]},
        {"alg": ALGORITHM, "kid": "c1", "crit": None},
        {"kid": "c1"},
        {},
    ],
)
def test_other_headers_are_refused(verifier: Verifier, header: Json) -> None:
    _, content, signature = signer("c1").sign(BODY).split(b".")
    with pytest.raises(RemoteProtocolError):
        verifier.verify(b".".join([part(header), content, signature]), roles=[Role.CONTROL])
    with pytest.raises(RemoteProtocolError):
        verifier.verify(b".".join([part(header), content, b""]), roles=[Role.CONTROL])


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b".",
        b"..",
        b"...",
        b"a.b.c",
        b"\xff\xff",
        b"{}",
        b"x" * 100,
        b"x" * (TOKEN_BYTES_MAX + 1),
        b"W10.W10.W10",
    ],
)
def test_what_is_no_token_is_refused(verifier: Verifier, token: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        verifier.verify(token, roles=list(Role))


def test_the_public_part_has_no_secret() -> None:
    assert "d" in KEYS["c1"]
    assert "d" not in public_part(KEYS["c1"])
    with pytest.raises(ValueError, match="Expecting"):
        load_signer("{")


def test_a_token_is_read_up_to_a_million_bytes(verifier: Verifier) -> None:
    for size, why in ((1_000_000, "signature not valid"), (1_000_001, "1000001 bytes, at most 1000000")):
        with pytest.raises(RemoteProtocolError, match=why):
            verifier.verify(b"x" * size, roles=list(Role))


def test_a_token_that_names_no_key_is_refused_as_such(verifier: Verifier) -> None:
    _, content, signature = signer("c1").sign(BODY).split(b".")
    with pytest.raises(RemoteProtocolError, match="the key '' may not say this"):
        verifier.verify(b".".join([part({"alg": ALGORITHM}), content, signature]), roles=list(Role))
