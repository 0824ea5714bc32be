"""One control's dealings with the row that says who leads: it watches, claims, renews, and fences every transaction.

It decides nothing: when a lead may be claimed or is certain, `lease` says.
"""

import secrets
from collections.abc import Awaitable, Callable

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from control.database.tables import LEADER, REPLICAS
from control.replica.lease import Lead, Tenure, Vigil
from domain.errors import ConfigurationError, Fault
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import Json

RENEW_S = 1.0
"""Wall seconds between two beats, of the leader and of a standby."""
LOOK_S = 0.5
"""Wall seconds between two looks of a standby."""
_ID = "leader"

_log = logger("control")


class Leadership:
    """One run of one replica. It has its own connection, so that no crowd of changes delays a beat."""

    def __init__(
        self, engine: AsyncEngine, *, replica: str, url: str, silence_s: float, clock: Clock
    ) -> None:
        self._engine = engine
        self._url = url
        self._clock = clock
        self.replica = replica
        self.claim = secrets.token_hex(16)
        """What this run writes as leader; another run, of this replica too, writes another."""
        self.vigil = Vigil(replica=replica, silence_s=silence_s)
        self.tenure = Tenure(silence_s=silence_s)
        self.others: dict[str, tuple[int, float]] = {}
        """Replica → its beat, and when (monotonic) that was first seen."""
        self._leader = ""
        """Who has taken the lead from us; empty: nobody."""
        self._beat = 0
        self._is_known = True

    async def until_leading(self, *, on_look: Callable[[], Awaitable[None]] | None = None) -> None:
        """Watch the leader for ever, and return once the lead is ours. `on_look` is awaited after each look that was answered."""
        while not await self._step():
            if on_look is not None and self._is_known:
                await on_look()
            await self._clock.sleep(0.0, floor_s=LOOK_S)
        _log.info("leads", replica=self.replica, before=self._before())

    async def try_to_lead(self) -> bool:
        """Look once, and claim what may be claimed at once; return whether the lead is ours."""
        return await self._step()

    async def run(self) -> None:
        """Renew for ever; return when another leads. Raises ConfigurationError when that one has our name."""
        while not self._leader:
            await self._clock.sleep(0.0, floor_s=RENEW_S)
            try:
                await self._renew()
            except (SQLAlchemyError, OSError) as error:
                self._say(is_known=False, reason=_reason(error))
            else:
                self._say(is_known=True)
        _log.warning("another leads", replica=self.replica, leader=self._leader)
        if self._leader == self.replica:
            raise ConfigurationError(
                Fault(
                    file="control settings",
                    line=0,
                    field="replica.name",
                    kind="setting",
                    message=f"another control on this database is called {self.replica!r}",
                    remedy="give each its own name under [replica]",
                )
            )

    async def fence(self, connection: AsyncConnection) -> bool:
        """Say in a transaction whether we lead; until it ends nobody can claim."""
        held = await connection.scalar(
            select(LEADER.c.claim).where(LEADER.c.id == _ID).with_for_update(read=True)
        )
        if held != self.claim:
            self.tenure.superseded()
        return held == self.claim

    @property
    def is_certain(self) -> bool:
        """Whether nobody else can lead now."""
        return self.tenure.is_certain(now_s=self._clock.monotonic())

    @property
    def leader(self) -> Lead | None:
        """Who leads as last seen while standing by."""
        return self.vigil.lead

    @property
    def leader_name(self) -> str:
        """The replica that leads as far as is known here."""
        if self.tenure.has_led:
            return self._leader or self.replica
        return self.vigil.lead.replica if self.vigil.lead is not None else ""

    def body(self) -> dict[str, Json]:
        """Return the state of the replicas, for people."""
        return {
            "name": self.replica,
            "leader": self.leader_name,
            "is_leading": self.tenure.has_led and not self.tenure.is_superseded,
            "is_certain": self.is_certain,
            "is_database_heard": self._is_known,
            "others": list(self.heard()),
        }

    def heard(self) -> tuple[str, ...]:
        """Return the other replicas whose beat moves."""
        oldest_s = self._clock.monotonic() - 5 * RENEW_S
        return tuple(sorted(name for name, (_, seen_s) in self.others.items() if seen_s > oldest_s))

    async def resign(self) -> None:
        """Give the lead away, if it is ours; what is still to be written then is another's to write."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(delete(LEADER).where(LEADER.c.claim == self.claim))
                await connection.execute(delete(REPLICAS).where(REPLICAS.c.claim == self.claim))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("the lead was not given away", replica=self.replica, reason=_reason(error))

    async def close(self) -> None:
        """Let the connection go."""
        await self._engine.dispose()

    async def _step(self) -> bool:
        try:
            await self._look()
        except (SQLAlchemyError, OSError) as error:
            self.vigil.missed()
            self._say(is_known=False, reason=_reason(error))
            return False
        self._say(is_known=True)
        if not self.vigil.may_claim(now_s=self._clock.monotonic()):
            return False
        try:
            return await self._claim()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("the lead is not claimed yet", replica=self.replica, reason=_reason(error))
            return False

    async def _look(self) -> None:
        async with self._engine.begin() as connection:
            await self._put_beat(connection)
            row = (await connection.execute(select(LEADER).where(LEADER.c.id == _ID))).one_or_none()
            replicas = {item.replica: item for item in await connection.execute(select(REPLICAS))}
        self._note({name: item.beat for name, item in replicas.items()})
        lead = None
        if row is not None:
            known = replicas.get(row.replica)
            url, beat = ("", 0) if known is None or known.claim != row.claim else (known.url, known.beat)
            lead = Lead(claim=row.claim, replica=row.replica, url=url, beat=beat)
        self.vigil.see(lead, now_s=self._clock.monotonic())

    async def _claim(self) -> bool:
        asked_s = self._clock.monotonic()
        before = self.vigil.lead
        async with self._engine.begin() as connection:
            if before is None:
                row = {"id": _ID, "claim": self.claim, "replica": self.replica}
                done = await connection.execute(insert(LEADER).values(row).on_conflict_do_nothing())
            else:
                if not await self._is_still(connection, before):
                    return False
                # Waits for transactions of the leader that are under way; a later one finds that it leads no more.
                there = (LEADER.c.id == _ID) & (LEADER.c.claim == before.claim)
                mine = {"claim": self.claim, "replica": self.replica}
                done = await connection.execute(update(LEADER).where(there).values(mine))
            is_ours = done.rowcount == 1
            await self._put_beat(connection)
        if is_ours:
            self.tenure.renewed(asked_s=asked_s)
        return is_ours

    async def _is_still(self, connection: AsyncConnection, lead: Lead) -> bool:
        """Say whether no beat of `lead` has come since; one that comes now waits for us, and finds what we have claimed."""
        its_own = (REPLICAS.c.replica == lead.replica) & (REPLICAS.c.claim == lead.claim)
        beat = await connection.scalar(select(REPLICAS.c.beat).where(its_own).with_for_update())
        return beat is None or beat == lead.beat

    async def _renew(self) -> None:
        asked_s = self._clock.monotonic()
        async with self._engine.begin() as connection:
            await self._put_beat(connection)
            held = (await connection.execute(select(LEADER).where(LEADER.c.id == _ID))).one_or_none()
            rows = await connection.execute(select(REPLICAS.c.replica, REPLICAS.c.beat))
            self._note({row.replica: row.beat for row in rows})
        if held is not None and held.claim == self.claim:
            self.tenure.renewed(asked_s=asked_s)
        else:
            self._leader = "nobody" if held is None else str(held.replica)
            self.tenure.superseded()

    async def _put_beat(self, connection: AsyncConnection) -> None:
        self._beat += 1
        said = {"claim": self.claim, "url": self._url, "beat": self._beat}
        row = insert(REPLICAS).values(replica=self.replica, **said)
        await connection.execute(row.on_conflict_do_update(index_elements=["replica"], set_=said))

    def _note(self, beats: dict[str, int]) -> None:
        now_s = self._clock.monotonic()
        for name, beat in beats.items():
            if name != self.replica and self.others.get(name, (None,))[0] != beat:
                # What is met for the first time may have stood still for a year: it counts once it has moved.
                self.others[name] = (beat, now_s if name in self.others else -1e9)

    def _before(self) -> str:
        return self.vigil.lead.replica if self.vigil.lead is not None else ""

    def _say(self, *, is_known: bool, reason: str = "") -> None:
        if is_known != self._is_known:
            if is_known:
                _log.info("the database says again who leads", replica=self.replica)
            else:
                _log.warning("the database does not say who leads", replica=self.replica, reason=reason)
        self._is_known = is_known


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error) or type(error).__name__
