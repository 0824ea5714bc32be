"""Routes of what lets people and systems in: passwords, second factors, changes of a user, API tokens."""

import secrets
from http import HTTPStatus

from fastapi import APIRouter

from control.api.models import NewFactor, NewPassword, NewToken, Nothing, UserChange
from control.api.parts import In, Parts, Service, Who
from control.api.people import require_good, user_view
from control.api.problems import Problem, no_authority, not_found
from control.api.rules import may_grant
from control.api.shapes import FactorShape, NewTokenShape, TokenShape, UserShape, says
from control.people.accounts import User
from control.people.limits import Attempts
from control.people.policy import EARLIER_MAX
from control.people.roles import Person, Role
from control.people.tokens import SCOPES, ApiToken
from control.people.totp import SECRET_BYTES, accepted_step, address, secret_of, spelt
from domain.ids import EnterpriseId
from domain.words import Words

router = APIRouter(tags=["people"])


@router.post("/session/password", status_code=HTTPStatus.NO_CONTENT)
async def change_password(body: NewPassword, service: Service, who: Who, session: In) -> None:
    """Take a new password for the old one; every other session of this person ends."""
    user = _existing(service, who.username)
    if user.attempts.is_locked(now_ms=service.wall.now_ms()):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    if not await service.passwords.matches(body.old, user.password):
        await service.accounts.note_failure(user)
        raise Problem(HTTPStatus.FORBIDDEN, "sign-in-failed")
    await require_good(service, body.new, who.username, _earlier(user))
    fields = {
        "password": await service.passwords.hashed(body.new),
        "password_ms": service.wall.now_ms(),
        "is_password_given": False,
        "earlier_passwords": _earlier(user),
    }
    words = Words(f"{who.username} 修改口令", f"{who.username} changed the password")
    await service.accounts.edit(who.username, fields, kind="person.password", words=words, actor=who.username)
    await service.sessions.prove(session, how="password")
    await service.sessions.close_others(who.username, but=session.token_hash, actor=who.username)


@router.post("/session/second-factor", **says(FactorShape))
async def offer_second_factor(_body: Nothing, service: Service, who: Who) -> dict[str, str]:
    """Return a new secret for an authenticator program; it counts once a code of it was confirmed."""
    secret = secrets.token_bytes(SECRET_BYTES)
    issuer = f"Stoplog {service.park.words.en}"
    return {"secret": spelt(secret), "address": address(secret, username=who.username, issuer=issuer)}


@router.put("/session/second-factor", status_code=HTTPStatus.NO_CONTENT)
async def confirm_second_factor(body: NewFactor, service: Service, who: Who, session: In) -> None:
    """Ask for a code at each sign-in from now on; an older secret is void, and every other session ends."""
    secret, code = secret_of(body.secret), body.code.replace(" ", "")
    step = accepted_step(secret, code, now_ms=service.wall.now_ms(), after_step=0)
    if step is None:
        raise Problem(HTTPStatus.FORBIDDEN, "second-factor")
    words = Words(f"{who.username} 启用动态码", f"{who.username} set up a second factor")
    fields = {"totp": secret, "totp_step": step}
    await service.accounts.edit(
        who.username, fields, kind="person.second_factor", words=words, actor=who.username
    )
    await service.sessions.close_others(who.username, but=session.token_hash, actor=who.username)


@router.delete("/users/{username}/second-factor", status_code=HTTPStatus.NO_CONTENT)
async def remove_second_factor(username: str, service: Service, who: Who) -> None:
    """Take a lost second factor off a user; every session of theirs ends."""
    user = _editable(service, username, who)
    _require_grant(who, user, user.roles)
    words = Words(f"取消 {username} 的动态码", f"second factor of {username} removed")
    await service.accounts.edit(
        username, {"totp": None}, kind="person.second_factor", words=words, actor=who.username
    )
    await service.sessions.close_others(username, but=None, actor=who.username)


