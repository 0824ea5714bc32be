"""Keeps the API tokens of systems: each with a scope and an end, known by its hash only, revoked at once."""

import secrets
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.database.recorder import Recorder
from control.database.tables import TOKENS
from control.people.accounts import token_hash
from control.people.roles import Person, Role
from control.people.standing import Standing
from domain.ids import EnterpriseId
from domain.words import Words
from runtime.clock import Clock

SCOPES = frozenset({Role.VIEWER, Role.AUDITOR, Role.ENTERPRISE, Role.SYSTEM})
"""What a system may be. It never selects, approves or makes people: those take a person."""
PREFIX = "slt_"
"""Begins every token, so that one that leaked into a text is found by a search."""
DAY_MS = 86_400_000
DAYS_MAX = 366
TOKENS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One system's way in."""

    id: str
    """Its public name, 16 hexadecimal digits; `token:<id>` stands in the audit."""
    name: str
    """Which system it is for."""
    token_hash: str
    roles: frozenset[Role]
    enterprise: EnterpriseId | None
    made_by: str
    created_ms: int
    ends_ms: int
    """Both in wall milliseconds."""
    revoked_ms: int | None = None

    @property
    def actor(self) -> str:
        """Who it is in the audit."""
        return f"token:{self.id}"

    def is_alive(self, *, now_ms: int) -> bool:
        """Whether it still lets anybody in."""
        return self.revoked_ms is None and self.created_ms <= now_ms + 1000 and now_ms < self.ends_ms


class Tokens:
    """Every token."""

    def __init__(self, recorder: Recorder, clock: Clock, wall: Clock) -> None:
        """`clock` stamps the audit in model time; `wall` times tokens."""
        self._recorder = recorder
        self._clock = clock
        self._wall = wall
        self._held: dict[str, ApiToken] = {}
        """By hash."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            rows = (await connection.execute(select(TOKENS))).all()
        for row in rows:
            self._held[row.token_hash] = ApiToken(
                id=row.id,
                name=row.name,
                token_hash=row.token_hash,
                roles=frozenset(Role(role) for role in row.roles),
                enterprise=EnterpriseId(row.enterprise) if row.enterprise is not None else None,
                made_by=row.made_by,
                created_ms=row.created_ms,
                ends_ms=row.ends_ms,
                revoked_ms=row.revoked_ms,
            )

    def all(self) -> tuple[ApiToken, ...]:
        """Return every token, the newest first."""
        return tuple(sorted(self._held.values(), key=lambda item: item.created_ms, reverse=True))

    async def make(
        self,
        name: str,
        roles: frozenset[Role],
        *,
        enterprise: EnterpriseId | None,
        days: int,
        made_by: str,
    ) -> tuple[str, ApiToken]:
        """Return a new secret, known only now, and what is kept of it. Raises StorageError."""
        secret, now_ms = PREFIX + secrets.token_urlsafe(32), self._wall.now_ms()
        token = ApiToken(
            id=secrets.token_hex(8),
            name=name,
            token_hash=token_hash(secret),
            roles=roles,
            enterprise=enterprise,
            made_by=made_by,
            created_ms=now_ms,
            ends_ms=now_ms + days * DAY_MS,
        )
        words = Words(f"新增接口令牌「{name}」", f"API token made: {name}")
        await self._recorder.commit(self._written(token, "token.made", made_by, words))
        self._held[token.token_hash] = token
        return secret, token

    async def revoke(self, key: str, *, by: str) -> bool:
        """Let the token in no more, from this moment; return False when there is none. The end is kept even without a database."""
        token = next((item for item in self._held.values() if item.id == key), None)
        if token is None:
            return False
        if token.revoked_ms is None:
            ended = replace(token, revoked_ms=self._wall.now_ms())
            self._held[token.token_hash] = ended
            words = Words(f"吊销接口令牌「{token.name}」", f"API token revoked: {token.name}")
            await self._recorder.keep(self._written(ended, "token.revoked", by, words))
        return True

    def find(self, secret: str) -> Person | None:
        """Return which system speaks with `secret`; None when none does (any more)."""
        token = self._held.get(token_hash(secret)) if secret.startswith(PREFIX) else None
        if token is None or not token.is_alive(now_ms=self._wall.now_ms()):
            return None
        return Person(
            username=token.actor,
            display_name=token.name,
            roles=token.roles,
            enterprise=token.enterprise,
            session=token.actor,
            standing=Standing.HELD,
        )

    def _written(self, token: ApiToken, kind: str, actor: str, words: Words) -> Change:
        entry = Entry(
            at_ms=self._clock.now_ms(),
            actor=actor,
            kind=kind,
            object=token.actor,
            words=words,
            body={
                "name": token.name,
                "roles": sorted(role.value for role in token.roles),
                "enterprise": token.enterprise,
                "ends_ms": token.ends_ms,
            },
        )
        return Change(writes=(_row(token),), entries=(entry,))


def _row(token: ApiToken) -> Write:
    return Write(
        table="tokens",
        row={
            "id": token.id,
            "name": token.name,
            "token_hash": token.token_hash,
            "roles": sorted(role.value for role in token.roles),
            "enterprise": token.enterprise,
            "made_by": token.made_by,
            "created_ms": token.created_ms,
            "ends_ms": token.ends_ms,
            "revoked_ms": token.revoked_ms,
        },
    )
