"""Stands before every route: finds who asks, and lets pass whom the route's rule names."""

import hmac
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from control.api.parts import parts
from control.api.problems import Problem, no_authority
from control.api.rules import ANSWERED_BY_ALL, HEARS_PIN, NOT_CONFINED, RULES, Rule, needs_of
from control.commands.entries import causes
from control.people.pins import heard
from control.people.roles import Person
from control.people.sessions import Session
from control.people.standing import Needs, Standing, lacking
from wire.canonical import Json

COOKIE = "stoplog_session"
BEARER = "bearer "
CSRF_HEADER = "x-stoplog-csrf"
PIN_HEADER = "x-stoplog-pin"
PIN_LENGTH_MAX = 20
PREFIX = "/api/v1"
_READS = frozenset({"GET", "HEAD", "WS"})


async def guard(connection: HTTPConnection) -> None:
    """Refuse the request unless its route's rule lets it pass. A route without a rule lets nobody pass."""
    method = "WS" if connection.scope["type"] == "websocket" else str(connection.scope["method"])
    path = str(getattr(connection.scope.get("route"), "path", "")).removeprefix(PREFIX)
    rule = RULES.get(("GET" if method == "HEAD" else method, path))
    if rule is None:
        raise no_authority()
    await _require_leader(connection, (method, path))
    secret = bearer(connection)
    if method not in _READS or method == "WS":
        _require_own_origin(connection, is_required=method == "WS" and secret is None)
    if rule.roles is None:
        return
    who, session = await _signed_in(connection) if secret is None else (_system(connection, secret), None)
    if not who.has(rule.roles) or (who.is_confined and (method, path) in NOT_CONFINED):
        raise no_authority()
    if session is None:
        if rule.is_for_people:
            raise no_authority()
    else:
        _require_csrf(connection, rule, session, is_write=method not in _READS)
        who = await _proved(connection, (method, path), who, session)
    connection.state.person, connection.state.session = who, session


async def _require_leader(connection: HTTPConnection, key: tuple[str, str]) -> None:
    """Where another control leads, answer only what needs no leader; whoever asks is looked up as the database has them now."""
    rank = parts(connection).rank
    if rank.leads:
        return
    if key not in ANSWERED_BY_ALL:
        url = rank.leader_url()
        zh, en = f"请使用主用副本 {url}".strip(), f"use the leading one {url}".strip()
        reason: Json = {"code": "standby", "zh": zh, "en": en, "values": {"leader": url}}
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "standby", reasons=[reason])
    await rank.refresh()


def bearer(connection: HTTPConnection) -> str | None:
    """Return the API token that a system sends (RFC 6750); None: a browser asks, with its cookie."""
    said = connection.headers.get("authorization", "")
    return said[len(BEARER) :].strip() if said[: len(BEARER)].lower() == BEARER else None


def _system(connection: HTTPConnection, secret: str) -> Person:
    """Return the system that speaks; a browser never sends a token by itself, so none of them needs our own token."""
    found = parts(connection).tokens.find(secret)
    if found is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "not-signed-in")
    return found


async def _signed_in(connection: HTTPConnection) -> tuple[Person, Session]:
    service = parts(connection)
    found = service.sessions.find(connection.cookies.get(COOKIE))
    if found is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "not-signed-in")
    await service.sessions.touch(found[1])
    return found


async def _proved(connection: HTTPConnection, key: tuple[str, str], who: Person, session: Session) -> Person:
    """Return who asks with the PIN heard, if one was given. Refuses what they have not proved enough for."""
    service = parts(connection)
    if who.standing is Standing.LOCKED and key in HEARS_PIN:
        pin, user = connection.headers.get(PIN_HEADER, ""), service.accounts.get(who.username)
        if pin and user is not None:
            who = replace(who, standing=await heard(service.accounts, user, pin[:PIN_LENGTH_MAX]))
    lacks = lacking(who.standing, needs_of(key))
    if lacks is not None:
        raise Problem(HTTPStatus.FORBIDDEN, lacks.code.value, reasons=causes([lacks]))
    if key[0] not in _READS and lacking(who.standing, Needs.UNLOCKED) is None:
        await service.sessions.act(session)
    return who


def _require_csrf(connection: HTTPConnection, rule: Rule, session: Session, *, is_write: bool) -> None:
    if not (is_write and rule.needs_csrf):
        return
    said = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(said.encode(), session.csrf.encode()):
        raise Problem(HTTPStatus.FORBIDDEN, "csrf")


def _require_own_origin(connection: HTTPConnection, *, is_required: bool) -> None:
    """A page of another origin may neither write nor listen; a client that is no browser sends no origin at writes."""
    origin = connection.headers.get("origin")
    if origin is None:
        if is_required:
            raise Problem(HTTPStatus.FORBIDDEN, "origin")
        return
    if urlsplit(origin).netloc != connection.headers.get("host"):
        raise Problem(HTTPStatus.FORBIDDEN, "origin")