@router.patch("/users/{username}", **says(UserShape))
async def change_user(body: UserChange, username: str, service: Service, who: Who) -> dict[str, object]:
    """Change a user's name, roles or forgotten password, or shut them out: their sessions end at once."""
    user = _editable(service, username, who)
    roles = user.roles if body.roles is None else frozenset(body.roles)
    if username == who.username and (roles != user.roles or body.is_disabled or body.password is not None):
        raise Problem(HTTPStatus.FORBIDDEN, "own-account")
    is_let_in = body.is_disabled is False and user.is_disabled
    if roles != user.roles or is_let_in or body.password is not None:
        _require_grant(who, user, roles)
    if Role.ENTERPRISE in roles and user.enterprise is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="enterprise")
    if body.password is not None:
        await require_good(service, body.password, username)
    if body.is_disabled and not user.is_disabled:
        await service.accounts.disable(user, actor=who.username)
        await service.sessions.close_others(username, but=None, actor=who.username)
    fields = await _changes(body, user, roles, service)
    if fields:
        words = Words(f"修改用户 {username}", f"user changed: {username}")
        kind = "person.password_given" if body.password is not None else "person.changed"
        user = await service.accounts.edit(username, fields, kind=kind, words=words, actor=who.username)
    if body.password is not None:
        await service.sessions.close_others(username, but=None, actor=who.username)
    return user_view(_existing(service, username))


async def _changes(body: UserChange, user: User, roles: frozenset[Role], service: Parts) -> dict[str, object]:
    """Return the fields of `user` that `body` asks to be otherwise."""
    fields: dict[str, object] = {}
    if roles != user.roles:
        fields["roles"] = roles
    if body.display_name is not None and body.display_name != user.display_name:
        fields["display_name"] = body.display_name
    if body.is_disabled is False and user.is_disabled:
        fields["is_disabled"] = False
    if body.password is not None:
        fields |= {
            "password": await service.passwords.hashed(body.password),
            "password_ms": service.wall.now_ms(),
            "is_password_given": True,
            "earlier_passwords": _earlier(user),
            "attempts": Attempts(),
        }
    return fields


def _earlier(user: User) -> tuple[str, ...]:
    """Return the hashes that a next password may not repeat, the newest first."""
    held = () if user.password is None else (user.password,)
    return (*held, *user.earlier_passwords)[:EARLIER_MAX]


def _require_grant(who: Person, user: User, roles: frozenset[Role]) -> None:
    """Whoever lets somebody in anew gives all that these may do: nobody gives more than they have."""
    if not may_grant(who.roles, user.roles | roles):
        raise Problem(HTTPStatus.FORBIDDEN, "beyond-authority")


@router.get("/tokens", **says(list[TokenShape]))
async def tokens(service: Service) -> list[dict[str, object]]:
    """Return every API token, the newest first; their secrets are known to nobody here."""
    return [_token_view(token) for token in service.tokens.all()]


@router.post("/tokens", **says(NewTokenShape, 201))
async def make_token(body: NewToken, service: Service, who: Who) -> dict[str, object]:
    """Make a token for a system, with a scope and an end. The secret is in this answer and never again."""
    roles = frozenset(body.roles)
    if not roles <= SCOPES:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "scope")
    if not may_grant(who.roles, roles):
        raise Problem(HTTPStatus.FORBIDDEN, "beyond-authority")
    is_confined = Role.ENTERPRISE in roles or body.enterprise is not None
    if is_confined and body.enterprise not in service.park.enterprises:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="enterprise")
    enterprise = EnterpriseId(body.enterprise) if body.enterprise is not None else None
    secret, token = await service.tokens.make(
        body.name, roles, enterprise=enterprise, days=body.days, made_by=who.username
    )
    return {"token": _token_view(token), "secret": secret}


@router.delete("/tokens/{token}", status_code=HTTPStatus.NO_CONTENT)
async def revoke_token(token: str, service: Service, who: Who) -> None:
    """Let a token in no more, from this moment."""
    if not await service.tokens.revoke(token, by=who.username):
        raise not_found()


def _existing(service: Parts, username: str) -> User:
    user = service.accounts.get(username)
    if user is None:
        raise not_found()
    return user


def _editable(service: Parts, username: str, who: Person) -> User:
    """Return the user whom `who` may edit: administrators are edited by administrators."""
    user = _existing(service, username)
    if Role.ADMINISTRATOR in user.roles and not who.has({Role.ADMINISTRATOR}):
        raise no_authority()
    return user


def _token_view(token: ApiToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "roles": sorted(role.value for role in token.roles),
        "enterprise": token.enterprise,
        "made_by": token.made_by,
        "created_ms": token.created_ms,
        "ends_ms": token.ends_ms,
        "revoked_ms": token.revoked_ms,
    }
