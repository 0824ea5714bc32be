"""Keeps the users: who exists, with which roles, and the one-time tokens that make the first of them."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import SYSTEM, Entry
from control.database.change import Change, Write
from control.database.recorder import Recorder
from control.database.tables import LINKS, USERS
from control.people.limits import Attempts
from control.people.roles import Role
from domain.errors import StorageError
from domain.ids import EnterpriseId
from domain.words import Words
from runtime.clock import Clock

USERS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person who may sign in."""

    username: str
    display_name: str
    password: str | None
    """Its hash; None: cannot sign in by password."""
    roles: frozenset[Role]
    enterprise: EnterpriseId | None
    created_ms: int
    attempts: Attempts = field(default_factory=Attempts)
    is_disabled: bool = False
    """Shut out: no sign-in, and every session has ended."""
    totp: bytes | None = None
    """Secret of the second factor; None: there is none."""
    totp_step: int = 0
    """The last step whose code was used: a code is good once."""
    pin: str | None = None
    """Hash of the PIN for a locked position; None: there is none."""
    pin_failures: int = 0
    """Wrong PINs in a row; a full proof forgets them."""
    password_ms: int = 0
    """When the password was set, in wall milliseconds."""
    is_password_given: bool = False
    """Whether somebody else has set the password and so knows it."""
    earlier_passwords: tuple[str, ...] = ()
    """Hashes of passwords of before, the newest first."""
    subject: str | None = None
    """Who this is at the site's OIDC provider (issuer and subject); None: nobody there."""

    @property
    def can_prove(self) -> bool:
        """Whether there is anything to prove with. Only the demonstration's user, let in by a link, has nothing."""
        return self.password is not None or self.totp is not None or self.subject is not None


