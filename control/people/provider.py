"""Talks to the site's OpenID Connect provider: its document, its keys, one code for one token; decides nothing by itself.

It asks nothing outside of the issuer's own origin, follows no redirect and uses no proxy of the environment.
"""

import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from control.people.oidc import (
    Client,
    Flow,
    Identity,
    NotBelieved,
    authorization_address,
    believed,
    identity,
    is_same_origin,
)
from domain.errors import LinkError
from domain.park import Park
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json

FLOW_MS_MAX = 10 * 60_000
FLOWS_MAX = 1_000
"""Sign-ins under way; the oldest goes first."""
ANSWER_S_MAX = 10.0
BYTES_MAX = 200_000
KEYS_S_MAX = 300.0
"""Wall seconds for which the provider's keys are believed without asking again."""
KEYS_S_MIN = 10.0
"""A token with an unknown key asks for them anew, at most so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    authorization: str
    token: str
    jwks: str


class Provider:
    """The site's provider, as one client of it."""

    def __init__(
        self, client: Client, words: Words, park: Park, wall: Clock, *, secret: str | None, ca: Path | None
    ) -> None:
        self.client = client
        self.words = words
        self._park = park
        self._wall = wall
        self._secret = secret
        self._tls: ssl.SSLContext | bool = True if ca is None else ssl.create_default_context(cafile=str(ca))
        self._flows: dict[str, Flow] = {}
        self._document: _Document | None = None
        self._keys: Json = None
        self._keys_s = float("-inf")

    async def begin(self, *, session: str | None) -> tuple[str, str]:
        """Return where to send the browser, and the state that its cookie must hold. Raises LinkError."""
        document = await self._discovered()
        now_ms = self._wall.now_ms()
        flow = Flow(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            begun_ms=now_ms,
            session=session,
        )
        self._flows = {key: old for key, old in self._flows.items() if now_ms - old.begun_ms < FLOW_MS_MAX}
        while len(self._flows) >= FLOWS_MAX:
            del self._flows[next(iter(self._flows))]
        self._flows[flow.state] = flow
        return authorization_address(document.authorization, self.client, flow), flow.state

    async def finish(
        self, *, state: str, cookie: str, code: str, issuer: str | None
    ) -> tuple[Identity, Flow]:
        """Return who has signed in there, once for each flow. Raises NotBelieved, LinkError."""
        flow = self._flows.pop(state, None)
        is_of_this_browser = secrets.compare_digest(state.encode(), cookie.encode())
        if flow is None or not is_of_this_browser or self._wall.now_ms() - flow.begun_ms >= FLOW_MS_MAX:
            raise NotBelieved("state: no sign-in of this browser is under way")
        if issuer is not None and issuer != self.client.issuer:
            raise NotBelieved("iss: the answer of another provider (RFC 9207)")
        token = await self._exchanged(code, flow)
        try:
            claims = believed(
                token, await self._known_keys(KEYS_S_MAX), self.client, flow, now_ms=self._wall.now_ms()
            )
        except NotBelieved:
            # It may have changed its keys since we last asked.
            claims = believed(
                token, await self._known_keys(KEYS_S_MIN), self.client, flow, now_ms=self._wall.now_ms()
            )
        return identity(claims, self.client, self._park.enterprises), flow

    async def _exchanged(self, code: str, flow: Flow) -> str:
        document = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "client_id": self.client.client_id,
            "code_verifier": flow.verifier,
        }
        auth = None if self._secret is None else httpx.BasicAuth(self.client.client_id, self._secret)
        answer = await self._asked("POST", document.token, form=form, auth=auth)
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise NotBelieved("the provider gives no ID token for this code")
        return token

    async def _discovered(self) -> _Document:
        if self._document is None:
            issuer = self.client.issuer
            answer = await self._asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            said = answer if isinstance(answer, dict) else {}
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            found = [str(said.get(name, "")) for name in names]
            if said.get("issuer") != issuer or not all(is_same_origin(address, issuer) for address in found):
                raise LinkError(f"the document of {issuer} names another issuer, or addresses elsewhere")
            self._document = _Document(authorization=found[0], token=found[1], jwks=found[2])
        return self._document

    async def _known_keys(self, age_s_max: float) -> Json:
        now_s = self._wall.monotonic()
        if now_s - self._keys_s >= age_s_max:
            self._keys = await self._asked("GET", (await self._discovered()).jwks)
            self._keys_s = now_s
        return self._keys

    async def _asked(
        self,
        method: str,
        address: str,
        *,
        form: dict[str, str] | None = None,
        auth: httpx.BasicAuth | None = None,
    ) -> Json:
        """Return the JSON of one answer. Raises LinkError when there is none, NotBelieved when it refuses."""
        try:
            async with httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=ANSWER_S_MAX
            ) as client:
                answer = await client.request(method, address, data=form, auth=auth)
        except (httpx.HTTPError, OSError) as error:
            raise LinkError(f"the sign-in provider does not answer: {error!r}") from error
        if len(answer.content) > BYTES_MAX or answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise LinkError(f"the sign-in provider answers {answer.status_code}")
        if answer.status_code != httpx.codes.OK:
            raise NotBelieved(f"the provider refuses: {answer.status_code} {answer.text[:200]}")
        try:
            found: Json = answer.json()
        except ValueError as error:
            raise LinkError("the sign-in provider answers no JSON") from error
        return found
