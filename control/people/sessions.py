"""Opens, finds, locks and ends sessions; only a token's hash is kept, and the whole table is held in memory.

A session is an operator position (席位): one browser in which one person has signed in. Locked, it shows on and stops, and
closes by a PIN; when it is locked for idleness is not written but follows from when somebody last did something in it.
"""

import secrets
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.database.recorder import Recorder
from control.database.tables import SESSIONS
from control.people.accounts import Accounts, User, token_hash
from control.people.limits import PROOFS_MAX, Attempts, is_alive
from control.people.pins import locked_standing
from control.people.policy import Policy, due
from control.people.roles import Person
from control.people.standing import Due, standing_of
from domain.words import Words
from runtime.clock import Clock

SEEN_EVERY_MS = 60_000
"""Wall milliseconds between two notes in the database that a session is in use."""
SESSIONS_MAX = 5_000
"""The oldest goes first."""
PER_PERSON_MAX = 10
"""Positions of one person at a time; one more ends the one longest unused (IEC 62443-4-2 CR 2.7)."""
NAMED = 16
"""Characters of a token's hash by which the audit tells one session from another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser."""

    token_hash: str
    username: str
    csrf: str
    created_ms: int
    seen_ms: int
    """Both in wall milliseconds."""
    proved_ms: int
    """When the person last proved in full who they are."""
    acted_ms: int
    """When somebody last did something here; what a screen asks by itself does not count."""
    locked_ms: int | None = None
    """When it was locked by hand; None: it was not."""
    attempts: Attempts = field(default_factory=Attempts)
    """Proofs that failed in it. They are forgotten at a restart, which no stranger can bring about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a site has set of sessions."""

    idle_ms_max: int
    """Without a request; then a session ends."""
    total_ms_max: int
    """In any case."""
    lock_ms: int
    """Without anybody's doing; then a position is locked."""
    policy: Policy = Policy.ASVS


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
        rules: Rules,
    ) -> None:
        self._accounts = accounts
        self._recorder = recorder
        self._clock = clock
        self._wall = wall
        self.rules = rules
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
                proved_ms=row.proved_ms,
                acted_ms=row.acted_ms,
                locked_ms=row.locked_ms,
            )

    async def open(self, user: User, *, how: str, proved_ms: int | None = None) -> Opened:
        """Open a session for `user`, who has proved who they are, now or at `proved_ms`."""
        token = secrets.token_urlsafe(32)
        now_ms = self._wall.now_ms()
        session = Session(
            token_hash=token_hash(token),
            username=user.username,
            csrf=secrets.token_urlsafe(32),
            created_ms=now_ms,
            seen_ms=now_ms,
            proved_ms=now_ms if proved_ms is None else proved_ms,
            acted_ms=now_ms,
        )
        await self._make_room(user.username)
        self._held[session.token_hash] = session
        if len(self._held) > SESSIONS_MAX:
            del self._held[next(iter(self._held))]
        words = Words(f"{user.username} 登录", f"{user.username} signed in")
        change = Change(
            writes=(_row(session),), entries=(self._entry(session, "person.signed_in", words, how),)
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
            standing=standing_of(
                proved_ms=session.proved_ms if user.can_prove else self._wall.now_ms(),
                now_ms=self._wall.now_ms(),
                locked=locked_standing(user) if self.is_locked(session, user) else None,
                due=self.due(user),
            ),
        )
        return person, session

    def current(self, session: Session) -> Session:
        """Return the session as it stands now, or as it was when it has ended."""
        return self._held.get(session.token_hash, session)

    def by_hash(self, key: str) -> Session | None:
        """Return the session whose token has this hash, as far as it is held."""
        return self._held.get(key)

    def is_locked(self, session: Session, user: User) -> bool:
        """Whether the position is locked, by hand or because nobody has done anything there for long."""
        is_idle = self._wall.now_ms() - session.acted_ms >= self.rules.lock_ms
        return user.can_prove and (session.locked_ms is not None or is_idle)

    def due(self, user: User) -> Due | None:
        """Return what the user owes before they move anything away from safe."""
        return due(
            has_password=user.password is not None,
            is_password_given=user.is_password_given,
            password_ms=user.password_ms,
            has_second_factor=user.totp is not None,
            policy=self.rules.policy,
            now_ms=self._wall.now_ms(),
        )

    async def touch(self, session: Session) -> None:
        """Note that the session is in use."""
        now_ms = self._wall.now_ms()
        if now_ms - session.seen_ms >= SEEN_EVERY_MS and session.token_hash in self._held:
            now = replace(session, seen_ms=now_ms)
            self._held[session.token_hash] = now
            await self._recorder.keep(Change(writes=(_row(now),)))

    async def act(self, session: Session) -> None:
        """Note that somebody did something at the position."""
        now_ms = self._wall.now_ms()
        held = self._held.get(session.token_hash)
        if held is None or held.locked_ms is not None:
            return
        is_kept = now_ms - held.acted_ms < SEEN_EVERY_MS
        now = self._held[held.token_hash] = replace(held, acted_ms=held.acted_ms if is_kept else now_ms)
        if not is_kept:
            await self._recorder.keep(Change(writes=(_row(now),)))

    async def lock(self, session: Session) -> None:
        """Lock the position by hand."""
        await self._put(
            replace(self.current(session), locked_ms=self._wall.now_ms()),
            "person.locked",
            Words(f"{session.username} 锁定席位", f"{session.username} locked the position"),
        )

    async def prove(self, session: Session, *, how: str) -> Session:
        """Note a full proof of who signed in here: the position is open, and what is asked now is asked by them."""
        now_ms = self._wall.now_ms()
        held = self.current(session)
        now = replace(held, proved_ms=now_ms, acted_ms=now_ms, locked_ms=None, attempts=Attempts())
        words = Words(f"{session.username} 验证身份", f"{session.username} proved again who they are")
        await self._put(now, "person.proved", words, how=how)
        return now

    async def note_failure(self, session: Session) -> None:
        """Count a proof that failed."""
        held = self.current(session)
        attempts = held.attempts.failed(now_ms=self._wall.now_ms(), most=PROOFS_MAX)
        words = Words(f"{session.username} 验证身份失败", f"a proof of {session.username} failed")
        await self._put(replace(held, attempts=attempts), "person.proof_failed", words)

    async def close(self, session: Session) -> None:
        """End the session."""
        self._held.pop(session.token_hash, None)
        words = Words(f"{session.username} 退出", f"{session.username} signed out")
        gone = Write(table="sessions", kind="remove", row={"token_hash": session.token_hash})
        entry = self._entry(session, "person.signed_out", words, "")
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

    async def _make_room(self, username: str) -> None:
        """End the person's position longest unused when they have too many."""
        own = sorted(
            (item for item in self._held.values() if item.username == username), key=lambda item: item.seen_ms
        )
        if len(own) >= PER_PERSON_MAX:
            await self.close(own[0])

    async def _put(self, session: Session, kind: str, words: Words, how: str = "") -> None:
        if session.token_hash not in self._held:
            return  # ended meanwhile: nothing brings it back
        self._held[session.token_hash] = session
        entry = self._entry(session, kind, words, how)
        await self._recorder.keep(Change(writes=(_row(session),), entries=(entry,)))

    def _is_alive(self, session: Session) -> bool:
        return is_alive(
            created_ms=session.created_ms,
            seen_ms=session.seen_ms,
            now_ms=self._wall.now_ms(),
            idle_ms_max=self.rules.idle_ms_max,
            total_ms_max=self.rules.total_ms_max,
        )

    def _entry(self, session: Session, kind: str, words: Words, how: str) -> Entry:
        """It names the session: who signs in twice in one millisecond has two, and two records that differ."""
        return Entry(
            at_ms=self._clock.now_ms(),
            actor=session.username,
            kind=kind,
            object=session.username,
            words=words,
            body={"how": how, "session": session.token_hash[:NAMED]},
        )


def _row(session: Session) -> Write:
    return Write(
        table="sessions",
        row={
            "token_hash": session.token_hash,
            "username": session.username,
            "csrf": session.csrf,
            "created_ms": session.created_ms,
            "seen_ms": session.seen_ms,
            "proved_ms": session.proved_ms,
            "acted_ms": session.acted_ms,
            "locked_ms": session.locked_ms,
        },
    )
