"""Which ID tokens are believed, and whom they make of somebody: every claim wrong once, every way of forging a signature."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from control.people.oidc import (
    LIFE_S_MAX,
    SKEW_S,
    Client,
    Flow,
    NotBelieved,
    authorization_address,
    believed,
    challenge,
    identity,
    is_safe_address,
    is_same_origin,
)
from control.people.roles import Role

NOW_S = 1_800_000_000
KEY = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
OTHER = ECKey.generate_key("P-256", {"kid": "k1"})
KEYS: Any = KeySet([KEY]).as_dict(private=False)
CLIENT = Client(
    issuer="https://id.example", client_id="stoplog", redirect_uri="https://stoplog.example/api/v1/session/oidc/callback",
    roles_claim="roles", roles={"ops": frozenset({Role.OPERATOR}), "plant": frozenset({Role.ENTERPRISE})},
    enterprise_claim="company", scope="openid profile",
)  # fmt: skip
FLOW = Flow(state="s" * 43, nonce="n" * 43, verifier="v" * 64, begun_ms=NOW_S * 1000, session=None)
CLAIMS: dict[str, Any] = {
    "iss": CLIENT.issuer, "aud": "stoplog", "sub": "42", "exp": NOW_S + 300, "iat": NOW_S, "nonce": FLOW.nonce,
    "preferred_username": "li", "name": "李", "roles": ["ops", "other"],
}  # fmt: skip


def token(claims: Mapping[str, Any], key: Any = KEY, **header: str) -> str:
    return jwt.encode({"alg": "ES256", "kid": "k1", **header}, dict(claims), key)


def read(said: str, flow: Flow = FLOW, *, now_s: float = NOW_S) -> Mapping[str, Any]:
    return believed(said, KEYS, CLIENT, flow, now_ms=round(now_s * 1000))


def test_a_token_made_for_this_sign_in_is_believed() -> None:
    claims = read(token(CLAIMS))
    found = identity(claims, CLIENT, ["hc"])
    assert (found.subject, found.username, found.display_name) == ("https://id.example 42", "li", "李")
    assert (found.roles, found.enterprise, found.proved_ms) == ({Role.OPERATOR}, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"}, {"iss": CLIENT.issuer + "/"}, {"aud": "another"}, {"aud": ["another"]}, {"aud": None},
        {"aud": ["stoplog", "another"]}, {"aud": ["stoplog", "another"], "azp": "another"}, {"azp": "another"},
        {"exp": NOW_S - SKEW_S}, {"exp": None}, {"exp": "later"}, {"exp": True}, {"iat": NOW_S + SKEW_S + 1}, {"iat": None},
        {"iat": NOW_S - LIFE_S_MAX}, {"nonce": "another"}, {"nonce": None}, {"sub": ""}, {"sub": None}, {"sub": 42}, {"sub": "x" * 256},
    ],
    ids=str,
)  # fmt: skip
def test_every_claim_that_is_not_right_refuses(wrong: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **wrong}.items() if value is not None}
    with pytest.raises(NotBelieved):
        read(token(claims))


def test_what_was_not_signed_by_a_key_of_the_provider_is_not_believed() -> None:
    head, body, signature = token(CLAIMS).split(".")
    public = KEY.as_dict(private=False)
    shared = OctKey.import_key(str(public["x"]).encode().ljust(32, b"0"))
    rsa = RSAKey.generate_key(2048, {"kid": "k1"})
    forged = [
        token(CLAIMS, OTHER), token(CLAIMS, ECKey.generate_key("P-256", {"kid": "k2"}), kid="k2"),
        jwt.encode({"alg": "HS256", "kid": "k1"}, CLAIMS, shared, algorithms=["HS256"]),
        jwt.encode({"alg": "RS256", "kid": "k1"}, CLAIMS, rsa, algorithms=["RS256"]),
        f"eyJhbGciOiJub25lIn0.{body}.", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.e30.{signature}",
        "", "..", "a.b.c", "\0",
    ]  # fmt: skip
    for said in forged:
        with pytest.raises(NotBelieved):
            read(said)


def test_a_proof_again_must_have_been_made_since() -> None:
    again = replace(FLOW, session="hash")
    for auth_time in (None, NOW_S - SKEW_S - 1, "now", True):
        with pytest.raises(NotBelieved, match="auth_time"):
            read(token({**CLAIMS, "auth_time": auth_time} if auth_time is not None else CLAIMS), again)
    assert read(token({**CLAIMS, "auth_time": NOW_S}), again)["sub"] == "42"


@pytest.mark.parametrize(
    "said",
    [
        {"roles": []}, {"roles": ["root"]}, {"roles": None}, {"roles": {"ops": 1}}, {"roles": [["ops"]]}, {"roles": "OPS"},
        {"roles": ["plant"]}, {"roles": ["plant"], "company": "zz"}, {"roles": ["ops"], "company": ["hc"]},
    ],
    ids=str,
)  # fmt: skip
def test_nobody_gets_a_role_or_an_enterprise_that_is_not_mapped(said: dict[str, Any]) -> None:
    with pytest.raises(NotBelieved):
        identity({**CLAIMS, **said}, CLIENT, ["hc"])


def test_an_enterprise_is_one_of_the_park() -> None:
    found = identity({**CLAIMS, "roles": "plant", "company": "hc"}, CLIENT, ["hc"])
    assert (found.roles, found.enterprise) == ({Role.ENTERPRISE}, "hc")


@pytest.mark.parametrize("name", ["ROOT", "x", "a b", "../a", "a" * 40, None, 7, "position:zhao"])
def test_a_name_that_is_none_here_is_made_from_the_subject(name: object) -> None:
    found = identity({**CLAIMS, "preferred_username": name}, CLIENT, [])
    assert found.username.startswith("p.")
    assert len(found.username) == 18


def test_the_browser_is_sent_with_what_binds_the_answer() -> None:
    address = authorization_address("https://id.example/auth?x=1", CLIENT, FLOW)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (asked["state"], asked["nonce"]) == (FLOW.state, FLOW.nonce)
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (challenge(FLOW.verifier), "S256")
    assert (asked["max_age"], asked.get("prompt")) == ("43200", None)
    assert "max_age=0" in authorization_address("https://id.example/auth", CLIENT, replace(FLOW, session="s"))


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert (
        challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_secrets_travel_by_tls_and_to_the_issuer_only() -> None:
    safe = ["https://id.example", "http://127.0.0.1:1", "http://localhost", "http://[::1]:8"]
    assert all(is_safe_address(address) for address in safe)
    assert not any(
        is_safe_address(address) for address in ("http://id.example", "ftp://id.example", "file:///etc", "")
    )
    issuer = "https://id.example/realms/park"
    assert is_same_origin("https://id.example/token", issuer)
    for address in (
        "https://id.example:444/t",
        "http://id.example/t",
        "https://id.example.evil/t",
        "http://169.254.169.254/",
        "",
    ):
        assert not is_same_origin(address, issuer)
