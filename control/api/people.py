"""Routes of people: set-up, sessions, users."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from control.api.guard import COOKIE
from control.api.models import Link, NewUser, Setup, SignIn
from control.api.parts import In, Parts, Service, Who
from control.api.problems import Problem, no_authority
from control.api.shapes import NewUserShape, SessionShape, SetupShape, UserShape, says
from control.people.accounts import User
from control.people.passwords import hashed, matches
from control.people.roles import Role
from control.people.sessions import Session
from control.people.totp import accepted_step
from domain.ids import EnterpriseId

router = APIRouter(tags=["people"])


@router.get("/setup", **says(SetupShape))
async def setup_needed(service: Service) -> dict[str, bool]:
    """Say whether the first administrator is still to be made."""
    return {"needed": service.accounts.is_empty}


@router.post("/setup", **says(NewUserShape, 201))
async def set_up(body: Setup, service: Service) -> dict[str, object]:
    """Make the first administrator with the one-time token that control wrote at its first start."""
    if not service.accounts.is_setup_token(body.token):
        raise Problem(HTTPStatus.FORBIDDEN, "token")
    user = User(
        username=body.username,
        display_name=body.display_name,
        password=await hashed(body.password),
        roles=frozenset({Role.ADMINISTRATOR}),
        enterprise=None,
        created_ms=service.wall.now_ms(),
    )
    # Asked again: hashing took a while, and there is one first administrator.
    if not service.accounts.is_setup_token(body.token) or not await service.accounts.add(
        user, actor=user.username
    ):
        raise Problem(HTTPStatus.FORBIDDEN, "token")
    return {"user": user_view(user)}


@router.post("/session", **says(SessionShape))
async def sign_in(body: SignIn, service: Service, response: Response) -> dict[str, object]:
    """Sign in by password."""
    now_ms = service.wall.now_ms()
    user = service.accounts.get(body.username)
    if user is None and not service.strangers.may_try(now_ms=now_ms):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    if user is not None and user.attempts.is_locked(now_ms=now_ms):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    is_right = await matches(body.password, user.password if user is not None else None)
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
    return await _open(user, service, response, how="password")


@router.post("/session/link", **says(SessionShape))
async def sign_in_by_link(body: Link, service: Service, response: Response) -> dict[str, object]:
    """Sign in by the demonstration's one-time link."""
    user = await service.accounts.use_link(body.token)
    if user is None:
        if not service.strangers.may_try(now_ms=service.wall.now_ms()):
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
        raise Problem(HTTPStatus.FORBIDDEN, "token")
    return await _open(user, service, response, how="link")


@router.get("/session", **says(SessionShape))
async def who_am_i(service: Service, who: Who, session: In) -> dict[str, object]:
    """Return who is signed in, and the token that writes must carry."""
    user = service.accounts.get(who.username)
    assert user is not None
    return _session(user, session)


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
    """Add a user; only an administrator makes administrators."""
    roles = frozenset(body.roles)
    if Role.ADMINISTRATOR in roles and not who.has({Role.ADMINISTRATOR}):
        raise no_authority()
    if body.enterprise is not None and body.enterprise not in service.park.enterprises:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="enterprise")
    if Role.ENTERPRISE in roles and body.enterprise is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="enterprise")
    user = User(
        username=body.username,
        display_name=body.display_name,
        password=await hashed(body.password),
        roles=roles,
        enterprise=EnterpriseId(body.enterprise) if body.enterprise is not None else None,
        created_ms=service.wall.now_ms(),
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


async def _open(user: User, service: Parts, response: Response, *, how: str) -> dict[str, object]:
    opened = await service.sessions.open(user, how=how)
    response.set_cookie(
        COOKIE, opened.token, path="/", httponly=True, samesite="strict", secure=service.is_https
    )
    return _session(user, opened.session)


def _session(user: User, session: Session) -> dict[str, object]:
    return {"user": user_view(user), "csrf": session.csrf}


def user_view(user: User) -> dict[str, object]:
    """Return a user as people see one."""
    return {
        "username": user.username,
        "display_name": user.display_name,
        "roles": sorted(role.value for role in user.roles),
        "enterprise": user.enterprise,
        "is_disabled": user.is_disabled,
        "has_second_factor": user.totp is not None,
    }
