"""Routes of people: set-up, sessions, users."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from control.api.guard import COOKIE
from control.api.models import Link, NewUser, Setup, SignIn
from control.api.parts import In, Parts, Service, Who
from control.api.problems import Problem
from control.api.rules import may_grant
from control.api.shapes import NewUserShape, SessionShape, SetupShape, UserShape, says
from control.people.accounts import User
from control.people.passwords import common_passwords
from control.people.policy import EARLIER_MAX, Policy, faults
from control.people.roles import Role
from control.people.sessions import Session
from control.people.standing import FRESH_MS
from control.people.totp import accepted_step
from domain.ids import EnterpriseId
from domain.words import Words
from wire.canonical import Json

router = APIRouter(tags=["people"])


@router.get("/setup", **says(SetupShape))
async def setup_needed(service: Service) -> dict[str, object]:
    """Say whether the first administrator is still to be made, and whether the site has a sign-in of its own."""
    provider = service.provider
    return {
        "needed": service.accounts.is_empty,
        "provider": provider.words.as_dict() if provider is not None else None,
    }


@router.post("/setup", **says(NewUserShape, 201))
async def set_up(body: Setup, service: Service) -> dict[str, object]:
    """Make the first administrator with the one-time token that control wrote at its first start."""
    if not service.accounts.is_setup_token(body.token):
        raise Problem(HTTPStatus.FORBIDDEN, "token")
    await require_good(service, body.password, body.username)
    user = User(
        username=body.username,
        display_name=body.display_name,
        password=await service.passwords.hashed(body.password),
        roles=frozenset({Role.ADMINISTRATOR}),
        enterprise=None,
        created_ms=service.wall.now_ms(),
        password_ms=service.wall.now_ms(),
    )
    # Asked again: hashing took a while, and there is one first administrator.
    if not service.accounts.is_setup_token(body.token) or not await service.accounts.add(
        user, actor=user.username
    ):
        raise Problem(HTTPStatus.FORBIDDEN, "token")
    return {"user": user_view(user)}


@router.post("/session", **says(SessionShape))
async def sign_in(body: SignIn, service: Service, request: Request, response: Response) -> dict[str, object]:
    """Sign in by password."""
    now_ms = service.wall.now_ms()
    user = service.accounts.get(body.username)
    if user is None and not service.strangers.may_try(now_ms=now_ms):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    if user is not None and user.attempts.is_locked(now_ms=now_ms):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    is_right = await service.passwords.matches(body.password, user.password if user is not None else None)
    if user is not None:
        user = service.accounts.get(user.username) or user
        if user.attempts.is_locked(now_ms=now_ms):
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    if user is None or not is_right or user.is_disabled:
        if user is not None:
            await service.accounts.note_failure(user)
        raise Problem(HTTPStatus.UNAUTHORIZED, "sign-in-failed")
    if user.totp is not None:
        await _require_code(user, user.totp, body.code, service)
        user = service.accounts.get(user.username) or user
    await service.accounts.note_success(user)
    return await _open(user, service, request, response, how="password")


@router.post("/session/link", **says(SessionShape))
async def sign_in_by_link(
    body: Link, service: Service, request: Request, response: Response
) -> dict[str, object]:
    """Sign in by the demonstration's one-time link."""
    user = await service.accounts.use_link(body.token)
    if user is None:
        if not service.strangers.may_try(now_ms=service.wall.now_ms()):
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
        raise Problem(HTTPStatus.FORBIDDEN, "token")
    return await _open(user, service, request, response, how="link")


@router.get("/session", **says(SessionShape))
async def who_am_i(service: Service, who: Who, session: In) -> dict[str, object]:
    """Return who is signed in, and the token that writes must carry."""
    user = service.accounts.get(who.username)
    assert user is not None
    return session_view(user, session, service)


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
async def sign_out(service: Service, session: In, response: Response) -> None:
    """End the session."""
    await service.sessions.close(session)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=service.is_https)


@router.get("/names", **says(dict[str, str]))
async def names(service: Service, who: Who) -> dict[str, str]:
    """Return what people are called, by user name: a confined person's own enterprise and the control room."""
    reached = {None, who.enterprise} if who.is_confined else None
    people = {
        user.username: user.display_name
        for user in service.accounts.all()
        if reached is None or user.enterprise in reached
    }
    systems = {
        token.actor: token.name
        for token in service.tokens.all()
        if reached is None or token.enterprise in reached
    }
    return {**people, **systems}


