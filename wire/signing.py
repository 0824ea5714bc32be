"""Signatures on our own messages: compact JWS, Ed25519 (RFC 9864), keys by `kid`, each bound to one role and identity."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from domain.errors import RemoteProtocolError
from wire.canonical import Json, dumps, loads

ALGORITHM = "Ed25519"
"""The fully specified name of RFC 9864, which deprecates `EdDSA` because it leaves the curve open."""

TOKEN_BYTES_MAX = 1_000_000
"""A longer token is refused unread."""


class _Registry(jws.JWSRegistry):
    """The library's own bound of 128,000 bytes lies below ours."""

    max_payload_length = TOKEN_BYTES_MAX


_REGISTRY = _Registry(algorithms=[ALGORITHM])

NO_TOKEN = (JoseError, ValueError, TypeError, RecursionError)
"""What the library raises of bytes that anybody may send; a TypeError of a header whose `crit` is no list of names."""


class Role(StrEnum):
    """Who may say what: a key is of one role."""

    GATEWAY = "gateway"
    CONTROL = "control"
    INGEST = "ingest"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A public key, whose it is, and in which role."""

    key: OKPKey
    role: Role
    identity: str
    """Gateway id, `control` or `ingest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A message whose signature was found valid."""

    identity: str
    role: Role
    body: Mapping[str, Json]


class Signer:
    """Signs as one identity."""

    def __init__(self, key: OKPKey, *, kid: str) -> None:
        self._key = key
        self._kid = kid

    def sign(self, body: Json) -> bytes:
        """Return the compact JWS over the canonical JSON of `body`."""
        header = {"alg": ALGORITHM, "kid": self._kid}
        return jws.serialize_compact(header, dumps(body), self._key, algorithms=[ALGORITHM]).encode()


class Verifier:
    """Checks signatures against the keys that this service trusts."""

    def __init__(self, trusted: Mapping[str, TrustedKey]) -> None:
        self._trusted = trusted

    def verify(self, token: bytes, *, roles: Collection[Role]) -> Signed:
        """Return what `token` says and who says it.

        Raises RemoteProtocolError when the key is unknown or of another role, or the signature is not valid.
        """
        if len(token) > TOKEN_BYTES_MAX:
            message = f"{len(token)} bytes, at most {TOKEN_BYTES_MAX}"
            raise RemoteProtocolError(message)
        try:
            kid = str(jws.extract_compact(token, registry=_REGISTRY).headers().get("kid", ""))
            trusted = self._trusted.get(kid)
            if trusted is None or trusted.role not in roles:
                message = f"the key {kid!r} may not say this"
                raise RemoteProtocolError(message)
            content = jws.deserialize_compact(token, trusted.key, algorithms=[ALGORITHM], registry=_REGISTRY)
        except NO_TOKEN as error:
            message = f"signature not valid: {error}"
            raise RemoteProtocolError(message) from error
        return Signed(identity=trusted.identity, role=trusted.role, body=loads(content.payload))


def new_key(*, kid: str, role: Role, identity: str) -> dict[str, str]:
    """Return a new private key as a JWK with `kid`, `role` and `identity`."""
    key = OKPKey.generate_key("Ed25519", private=True)
    members = {name: str(value) for name, value in key.as_dict(private=True).items()}
    return {**members, "kid": kid, "role": role.value, "identity": identity}


def public_part(private: Mapping[str, str]) -> dict[str, str]:
    """Return the JWK without its secret."""
    return {name: value for name, value in private.items() if name != "d"}


def load_signer(text: str) -> Signer:
    """Return the signer of a private JWK. Raises ValueError when the text is none."""
    private = json.loads(text)
    return Signer(OKPKey.import_key(private), kid=private["kid"])


def load_verifier(text: str) -> Verifier:
    """Return the verifier of a JWK set `{"keys": [...]}` of public keys. Raises ValueError when the text is none."""
    trusted = {
        item["kid"]: TrustedKey(
            key=OKPKey.import_key(item), role=Role(item["role"]), identity=item["identity"]
        )
        for item in json.loads(text)["keys"]
    }
    return Verifier(trusted)
