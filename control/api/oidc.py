"""Routes of signing in at the site's own OpenID Connect provider: the way there, and the way back."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from control.api.guard import COOKIE
from control.api.parts import Parts, Service
from control.api.people import leave_old
from control.api.problems import Problem, not_found
from control.audit.entry import SYSTEM
from control.people.accounts import User
from control.people.oidc import Flow, Identity, NotBelieved, another_name
from control.people.provider import FLOW_MS_MAX, Provider
from domain.errors import LinkError
from domain.words import Words
from runtime.log import logger

router = APIRouter(prefix="/session/oidc", tags=["people"])

STATE_COOKIE = "stoplog_oidc"
_PATH = "/api/v1/session/oidc"
_AWAY: dict[int | str, dict[str, Any]] = {303: {"description": "to the provider, or back to the console"}}
_log = logger("control")

Short = Annotated[str, Query(max_length=4000)]


@router.get("", response_class=RedirectResponse, status_code=HTTPStatus.SEE_OTHER, responses=_AWAY)
async def go(request: Request, service: Service, *, again: bool = False) -> RedirectResponse:
    """Send the browser to the provider; `again` for a fresh proof of who is signed in here."""
    provider = _provider(service)
    if not service.strangers.may_try(now_ms=service.wall.now_ms()):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    held = service.sessions.find(request.cookies.get(COOKIE)) if again else None
    try:
        address, state = await provider.begin(session=held[1].token_hash if held is not None else None)
    except (LinkError, NotBelieved) as error:
        return _back("oidc-away", error)
    answer = RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)
    # Lax: the provider's answer comes from another site, and this cookie is what binds it to this browser.
    answer.set_cookie(
        STATE_COOKIE,
        state,
        path=_PATH,
        httponly=True,
        samesite="lax",
        secure=service.is_https,
        max_age=FLOW_MS_MAX // 1000,
    )
    return answer


@router.get("/callback", response_class=RedirectResponse, status_code=HTTPStatus.SEE_OTHER, responses=_AWAY)
async def come_back(
    request: Request, service: Service, code: Short = "", state: Short = "", iss: Short | None = None
) -> RedirectResponse:
    """Take the provider's answer: open a session, or prove the one that asked again."""
    provider = _provider(service)
    cookie = request.cookies.get(STATE_COOKIE, "")
    try:
        found, flow = await provider.finish(state=state, cookie=cookie, code=code, issuer=iss)
        user = await _user_of(found, service)
    except LinkError as error:
        return _back("oidc-away", error)
    except NotBelieved as error:
        return _back("oidc-refused", error)
    answer = _back("")
    answer.delete_cookie(STATE_COOKIE, path=_PATH, httponly=True, samesite="lax", secure=service.is_https)
    if not await _is_proved_again(service, flow, user):
        await leave_old(service, request)
        proved_ms = min(found.proved_ms or 0, service.wall.now_ms())
        opened = await service.sessions.open(user, how="provider", proved_ms=proved_ms)
        answer.set_cookie(
            COOKIE, opened.token, path="/", httponly=True, samesite="strict", secure=service.is_https
        )
    return answer


async def _is_proved_again(service: Parts, flow: Flow, user: User) -> bool:
    """Prove the session that asked, if it lives and it is its own person who came back."""
    held = service.sessions.by_hash(flow.session) if flow.session is not None else None
    if held is None or held.username != user.username:
        return False
    await service.sessions.prove(held, how="provider")
    return True


async def _user_of(found: Identity, service: Parts) -> User:
    """Return the user whom the provider has let in, made or brought up to date. Raises NotBelieved, StorageError."""
    accounts = service.accounts
    if accounts.is_empty:
        raise NotBelieved("nobody exists yet: the first administrator is made by token")
    user = accounts.by_subject(found.subject)
    said = {"display_name": found.display_name, "roles": found.roles, "enterprise": found.enterprise}
    if user is None:
        # A name that somebody else has stays theirs: the provider's word makes nobody another person.
        is_free = accounts.get(found.username) is None
        user = User(
            username=found.username if is_free else another_name(found.subject),
            display_name=found.display_name,
            password=None,
            roles=found.roles,
            enterprise=found.enterprise,
            created_ms=service.wall.now_ms(),
            subject=found.subject,
        )
        if not await accounts.add(user, actor=SYSTEM):
            raise NotBelieved("no user can be added")
    elif any(getattr(user, name) != value for name, value in said.items()):
        words = Words("统一登录更新用户", "user brought up to date by the provider")
        user = await accounts.edit(user.username, said, kind="person.changed", words=words, actor=SYSTEM)
    if user.is_disabled:
        raise NotBelieved("shut out here")
    return user


def _provider(service: Parts) -> Provider:
    if service.provider is None:
        raise not_found()
    return service.provider


def _back(refused: str, error: Exception | None = None) -> RedirectResponse:
    if error is not None:
        _log.warning("sign-in at the provider not taken", reason=str(error))
    query = f"#/?{urlencode({'refused': refused})}" if refused else ""
    return RedirectResponse(f"/{query}", status_code=HTTPStatus.SEE_OTHER)
