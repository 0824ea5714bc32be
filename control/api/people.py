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
    return {"user": _view(user)}


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
    if user is None or not is_right:
        if user is not None:
            await service.accounts.note_failure(user)
        raise Problem(HTTPStatus.UNAUTHORIZED, "sign-in-failed")
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
    return {
        user.username: user.display_name
        for user in service.accounts.all()
        if reached is None or user.enterprise in reached
    }


@router.get("/users", **says(list[UserShape]))
async def users(service: Service) -> list[dict[str, object]]:
    """Return every user."""
    return [_view(user) for user in service.accounts.all()]


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
    return _view(user)


async def _open(user: User, service: Parts, response: Response, *, how: str) -> dict[str, object]:
    opened = await service.sessions.open(user, how=how)
    response.set_cookie(
        COOKIE, opened.token, path="/", httponly=True, samesite="strict", secure=service.is_https
    )
    return _session(user, opened.session)


def _session(user: User, session: Session) -> dict[str, object]:
    return {"user": _view(user), "csrf": session.csrf}


def _view(user: User) -> dict[str, object]:
    return {
        "username": user.username,
        "display_name": user.display_name,
        "roles": sorted(role.value for role in user.roles),
        "enterprise": user.enterprise,
    }
