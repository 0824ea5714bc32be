"""Decides whom an ID token of the site's provider names, and what they may do: OpenID Connect Core 1.0, code flow with PKCE.

It is told the token, the keys and the time; it fetches nothing. Nobody gets a role that the site's settings do not map.
"""

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from control.people.roles import Role
from domain.ids import EnterpriseId
from wire.canonical import Json

ALGORITHMS = ("ES256", "ES384", "EdDSA", "PS256", "RS256")
"""Signatures by a key pair; none, and those by a shared secret, are refused."""
SKEW_S = 60
"""Seconds by which two clocks may differ."""
LIFE_S_MAX = 600
"""An ID token was made for this sign-in: an older one is refused whatever its end says."""
PROVED_S_MAX = 12 * 3600
"""Somebody who signed in there longer ago, for another program, is asked anew."""
SUBJECT_LENGTH_MAX = 255
"""OpenID Connect Core 1.0, section 2."""
USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How this control is known at the provider, and what it makes of the provider's words."""

    issuer: str
    client_id: str
    redirect_uri: str
    roles_claim: str
    roles: Mapping[str, frozenset[Role]]
    """Value of the claim → roles here."""
    enterprise_claim: str | None
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One sign-in under way."""

    state: str
    nonce: str
    verifier: str
    begun_ms: int
    session: str | None
    """Hash of the session that is to be proved again; None: a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom the provider has let in."""

    subject: str
    """Issuer and subject, which together name a person for ever."""
    username: str
    display_name: str
    roles: frozenset[Role]
    enterprise: EnterpriseId | None
    proved_ms: int | None
    """When they proved it there; None: it does not say."""


class NotBelieved(ValueError):
    """The token, or what it says, is not taken; the message says why, for the log and not for the person."""


def is_safe_address(address: str) -> bool:
    """Whether a secret may travel there: TLS, or this machine itself."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def is_same_origin(address: str, issuer: str) -> bool:
    """Whether the provider's document names an address of its own: no request goes anywhere else."""
    one, other = urlsplit(address), urlsplit(issuer)
    return (one.scheme, one.hostname, one.port) == (other.scheme, other.hostname, other.port)


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorization_address(endpoint: str, client: Client, flow: Flow) -> str:
    """Return where the browser is sent; for a proof again the provider must ask anew."""
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": client.scope,
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": challenge(flow.verifier),
        "code_challenge_method": "S256",
        # Asked for an age, a provider says when it was proved (OpenID Connect Core 1.0, 2: auth_time).
        "max_age": str(0 if flow.session is not None else PROVED_S_MAX),
        **({"prompt": "login"} if flow.session is not None else {}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def believed(token: str, keys: Json, client: Client, flow: Flow, *, now_ms: int) -> Mapping[str, Json]:
    """Return the claims of an ID token made for this flow (OpenID Connect Core 1.0, 3.1.3.7). Raises NotBelieved."""
    try:
        found = KeySet.import_key_set(cast("KeySetSerialization", keys))
        claims = cast("Mapping[str, Json]", jwt.decode(token, found, algorithms=list(ALGORITHMS)).claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise NotBelieved(f"signature: {error}") from error
    now_s = now_ms / 1000
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    issued_s = _seconds(claims, "iat")
    checks = {
        "iss": claims.get("iss") == client.issuer,
        "aud": client.client_id in listed,
        "azp": claims.get("azp", client.client_id) == client.client_id
        and (len(listed) == 1 or "azp" in claims),
        "exp": now_s < _seconds(claims, "exp") + SKEW_S,
        "iat": issued_s - SKEW_S <= now_s < issued_s + LIFE_S_MAX,
        "nonce": claims.get("nonce") == flow.nonce,
        "sub": 0 < len(str(claims.get("sub", ""))) <= SUBJECT_LENGTH_MAX and isinstance(claims["sub"], str),
    }
    wrong = [name for name, is_right in checks.items() if not is_right]
    if flow.session is not None and not _is_proved_since(claims, flow):
        wrong.append("auth_time")
    if wrong:
        raise NotBelieved(f"claims: {', '.join(wrong)}")
    return claims


def identity(claims: Mapping[str, Json], client: Client, enterprises: Iterable[str]) -> Identity:
    """Return whom believed claims name. Raises NotBelieved when no role of theirs is mapped, or no enterprise known."""
    subject = f"{client.issuer} {claims['sub']}"
    said = claims.get(client.roles_claim)
    values = said if isinstance(said, list) else [said]
    roles = frozenset(
        role for value in values if isinstance(value, str) for role in client.roles.get(value, ())
    )
    if not roles:
        raise NotBelieved("roles: none of them is mapped to a role here")
    enterprise = claims.get(client.enterprise_claim) if client.enterprise_claim is not None else None
    if (enterprise is not None or Role.ENTERPRISE in roles) and enterprise not in list(enterprises):
        raise NotBelieved("enterprise: not one of this park")
    name = claims.get("preferred_username")
    auth_time = _seconds(claims, "auth_time")
    return Identity(
        subject=subject,
        username=name if isinstance(name, str) and USERNAME.fullmatch(name) else _made(subject),
        display_name=str(claims.get("name") or name or claims["sub"])[:200],
        roles=roles,
        enterprise=EnterpriseId(enterprise) if isinstance(enterprise, str) else None,
        proved_ms=round(auth_time * 1000) if math.isfinite(auth_time) else None,
    )


def another_name(subject: str) -> str:
    """Return a user name for who has none of their own here, or whose name somebody else has."""
    return _made(subject)


def _made(subject: str) -> str:
    return f"p.{hashlib.sha256(subject.encode()).hexdigest()[:16]}"


def _seconds(claims: Mapping[str, Json], name: str) -> float:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("-inf")


def _is_proved_since(claims: Mapping[str, Json], flow: Flow) -> bool:
    return _seconds(claims, "auth_time") >= flow.begun_ms / 1000 - SKEW_S