@router.get("/users", **says(list[UserShape]))
async def users(service: Service) -> list[dict[str, object]]:
    """Return every user."""
    return [user_view(user) for user in service.accounts.all()]


@router.post("/users", **says(UserShape, 201))
async def add_user(body: NewUser, service: Service, who: Who) -> dict[str, object]:
    """Add a user; nobody gives more authority than they have, and a password that was given is changed by who got it."""
    roles = frozenset(body.roles)
    if not may_grant(who.roles, roles):
        raise Problem(HTTPStatus.FORBIDDEN, "beyond-authority")
    await require_good(service, body.password, body.username)
    if body.enterprise is not None and body.enterprise not in service.park.enterprises:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="enterprise")
    if Role.ENTERPRISE in roles and body.enterprise is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="enterprise")
    user = User(
        username=body.username,
        display_name=body.display_name,
        password=await service.passwords.hashed(body.password),
        roles=roles,
        enterprise=EnterpriseId(body.enterprise) if body.enterprise is not None else None,
        created_ms=service.wall.now_ms(),
        password_ms=service.wall.now_ms(),
        is_password_given=True,
    )
    if not await service.accounts.add(user, actor=who.username):
        raise Problem(HTTPStatus.CONFLICT, "taken")
    return user_view(user)


async def _require_code(user: User, secret: bytes, code: str | None, service: Parts) -> None:
    """Refuse a sign-in without the second factor; a wrong code counts as a failure, a missing one is only asked for."""
    if code is not None:
        now_ms = service.wall.now_ms()
        step = accepted_step(secret, code.replace(" ", ""), now_ms=now_ms, after_step=user.totp_step)
        if step is not None:
            await service.accounts.note_code(user, step)
            return
        await service.accounts.note_failure(user)
    raise Problem(HTTPStatus.UNAUTHORIZED, "second-factor")


async def _open(
    user: User, service: Parts, request: Request, response: Response, *, how: str
) -> dict[str, object]:
    await leave_old(service, request)
    opened = await service.sessions.open(user, how=how)
    response.set_cookie(
        COOKIE, opened.token, path="/", httponly=True, samesite="strict", secure=service.is_https
    )
    return session_view(user, opened.session, service)


async def leave_old(service: Parts, request: Request) -> None:
    """End the session that this browser had before: one position holds one person."""
    before = service.sessions.find(request.cookies.get(COOKIE))
    if before is not None:
        await service.sessions.close(before[1])


def session_view(user: User, session: Session, service: Parts) -> dict[str, object]:
    """Return a session as its own screen sees it."""
    sessions, now_ms = service.sessions, service.wall.now_ms()
    fresh_ms = FRESH_MS if not user.can_prove else session.proved_ms + FRESH_MS - now_ms
    due = sessions.due(user)
    ways = {
        "password": user.password is not None,
        "code": user.totp is not None,
        "provider": user.subject is not None,
    }
    return {
        "user": user_view(user),
        "csrf": session.csrf,
        "is_locked": sessions.is_locked(session, user),
        "fresh_s": max(0, min(FRESH_MS, fresh_ms)) // 1000,
        "due": due.value if due is not None else None,
        "lock_idle_s": sessions.rules.lock_ms // 1000,
        "proves_by": [way for way, is_there in ways.items() if is_there],
    }


async def require_good(service: Parts, password: str, username: str, earlier: tuple[str, ...] = ()) -> None:
    """Refuse a new password that the site's policy does not take."""
    policy = service.sessions.rules.policy
    found = faults(password, username=username, policy=policy, common=common_passwords())
    if not found and policy is Policy.MLPS and await service.passwords.is_one_of(password, earlier):
        found = (
            Words(f"不得重复最近 {EARLIER_MAX} 次口令", f"not one of your last {EARLIER_MAX} passwords"),
        )
    if found:
        reasons: list[Json] = [{"code": "weak-password", **item.as_dict(), "values": {}} for item in found]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "weak-password", reasons=reasons)


def user_view(user: User) -> dict[str, object]:
    """Return a user as people see one."""
    return {
        "username": user.username,
        "display_name": user.display_name,
        "roles": sorted(role.value for role in user.roles),
        "enterprise": user.enterprise,
        "is_disabled": user.is_disabled,
        "has_second_factor": user.totp is not None,
        "has_pin": user.pin is not None,
        "is_password_given": user.is_password_given,
        "is_from_provider": user.subject is not None,
    }
