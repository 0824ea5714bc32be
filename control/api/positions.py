"""Routes of an operator position: locked, unlocked, proved again, and the PIN for closures from a locked one."""

from http import HTTPStatus

from fastapi import APIRouter

from control.api.models import NewPin, Nothing, Proof, Unlock
from control.api.parts import In, Parts, Service, Who
from control.api.people import session_view
from control.api.problems import Problem, not_found
from control.api.shapes import SessionShape, says
from control.people.accounts import User
from control.people.policy import pin_fault
from control.people.sessions import Session
from control.people.totp import accepted_step
from domain.words import Words

router = APIRouter(prefix="/session", tags=["people"])


@router.post("/activity", **says(None, 204))
async def act(_body: Nothing) -> None:
    """Say that somebody is at the position: the guard has noted it, as it does at every write."""


@router.post("/lock", **says(None, 204))
async def lock(_body: Nothing, service: Service, who: Who, session: In) -> None:
    """Lock the position: it shows on and stops, closes by a PIN, and does nothing else."""
    user = _user(service, who.username)
    if not user.can_prove:
        raise Problem(HTTPStatus.CONFLICT, "nothing-to-prove-with")
    await service.sessions.lock(session)


@router.post("/unlock", **says(SessionShape))
async def unlock(body: Unlock, service: Service, who: Who, session: In) -> dict[str, object]:
    """Open the locked position by the same proof as a sign-in: password, and code where there is one."""
    user = _heard(service, who.username, session)
    is_right = await service.passwords.matches(body.password, user.password)
    user = _heard(service, who.username, session)
    if not is_right:
        return await _wrong(service, session, "sign-in-failed")
    if user.totp is not None:
        if body.code is None:
            raise Problem(HTTPStatus.FORBIDDEN, "second-factor")
        if not await _takes(service, user, body.code):
            return await _wrong(service, session, "second-factor")
    return await _proved(service, user, session, how="password")


@router.post("/proof", **says(SessionShape))
async def prove(body: Proof, service: Service, who: Who, session: In) -> dict[str, object]:
    """Prove again who you are, by password or by code: for five minutes it counts for moves away from safe."""
    user = _heard(service, who.username, session)
    if body.code is not None:
        if not await _takes(service, user, body.code):
            return await _wrong(service, session, "second-factor")
        return await _proved(service, user, session, how="code")
    is_right = await service.passwords.matches(body.password or "", user.password)
    user = _heard(service, who.username, session)
    if not is_right:
        return await _wrong(service, session, "sign-in-failed")
    return await _proved(service, user, session, how="password")


@router.put("/pin", **says(None, 204))
async def set_pin(body: NewPin, service: Service, who: Who) -> None:
    """Set the PIN by which a closure is asked for at a locked position."""
    fault = pin_fault(body.pin)
    if fault is not None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail=f"{fault.zh} / {fault.en}")
    kept = await service.passwords.hashed(body.pin)
    words = Words(f"{who.username} 设置 PIN", f"{who.username} set a PIN")
    await service.accounts.edit(
        who.username, {"pin": kept, "pin_failures": 0}, kind="person.pin", words=words, actor=who.username
    )


@router.delete("/pin", **says(None, 204))
async def drop_pin(service: Service, who: Who) -> None:
    """Take the PIN away: a locked position then only shows and stops."""
    words = Words(f"{who.username} 取消 PIN", f"{who.username} removed the PIN")
    await service.accounts.edit(
        who.username, {"pin": None, "pin_failures": 0}, kind="person.pin", words=words, actor=who.username
    )


def _user(service: Parts, username: str) -> User:
    user = service.accounts.get(username)
    if user is None:
        raise not_found()
    return user


def _heard(service: Parts, username: str, session: Session) -> User:
    """Return the user, if proofs are heard in this session now."""
    held = service.sessions.current(session)
    if held.attempts.is_locked(now_ms=service.wall.now_ms()):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "locked")
    return _user(service, username)


async def _takes(service: Parts, user: User, code: str) -> bool:
    """Whether `code` is the user's second factor now; it is good once."""
    if user.totp is None:
        return False
    said, now_ms = code.replace(" ", ""), service.wall.now_ms()
    step = accepted_step(user.totp, said, now_ms=now_ms, after_step=user.totp_step)
    if step is not None:
        await service.accounts.note_code(user, step)
    return step is not None


async def _wrong(service: Parts, session: Session, code: str) -> dict[str, object]:
    await service.sessions.note_failure(session)
    raise Problem(HTTPStatus.FORBIDDEN, code)


async def _proved(service: Parts, user: User, session: Session, *, how: str) -> dict[str, object]:
    await service.accounts.note_success(_user(service, user.username))
    after = await service.sessions.prove(session, how=how)
    return session_view(_user(service, user.username), after, service)
