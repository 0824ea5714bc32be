"""Opens, finds and ends sessions; only a token's hash is kept, and the whole table is held in memory."""

import secrets
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.database.recorder import Recorder
from control.database.tables import SESSIONS
from control.people.accounts import Accounts, User, token_hash
from control.people.limits import is_alive
from control.people.roles import Person
from domain.words import Words
from runtime.clock import Clock

SEEN_EVERY_MS = 60_000
"""Wall milliseconds between two notes in the database that a session is in use."""
SESSIONS_MAX = 5_000
"""The oldest goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser."""

    token_hash: str
    username: str
    csrf: str
    created_ms: int
    seen_ms: int
    """Both in wall milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session just opened; the only time that its token is known here."""

    token: str
    session: Session


class Sessions:
    """Every live session."""

    def __init__(
        self,
        accounts: Accounts,
        recorder: Recorder,
        clock: Clock,
        wall: Clock,
        *,
        idle_ms_max: int,
        total_ms_max: int,
    ) -> None:
        self._accounts = accounts
        self._recorder = recorder
        self._clock = clock
        self._wall = wall
        self._idle_ms_max = idle_ms_max
        self._total_ms_max = total_ms_max
        self._held: dict[str, Session] = {}

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            rows = (await connection.execute(select(SESSIONS).order_by(SESSIONS.c.created_ms))).all()
        for row in rows:
            self._held[row.token_hash] = Session(
                token_hash=row.token_hash,
                username=row.username,
                csrf=row.csrf,
                created_ms=row.created_ms,
                seen_ms=row.seen_ms,
            )

    async def open(self, user: User, *, how: str) -> Opened:
        """Open a session for `user`, who has proved who they are."""
        token = secrets.token_urlsafe(32)
        now_ms = self._wall.now_ms()
        session = Session(
            token_hash=token_hash(token),
            username=user.username,
            csrf=secrets.token_urlsafe(32),
            created_ms=now_ms,
            seen_ms=now_ms,
        )
        self._held[session.token_hash] = session
        if len(self._held) > SESSIONS_MAX:
            del self._held[next(iter(self._held))]
        words = Words(f"{user.username} 登录", f"{user.username} signed in")
        change = Change(
            writes=(_row(session),), entries=(self._entry(user.username, "person.signed_in", words, how),)
        )
        await self._recorder.keep(change)
        return Opened(token=token, session=session)

    def find(self, token: str | None) -> tuple[Person, Session] | None:
        """Return who speaks with `token`; None when nobody does (any more)."""
        session = self._held.get(token_hash(token)) if token else None
        if session is None:
            return None
        user = self._accounts.get(session.username)
        if user is None or user.is_disabled or not self._is_alive(session):
            del self._held[session.token_hash]
            return None
        person = Person(
            username=user.username,
            display_name=user.display_name,
            roles=user.roles,
            enterprise=user.enterprise,
            session=session.token_hash,
        )
        return person, session

    async def touch(self, session: Session) -> None:
        """Note that the session is in use."""
        now_ms = self._wall.now_ms()
        if now_ms - session.seen_ms >= SEEN_EVERY_MS and session.token_hash in self._held:
            now = replace(session, seen_ms=now_ms)
            self._held[session.token_hash] = now
            await self._recorder.keep(Change(writes=(_row(now),)))

    async def close(self, session: Session) -> None:
        """End the session."""
        self._held.pop(session.token_hash, None)
        words = Words(f"{session.username} 退出", f"{session.username} signed out")
        gone = Write(table="sessions", kind="remove", row={"token_hash": session.token_hash})
        entry = self._entry(session.username, "person.signed_out", words, "")
        await self._recorder.keep(Change(writes=(gone,), entries=(entry,)))

    async def close_others(self, username: str, *, but: str | None, actor: str) -> None:
        """End every session of `username` but the one with the hash `but`, at once."""
        gone = [
            item.token_hash
            for item in self._held.values()
            if item.username == username and item.token_hash != but
        ]
        for key in gone:
            del self._held[key]
        if gone:
            words = Words(
                f"{username} 的 {len(gone)} 个会话被终止", f"{len(gone)} sessions of {username} were ended"
            )
            entry = Entry(
                at_ms=self._clock.now_ms(),
                actor=actor,
                kind="person.sessions_ended",
                object=username,
                words=words,
            )
            writes = tuple(Write(table="sessions", kind="remove", row={"token_hash": key}) for key in gone)
            await self._recorder.keep(Change(writes=writes, entries=(entry,)))

    def _is_alive(self, session: Session) -> bool:
        return is_alive(
            created_ms=session.created_ms,
            seen_ms=session.seen_ms,
            now_ms=self._wall.now_ms(),
            idle_ms_max=self._idle_ms_max,
            total_ms_max=self._total_ms_max,
        )

    def _entry(self, username: str, kind: str, words: Words, how: str) -> Entry:
        at_ms = self._clock.now_ms()
        return Entry(at_ms=at_ms, actor=username, kind=kind, object=username, words=words, body={"how": how})


def _row(session: Session) -> Write:
    return Write(
        table="sessions",
        row={
            "token_hash": session.token_hash,
            "username": session.username,
            "csrf": session.csrf,
            "created_ms": session.created_ms,
            "seen_ms": session.seen_ms,
        },
    )
