"""Keys of a simulated world, and a cheap pen: the same tokens with a keyed hash where Ed25519 would stand.

Measured: a world with real signatures costs 1.4 times as much as the same world with the cheap pen. So the bulk of the worlds is
written with the cheap pen, a declared share with the real one; a forged or altered token is refused by both, and both read the
same bytes.
"""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.errors import RemoteProtocolError
from wire.canonical import Json, dumps
from wire.signing import Role, Signed, Signer, Verifier, load_signer, load_verifier, public_part

Who = tuple[Role, str]


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs with what, and who believes whom."""

    signers: Mapping[str, Signer]
    verifier: Verifier


class CheapSigner(Signer):
    """Signs as one identity by a keyed hash."""

    def __init__(self, secret: bytes, *, kid: str) -> None:
        self._secret = secret
        self._head = _text(json.dumps({"alg": "Ed25519", "kid": kid}).encode()) + b"."

    def sign(self, body: Json) -> bytes:
        said = self._head + _text(dumps(body))
        return said + b"." + _text(_mark(said, self._secret))


class CheapVerifier(Verifier):
    """Checks keyed hashes."""

    def __init__(self, trusted: Mapping[str, tuple[bytes, Role, str]]) -> None:
        self._by_kid = trusted
        self._kids: dict[bytes, str] = {}
        self._checked: dict[bytes, Signed] = {}

    def verify(self, token: bytes, *, roles: Collection[Role]) -> Signed:
        found = self._checked.get(token)
        if found is None:
            found = self._check(token)
            if len(self._checked) > 2_000:
                self._checked.clear()
            self._checked[token] = found
        if found.role not in roles:
            message = f"the key of {found.identity} may not say this"
            raise RemoteProtocolError(message)
        return found

    def _check(self, token: bytes) -> Signed:
        said, _, mark = token.rpartition(b".")
        head, _, content = said.partition(b".")
        try:
            kid = self._kids.get(head)
            if kid is None:
                kid = self._kids[head] = str(json.loads(_bytes(head)).get("kid", ""))
            secret, role, identity = self._by_kid[kid]
        except (ValueError, KeyError, AttributeError) as error:
            message = f"signature not valid: {error}"
            raise RemoteProtocolError(message) from error
        if mark != _text(_mark(said, secret)):
            message = "signature not valid"
            raise RemoteProtocolError(message)
        return Signed(identity=identity, role=role, body=json.loads(_bytes(content)))


def make_keys(seed: int, identities: Collection[Who], *, is_real: bool) -> Keys:
    """Return the keys of a world, the same for the same seed."""
    secrets_ = {name: hashlib.sha256(f"{seed} {name}".encode()).digest() for _, name in identities}
    if not is_real:
        signers = {name: cast("Signer", CheapSigner(secrets_[name], kid=name)) for _, name in identities}
        trusted = {name: (secrets_[name], role, name) for role, name in identities}
        return Keys(signers, CheapVerifier(trusted))
    private = {name: _jwk(secrets_[name], role, name) for role, name in identities}
    public = {"keys": [public_part(key) for key in private.values()]}
    return Keys(
        {name: load_signer(json.dumps(key)) for name, key in private.items()},
        load_verifier(json.dumps(public)),
    )


def _jwk(secret: bytes, role: Role, name: str) -> dict[str, str]:
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    members = {"kty": "OKP", "crv": "Ed25519", "x": _text(public).decode(), "d": _text(secret).decode()}
    return {**members, "kid": name, "role": role.value, "identity": name}


def _mark(said: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(said, key=secret, digest_size=32).digest()


def _text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