class Accounts:
    """All users, held in memory so that people stay signed in while the database is gone."""

    def __init__(self, recorder: Recorder, clock: Clock, wall: Clock) -> None:
        """`clock` stamps the audit in model time; `wall` times people, who live in real time at every speed."""
        self._recorder = recorder
        self._clock = clock
        self._wall = wall
        self._users: dict[str, User] = {}
        self._links: dict[str, str] = {}
        self._used: set[str] = set()
        self._setup_hash: str | None = None

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            users = (await connection.execute(select(USERS))).all()
            links = (await connection.execute(select(LINKS))).all()
        for row in users:
            self._users[row.username] = User(
                username=row.username,
                display_name=row.display_name,
                password=row.password,
                roles=frozenset(Role(role) for role in row.roles),
                enterprise=EnterpriseId(row.enterprise) if row.enterprise is not None else None,
                created_ms=row.created_ms,
                attempts=Attempts(failures=row.failures, locked_until_ms=row.locked_until_ms),
                is_disabled=row.is_disabled,
                totp=bytes.fromhex(row.totp) if row.totp is not None else None,
                totp_step=row.totp_step,
                pin=row.pin,
                pin_failures=row.pin_failures,
                password_ms=row.password_ms,
                is_password_given=row.is_password_given,
                earlier_passwords=tuple(row.earlier_passwords),
                subject=row.subject,
            )
        self._links = {row.token_hash: row.username for row in links if row.used_ms is None}
        self._used = {row.token_hash for row in links if row.used_ms is not None}

    def count_on(self, before: "Accounts") -> None:
        """Keep the wrong PINs that `before` has counted: what is loaded again must not give a guesser new tries."""
        for user in before.all():
            now = self._users.get(user.username)
            if now is not None and now.pin == user.pin and now.pin_failures < user.pin_failures:
                self._users[user.username] = replace(now, pin_failures=user.pin_failures)

    @property
    def is_empty(self) -> bool:
        """Whether nobody exists yet: the first administrator may be made by token, and nobody else."""
        return not self._users

    def get(self, username: str) -> User | None:
        """Return the user; None when there is none."""
        return self._users.get(username)

    def is_gone(self, username: str) -> bool:
        """Whether this person is shut out or unknown: nothing goes on in their name."""
        found = self.get(username)
        return found is None or found.is_disabled

    def all(self) -> tuple[User, ...]:
        """Return every user by name."""
        return tuple(self._users[name] for name in sorted(self._users))

    def new_setup_token(self) -> str:
        """Return a new one-time token for the first administrator; one made before is void."""
        token = secrets.token_urlsafe(32)
        self._setup_hash = token_hash(token)
        return token

    def is_setup_token(self, token: str) -> bool:
        """Whether `token` makes the first administrator now."""
        wanted = self._setup_hash
        return self.is_empty and wanted is not None and secrets.compare_digest(token_hash(token), wanted)

    async def add(self, user: User, *, actor: str) -> bool:
        """Add `user`; return False when the name is taken or there are too many. Raises StorageError."""
        if user.username in self._users or len(self._users) >= USERS_MAX:
            return False
        self._users[user.username] = user  # taken at once: two may ask for one name in the same moment
        try:
            await self._recorder.commit(self._written(user, "person.added", actor, "新增用户", "user added"))
        except StorageError:
            del self._users[user.username]
            raise
        self._setup_hash = None
        return True

    async def change(self, user: User, *, kind: str, words: Words, actor: str) -> None:
        """Put `user` in the place of the one of that name, with a record of why. Raises StorageError."""
        await self._recorder.commit(self._written(user, kind, actor, words.zh, words.en))
        self._users[user.username] = user

    async def edit(
        self, username: str, fields: Mapping[str, Any], *, kind: str, words: Words, actor: str
    ) -> User:
        """Change these fields of who stands under `username` now, and return them. Raises StorageError.

        What was waited for before (a hash takes 50 ms) may have changed other fields: those stay.
        """
        now = replace(self._users[username], **fields)
        await self._recorder.commit(self._written(now, kind, actor, words.zh, words.en))
        self._users[username] = replace(self._users[username], **fields)
        return self._users[username]

    async def disable(self, user: User, *, actor: str) -> None:
        """Shut `user` out from this moment, also while the database is gone."""
        now = replace(user, is_disabled=True)
        self._users[user.username] = now
        await self._recorder.keep(self._written(now, "person.disabled", actor, "停用用户", "user disabled"))

    async def note_code(self, user: User, step: int) -> None:
        """Remember that the code of `step` was used."""
        now = replace(user, totp_step=step)
        self._users[user.username] = now
        await self._recorder.keep(Change(writes=(_row(now),)))

    async def note_failure(self, user: User) -> None:
        """Count a failed attempt."""
        now = replace(user, attempts=user.attempts.failed(now_ms=self._wall.now_ms()))
        self._users[user.username] = now
        change = self._written(now, "person.sign_in_failed", user.username, "登录失败", "sign-in failed")
        await self._recorder.keep(change)

    async def note_success(self, user: User) -> None:
        """Forget failed attempts, of the PIN too: this was a full proof."""
        if user.attempts != Attempts() or user.pin_failures:
            now = replace(user, attempts=Attempts(), pin_failures=0)
            self._users[user.username] = now
            await self._recorder.keep(Change(writes=(_row(now),)))

    async def note_pin(self, user: User, *, failures: int, words: Words | None) -> None:
        """Remember how many PINs in a row were wrong, with a record of it if there are `words`."""
        now = replace(user, pin_failures=failures)
        self._users[user.username] = now
        if words is not None:
            kind = "person.pin_failed" if failures else "person.pin_used"
            await self._recorder.keep(self._written(now, kind, user.username, words.zh, words.en))

    def by_subject(self, subject: str) -> User | None:
        """Return whom the site's provider knows under `subject`; None when they have never signed in here."""
        return next((user for user in self._users.values() if user.subject == subject), None)

    async def offer_link(self, token: str, user: User) -> None:
        """Let `token` sign `user` in, once in all time. Raises StorageError."""
        digest = token_hash(token)
        if digest in self._used or digest in self._links:
            return
        await self.add(user, actor=SYSTEM)
        row = Write(table="links", row={"token_hash": digest, "username": user.username, "used_ms": None})
        await self._recorder.commit(Change(writes=(row,)))
        self._links[digest] = user.username

    async def use_link(self, token: str) -> User | None:
        """Return whom `token` signs in; it never does so again. Raises StorageError."""
        digest = token_hash(token)
        username = self._links.pop(digest, None)
        if username is None:
            return None
        self._used.add(digest)
        used: Write = Write(
            table="links",
            row={"token_hash": digest, "username": username, "used_ms": self._wall.now_ms()},
        )
        await self._recorder.commit(Change(writes=(used,)))
        return self._users.get(username)

    def _written(self, user: User, kind: str, actor: str, zh: str, en: str) -> Change:
        entry = Entry(
            at_ms=self._clock.now_ms(),
            actor=actor,
            kind=kind,
            object=user.username,
            words=Words(f"{zh} {user.username}", f"{en}: {user.username}"),
            body={"roles": sorted(role.value for role in user.roles), "enterprise": user.enterprise},
        )
        return Change(writes=(_row(user),), entries=(entry,))


def token_hash(token: str) -> str:
    """Return the hash by which a random token is kept: it has 256 bits, so that no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def _row(user: User) -> Write:
    return Write(
        table="users",
        row={
            "username": user.username,
            "display_name": user.display_name,
            "password": user.password,
            "roles": sorted(role.value for role in user.roles),
            "enterprise": user.enterprise,
            "created_ms": user.created_ms,
            "failures": user.attempts.failures,
            "locked_until_ms": user.attempts.locked_until_ms,
            "is_disabled": user.is_disabled,
            "totp": user.totp.hex() if user.totp is not None else None,
            "totp_step": user.totp_step,
            "pin": user.pin,
            "pin_failures": user.pin_failures,
            "password_ms": user.password_ms,
            "is_password_given": user.is_password_given,
            "earlier_passwords": list(user.earlier_passwords),
            "subject": user.subject,
        },
    )
